"""The motion of repeated texture, such as fences, bricks, chequers and blinds.

A texture that repeats looks the same when it has moved by a whole period. Optical flow that goes from coarse to fine
cannot see the texture at coarse levels, so it finds a wrong period, or a different one in each place, which tears the
texture. Both frames agree along such a flow, so no comparison of colours shows it.

Repeated texture is recognised by its likeness to itself (`core.flow.self_similarity`). Its motion is one of a few
candidates, the peaks of the correlation between the frames (Kuglin and Hines, "The Phase Correlation Image Alignment
Method", 1975). All of them fit the texture itself. What does not repeat, such as the borders of a fence and the things
around it, tells them apart, so each connected area of repeated texture is judged as a whole, with its surroundings. If
nothing tells them apart, the shortest motion is taken. It is refined in each place (Lucas and Kanade, "An Iterative
Image Registration Technique", 1981).

If no motion of the whole frame fits, turns and zooms are tried, as affine motions. If none of these fits either, and
the flow is torn, it becomes zero in the texture, so that the place is cross-faded and reported.

Frames without repeated texture that changes keep their flow to the bit.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from .self_similarity import RepeatedArea, overlap, repeated_areas

SURROUNDINGS = 24  # pixels around repeated texture that help to judge its motion
PEAKS = 8  # of each correlation
APART = 3  # pixels between two candidates
HIGH_PASS = 8.0  # sigma in pixels
WHITENED = 0.5  # how far the spectrum is whitened, from 0 (cross-correlation) to 1 (phase correlation)
FITS = 0.12  # a motion fits if its mean error is at most this share of the contrast
CLOSE, CLOSE_SHARE, MOST_CLOSE = 1.1, 0.03, 5  # if others are close, that many are refined and compared again
FITTED, FITS_AGAIN = 2, 4  # if none fits, that many are fitted to turns and zooms, in so many rounds,
GROWS = 0.25  # each to all places where the error is below this share of the contrast,
FITS_LEAST, FITS_SHARE = 0.35, 0.5  # and must have this error, or fit well in this share of the area
TORN, TORN_SHARE = 0.3, 0.1  # flow is torn where it is off by this share of a period in this share of an area
AS_GOOD, AS_GOOD_SHARE = 1.01, 0.01  # an error is as good as the least if it is at most this many times it, plus this
# share of the contrast of the texture

REFINEMENTS = 5
WINDOW = 15  # pixels a side
TOWARDS_START = 10.0  # weight of the candidate itself, in squared grey values per squared pixel
FARTHEST_FROM_START = 4.0  # pixels
SMOOTHED = 0.8  # sigma in pixels; fine detail differs where it is sampled at other places
BORDER = 4  # pixels at the borders of the frame where smoothing and gradients are not reliable
LEAVES = 10.0  # of 255: error of a flow that leaves the frame where the new one does not
OFF = 1.0  # pixel: two flows that differ by less follow the same motion
# Where the new flow is taken: up to so many pixels from the texture, if its mean error in a square of so many pixels a
# side is at most so many times that of the old flow, plus this share of the contrast of the texture. Farther away,
# things may be torn by the flow of the texture, too.
TAKEN = ((0, 61, 1.5, 0.1), (24, 31, 1.25, 0.04), (64, 31, 0.8, 0.0))


@dataclass(frozen=True)
class _Fit:
    """An affine motion, its mean error in and around an area, and in what share of that it fits well."""

    motion_23: np.ndarray
    error: float
    share: float


def corrected(
    first_HW: np.ndarray, second_HW: np.ndarray, forward_HW2: np.ndarray, backward_HW2: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Correct the flow between two frames where a repeated texture moves.

    Args:
        first_HW, second_HW: grey pictures, uint8, of any one size.
        forward_HW2, backward_HW2: flow from the first frame to the second and back, float32, in pixels, x first.

    Returns:
        Both flows, corrected; the same objects if nothing that repeats moves.
    """
    areas = repeated_areas(first_HW, second_HW)
    for area in areas:
        motion_23 = _motion(first_HW, second_HW, area)
        if motion_23 is not None:
            forward_HW2 = _with_motion(first_HW, second_HW, forward_HW2, area, motion_23)
            back_23 = cv2.invertAffineTransform(motion_23)
            backward_HW2 = _with_motion(second_HW, first_HW, backward_HW2, area.moved(motion_23), back_23)
        elif _is_torn(forward_HW2, area):
            forward_HW2, backward_HW2 = (
                np.where(area.mask_HW[..., None], np.float32(0), flow_HW2) for flow_HW2 in (forward_HW2, backward_HW2)
            )
    return forward_HW2, backward_HW2


