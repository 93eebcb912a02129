"""A small thing cut out of its frame with a soft edge, moved, and laid over another frame."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from ..flow.ground import square
from ..flow.small_things import Thing
from ..flow.thing_matching import Rigid

SOFT_EDGE = 2  # pixels around a thing that its soft edge reaches
HIDDEN = 0.9  # a thing with less than this share of its area in the other frame is in part hidden there
SHOWN = 0.02  # opacity below which nothing is shown


@dataclass(frozen=True, eq=False)
class CutOut:
    """A thing cut out of its frame.

    left, top: where its first pixel is.
    colour_hw4: colour times opacity, and opacity.
    ground_motion_2: how the ground under it moves to the other frame, in pixels.
    """

    left: int
    top: int
    colour_hw4: np.ndarray
    ground_motion_2: np.ndarray

    def moved(self, matrix_23: np.ndarray) -> "CutOut":
        """The thing after its frame's pixels moved by an affine map."""
        height, width = self.colour_hw4.shape[:2]
        corners_42 = np.array([[self.left + x, self.top + y] for x in (-1, width) for y in (-1, height)])
        moved_42 = corners_42 @ matrix_23[:, :2].T + matrix_23[:, 2]
        left, top = (int(value) for value in np.floor(moved_42.min(axis=0)))
        right, bottom = (int(value) for value in np.ceil(moved_42.max(axis=0)))
        own_23 = matrix_23.copy()
        own_23[:, 2] += matrix_23[:, :2] @ (self.left, self.top) - (left, top)
        size = (right - left + 1, bottom - top + 1)
        moved_hw4 = cv2.warpAffine(self.colour_hw4, own_23, size, flags=cv2.INTER_CUBIC)
        return replace(self, left=left, top=top, colour_hw4=_limited(moved_hw4))

    def faded(self, opacity: float) -> "CutOut":
        """The thing, less opaque."""
        return replace(self, colour_hw4=self.colour_hw4 * opacity)

    def laid_over(self, frame_3HW: Tensor) -> None:
        """Draw it onto a frame."""
        found = self._inside(*frame_3HW.shape[1:])
        if found is not None:
            rows, columns, colour_hw4 = found
            colour_4hw = torch.from_numpy(colour_hw4).to(frame_3HW).movedim(2, 0)
            frame_3HW[:, rows, columns] = frame_3HW[:, rows, columns] * (1 - colour_4hw[3:]) + colour_4hw[:3]

    def marked(self, mask_HW: Tensor) -> None:
        """Set a mask to 1 where it is."""
        found = self._inside(*mask_HW.shape)
        if found is not None:
            rows, columns, colour_hw4 = found
            mask_hw = torch.from_numpy((colour_hw4[..., 3] > SHOWN).astype(np.float32)).to(mask_HW)
            mask_HW[rows, columns] = mask_HW[rows, columns].maximum(mask_hw)

    def _inside(self, height: int, width: int) -> tuple[slice, slice, np.ndarray] | None:
        """The part that lies in a frame."""
        high, wide = self.colour_hw4.shape[:2]
        rows = slice(max(self.top, 0), min(self.top + high, height))
        columns = slice(max(self.left, 0), min(self.left + wide, width))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return None
        part = self.colour_hw4[
            rows.start - self.top : rows.stop - self.top, columns.start - self.left : columns.stop - self.left
        ]
        return rows, columns, np.ascontiguousarray(part, dtype=np.float32)


