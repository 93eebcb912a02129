"""Optical flow that finds things which move farther than their own size, too.

DIS starts at a coarse size, where a small or fast thing has vanished, and follows the ground instead. So what its
coarse flow does not explain is searched for over all shifts, the commonest shifts found there become further flows
to choose from, and for each region the flow that explains it best is taken. DIS goes on from there. The choice by
region is cost-volume filtering: Hosni et al., "Fast Cost-Volume Filtering for Visual Correspondence and Beyond",
PAMI 2013; the search beside DIS follows Brox and Malik, "Large Displacement Optical Flow", PAMI 2011.

Shapes: hw is a quarter of the working size unless said otherwise. Flows are (h, w, 2), in pixels of their own size.
Colours are 8-bit, and so are differences of colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from torch import Tensor

from ..pictures.contrast import ToneRange, even_lumas
from ..pictures.images import luma
from . import repeated
from .optical_flow import at_full_size, dis_flow, flow_both_ways, working_greys

Pair = tuple[np.ndarray, np.ndarray]  # one of each frame, or one of each direction

LEAST_SIDE = 96  # pixels; smaller frames have too few pixels at a sixteenth of their size
UNEXPLAINED = 6.0  # a region whose colours differ by more than this along the flow is not explained
UNEXPLAINED_SHARE = 0.01  # of a frame; with less, nothing is searched for
FAR = 0.45  # share of the frame's sides, the longest shift searched for at a sixteenth of the size
NEAR = (10, 6)  # pixels at an eighth of the size, across and down: the longest shift searched for there
CLEARLY_BETTER, BETTER_RATIO = 4.0, 0.7  # by how much a shift must explain a pixel better than the flow
MOST_SHIFTS = 3
LEAST_SUPPORT = 150.0  # pixels of an eighth, times the difference that a shift explains
APART = 12.0  # pixels; closer shifts are one

ROUNDS = 3  # of the choice: by colour, then twice by smoothness and forward-backward consistency
GUIDE_RADIUS, GUIDE_NOISE = 4, 25.0  # pixels and variance of the guided filter
MOST_DIFFERENCE, OUTSIDE = 40.0, 8.0  # differences are cut here; and what a pixel that leaves the frame counts
MISS_WEIGHT, ROUGH_WEIGHT, MOST_PIXELS_OFF = 2.0, 1.5, 3.0
PREFERENCE = 0.5  # for the flow that DIS found, so that it stays where another is no better
REGION_GAIN = 2.0  # a region changes its flow only if its mean difference of colour falls by this,
REGION_CONSISTENT = 0.3  # if this share of it returns to its start within 2 pixels,
LEAST_REGION = 12  # and if it has this many pixels


def matched_both_ways(first_HWC: Tensor, second_HWC: Tensor) -> tuple[Tensor, Tensor]:
    """As `flow_both_ways`, but things that move farther than their own size are looked for, too.

    Where the coarse flow explains the frames, the result is that of `flow_both_ways`.
    """
    height, width, _ = first_HWC.shape
    if min(height, width) < LEAST_SIDE:
        return flow_both_ways(first_HWC, second_HWC)
    greys = working_greys(first_HWC, second_HWC)
    frames = _Frames.of(first_HWC, second_HWC, greys)
    flows = frames.coarse_flow(0), frames.coarse_flow(1)
    shifts = _far_shifts(frames, flows)
    chosen = _chosen(frames, flows, shifts) if shifts else flows
    if chosen is not flows and any(np.any(new != old) for new, old in zip(chosen, flows, strict=True)):
        size = greys[0].shape[1], greys[0].shape[0]
        starts = [_resized(_median(flow_hw2), size) for flow_hw2 in chosen]
        finest = dis_flow(*greys, starts[0], coarsest=1), dis_flow(*greys[::-1], starts[1], coarsest=1)
    else:
        finest = dis_flow(*greys), dis_flow(*greys[::-1])
    finest = repeated.corrected(*greys, *finest)
    forward_2HW, backward_2HW = (at_full_size(flow_HW2, height, width, first_HWC.device) for flow_HW2 in finest)
    return forward_2HW, backward_2HW


@dataclass(frozen=True, eq=False)
class _Frames:
    """Both frames: 8-bit greys at the working size, and 8-bit colours at a quarter of it."""

    greys_HW: Pair
    colours_hw3: Pair

    @classmethod
    def of(cls, first_HWC: Tensor, second_HWC: Tensor, greys_HW: Pair) -> "_Frames":
        tones = ToneRange.of(*even_lumas(*(luma(each_HWC).nan_to_num() for each_HWC in (first_HWC, second_HWC))))
        stretched = (each_HWC.nan_to_num() * tones.scale + tones.shift for each_HWC in (first_HWC, second_HWC))
        size = greys_HW[0].shape[1] // 4, greys_HW[0].shape[0] // 4
        bytes_HWC = [(each_HWC.clamp(0, 1) * 255).round().byte().cpu().numpy() for each_HWC in stretched]
        first_hw3, second_hw3 = (cv2.resize(each_HWC, size, interpolation=cv2.INTER_AREA) for each_HWC in bytes_HWC)
        return cls(greys_HW, (first_hw3, second_hw3))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height at a quarter."""
        return self.colours_hw3[0].shape[1], self.colours_hw3[0].shape[0]

    def coarse_flow(self, frame: int, shift: np.ndarray | None = None) -> np.ndarray:
        """Flow from one frame to the other, by DIS: as it finds it, or near a shift in pixels of the working size."""
        greys_HW = self.greys_HW[frame], self.greys_HW[1 - frame]
        if shift is None:
            return _resized(dis_flow(*greys_HW, finest=2), self.size)
        start_HW2 = np.broadcast_to(shift.astype(np.float32), (*greys_HW[0].shape, 2))
        return _resized(dis_flow(*greys_HW, start_HW2, coarsest=3, finest=2), self.size)

    def differences(self, frame: int, flow_hw2: np.ndarray) -> np.ndarray:
        """Difference in colour between each pixel of a frame and what the flow points at, at a quarter."""
        return _difference(self.colours_hw3[frame], self.colours_hw3[1 - frame], flow_hw2)