def _motion(first_HW: np.ndarray, second_HW: np.ndarray, area: RepeatedArea) -> np.ndarray | None:
    """The affine motion that fits an area and its surroundings best, the shortest of several, or None if none fits."""
    near_HW = _widened(area.mask_HW, SURROUNDINGS).astype(np.float32)
    candidates = _peaks(first_HW, second_HW, near_HW)
    if near_HW.mean() < 0.9:
        candidates = _apart([*candidates, *_peaks(first_HW, second_HW, np.ones_like(near_HW))])
    errors = [_shifted_error(first_HW, second_HW, near_HW, x, y) for x, y in candidates]
    motions = [np.array([[1, 0, x], [0, 1, y]], np.float32) for x, y in candidates]
    smooth_HW, other_HW = _smoothed(first_HW), _smoothed(second_HW)
    least = min(errors)
    close = [
        each
        for each, error in zip(motions, errors, strict=True)
        if error <= CLOSE * least + CLOSE_SHARE * area.contrast
    ]
    close = sorted(close, key=lambda each: _length(area, each))[:MOST_CLOSE]
    if least <= FITS * area.contrast:
        if len(close) == 1:
            return close[0]
        fitted = [_fitted(smooth_HW, other_HW, each, area, near_HW, 0) for each in close]
    else:
        best = [motions[index] for index in np.argsort(errors, kind="stable")[:FITTED]]
        shortest = min(motions, key=lambda each: _length(area, each))
        fitted = [_fitted(smooth_HW, other_HW, each, area, near_HW, FITS_AGAIN) for each in (*best, shortest)]
        motion_23 = min(fitted, key=lambda each: each.error).motion_23
        period_23 = np.array([[0, 0, area.period[0]], [0, 0, area.period[1]]], np.float32)
        others = [motion_23 + times * period_23 for times in (-2, -1, 1, 2)]
        fitted += [_fitted(smooth_HW, other_HW, each, area, near_HW, 1) for each in others]
        best_fit = min(fitted, key=lambda each: each.error)
        if best_fit.error > FITS_LEAST * area.contrast and best_fit.share < FITS_SHARE:
            return None
    most = AS_GOOD * min(each.error for each in fitted) + AS_GOOD_SHARE * area.contrast
    return min((each.motion_23 for each in fitted if each.error <= most), key=lambda each: _length(area, each))


def _length(area: RepeatedArea, motion_23: np.ndarray) -> float:
    """How far the middle of an area moves."""
    y_N, x_N = np.nonzero(area.mask_HW)
    middle = np.array([x_N.mean(), y_N.mean()])
    return float(np.hypot(*(motion_23 @ [*middle, 1] - middle)))


def _fitted(
    own_HW: np.ndarray,
    other_HW: np.ndarray,
    motion_23: np.ndarray,
    area: RepeatedArea,
    near_HW: np.ndarray,
    rounds: int,
) -> _Fit:
    """Fit an affine motion that starts as this one to the places where it fits, in several rounds."""
    height, width = own_HW.shape
    y_N, x_N = (each[::5, ::5].ravel() for each in np.mgrid[:height, :width].astype(np.float32))
    places_N3 = np.stack([x_N, y_N, np.ones_like(x_N)], 1)
    for _ in range(rounds):
        flow_HW2 = _refined(own_HW, other_HW, motion_23, _farthest(area))
        wrong_HW = cv2.blur(np.abs(_fetched(other_HW, flow_HW2) - own_HW), (WINDOW, WINDOW))
        fits_HW = (wrong_HW < GROWS * area.contrast) & area.mask_HW & (_inside(flow_HW2, BORDER) > 0)
        fits_N = fits_HW[::5, ::5].ravel()
        if fits_N.sum() < 20:
            break
        targets_N2 = (places_N3[:, :2] + flow_HW2[::5, ::5].reshape(-1, 2))[fits_N]
        motion_23 = np.linalg.lstsq(places_N3[fits_N], targets_N2, rcond=None)[0].T.astype(np.float32)
    flow_HW2 = _refined(own_HW, other_HW, motion_23, _farthest(area))
    weight_HW = near_HW * _inside(flow_HW2, BORDER)
    if weight_HW.sum() < 0.3 * near_HW.sum():
        return _Fit(motion_23, 255.0, 0.0)
    wrong_HW = np.abs(_fetched(other_HW, flow_HW2) - own_HW)
    fits_HW = cv2.blur(wrong_HW, (WINDOW, WINDOW)) < GROWS * area.contrast
    error, share = ((each * weight_HW).sum() / weight_HW.sum() for each in (wrong_HW, fits_HW))
    return _Fit(motion_23, float(error), float(share))