def cut_out(thing: Thing, frame_HW3: np.ndarray, ground_HW3: np.ndarray) -> CutOut:
    """Cut a thing out; its edge is as opaque as its colour says, between that of the ground and of the thing beside."""
    height, width, _ = frame_HW3.shape
    x_N, y_N = thing.points_N2.astype(int).T
    reach = SOFT_EDGE + 2
    rows = slice(max(int(y_N.min()) - reach, 0), min(int(y_N.max()) + reach + 1, height))
    columns = slice(max(int(x_N.min()) - reach, 0), min(int(x_N.max()) + reach + 1, width))
    frame_hw3, ground_hw3 = frame_HW3[rows, columns], ground_HW3[rows, columns]
    mask_hw = np.zeros(frame_hw3.shape[:2], np.uint8)
    mask_hw[y_N - rows.start, x_N - columns.start] = 1
    reach_hw = cv2.dilate(mask_hw, square(SOFT_EDGE))
    colour_hw3 = _strongest(frame_hw3, np.abs(frame_hw3 - ground_hw3).max(axis=2) * mask_hw)
    aim_hw3 = colour_hw3 - ground_hw3
    opacity_hw = ((frame_hw3 - ground_hw3) * aim_hw3).sum(axis=2) / np.maximum((aim_hw3**2).sum(axis=2), 1e-6)
    opacity_hw = opacity_hw.clip(0, 1) * reach_hw
    core_hw = cv2.erode(mask_hw, square(1)) > 0
    opacity_hw[core_hw], colour_hw3[core_hw] = 1, frame_hw3[core_hw]
    colour_hw4 = np.dstack([colour_hw3 * opacity_hw[..., None], opacity_hw]).astype(np.float32)
    return CutOut(columns.start, rows.start, colour_hw4, thing.ground_motion_2)


def _strongest(frame_hw3: np.ndarray, contrast_hw: np.ndarray) -> np.ndarray:
    """For each pixel, the colour of the pixel nearby that stands out most from the ground."""
    reach = SOFT_EDGE
    frames_hw3 = np.pad(frame_hw3, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    contrasts_hw = np.pad(contrast_hw, reach)
    height, width = contrast_hw.shape
    best_hw, colour_hw3 = np.full_like(contrast_hw, -1), frame_hw3.copy()
    for y in range(2 * reach + 1):
        for x in range(2 * reach + 1):
            here_hw = contrasts_hw[y : y + height, x : x + width]
            better_hw = here_hw > best_hw
            best_hw = np.where(better_hw, here_hw, best_hw)
            colour_hw3[better_hw] = frames_hw3[y : y + height, x : x + width][better_hw]
    return colour_hw3


def between(motion: Rigid, first: CutOut, second: CutOut, time: float) -> CutOut:
    """A thing at a time, from what both frames show of it; or from the frame that shows more of it."""
    there_23, whole_23 = motion.at(time), motion.at(1.0)
    back_33 = np.linalg.inv(np.concatenate([whole_23, [[0, 0, 1]]]))
    from_first = first.moved(there_23)
    from_second = second.moved(np.concatenate([there_23, [[0, 0, 1]]])[:2] @ back_33)
    left, top = min(from_first.left, from_second.left), min(from_first.top, from_second.top)
    right = max(each.left + each.colour_hw4.shape[1] for each in (from_first, from_second))
    bottom = max(each.top + each.colour_hw4.shape[0] for each in (from_first, from_second))
    colour_hw4 = np.zeros((bottom - top, right - left, 4), np.float32)
    areas = [float(each.colour_hw4[..., 3].sum()) for each in (first, second)]
    share = time if min(areas) > HIDDEN * max(areas) else float(areas[1] > areas[0])
    for each, weight in ((from_first, 1 - share), (from_second, share)):
        height, width = each.colour_hw4.shape[:2]
        y, x = each.top - top, each.left - left
        colour_hw4[y : y + height, x : x + width] += weight * each.colour_hw4
    return CutOut(left, top, colour_hw4, first.ground_motion_2)


def _limited(colour_hw4: np.ndarray) -> np.ndarray:
    """Without the overshoot of bicubic sampling: opacity 0 to 1."""
    opacity_hw1 = colour_hw4[..., 3:]
    limited_hw1 = opacity_hw1.clip(0, 1)
    return np.where(opacity_hw1 > SHOWN, colour_hw4 * (limited_hw1 / np.maximum(opacity_hw1, SHOWN)), 0).astype(
        np.float32
    )
