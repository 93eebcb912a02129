"""The engine without a model, on the host's device."""

from collections.abc import Collection
from typing import Any

from ...core.interpolation.flow_interpolator import FlowInterpolator
from ..runtime import compute_device


class WeightFreeKind:
    """The entry of optical flow and splatting in the engine registry; it has a name and no files."""

    names = (FlowInterpolator.name,)

    def detects(self, tensors: Collection[str]) -> bool:
        """Never: this engine has no files."""
        return False

    def load(self, name: str, optical_flow: Any = None) -> FlowInterpolator:
        """Create the engine; there is nothing to load, and no flow model is needed."""
        return FlowInterpolator(compute_device())
