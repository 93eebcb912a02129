"""How much of the range two frames use, so that dark and flat pictures are treated like any other picture."""

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

SAMPLES = 4000  # pixels of a frame that are looked at
OUTER = 0.01  # share of the pixels that may lie beyond each end of the middle of the range
MIDDLE = 0.8  # share of the range that all other pixels are stretched to
ENOUGH = 0.25  # frames whose pixels use this share of the range or more are not stretched
USUAL = 0.4  # share of the range that is taken for an ordinary contrast when differences of colour are judged
MARGIN = (1 - MIDDLE) / 2
LEAST_SPAN = 1e-5  # frames whose pixels differ by less are flat


@dataclass(frozen=True)
class ToneRange:
    """How to stretch the luma of frames to the range of 0 to 1: `luma * scale + shift`.

    scale: more than 1 for dark and flat frames, 1 for others, less than 1 for frames with values far beyond 1.
    shift: 0 if the scale is 1 and the frames lie in the range.
    lowest, highest: the darkest and the brightest pixel, stretched; beyond 0 and 1 if they do not fit.
    """

    scale: float
    shift: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, *lumas_HW: Tensor) -> "ToneRange":
        """The range that the lumas of some frames use together; finite, on any device."""
        samples = []
        for luma_HW in lumas_HW:
            step = max(1, round((luma_HW.numel() / SAMPLES) ** 0.5))
            samples.append(luma_HW[step // 2 :: step, step // 2 :: step].float().flatten().cpu().numpy())
        luma_N = np.concatenate(samples)
        outer = int(OUTER * (len(luma_N) - 1))
        luma_N.partition((outer, len(luma_N) - 1 - outer))
        low, high = float(luma_N[outer]), float(luma_N[-1 - outer])
        lowest = min(float(luma_HW.min()) for luma_HW in lumas_HW)
        highest = max(float(luma_HW.max()) for luma_HW in lumas_HW)
        span = max(high - low, LEAST_SPAN)
        scale = 1.0 if ENOUGH <= span <= 1 else MIDDLE / span
        shift = 0.0 if scale == 1 and low >= 0 and high <= 1 else MARGIN - low * scale
        return cls(scale, shift, lowest * scale + shift, highest * scale + shift)

    @property
    def contrast(self) -> float:
        """By what a difference of colour is to be multiplied so that it means the same as in an ordinary picture."""
        return max(self.scale * USUAL / MIDDLE, 1.0) if self.scale > 1 else self.scale

    def stretched(self, luma_HW: Tensor) -> Tensor:
        """Luma stretched to 0 to 1. What would lie beyond is pressed into the margins, so that it keeps its detail."""
        value_HW = luma_HW if (self.scale, self.shift) == (1, 0) else luma_HW * self.scale + self.shift
        if self.highest > 1:
            value_HW = _pressed(value_HW, self.highest)
        if self.lowest < 0:
            value_HW = 1 - _pressed(1 - value_HW, 1 - self.lowest)
        return value_HW.clamp(0, 1)


def _pressed(value_HW: Tensor, highest: float) -> Tensor:
    """Values above the middle brought below 1 by a logarithm, so that `highest` becomes 1."""
    above_HW = ((value_HW - 1 + MARGIN) / MARGIN).clamp(min=0)
    pressed_HW = above_HW.log1p() / math.log1p((highest - 1 + MARGIN) / MARGIN)
    return value_HW.clamp(max=1 - MARGIN) + MARGIN * pressed_HW