def _far_shifts(frames: _Frames, flows_hw2: Pair) -> list[np.ndarray]:
    """The commonest shifts of what the flows do not explain, in pixels of the working size; empty if there are none."""
    width, height = frames.size
    eighth, sixteenth = (width // 2, height // 2), (width // 4, height // 4)
    eighths = [cv2.resize(each_hw3, eighth, interpolation=cv2.INTER_AREA) for each_hw3 in frames.colours_hw3]
    flows = [_resized(flow_hw2, eighth) for flow_hw2 in flows_hw2]
    unexplained = (
        _box(_difference(eighths[frame], eighths[1 - frame], flows[frame], outside=0), 3) > UNEXPLAINED
        for frame in (0, 1)
    )
    if max(float(each_hw.mean()) for each_hw in unexplained) <= UNEXPLAINED_SHARE:
        return []
    sixteenths = [cv2.resize(each_hw3, sixteenth, interpolation=cv2.INTER_AREA) for each_hw3 in eighths]
    coarse = [_resized(flow_hw2, sixteenth) for flow_hw2 in flows]
    farthest = int(sixteenth[0] * FAR), int(sixteenth[1] * FAR)
    far = _common_shifts(sixteenths, coarse, farthest, 3, LEAST_SUPPORT / 4)
    near = _common_shifts(eighths, flows, NEAR, 5, LEAST_SUPPORT)
    found = sorted(
        [(4 * support, 16 * shift) for support, shift in far] + [(s, 8 * shift) for s, shift in near], key=_support
    )
    shifts: list[np.ndarray] = []
    for _, shift in found:
        if all(np.hypot(*(shift - other)) > APART for other in shifts):
            shifts.append(shift)
    return shifts[:MOST_SHIFTS]


def _support(found: tuple[float, np.ndarray]) -> float:
    return -found[0]


def _common_shifts(
    pictures_hw3: Sequence[np.ndarray],
    flows_hw2: Sequence[np.ndarray],
    farthest: tuple[int, int],
    window: int,
    least: float,
) -> list[tuple[float, np.ndarray]]:
    """The shifts, from the first frame to the second, that explain most of what the flows do not, with their support.

    A pixel supports its best shift if the search from the other frame finds the same one.
    """
    best = _search(pictures_hw3[0], pictures_hw3[1], farthest, window)
    votes: dict[tuple[float, float], float] = {}
    for frame in (0, 1):
        shift_hw2, error_hw = best[frame]
        flow_error_hw = _box(_difference(pictures_hw3[frame], pictures_hw3[1 - frame], flows_hw2[frame]), window)
        gain_hw = flow_error_hw - error_hw
        returns_hw = _misses(shift_hw2, best[1 - frame][0]) <= 1.5
        found_hw = returns_hw & (gain_hw > CLEARLY_BETTER) & (error_hw < BETTER_RATIO * flow_error_hw)
        for (x, y), gain in zip((1, -1)[frame] * shift_hw2[found_hw], gain_hw[found_hw], strict=True):
            votes[float(x), float(y)] = votes.get((float(x), float(y)), 0.0) + float(gain)
    common: list[tuple[float, np.ndarray]] = []
    while votes and len(common) < MOST_SHIFTS:
        support = {shift: sum(votes.get(near, 0.0) for near in _neighbours(shift)) for shift in votes}
        shift = max(support, key=support.__getitem__)
        if support[shift] < least:
            break
        near = _neighbours(shift)
        common.append((support[shift], np.average(near, axis=0, weights=[votes.pop(each, 0.0) for each in near])))
    return common


def _neighbours(shift: tuple[float, float]) -> list[tuple[float, float]]:
    return [(shift[0] + x, shift[1] + y) for y in (-1, 0, 1) for x in (-1, 0, 1)]


def _search(first_hw3: np.ndarray, second_hw3: np.ndarray, farthest: tuple[int, int], window: int) -> tuple[Pair, Pair]:
    """For each frame the best shift of each pixel, and its mean difference of colour in a window around the pixel."""
    height, width = first_hw3.shape[:2]
    right, down = farthest
    shifts = [(x, y) for y in range(-down, down + 1) for x in range(-right, right + 1)]
    shifts.sort(key=lambda shift: shift[0] ** 2 + shift[1] ** 2)  # of equally good shifts the shortest wins
    # One whole number holds the difference, in 64ths, and below it the number of the shift: its minimum holds both.
    best = [np.full((height, width), 2**30, np.int32) for _ in (0, 1)]
    for number, (x, y) in enumerate(shifts):
        top, bottom, left, far = max(0, -y), min(height, height - y), max(0, -x), min(width, width - x)
        if bottom - top < window or far - left < window:
            continue
        own, other = np.s_[top:bottom, left:far], np.s_[top + y : bottom + y, left + x : far + x]
        difference = cv2.cvtColor(cv2.absdiff(first_hw3[own], second_hw3[other]), cv2.COLOR_RGB2GRAY)
        value = (_box(difference, window, cv2.CV_32F) * 64).astype(np.int32) * 2**14 + number
        np.minimum(best[0][own], value, out=best[0][own])
        np.minimum(best[1][other], value, out=best[1][other])
    table_S2 = np.array(shifts, np.float32)
    forward, backward = (
        (sign * table_S2[each % 2**14], (each // 2**14).astype(np.float32) / 64)
        for sign, each in zip((1, -1), best, strict=True)
    )
    return forward, backward


def _chosen(frames: _Frames, flows_hw2: Pair, shifts: list[np.ndarray]) -> Pair:
    """Both flows, with a flow near one of the shifts in each region that it explains better."""
    candidates, guides, costs = [], [], []
    for frame in (0, 1):
        sign = (1, -1)[frame]
        candidates.append([flows_hw2[frame], *(frames.coarse_flow(frame, sign * shift) for shift in shifts)])
        guides.append(_GuidedFilter(cv2.cvtColor(frames.colours_hw3[frame], cv2.COLOR_RGB2GRAY)))
        costs.append([frames.differences(frame, flow_hw2) for flow_hw2 in candidates[frame]])
    chosen = list(flows_hw2)
    for turn in range(ROUNDS):
        latest = []
        for frame in (0, 1):
            smooth_hw2 = _box(chosen[frame], 9)
            totals_hw = []
            for flow_hw2, cost_hw in zip(candidates[frame], costs[frame], strict=True):
                total_hw = cost_hw
                if turn:
                    missed_hw = _misses(flow_hw2, chosen[1 - frame]).clip(max=MOST_PIXELS_OFF)
                    rough_hw = _length(flow_hw2 - smooth_hw2).clip(max=MOST_PIXELS_OFF)
                    total_hw = cost_hw + MISS_WEIGHT * missed_hw + ROUGH_WEIGHT * rough_hw
                totals_hw.append(guides[frame].filtered(total_hw))
            totals_hw[0] = totals_hw[0] - PREFERENCE
            number_hw = np.argmin(totals_hw, axis=0)
            latest.append(np.take_along_axis(np.stack(candidates[frame]), number_hw[None, ..., None], 0)[0])
        chosen = latest
    first, second = (
        _whole_regions(flows_hw2[frame], chosen[frame], chosen[1 - frame], costs[frame][0], frames, frame)
        for frame in (0, 1)
    )
    return first, second


def _whole_regions(
    flow_hw2: np.ndarray, chosen_hw2: np.ndarray, back_hw2: np.ndarray, cost_hw: np.ndarray, frames: _Frames, frame: int
) -> np.ndarray:
    """The chosen flow in each region where, as a whole, it explains the frames better; elsewhere the flow itself."""
    changed_hw = (_length(chosen_hw2 - flow_hw2) > 1).astype(np.uint8)
    count, region_hw = cv2.connectedComponents(changed_hw, connectivity=4)
    pixels_R = np.bincount(region_hw.ravel(), minlength=count)

    def region_means(values_hw: np.ndarray) -> np.ndarray:
        return np.bincount(region_hw.ravel(), values_hw.ravel(), count) / pixels_R.clip(min=1)

    gain_R = region_means(cost_hw - frames.differences(frame, chosen_hw2))
    consistent_R = region_means((_misses(chosen_hw2, back_hw2) < 2).astype(np.float32))
    taken_R = (gain_R >= REGION_GAIN) & (consistent_R >= REGION_CONSISTENT) & (pixels_R >= LEAST_REGION)
    taken_R[0] = False  # where both flows are nearly the same
    return np.where(taken_R[region_hw][..., None], chosen_hw2, flow_hw2)


class _GuidedFilter:
    """Smooths within regions of one brightness: He, Sun and Tang, "Guided Image Filtering", ECCV 2010."""

    def __init__(self, guide_hw: np.ndarray) -> None:
        self.guide_hw = guide_hw.astype(np.float32)
        self.mean_hw = self._mean(self.guide_hw)
        self.variance_hw = self._mean(self.guide_hw**2) - self.mean_hw**2 + GUIDE_NOISE

    def filtered(self, values_hw: np.ndarray) -> np.ndarray:
        mean_hw = self._mean(values_hw)
        slope_hw = (self._mean(self.guide_hw * values_hw) - self.mean_hw * mean_hw) / self.variance_hw
        return self._mean(slope_hw) * self.guide_hw + self._mean(mean_hw - slope_hw * self.mean_hw)

    @staticmethod
    def _mean(values_hw: np.ndarray) -> np.ndarray:
        return _box(values_hw, 2 * GUIDE_RADIUS + 1)


def _difference(
    own_hw3: np.ndarray, other_hw3: np.ndarray, flow_hw2: np.ndarray, outside: float = OUTSIDE
) -> np.ndarray:
    """How much the colour of each pixel differs from what its flow points at, with limits; float32."""
    difference_hw = cv2.cvtColor(cv2.absdiff(own_hw3, _warped(other_hw3, flow_hw2)), cv2.COLOR_RGB2GRAY)
    x_hw, y_hw = _places(flow_hw2)
    height, width = x_hw.shape
    outside_hw = (x_hw < 0) | (y_hw < 0) | (x_hw > width - 1) | (y_hw > height - 1)
    return np.where(outside_hw, np.float32(outside), difference_hw.astype(np.float32).clip(max=MOST_DIFFERENCE))


def _misses(flow_hw2: np.ndarray, back_hw2: np.ndarray) -> np.ndarray:
    """How far from its start each pixel ends that follows one flow and then the other."""
    return _length(flow_hw2 + _warped(back_hw2, flow_hw2))


def _warped(picture_hwC: np.ndarray, flow_hw2: np.ndarray) -> np.ndarray:
    return cv2.remap(picture_hwC, *_places(flow_hw2), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _places(flow_hw2: np.ndarray) -> Pair:
    """Where each pixel is after the flow: x and y."""
    height, width = flow_hw2.shape[:2]
    x_hw = flow_hw2[..., 0] + np.arange(width, dtype=np.float32)
    return x_hw, flow_hw2[..., 1] + np.arange(height, dtype=np.float32)[:, None]


def _length(flow_hw2: np.ndarray) -> np.ndarray:
    return cv2.magnitude(np.ascontiguousarray(flow_hw2[..., 0]), np.ascontiguousarray(flow_hw2[..., 1]))


def _box(values_hw: np.ndarray, side: int, depth: int = -1) -> np.ndarray:
    return cv2.boxFilter(values_hw, depth, (side, side), borderType=cv2.BORDER_REFLECT_101)


def _median(flow_hw2: np.ndarray) -> np.ndarray:
    return cv2.merge([cv2.medianBlur(np.ascontiguousarray(flow_hw2[..., axis]), 3) for axis in (0, 1)])


def _resized(flow_hw2: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A flow at another size (width, height), in pixels of that size."""
    ratio_2 = np.array([size[0] / flow_hw2.shape[1], size[1] / flow_hw2.shape[0]], np.float32)
    interpolation = cv2.INTER_AREA if ratio_2[0] < 1 else cv2.INTER_LINEAR
    return cv2.resize(flow_hw2, size, interpolation=interpolation) * ratio_2
