"""Whether two frames show one scene: what tells a cut from motion and from a change of light.

Both frames are compared at a coarse size, without what is equal in both (bars, logos) and relative to the contrast
around each pixel, so brightness, fog, and vignettes do not count. One frame is aligned with the other by the shift that
correlates best (normalised cross-correlation over all shifts with masks, after Padfield, "Masked Object Registration in
the Fourier Domain", IEEE TIP 2012) and then by optical flow. Four measures of the aligned pair decide, with weights
fitted on synthetic scenes (`benchmarks/cuts.py`).
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

SIDE, LONGEST = 128, 512  # pixels of the shorter side, and at most of the longer one, at which frames are compared
SMALLEST = 64  # DIS refuses pictures that are too small for its patches; smaller sides are padded to this

# Pixels are equal if they differ by no more than a share of the frame's contrast, kept within these two bounds.
EQUAL_CONTRAST, EQUAL_LEAST, EQUAL_MOST = 0.02, 0.2 / 255, 1.5 / 255
CHANGED = 0.01  # share of the frame that must differ
EQUAL_SHARE = 0.3  # share of the fine detail that is equal in both frames from which the scene stands still
LEAST_SIDE = 16  # pixels; smaller frames are too small to judge

DETAIL = 7.0  # pixels; detail is what is finer than a blur of this sigma
CONTRAST_FLOOR, NOISE = 0.15, 0.0015  # contrast that counts as none: share of the frame's own, and in the range 0 to 1
WINDOW = 4.0  # sigma of the window over which detail is correlated, in pixels
OVERLAP = 0.35  # share of the smaller frame that must overlap the other after a shift

# Detail that is in the same place in both frames lies on top of the scene, if it is the smaller part of all detail.
# If it is most of the detail, the scene itself hardly moves.
HELD_CORRELATION, HELD_SHARE, UNMOVED_SHARE = 0.8, 0.3, 0.6

# A frame without detail beside one with detail: a cut from or to a blank picture, or a step of a fade.
BLANK = 0.08  # share of the other frame's detail below which a frame has none
BLACK, BLACK_SHARE = 0.06, 0.35  # brightness of black, and share of the other frame's detail and brightness it may have
BLANK_STEP, BLANK_WIDTH = 0.18, 0.03  # mean difference of a cut, and how fast likeness falls around it

MATCHED = 0.7  # correlation from which a pixel counts as found in the other frame
ROUGHNESS = 0.15  # change of the flow from pixel to pixel; on rougher flow a match counts less than half
SURE = 0.5  # matched share from which no other alignment is tried
TURNS = ((1.0, 7.0), (1.0, -7.0), (1.12, 0.0), (1 / 1.12, 0.0))  # zoom and degrees that are tried at last

# Fitted by `benchmarks/cuts.py --fit`: likeness = 1 / (1 + exp(-(measures @ WEIGHTS + BIAS))).
WEIGHTS = (3.8, 3.64, 3.48, 1.85)
BIAS = -4.16


@dataclass(frozen=True)
class SceneMeasures:
    """What was measured between two aligned frames, each 0 to 1, or -1 to 1 for correlations.

    correlation: mean local correlation of each frame's detail with what its flow points at.
    peak: correlation of the whole frames after the best shift.
    matched: share of the detail that is found in the other frame by flow that comes back to its start.
    smooth: the same, weighted by how smooth the flow is: a wrong match needs a bent flow.
    """

    correlation: float
    peak: float
    matched: float
    smooth: float

    @property
    def vector(self) -> tuple[float, float, float, float]:
        """The measures in the order of `WEIGHTS`."""
        return self.correlation, self.peak, self.matched, self.smooth

    @property
    def likeness(self) -> float:
        """How likely the frames show one scene, 0 to 1."""
        return _logistic(float(np.dot(self.vector, WEIGHTS)) + BIAS)


@dataclass(frozen=True)
class Blank:
    """A frame without detail, or black but for grain or writing, beside one with detail.

    difference: mean difference of the two, where they differ, 0 to 1.
    """

    difference: float

    @property
    def likeness(self) -> float:
        """How likely this is a step of a fade and not a cut from or to a blank picture, 0 to 1."""
        return _logistic((BLANK_STEP - self.difference) / BLANK_WIDTH)


@torch.no_grad()
def coarse_picture(frame_HWC: Tensor) -> np.ndarray:
    """A frame as it is compared: RGB float32 in [0, 1] on the CPU, with at most `SIDE` pixels on its shorter side.

    Args:
        frame_HWC: RGB, floating, on any device; values outside 0 to 1 are clipped.
    """
    height, width = frame_HWC.shape[:2]
    scale = min(1.0, SIDE / min(height, width), LONGEST / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    if frame_HWC.device.type != "cpu" and scale < 1:
        frame_HWC = functional.interpolate(frame_HWC.float().movedim(2, 0)[None], size, mode="area")[0].movedim(0, 2)
        scale = 1.0
    picture_hwc = frame_HWC.to("cpu", torch.float32).contiguous().numpy()
    if scale < 1:
        picture_hwc = cv2.resize(picture_hwc, size[::-1], interpolation=cv2.INTER_AREA)
    return np.nan_to_num(picture_hwc).clip(0, 1)


def likeness_of(first_hwc: np.ndarray, second_hwc: np.ndarray, fades: bool = True) -> float:
    """How likely two frames show one scene, from 0 (a cut) to 1.

    Args:
        first_hwc, second_hwc: from `coarse_picture`, of one size.
        fades: a blank frame beside a dim one counts as one scene, as in a fade from black; else as a cut.
    """
    measured = measure(first_hwc, second_hwc)
    if isinstance(measured, Blank):
        return measured.likeness if fades else 0.0
    return 1.0 if measured is None else measured.likeness


def measure(first_hwc: np.ndarray, second_hwc: np.ndarray) -> SceneMeasures | Blank | None:
    """Measure two frames; see `likeness_of`.

    Returns:
        The measures of the best alignment; or `Blank`, if one frame has no detail; or None, which counts as one scene,
        if the frames hardly differ or move, both have no detail, or a side is shorter than 16 pixels.
    """
    if min(first_hwc.shape[:2]) < LEAST_SIDE:
        return None
    apart_hw3 = cv2.absdiff(first_hwc, second_hwc)
    apart_hw = np.maximum(np.maximum(apart_hw3[..., 0], apart_hw3[..., 1]), apart_hw3[..., 2])
    free_hw, equal_share = _free(first_hwc, second_hwc, apart_hw)
    if free_hw.mean() < CHANGED or equal_share > EQUAL_SHARE:
        return None
    first, second = _Detail.of(first_hwc, free_hw), _Detail.of(second_hwc, free_hw)
    held_hw = (_correlation(first, second) > HELD_CORRELATION).astype(np.float32)
    weight_hw = first.weight_hw + second.weight_hw
    held_share = float((held_hw * weight_hw).sum() / max(float(weight_hw.sum()), 1e-6))
    if held_share > UNMOVED_SHARE:
        return None
    if held_share < HELD_SHARE:
        keep_hw = cv2.erode(1 - held_hw, np.ones((3, 3), np.uint8))
        first, second, free_hw = first.within(keep_hw), second.within(keep_hw), free_hw * keep_hw
    least, most = sorted((first.spread(8), second.spread(8)))
    if most < NOISE:
        return None
    blank = Blank(float((apart_hw * free_hw).sum() / max(float(free_hw.sum()), 1.0)))
    if least < BLANK * most:
        return blank
    measured = _best_alignment(first, second)
    if measured.likeness < 0.5 and _is_black(first_hwc, second_hwc, free_hw, first.spread(3), second.spread(3)):
        return blank
    return measured


def _is_black(
    first_hwc: np.ndarray, second_hwc: np.ndarray, free_hw: np.ndarray, first_spread: float, second_spread: float
) -> bool:
    """Whether one frame is black but for grain or some writing, and the other is brighter and has more detail."""
    first_N, second_N = (frame_hwc.mean(axis=2)[free_hw > 0] for frame_hwc in (first_hwc, second_hwc))
    if first_spread > second_spread:
        first_N, second_N, first_spread, second_spread = second_N, first_N, second_spread, first_spread
    has_less = first_spread < BLACK_SHARE * second_spread and first_N.mean() < BLACK_SHARE * second_N.mean()
    return bool(has_less and np.quantile(first_N, 0.75) < BLACK)


@dataclass(frozen=True, eq=False)
class _Detail:
    """The detail of a frame at the coarse size, relative to the contrast around it.

    detail_hw3: 0 where it is masked.
    weight_hw: 0 where it is masked or flat, to 1 where contrast is high.
    raw_hw: how strong detail is, in the range of the frame.
    """

    detail_hw3: np.ndarray
    weight_hw: np.ndarray
    raw_hw: np.ndarray

    @staticmethod
    def of(frame_hw3: np.ndarray, free_hw: np.ndarray) -> "_Detail":
        around_hw = _blurred(free_hw, DETAIL) + 1e-3
        mean_hw3 = _blurred(frame_hw3 * free_hw[..., None], DETAIL) / around_hw[..., None]
        raw_hw3 = (frame_hw3 - mean_hw3) * free_hw[..., None]
        energy_hw = _dot(raw_hw3, raw_hw3)
        usual = float(np.sqrt(energy_hw.sum() / max(free_hw.sum(), 1.0)))
        variance_hw = _blurred(energy_hw, DETAIL) / around_hw
        floor = (CONTRAST_FLOOR * usual + NOISE) ** 2
        detail_hw3 = raw_hw3 / np.sqrt(variance_hw + floor)[..., None]
        fine_hw3 = cv2.GaussianBlur(raw_hw3, (0, 0), 1.5)
        return _Detail(detail_hw3, variance_hw / (variance_hw + floor) * free_hw, np.sqrt(_dot(fine_hw3, fine_hw3)))

    def spread(self, one_in: int) -> float:
        """How much detail there is, in the range of the frame: what 1 pixel in so many exceeds."""
        values_N = self.raw_hw[self.weight_hw > 0]
        if not len(values_N):
            return 0.0
        place = len(values_N) - 1 - len(values_N) // one_in
        return float(np.partition(values_N, place)[place])

    def within(self, mask_hw: np.ndarray) -> "_Detail":
        return _Detail(self.detail_hw3 * mask_hw[..., None], self.weight_hw * mask_hw, self.raw_hw)

    def moved(self, matrix_23: np.ndarray) -> "_Detail":
        size = self.weight_hw.shape[::-1]
        detail_hw3, weight_hw = (cv2.warpAffine(each, matrix_23, size) for each in (self.detail_hw3, self.weight_hw))
        return _Detail(detail_hw3, weight_hw, self.raw_hw)

    def halved(self) -> tuple[np.ndarray, np.ndarray]:
        """Detail and mask at half the size."""
        size = tuple(max(1, side // 2) for side in self.weight_hw.shape[::-1])
        mask_hw = (self.weight_hw > 0).astype(np.float32)
        return tuple(cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (self.detail_hw3, mask_hw))

    def as_bytes(self) -> np.ndarray:
        """A grey picture for optical flow, padded to the smallest size that it takes."""
        height, width = self.weight_hw.shape
        sum_hw = self.detail_hw3[..., 0] + self.detail_hw3[..., 1] + self.detail_hw3[..., 2]
        grey_hw = np.clip(sum_hw * 30 + 128, 0, 255).astype(np.uint8)
        below, right = max(SMALLEST - height, 0), max(SMALLEST - width, 0)
        return cv2.copyMakeBorder(grey_hw, 0, below, 0, right, cv2.BORDER_REPLICATE)


def _best_alignment(first: _Detail, second: _Detail) -> SceneMeasures:
    """Align by the best shift; if that does not settle it, also by flow alone, and by the best of a few turns."""
    peak, unmoved, shift_23 = _best_shift(first, second)
    tried = [_followed(first, second.moved(shift_23), peak)]
    if tried[0].matched >= SURE:
        return tried[0]
    if shift_23[:, 2].any():
        tried.append(_followed(first, second, unmoved))
    height, width = first.weight_hw.shape
    turned = []
    for zoom, degrees in TURNS:
        turn_23 = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, zoom).astype(np.float32)
        peak, _, shift_23 = _best_shift(first, second.moved(turn_23))
        turn_23[:, 2] += shift_23[:, 2]
        turned.append((peak, turn_23))
    peak, turn_23 = max(turned, key=lambda each: each[0])
    tried.append(_followed(first, second.moved(turn_23), peak))
    return max(tried, key=lambda each: each.likeness)


def _best_shift(first: _Detail, second: _Detail) -> tuple[float, float, np.ndarray]:
    """The best correlation over all shifts, the one without a shift, and the matrix that undoes the best shift."""
    (own_hw3, own_mask_hw), (other_hw3, other_mask_hw) = first.halved(), second.halved()
    size = tuple(cv2.getOptimalDFTSize(2 * side) for side in own_mask_hw.shape)

    def spectrum(values: np.ndarray) -> np.ndarray:
        return np.fft.rfft2(values, size, axes=(0, 1))

    def correlated(own: np.ndarray, other: np.ndarray) -> np.ndarray:
        product = own.conj() * other if own.ndim == 2 else _dot(own.conj(), other)
        return np.fft.irfft2(product, size)

    own_mask, other_mask = spectrum(own_mask_hw), spectrum(other_mask_hw)
    own_energy = correlated(spectrum(_dot(own_hw3, own_hw3)), other_mask)
    other_energy = correlated(own_mask, spectrum(_dot(other_hw3, other_hw3)))
    both = correlated(spectrum(own_hw3), spectrum(other_hw3))
    enough = correlated(own_mask, other_mask) > OVERLAP * min(own_mask_hw.sum(), other_mask_hw.sum())
    values = np.where(enough, both / np.sqrt(np.maximum(own_energy * other_energy, 1e-6)), -1)
    row, column = np.unravel_index(values.argmax(), values.shape)
    down, right = ((at + side // 2) % side - side // 2 for at, side in zip((row, column), size, strict=True))
    matrix_23 = np.array([[1, 0, -2 * right], [0, 1, -2 * down]], np.float32)
    return float(values[row, column]), float(values[0, 0]), matrix_23


def _followed(first: _Detail, second: _Detail, peak: float) -> SceneMeasures:
    """Find flow both ways, and measure what it leads to."""
    height, width = first.weight_hw.shape
    first_bytes, second_bytes = first.as_bytes(), second.as_bytes()
    forward_hw2 = _flow(first_bytes, second_bytes)[:height, :width]
    backward_hw2 = _flow(second_bytes, first_bytes)[:height, :width]
    sums = _follow(first, second, forward_hw2, backward_hw2) + _follow(second, first, backward_hw2, forward_hw2)
    correlation, matched, smooth = (sums[1:] / max(float(sums[0]), 1e-6)).tolist()
    return SceneMeasures(correlation, peak, matched, smooth)


def _follow(own: _Detail, other: _Detail, flow_hw2: np.ndarray, back_hw2: np.ndarray) -> np.ndarray:
    """Sums over the frame: the weight of what stays inside the other frame, its correlation, matched, and smooth."""
    height, width = own.weight_hw.shape
    rows_h1, columns_w = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    x_hw, y_hw = columns_w + flow_hw2[..., 0], rows_h1 + flow_hw2[..., 1]
    fetched, fetched_weight_hw, fetched_back_hw2 = (
        cv2.remap(each, x_hw, y_hw, cv2.INTER_LINEAR) for each in (other.detail_hw3, other.weight_hw, back_hw2)
    )
    correlation_hw = _correlation(own, _Detail(fetched, fetched_weight_hw, other.raw_hw))
    returned_hw = _length(flow_hw2 + fetched_back_hw2) <= 1 + 0.05 * _length(flow_hw2)
    weight_hw = own.weight_hw * (fetched_weight_hw > 0)
    matched_hw = weight_hw * ((correlation_hw > MATCHED) & returned_hw)
    smooth_hw = matched_hw / (1 + np.square(_roughness(flow_hw2) / ROUGHNESS))
    sums = weight_hw.sum(), (correlation_hw * weight_hw).sum(), matched_hw.sum(), smooth_hw.sum()
    return np.array(sums, np.float64)


def _correlation(first: _Detail, second: _Detail) -> np.ndarray:
    """The local correlation of two frames' detail around each pixel, -1 to 1."""
    both_hw1 = ((first.weight_hw > 0) & (second.weight_hw > 0)).astype(np.float32)[..., None]
    own_hw3, other_hw3 = first.detail_hw3 * both_hw1, second.detail_hw3 * both_hw1
    products_hw3 = np.stack([_dot(own_hw3, other_hw3), _dot(own_hw3, own_hw3), _dot(other_hw3, other_hw3)], axis=2)
    shared, own, other = cv2.split(cv2.GaussianBlur(products_hw3, (0, 0), WINDOW))
    return shared / np.sqrt(own * other + 5e-4)


