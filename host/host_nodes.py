"""The host's nodes that our graphs use, and the lists of its samplers and schedulers."""

from typing import Any

import comfy.samplers
from comfy_extras import nodes_custom_sampler

import nodes

from ..core.errors import InbetweenError

SAMPLERS: list[str] = comfy.samplers.KSampler.SAMPLERS
SCHEDULERS: list[str] = comfy.samplers.KSampler.SCHEDULERS


def host_node(node_id: str) -> type[Any]:
    """The class of one of the host's own nodes.

    Raises:
        InbetweenError: the host has no such node.
    """
    known = nodes.NODE_CLASS_MAPPINGS  # type: ignore[attr-defined]  # the host's module, not our package
    found = known.get(node_id) or getattr(nodes_custom_sampler, node_id, None)
    if not isinstance(found, type):
        raise InbetweenError(f"ComfyUI has no node {node_id}, so its version does not match this pack; update both.")
    return found
