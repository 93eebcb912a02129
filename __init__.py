"""Inbetween: keyframes in, the frames between them out. The host finds the nodes through `comfy_entrypoint`."""

WEB_DIRECTORY = "./web"


async def comfy_entrypoint():
    """The extension that lists the pack's nodes. Imported on call: `core` and `samplers` work without a host."""
    from .nodes import InbetweenExtension

    return InbetweenExtension()
