"""The input and the output for alpha that comes and goes as a MASK."""

from comfy_api.latest import io

CLIP = (
    "The MASK of the frames, where 1 is transparent, as Load Image gives it: one for each frame, or one for all. "
    "Frames with alpha (RGBA) bring their own."
)


def transparency_input(tooltip: str = CLIP) -> io.Input:
    """A MASK of the pictures, 1 - alpha. It is optional."""
    return io.Mask.Input("transparency", optional=True, tooltip=tooltip)


def transparency_output() -> io.Output:
    """The MASK of a result, 1 - alpha."""
    return io.Mask.Output(
        display_name="transparency",
        tooltip="MASK of the frames, where 1 is transparent. All 0 for frames without alpha.",
    )
