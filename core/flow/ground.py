"""The ground of two frames, before which small things move: its motion, and what lies behind them."""

import cv2
import numpy as np

CELL = 16  # pixels; the ground's motion is the median of the flow at every CELL-th pixel ...
WINDOW = 5  # ... over this many cells across
COARSE = 4  # still and moving ground are compared at every COARSE-th pixel
MOST_DIFFERING = 0.35  # share of a surrounding that may be things in front of still ground
STILL_GROUND = 1.0  # mean difference, of 255, by which the ground may be explained worse if it is still
DIFFERS = 23  # colour difference to the ground, of 255, from which a pixel is part of something else


def ground_motion(flow_2HW: np.ndarray, frame_HW3: np.ndarray, other_HW3: np.ndarray) -> np.ndarray:
    """The motion of the ground: the flow without small things.

    It is zero where that explains the frames as well; else the median of the flow over a wide surrounding. On flat
    ground the flow is that of the things in front.

    Args:
        flow_2HW: from the frame to the other, in pixels.
        frame_HW3, other_HW3: from `ordinary_pictures`.

    Returns:
        ground_2HW, in pixels.
    """
    _, height, width = flow_2HW.shape
    cells_2hw = flow_2HW[:, CELL // 2 :: CELL, CELL // 2 :: CELL]
    reach = WINDOW // 2
    padded_2hw = np.pad(cells_2hw, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded_2hw, (WINDOW, WINDOW), axis=(1, 2))
    median_2hw = np.median(windows.reshape(*windows.shape[:3], -1), axis=3).astype(np.float32)
    few_hw3, others_hw3 = (np.ascontiguousarray(each[::COARSE, ::COARSE]) for each in (frame_HW3, other_HW3))
    few_2hw = _resized(median_2hw, few_hw3.shape[:2])
    still_hw, differing_hw = _remainder(few_hw3, others_hw3)
    moved_hw, _ = _remainder(few_hw3, moved_back(others_hw3, few_2hw / COARSE))
    moves_hw = ((differing_hw >= MOST_DIFFERING) | (still_hw >= moved_hw + STILL_GROUND)).astype(np.uint8)
    moves_HW = cv2.resize(moves_hw, (width, height), interpolation=cv2.INTER_NEAREST)
    return _resized(median_2hw, (height, width)) * moves_HW


def _resized(flow_2hw: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    return np.stack([cv2.resize(each_hw, size[1::-1], interpolation=cv2.INTER_LINEAR) for each_hw in flow_2hw])


def _remainder(frame_hw3: np.ndarray, other_hw3: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Over a wide surrounding: mean difference of the pixels that are about equal, and share of those that are not."""
    difference_hw = difference(frame_hw3, other_hw3)
    differs_hw = difference_hw >= DIFFERS
    window = (CELL * WINDOW // COARSE, CELL * WINDOW // COARSE)
    share_hw = cv2.blur(differs_hw.astype(np.float32), window)
    mean_hw = cv2.blur((difference_hw * ~differs_hw).astype(np.float32), window)
    return mean_hw / np.maximum(1 - share_hw, 0.05), share_hw


def moved_back(image_HWC: np.ndarray, flow_2HW: np.ndarray) -> np.ndarray:
    """Sample an image at each pixel's position plus its flow; edge pixels are repeated."""
    _, height, width = flow_2HW.shape
    if not flow_2HW.any():
        return image_HWC
    x_HW = flow_2HW[0] + np.arange(width, dtype=np.float32)
    y_HW = flow_2HW[1] + np.arange(height, dtype=np.float32)[:, None]
    return cv2.remap(image_HWC, x_HW, y_HW, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def sampled(image_HWC: np.ndarray, points_N2: np.ndarray) -> np.ndarray:
    """An image at points, x and y, bilinear; edge pixels are repeated. Shape (N, C), float32."""
    height, width, _ = image_HWC.shape
    x_N, y_N = points_N2[:, 0].clip(0, width - 1), points_N2[:, 1].clip(0, height - 1)
    left_N, top_N = x_N.astype(int), y_N.astype(int)
    right_N, bottom_N = np.minimum(left_N + 1, width - 1), np.minimum(top_N + 1, height - 1)
    x_N1, y_N1 = (x_N - left_N)[:, None], (y_N - top_N)[:, None]
    above_NC = image_HWC[top_N, left_N] * (1 - x_N1) + image_HWC[top_N, right_N] * x_N1
    below_NC = image_HWC[bottom_N, left_N] * (1 - x_N1) + image_HWC[bottom_N, right_N] * x_N1
    return above_NC * (1 - y_N1) + below_NC * y_N1


def difference(first_HW3: np.ndarray, second_HW3: np.ndarray) -> np.ndarray:
    """The largest difference of the three colours, of shape (H, W)."""
    difference_HW3 = cv2.absdiff(first_HW3, second_HW3)
    return np.maximum(np.maximum(difference_HW3[..., 0], difference_HW3[..., 1]), difference_HW3[..., 2])


def square(reach: int) -> np.ndarray:
    """A mask that reaches this many pixels around a pixel, for cv2.dilate and cv2.erode."""
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)


def behind_things(frame_HW3: np.ndarray, other_HW3: np.ndarray, hole_HW: np.ndarray) -> np.ndarray:
    """The mean of two 8-bit frames with holes filled from around; coarse."""
    size = hole_HW.shape[1::-1]
    few_hw3 = cv2.addWeighted(
        np.ascontiguousarray(frame_HW3[::2, ::2]),
        0.5,
        np.ascontiguousarray(other_HW3[::2, ::2]),
        0.5,
        0,
    )
    known_hw = (1 - hole_HW[::2, ::2]).astype(np.float32)
    filled_hw3 = pull_push(few_hw3 * known_hw[..., None], known_hw)
    return cv2.resize(filled_hw3.round().astype(np.uint8), size, interpolation=cv2.INTER_LINEAR)


def pull_push(sums_HWC: np.ndarray, weight_HW: np.ndarray) -> np.ndarray:
    """Divide sums by their weight, and fill places without weight from ever wider surroundings."""
    height, width = weight_HW.shape
    mean_HWC = sums_HWC / np.maximum(weight_HW, 1e-6)[..., None]
    if min(height, width) < 4:
        return mean_HWC
    half = ((width + 1) // 2, (height + 1) // 2)
    coarse_hwC = pull_push(
        cv2.resize(sums_HWC, half, interpolation=cv2.INTER_AREA),
        cv2.resize(weight_HW, half, interpolation=cv2.INTER_AREA),
    )
    around_HWC = cv2.resize(coarse_hwC, (width, height), interpolation=cv2.INTER_LINEAR)
    share_HW1 = np.minimum(weight_HW * 2, 1)[..., None]
    return around_HWC + (mean_HWC - around_HWC) * share_HW1
