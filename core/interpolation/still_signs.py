"""Finds what stands still in front of what moves: subtitles, logos, displays, bars, window frames."""

import cv2
import numpy as np
import torch
from torch import Tensor

from ..flow.optical_flow import flow_length

# A pixel stands still if no channel changes by more than STILL, or LESS_STILL near a sign. What is behind a sign
# changes by more than CHANGED.
STILL, LESS_STILL = 2.5 / 255, 10 / 255
CHANGED = 0.03

# A sign is a piece of still pixels, of at least SMALLEST pixels and at most LARGEST of the frame. Around at least EDGED
# of its outline, from RING_INSIDE to RING_OUTSIDE pixels away, it stands out by CONTRAST in both frames, and around at
# least MOVING of it what is behind changes. A flat area that something moves across is not a sign: it stands out on one
# side in one frame and on the other side in the other.
SMALLEST = 10
LARGEST = 0.6
LEAST = 100  # pixels that all signs have together; fewer stand still by chance
CONTRAST = 0.06
EDGED = 0.65
MOVING = 0.5
RING_INSIDE, RING_OUTSIDE = 2, 4

# Smaller pieces, such as the dot of an i, belong to a sign if they are within BESIDE pixels of one.
BESIDE = 12
AROUND_SIGN = 24  # pixels around a sign in which less still parts of it are looked for
MUCH_MORE = 0.4  # share of a sign by which they have to be more; its soft edge alone is less
NEAR = 7  # pixels: the colour of a sign at its edge is the mean over a square of this size

# What is behind moves by MOTION pixels or more, on average over a square of AROUND pixels. Slower motion is followed
# well with a sign in front of it.
MOTION = 1.0
AROUND = 25


def find_still_signs(first_13HW: Tensor, second_13HW: Tensor, flow_12HW: Tensor) -> Tensor | None:
    """Find the pixels of two frames that show a sign and nothing behind it.

    The soft edge of a sign, which what is behind shines through, is not among them.

    Args:
        first_13HW, second_13HW: float32 on one device.
        flow_12HW: the motion from the first to the second, in pixels, as far as it was found.

    Returns:
        sign_11HW, bool; or None if there is no sign.
    """
    search = _Search(first_13HW, second_13HW, flow_12HW)
    if not search.may_find:
        return None
    sign_HW = search.signs(STILL)
    if sign_HW is None:
        return None
    # After compression, a part of a sign is less still than another; it is looked for near what is surely one.
    around_HW = _dilated(sign_HW, AROUND_SIGN)
    less_still_HW = search.signs(LESS_STILL, around_HW)
    if less_still_HW is not None and (less_still_HW & ~sign_HW).sum() > MUCH_MORE * sign_HW.sum():
        sign_HW |= less_still_HW
    return torch.from_numpy(sign_HW).to(first_13HW.device)[None, None]


class _Search:
    """Looks for signs in two frames."""

    def __init__(self, first_13HW: Tensor, second_13HW: Tensor, flow_12HW: Tensor) -> None:
        self._frames_13HW, self._flow_12HW = (first_13HW, second_13HW), flow_12HW
        self._difference_HW = (first_13HW - second_13HW).abs().amax(dim=1)[0].cpu().numpy()
        self.may_find = _fastest(flow_12HW) >= MOTION

    def signs(self, still: float, within_HW: np.ndarray | None = None) -> np.ndarray | None:
        """The pixels of signs that change by no more than `still`; None if there are none.

        Args:
            within_HW: signs are only looked for among pieces that reach into this area, if given.
        """
        still_HW = _without_specks((self._difference_HW <= still).astype(np.uint8))
        _, label_HW, statistics, _ = cv2.connectedComponentsWithStats(still_HW, connectivity=8)
        area = statistics[:, cv2.CC_STAT_AREA]
        fits = (area >= SMALLEST) & (area <= LARGEST * still_HW.size)
        if within_HW is not None:
            fits &= np.bincount(label_HW[within_HW], minlength=len(area)) > 0
        small = area < SMALLEST
        fits[0] = small[0] = False
        if area[fits].sum() < LEAST:
            return None
        outline = _Outline.of(still_HW, label_HW, fits | small)
        is_moving = outline.mean(self._difference_HW[outline.ring] > CHANGED) >= MOVING
        fits, small = fits & is_moving, small & is_moving
        fits &= outline.mean(_speed_around(self._flow_12HW, 1 - still_HW)[outline.ring]) >= MOTION
        if not fits.any():
            return None
        stands_out = np.ones(len(outline.owner), bool)
        for frame_13HW in self._frames_13HW:
            stands_out &= outline.contrast(frame_13HW[0].movedim(0, 2).cpu().numpy(), still_HW) > CONTRAST
        fits &= outline.mean(stands_out) >= EDGED
        if area[fits].sum() < LEAST:
            return None
        sign_HW = fits[label_HW]
        return sign_HW | (small[label_HW] & _dilated(sign_HW, BESIDE))


