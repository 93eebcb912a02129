"""Resizing pictures."""

from typing import Literal

from torch import Tensor
from torch.nn import functional

Resampling = Literal["bilinear", "bicubic", "area"]


def shrink_scale(height: int, width: int, longest: int) -> float:
    """The factor, at most 1, that scales the longer side of a picture down to `longest` pixels."""
    return min(1.0, longest / max(height, width))


def resized(frames_THWC: Tensor, height: int, width: int, mode: Resampling) -> Tensor:
    """Resize frames.

    Args:
        frames_THWC: of any floating type, on any device.
        height, width: in pixels, 1 or more.
        mode: "bilinear" and "bicubic" are antialiased, and bicubic overshoots at edges; "area" is the plain mean of
            the area that each new pixel covers, for scaling down.

    Returns:
        float32 of shape (T, height, width, C), on the same device; not clamped.
    """
    frames_TCHW = frames_THWC.movedim(-1, 1).float()
    return functional.interpolate(frames_TCHW, (height, width), mode=mode, antialias=mode != "area").movedim(1, -1)