def _free(first_hw3: np.ndarray, second_hw3: np.ndarray, apart_hw: np.ndarray) -> tuple[np.ndarray, float]:
    """Where the frames differ, and how much of their fine detail is equal in both, 0 to 1.

    The mask is 0 at large equal places and at equal detail, such as writing, with their rims. Small equal places
    without detail count as different: some pixels are equal by chance.
    """
    contrast = min(float(first_hw3.std()), float(second_hw3.std()))
    equal = min(max(EQUAL_CONTRAST * contrast, EQUAL_LEAST), EQUAL_MOST)
    small, medium = np.ones((3, 3), np.uint8), np.ones((5, 5), np.uint8)
    differs_hw = (apart_hw > equal).astype(np.uint8)
    closed_hw = cv2.morphologyEx(differs_hw, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8), borderType=cv2.BORDER_REFLECT)
    first_detail_hw, second_detail_hw = (_range(frame_hw3) > 4 * equal for frame_hw3 in (first_hw3, second_hw3))
    overlay_hw = cv2.erode(1 - differs_hw, small) & first_detail_hw
    free_hw = (cv2.erode(closed_hw, small) & (1 - cv2.dilate(overlay_hw, medium))).astype(np.float32)
    equal_detail = 2 * float((first_detail_hw & second_detail_hw & (differs_hw == 0)).sum())
    all_detail = float(first_detail_hw.sum()) + float(second_detail_hw.sum())
    return free_hw, equal_detail / max(all_detail, 1.0)