class _Outline:
    """The pixels around pieces, each of which belongs to the nearest piece.

    ring: their rows and columns.
    owner: the label of the piece.
    nearest: rows and columns of the pixels of the piece that are nearest to them.
    """

    def __init__(self, ring: tuple, nearest: tuple, owner: np.ndarray, count: int) -> None:
        self.ring, self.nearest, self.owner, self._count = ring, nearest, owner, count

    @classmethod
    def of(cls, still_HW: np.ndarray, label_HW: np.ndarray, wanted: np.ndarray) -> "_Outline":
        distance_HW, nearest_HW = cv2.distanceTransformWithLabels(
            1 - still_HW, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
        )
        rows, columns = np.nonzero(still_HW)
        place = np.zeros(nearest_HW.max() + 1, np.int64)
        place[nearest_HW[rows, columns]] = np.arange(len(rows))
        ring = np.nonzero((distance_HW >= RING_INSIDE) & (distance_HW <= RING_OUTSIDE))
        at = place[nearest_HW[ring]]
        owner = label_HW[rows[at], columns[at]]
        kept = wanted[owner]
        ring, at = (ring[0][kept], ring[1][kept]), at[kept]
        return cls(ring, (rows[at], columns[at]), owner[kept], len(wanted))

    def mean(self, value_N: np.ndarray) -> np.ndarray:
        """For each piece, the mean of a value over its outline; of a truth value, the share where it holds."""
        length = np.bincount(self.owner, minlength=self._count).clip(min=1)
        return np.bincount(self.owner, value_N, minlength=self._count) / length

    def contrast(self, frame_HWC: np.ndarray, still_HW: np.ndarray) -> np.ndarray:
        """How much each pixel of the outlines differs from the piece beside it, in the channel that differs most."""
        inside_HWC = cv2.blur(frame_HWC * still_HW[..., None], (NEAR, NEAR))
        inside_HWC /= cv2.blur(still_HW.astype(np.float32), (NEAR, NEAR)).clip(min=1e-6)[..., None]
        return np.abs(frame_HWC[self.ring] - inside_HWC[self.nearest]).max(axis=1)


def _fastest(flow_12HW: Tensor) -> float:
    """How far pixels move, but for the fastest hundredth."""
    speed_hw = flow_length(flow_12HW[..., ::4, ::4])
    return float(speed_hw.flatten().sort().values[int(0.99 * (speed_hw.numel() - 1))])


def _speed_around(flow_12HW: Tensor, free_HW: np.ndarray) -> np.ndarray:
    """How far the pixels around each pixel move that do not stand still, on average; shape (H, W)."""
    free_HW = free_HW.astype(np.float32)
    speed_HW = cv2.blur(flow_length(flow_12HW)[0].cpu().numpy() * free_HW, (AROUND, AROUND))
    return speed_HW / cv2.blur(free_HW, (AROUND, AROUND)).clip(min=1e-6)


def _dilated(mask_HW: np.ndarray, pixels: int) -> np.ndarray:
    square = np.ones((2 * pixels + 1,) * 2, np.uint8)
    return cv2.dilate(mask_HW.astype(np.uint8), square).astype(bool)


def _without_specks(still_HW: np.ndarray) -> np.ndarray:
    """Without what is less than two pixels wide or high, which is still by chance."""
    square = np.ones((2, 2), np.uint8)
    # An even kernel is not symmetric, so the second anchor has to mirror the first, or everything moves by a pixel.
    return cv2.dilate(cv2.erode(still_HW, square, anchor=(0, 0)), square, anchor=(1, 1))