def _farthest(area: RepeatedArea) -> float:
    return min(FARTHEST_FROM_START, 0.3 * area.length)


def _smoothed(grey_HW: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(grey_HW.astype(np.float32), (0, 0), SMOOTHED)


def _is_torn(flow_HW2: np.ndarray, area: RepeatedArea) -> bool:
    """Whether a flow jumps by periods within the area."""
    around_HW2 = cv2.blur(flow_HW2, (WINDOW, WINDOW))
    off_HW = np.hypot(*(flow_HW2 - around_HW2).transpose(2, 0, 1)) > TORN * area.length
    return bool(off_HW[area.mask_HW].mean() > TORN_SHARE)


def _peaks(first_HW: np.ndarray, second_HW: np.ndarray, weight_HW: np.ndarray) -> list[tuple[int, int]]:
    height, width = first_HW.shape
    window_HW = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1]).astype(np.float32) ** 0.5
    window_HW = window_HW * cv2.blur(weight_HW, (SURROUNDINGS, SURROUNDINGS))
    spectra = []
    for grey_HW in (first_HW, second_HW):
        passed_HW = grey_HW.astype(np.float32)
        passed_HW -= cv2.GaussianBlur(passed_HW, (0, 0), HIGH_PASS)
        spectra.append(torch.fft.rfft2(torch.from_numpy(passed_HW * window_HW)))
    cross = spectra[0].conj() * spectra[1]
    size = cross.abs()
    cross = cross / (size + 0.01 * size.mean()) ** WHITENED
    correlation_HW = torch.fft.irfft2(cross, s=(height, width)).numpy()
    correlation_HW = np.fft.fftshift(correlation_HW)
    y_N, x_N = np.nonzero(correlation_HW >= cv2.dilate(correlation_HW, np.ones((5, 5), np.uint8)))
    best_N = np.argsort(-correlation_HW[y_N, x_N], kind="stable")[:PEAKS]
    return [(int(x_N[index]) - width // 2, int(y_N[index]) - height // 2) for index in best_N]


def _apart(candidates: list[tuple[int, int]]) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for x, y in candidates:
        if all(max(abs(x - other_x), abs(y - other_y)) >= APART for other_x, other_y in kept):
            kept.append((x, y))
    return kept


def _shifted_error(first_HW: np.ndarray, second_HW: np.ndarray, weight_HW: np.ndarray, x: int, y: int) -> float:
    """Mean difference between a picture and the other one shifted, in grey values, where both show something.

    A difference counts only as far as it exceeds what half a pixel of motion makes (Birchfield and Tomasi, "A Pixel
    Dissimilarity Measure That Is Insensitive to Image Sampling", 1998).
    """
    height, width = first_HW.shape
    if abs(x) > 0.6 * width or abs(y) > 0.6 * height:
        return 255.0
    here, there = overlap(first_HW.shape, y, x)
    first_hw, second_hw = first_HW[here].astype(np.float32), second_HW[there].astype(np.float32)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    low_hw = (second_hw + cv2.erode(second_hw, cross)) / 2
    high_hw = (second_hw + cv2.dilate(second_hw, cross)) / 2
    beyond_hw = np.maximum(np.maximum(first_hw - high_hw, low_hw - first_hw), 0)
    weight_hw = weight_HW[here]
    return float((beyond_hw * weight_hw).sum() / (weight_hw.sum() + 1e-6)) if weight_hw.any() else 255.0


def _with_motion(
    own_HW: np.ndarray, other_HW: np.ndarray, flow_HW2: np.ndarray, area: RepeatedArea, motion_23: np.ndarray
) -> np.ndarray:
    """The flow, with this motion where it fits the area."""
    own_HW, other_HW = _smoothed(own_HW), _smoothed(other_HW)
    new_HW2 = _refined(own_HW, other_HW, motion_23, _farthest(area))
    inside_HW = _inside(new_HW2, BORDER)
    old_wrong_HW = inside_HW * (np.abs(_fetched(other_HW, flow_HW2) - own_HW) + LEAVES * (1 - _inside(flow_HW2)))
    new_wrong_HW = inside_HW * np.abs(_fetched(other_HW, new_HW2) - own_HW)
    taken_HW = np.zeros(own_HW.shape, bool)
    for pixels, side, times, share in TAKEN:
        shown_HW = cv2.blur(inside_HW, (side, side)) + 1e-3
        most_HW = times * cv2.blur(old_wrong_HW, (side, side)) / shown_HW + share * area.contrast
        taken_HW |= _widened(area.mask_HW, pixels) & (cv2.blur(new_wrong_HW, (side, side)) / shown_HW <= most_HW)
    taken_HW &= np.hypot(*(new_HW2 - flow_HW2).transpose(2, 0, 1)) > OFF
    return np.where(taken_HW[..., None], new_HW2, flow_HW2)


def _widened(mask_HW: np.ndarray, pixels: int) -> np.ndarray:
    return cv2.dilate(mask_HW.astype(np.uint8), np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)) > 0


def _inside(flow_HW2: np.ndarray, margin: int = 0) -> np.ndarray:
    """1 where the flow points into the frame, this many pixels or more from its borders, else 0."""
    height, width = flow_HW2.shape[:2]
    y_HW, x_HW = np.mgrid[:height, :width].astype(np.float32) + flow_HW2.transpose(2, 0, 1)[::-1]
    x_HW, y_HW = np.abs(x_HW - (width - 1) / 2), np.abs(y_HW - (height - 1) / 2)
    return ((x_HW <= (width - 1) / 2 - margin) & (y_HW <= (height - 1) / 2 - margin)).astype(np.float32)


def _fetched(picture_HW: np.ndarray, flow_HW2: np.ndarray) -> np.ndarray:
    height, width = picture_HW.shape
    y_HW, x_HW = np.mgrid[:height, :width].astype(np.float32)
    return cv2.remap(
        picture_HW, x_HW + flow_HW2[..., 0], y_HW + flow_HW2[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def _refined(own_HW: np.ndarray, other_HW: np.ndarray, motion_23: np.ndarray, farthest: float) -> np.ndarray:
    """Flow that starts as one motion, and is refined in each place."""
    height, width = own_HW.shape
    y_HW, x_HW = np.mgrid[:height, :width].astype(np.float32)
    motion = cv2.transform(np.dstack([x_HW, y_HW]), motion_23) - np.dstack([x_HW, y_HW])
    change_HW2 = np.zeros((*own_HW.shape, 2), np.float32)
    for _ in range(REFINEMENTS):
        fetched_HW = _fetched(other_HW, change_HW2 + motion)
        x_HW, y_HW = (cv2.Scharr(fetched_HW, cv2.CV_32F, *axis, scale=1 / 32) for axis in ((1, 0), (0, 1)))
        wrong_HW = own_HW - fetched_HW
        inside_HW = _inside(change_HW2 + motion, BORDER)
        x_HW, y_HW = x_HW * inside_HW, y_HW * inside_HW
        xx, xy, yy, xt, yt = (
            cv2.blur(each, (WINDOW, WINDOW))
            for each in (x_HW * x_HW, x_HW * y_HW, y_HW * y_HW, x_HW * wrong_HW, y_HW * wrong_HW)
        )
        xt, yt = xt - TOWARDS_START * change_HW2[..., 0], yt - TOWARDS_START * change_HW2[..., 1]
        xx, yy = xx + TOWARDS_START, yy + TOWARDS_START
        area_HW = xx * yy - xy * xy
        step_HW2 = np.dstack([yy * xt - xy * yt, xx * yt - xy * xt]) / area_HW[..., None]
        change_HW2 = np.clip(change_HW2 + np.clip(step_HW2, -1, 1), -farthest, farthest)
    return change_HW2 + motion
