"""How much of the range two frames use, so that dark and flat pictures are treated like any other picture."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

SAMPLES = 4000  # pixels of a frame that are looked at
OUTER = 0.01  # share of the pixels that may lie beyond each end of the middle of the range
MIDDLE = 0.8  # share of the range that all other pixels are stretched to
ENOUGH = 0.25  # frames whose pixels use this share of the range or more are not stretched
USUAL = 0.4  # share of the range that is taken for an ordinary contrast when differences of colour are judged
MARGIN = (1 - MIDDLE) / 2
LEAST_SPAN = 0.002  # frames whose pixels differ by less are flat: half a step of 8 bits
# Detail is faint if it spans less than these shares of the range and of what the broad gradient spans with it. Detail
# that spans less than FAINTEST is what rounding to 8 bits leaves.
FAINT, FAINT_BESIDE_GRADIENT = 0.1, 0.3
FAINTEST = 0.006
BROAD = 0.06  # of the longer side: the sigma of the Gaussian that leaves the broad gradient


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
        luma_N = np.concatenate([_sample(luma_HW).flatten().cpu().numpy() for luma_HW in lumas_HW])
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


def even_lumas(first_HW: Tensor, second_HW: Tensor) -> tuple[Tensor, Tensor]:
    """Two lumas, without their broad gradients if these hide faint detail, as in a clear sky or fog."""
    lumas_HW = (first_HW, second_HW)
    samples = [_sample(luma_HW).cpu().numpy() for luma_HW in lumas_HW]
    broads = [_broad(sample_hw) for sample_hw in samples]
    detail = _span(np.concatenate([(each - broad).ravel() for each, broad in zip(samples, broads, strict=True)]))
    span = _span(np.concatenate([each.ravel() for each in samples]))
    if not FAINTEST < detail < min(FAINT, FAINT_BESIDE_GRADIENT * span):
        return lumas_HW
    size = (first_HW.shape[1], first_HW.shape[0])
    first, second = (
        luma_HW - torch.from_numpy(cv2.resize(broad_hw, size)).to(luma_HW.device)
        for luma_HW, broad_hw in zip(lumas_HW, broads, strict=True)
    )
    return first, second


def _sample(luma_HW: Tensor) -> Tensor:
    step = max(1, round((luma_HW.numel() / SAMPLES) ** 0.5))
    return luma_HW[step // 2 :: step, step // 2 :: step].float()


def _span(values_N: np.ndarray) -> float:
    """What the values span but for the outermost."""
    outer = int(OUTER * (values_N.size - 1))
    values_N = np.partition(values_N, (outer, values_N.size - 1 - outer))
    return float(values_N[-1 - outer] - values_N[outer])


def _broad(luma_hw: np.ndarray) -> np.ndarray:
    """The broad gradient: a plane, and the rest of it smoothed, so that it is right at the borders too."""
    y_h, x_w = (np.linspace(-1, 1, side, dtype=np.float32) for side in luma_hw.shape)
    plane_hw = luma_hw.mean() + y_h[:, None] * _slope(luma_hw.mean(1), y_h) + x_w * _slope(luma_hw.mean(0), x_w)
    return plane_hw + cv2.GaussianBlur(luma_hw - plane_hw, (0, 0), BROAD * max(luma_hw.shape))


def _slope(values_N: np.ndarray, places_N: np.ndarray) -> np.float32:
    return np.float32((values_N * places_N).sum() / (places_N**2).sum())


def _pressed(value_HW: Tensor, highest: float) -> Tensor:
    """Values above the middle brought below 1 by a logarithm, so that `highest` becomes 1."""
    above_HW = ((value_HW - 1 + MARGIN) / MARGIN).clamp(min=0)
    pressed_HW = above_HW.log1p() / math.log1p((highest - 1 + MARGIN) / MARGIN)
    return value_HW.clamp(max=1 - MARGIN) + MARGIN * pressed_HW
