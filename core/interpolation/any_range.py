"""Lets engines whose networks expect values of 0 to 1 work on frames with other values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..pictures.value_range import compressed, expanded, extremes
from .contract import FramePair, Interpolator, Rendered


class AnyRange:
    """An interpolator that takes frames of any values; frames within 0 to 1 are passed on as they are."""

    def __init__(self, inner: Interpolator) -> None:
        """Wrap an interpolator for frames in [0, 1]."""
        self.inner = inner
        self.name, self.device, self.by_halving = inner.name, inner.device, inner.by_halving
        self.bytes_per_pixel = inner.bytes_per_pixel

    def prepare(self, first_HWC: Tensor, second_HWC: Tensor) -> FramePair:
        """Bring both frames to 0 to 1 with the same curve, if they go beyond; see `Interpolator.prepare`."""
        limits = extremes(first_HWC, second_HWC)
        if limits == (0, 1):
            return self.inner.prepare(first_HWC, second_HWC)
        low, high = (float(compressed(torch.tensor(limit))) for limit in limits)
        fitted = ((compressed(each_HWC.float()) - low) / (high - low) for each_HWC in (first_HWC, second_HWC))
        return _FittedPair(self.inner.prepare(*fitted), low, high)


@dataclass(frozen=True, eq=False)
class _FittedPair:
    """A pair of frames that a curve has brought from `low` to `high` (compressed) to 0 to 1."""

    inner: FramePair
    low: float
    high: float

    def render(self, times: Sequence[float]) -> Rendered:
        """The frames with the values of those given; see `FramePair.render`."""
        rendered = self.inner.render(times)
        frames_THWC = expanded(rendered.frames_THWC * (self.high - self.low) + self.low)
        return replace(rendered, frames_THWC=frames_THWC)