def _range(frame_hw3: np.ndarray) -> np.ndarray:
    """The difference between the brightest and the darkest pixel around each pixel, in any channel."""
    small = np.ones((3, 3), np.uint8)
    range_hw3 = cv2.dilate(frame_hw3, small) - cv2.erode(frame_hw3, small)
    return np.maximum(np.maximum(range_hw3[..., 0], range_hw3[..., 1]), range_hw3[..., 2])


def _flow(first_hw: np.ndarray, second_hw: np.ndarray) -> np.ndarray:
    estimator = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    estimator.setVariationalRefinementIterations(0)
    return estimator.calc(first_hw, second_hw, None)


def _roughness(flow_hw2: np.ndarray) -> np.ndarray:
    """How much the flow changes from a pixel to its neighbours, averaged over some pixels."""
    change_hw = np.zeros(flow_hw2.shape[:2], np.float32)
    across_hw2, down_hw2 = np.abs(flow_hw2[:, 1:] - flow_hw2[:, :-1]), np.abs(flow_hw2[1:] - flow_hw2[:-1])
    change_hw[:, 1:] += across_hw2[..., 0] + across_hw2[..., 1]
    change_hw[1:] += down_hw2[..., 0] + down_hw2[..., 1]
    return cv2.GaussianBlur(change_hw, (0, 0), 3)


def _blurred(values: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian blur, at half the size because it is wide."""
    height, width = values.shape[:2]
    small = cv2.resize(values, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / 2), (width, height), interpolation=cv2.INTER_LINEAR)


def _dot(first_hwc: np.ndarray, second_hwc: np.ndarray) -> np.ndarray:
    return np.einsum("hwc,hwc->hw", first_hwc, second_hwc)  # several times faster than a product and a sum


def _length(flow_hw2: np.ndarray) -> np.ndarray:
    return np.sqrt(np.square(flow_hw2[..., 0]) + np.square(flow_hw2[..., 1]))


def _logistic(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))
