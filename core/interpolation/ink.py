"""Thin dark or bright lines that an in-between has lost, although both frames show them."""

import cv2
import numpy as np
import torch
from torch import Tensor

from .lost import Place

LINE = 7  # pixels; thinner things are lines
STRONG = 40  # of 255: by how much a line differs from what is beside it
LEAST_LINE = 60 * 100  # of all lines in a part of the picture: 60 pixels that differ by 100
PART = 4  # a part of the picture is this share of the shorter side across: 1/PART
LEAST_PART = 48  # pixels
KEPT = 0.6  # share of the lines that must be left
STILL_MISSING = 0.4  # share of what a part misses that must be missing with the parts around it, too


def lost_ink(first_3HW: Tensor, second_3HW: Tensor, made_3HW: Tensor) -> Place | None:
    """The middle of the part of a picture in which the most lines are lost.

    Args:
        first_3HW, second_3HW: the frames given, on any device.
        made_3HW: the in-between.

    Returns:
        The place, or None if no part has lost its lines.
    """
    sums = [_in_parts(_lines(frame_3HW)) for frame_3HW in (first_3HW, second_3HW, made_3HW)]
    least_hw = np.minimum(sums[0], sums[1])
    missing_hw = least_hw - sums[2]
    # Lines that moved to the next part are not lost.
    around_hw = np.minimum(_with_next(sums[0]), _with_next(sums[1])) - _with_next(sums[2])
    is_lost_hw = (least_hw >= LEAST_LINE) & (sums[2] < KEPT * least_hw) & (around_hw > STILL_MISSING * missing_hw)
    lost_hw = np.where(is_lost_hw, missing_hw, 0)
    if not lost_hw.any():
        return None
    row, column = divmod(int(lost_hw.argmax()), lost_hw.shape[1])
    half = _side(made_3HW.shape[1:]) // 2
    return min(half * (column + 1), made_3HW.shape[2] - 1), min(half * (row + 1), made_3HW.shape[1] - 1)


def _lines(frame_3HW: Tensor) -> np.ndarray:
    """How strongly each pixel is part of a line, 0 to 255."""
    grey_HW = (frame_3HW.mean(dim=0) * 255).nan_to_num(0).clamp(0, 255).to(torch.uint8).cpu().numpy()
    kernel = np.ones((LINE, LINE), np.uint8)
    lines_HW = cv2.max(
        cv2.morphologyEx(grey_HW, cv2.MORPH_TOPHAT, kernel), cv2.morphologyEx(grey_HW, cv2.MORPH_BLACKHAT, kernel)
    )
    return np.where(lines_HW >= STRONG, lines_HW, 0).astype(np.float32)


def _side(size: tuple[int, ...]) -> int:
    return min(max(LEAST_PART, min(size) // PART), min(size)) // 2 * 2


def _in_parts(lines_HW: np.ndarray) -> np.ndarray:
    """The sum over each part; parts overlap by half."""
    half = _side(lines_HW.shape) // 2
    height, width = (length // half for length in lines_HW.shape)
    halves_hw = lines_HW[: height * half, : width * half].reshape(height, half, width, half).sum(axis=(1, 3))
    return halves_hw[:-1, :-1] + halves_hw[1:, :-1] + halves_hw[:-1, 1:] + halves_hw[1:, 1:]


def _with_next(sums_hw: np.ndarray) -> np.ndarray:
    """The lines in each part and around it, up to its size away; parts overlap, so each line is in four of them."""
    return cv2.boxFilter(sums_hw, -1, (5, 5), normalize=False, borderType=cv2.BORDER_CONSTANT) / 4
