"""Where a picture repeats itself: fences, bricks, chequers, blinds.

A texture repeats if it is like itself after a shift, and unlike itself on the way there. Edges in one direction are
like themselves all the way. The autocorrelation of small tiles, from their power spectra, shows it.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

TILE = 64  # pixels of a reduced picture
TILE_STEP = 48
REDUCTIONS = (2, 4)  # of the frames, for fine and coarse texture
LEAST_REDUCED = 40  # a reduced picture whose shorter side is less is not looked at
NEAREST, FARTHEST = 3, 24  # pixels of a reduced picture: periods that are recognised
COARSE_NEAREST = 10  # the same in the coarsest picture, which leaves shorter periods to the finer one
REPEATS = 0.75  # by how much the correlation at a period exceeds the least one on the way to it
HIGH_PASS = 4.0  # sigma in pixels of a reduced picture
LEAST_DEVIATION = 3.0  # of 255; a tile whose high-passed values deviate by less is flat
LIKE_SELF = 15  # pixels a side: the areas in which a texture is compared with itself
LIKE = 0.5  # it repeats where it differs by less than this share of its deviation
JOINED = 25  # pixels: gaps up to this width in repeated texture belong to it
LEAST_PERIODS = 2.0  # a side of an area that is looked at, in periods
LEAST_CHANGE = 2.0  # of 255; a tile that changes by less from frame to frame is still


@dataclass(frozen=True)
class RepeatedArea:
    """A connected area of repeated texture.

    period: its commonest period (x, y) in pixels.
    contrast: how far its pixels deviate from their surroundings, of 255.
    """

    mask_HW: np.ndarray
    period: np.ndarray
    contrast: float

    @property
    def length(self) -> float:
        """The length of its period."""
        return float(np.hypot(*self.period))

    def moved(self, motion_23: np.ndarray) -> "RepeatedArea":
        """The area in the other frame, with what comes in at the borders."""
        height, width = self.mask_HW.shape
        mask_HW = cv2.warpAffine(
            self.mask_HW.astype(np.uint8), motion_23, (width, height), flags=0, borderMode=cv2.BORDER_REPLICATE
        )
        return replace(self, mask_HW=mask_HW > 0)


def repeated_areas(first_HW: np.ndarray, second_HW: np.ndarray) -> list[RepeatedArea]:
    """Find the areas of the first frame where a repeated texture moves or changes.

    Args:
        first_HW, second_HW: grey pictures, uint8, of any one size. Periods of 6 to 96 pixels are found.
    """
    periods_HW2: np.ndarray | None = None
    for reduction in REDUCTIONS:
        size = (first_HW.shape[1] // reduction, first_HW.shape[0] // reduction)
        if min(size) < LEAST_REDUCED:
            break
        small_hw, other_hw = (
            cv2.resize(grey_HW, size, interpolation=cv2.INTER_AREA).astype(np.float32)
            for grey_HW in (first_HW, second_HW)
        )
        nearest = NEAREST if reduction == REDUCTIONS[0] else COARSE_NEAREST
        for (y, x, side), (down, right) in _repeating_tiles(small_hw, other_hw, nearest):
            if periods_HW2 is None:
                periods_HW2 = np.zeros((*first_HW.shape, 2), np.float32)
            where = tuple(slice(start * reduction, (start + side) * reduction) for start in (y, x))
            period, repeats_hw = _repeats(
                first_HW[where].astype(np.float32), down * reduction, right * reduction, reduction
            )
            periods_HW2[where][repeats_hw] = period
    return [] if periods_HW2 is None else _areas(first_HW, periods_HW2)


def _areas(grey_HW: np.ndarray, periods_HW2: np.ndarray) -> list[RepeatedArea]:
    """Connected areas, from the periods of their pixels, 0 where nothing repeats."""
    found_HW = periods_HW2.any(2).astype(np.uint8)
    joined_HW = cv2.morphologyEx(found_HW, cv2.MORPH_CLOSE, np.ones((JOINED, JOINED), np.uint8))
    count, labels_HW = cv2.connectedComponents(joined_HW)
    deviation_HW = _deviation(grey_HW.astype(np.float32))
    areas = []
    for label in range(1, count):
        mask_HW = labels_HW == label
        periods, counts = np.unique(periods_HW2[mask_HW & (found_HW > 0)], axis=0, return_counts=True)
        area = RepeatedArea(mask_HW, periods[counts.argmax()], float(deviation_HW[mask_HW].mean()))
        if mask_HW.sum() > (LEAST_PERIODS * area.length) ** 2:
            areas.append(area)
    return areas


def _deviation(grey_HW: np.ndarray) -> np.ndarray:
    """How far each pixel deviates from its surroundings."""
    return np.abs(grey_HW - cv2.GaussianBlur(grey_HW, (0, 0), 2 * HIGH_PASS))


def _repeats(grey_hw: np.ndarray, down: int, right: int, within: int) -> tuple[tuple[int, int], np.ndarray]:
    """The period (x, y), known to within some pixels, and which pixels are like those a period before or after."""
    near = range(1 - within, within)
    down, right = min(
        ((down + y, right + x) for y in near for x in near),
        key=lambda period: np.mean(_differences(grey_hw, *period)[::3, ::3]),
    )
    unlike_hw = np.full(grey_hw.shape, np.inf, np.float32)
    here, there = overlap(grey_hw.shape, down, right)
    difference_hw = cv2.blur(_differences(grey_hw, down, right), (LIKE_SELF, LIKE_SELF))
    unlike_hw[here] = difference_hw
    unlike_hw[there] = np.minimum(unlike_hw[there], difference_hw)
    deviation_hw = cv2.blur(_deviation(grey_hw), (LIKE_SELF, LIKE_SELF))
    return (right, down), (unlike_hw < LIKE * deviation_hw) & (deviation_hw > LEAST_DEVIATION)


def _differences(grey_hw: np.ndarray, down: int, right: int) -> np.ndarray:
    here, there = overlap(grey_hw.shape, down, right)
    return np.abs(grey_hw[here] - grey_hw[there])


def overlap(size: tuple[int, ...], down: int, right: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """What a picture and itself, shifted, have in common: where it is in the picture, and in the shifted one."""
    height, width = size
    here = slice(max(0, -down), min(height, height - down)), slice(max(0, -right), min(width, width - right))
    there = slice(max(0, down), min(height, height + down)), slice(max(0, right), min(width, width + right))
    return here, there


def _repeating_tiles(
    small_hw: np.ndarray, other_hw: np.ndarray, nearest: int
) -> list[tuple[tuple[int, int, int], tuple[int, int]]]:
    """The tiles (y, x, side) of a picture that repeat and change, and their periods (down, right)."""
    side = min(TILE, *small_hw.shape)
    passed_hw = small_hw - cv2.GaussianBlur(small_hw, (0, 0), HIGH_PASS)
    change_hw = cv2.absdiff(small_hw, other_hw)
    corners = [(y, x) for y in _starts(small_hw.shape[0], side) for x in _starts(small_hw.shape[1], side)]
    corners = [
        (y, x)
        for y, x in corners
        if change_hw[y : y + side, x : x + side].mean() > LEAST_CHANGE
        and passed_hw[y : y + side, x : x + side].std() > LEAST_DEVIATION
    ]
    if not corners:
        return []
    tiles_Nhw = np.stack([passed_hw[y : y + side, x : x + side] for y, x in corners])
    reach = min(FARTHEST, side // 2 - 1)
    found = []
    for (y, x), likeness_hw in zip(corners, _autocorrelations(tiles_Nhw, reach), strict=True):
        period = _period(likeness_hw, reach, nearest)
        if period:
            found.append(((y, x, side), period))
    return found


def _starts(length: int, side: int) -> list[int]:
    return sorted({min(start, length - side) for start in range(0, length - side + TILE_STEP, TILE_STEP)})


def _autocorrelations(tiles_Nhw: np.ndarray, reach: int) -> np.ndarray:
    """How alike each tile and its shifted self are, 1 at no shift, for shifts of (0 to reach, -reach to reach)."""
    side = tiles_Nhw.shape[1]
    window_h = np.hanning(side + 2)[1:-1].astype(np.float32)
    window_hw = np.outer(window_h, window_h)
    powers_Nhw = torch.fft.rfft2(torch.from_numpy(np.concatenate([tiles_Nhw * window_hw, window_hw[None]])))
    sums_Nhw = torch.fft.irfft2(powers_Nhw.abs().square(), s=(side, side)).numpy()
    shares_hw = np.maximum(sums_Nhw[-1], 0.05 * sums_Nhw[-1, 0, 0])
    likeness_Nhw = sums_Nhw[:-1] / shares_hw
    likeness_Nhw = likeness_Nhw / likeness_Nhw[:, :1, :1]
    return np.concatenate([likeness_Nhw[:, : reach + 1, -reach:], likeness_Nhw[:, : reach + 1, : reach + 1]], axis=2)


def _period(likeness_hw: np.ndarray, reach: int, nearest: int) -> tuple[int, int] | None:
    """The shortest shift (down, right) under which a tile is like itself, or None.

    On the way to that shift it must be unlike itself, otherwise the tile has only edges in one direction.
    """
    peaks_hw = likeness_hw >= cv2.dilate(likeness_hw, np.ones((3, 3), np.uint8))
    y_N, x_N = np.nonzero(peaks_hw & (likeness_hw > REPEATS - 0.1))
    lengths_N = np.hypot(y_N, x_N - reach)
    for index in np.argsort(lengths_N):
        length = lengths_N[index]
        if nearest <= length <= reach:
            way_N = np.linspace(0, 1, 2 * int(length) + 1)
            ys, xs = np.rint(y_N[index] * way_N).astype(int), np.rint(reach + (x_N[index] - reach) * way_N).astype(int)
            peak = likeness_hw[y_N[index], x_N[index]]
            if peak - max(likeness_hw[ys, xs].min(), 0) > REPEATS:
                return int(y_N[index]), int(x_N[index]) - reach
    return None
