"""The engine without a model, on the host's device."""

from collections.abc import Collection
from typing import Any

from ...core.interpolation.flow_interpolator import FlowInterpolator
from ..runtime import compute_device


class WeightFreeKind:
    """Optical flow and splatting in the registry of engines; it has a name and no files."""

    names = (FlowInterpolator.name,)

    def detects(self, tensors: Collection[str]) -> bool:
        """Never: there are no files of it."""
        return False

    def load(self, name: str, optical_flow: Any = None) -> FlowInterpolator:
        """Nothing to load; it finds motion itself."""
        return FlowInterpolator(compute_device())
