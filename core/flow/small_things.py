"""Small and thin things that move or change on a calm ground, found in two frames: balls, limbs, streaks, letters.

Dense flow loses what moves farther than its own size, and explains it by the ground around. Seen against the ground,
such a thing stands out in one frame where the other shows the ground. So each is found whole, as a connected piece.
"""

from dataclasses import dataclass

import cv2
import numpy as np

CELL = 16  # pixels; the ground's motion is the median of the flow at every CELL-th pixel ...
WINDOW = 5  # ... over this many cells across

MOST_DIFFERING = 0.35  # share of a surrounding that may be things in front of still ground
STILL_GROUND = 1.0  # mean difference by which the ground itself may be explained worse if it is still

DIFFERS = 23  # colour difference to the ground, of 255, from which a pixel is part of a thing
LEAST_AREA = 10  # pixels; less is noise
LARGEST_AREA = 0.02  # share of the picture; more is not a small thing
MOST_OF_PICTURE = 0.3  # with a larger share of it beside the ground's motion there is no ground
THICKEST = 0.06  # of the shorter side: the half of the largest square in a thing
FOLLOWED = 0.8  # share of a thing that the flow explains; from this on, the flow follows it
LOST = 0.5  # share of a thing that finds its colour along the flow; below this, the flow has lost it
MOVED = 1.5  # pixels by which the flow of a thing must differ from the ground's to count as its own motion
SEEN = 30  # mean colour difference between a thing and its ground from which it counts
GOES_ON = 0.15  # share of the outline of a thing beside which its colour may go on, as that of an arm at the shoulder
MOST_BESIDE = 0.05  # share of the pixels around a thing that may differ for no known reason
ALONE, ALONE_BESIDE = 24, 0.01  # the same for a thing that only one frame shows, this far around it and its size
EDGE = 12  # pixels from the edge of the picture; what only one frame shows there may have come in or gone out
MOST_THINGS = 150  # in a frame; with more of them, the picture is texture
MARGIN = 8  # pixels around a thing that are looked at


@dataclass(frozen=True, eq=False)
class Thing:
    """A connected piece of one frame that stands out from the ground.

    points_N2: its pixels, x and y.
    colour_3: mean colour of the pixels that stand out most, 0 to 255.
    contrast: mean colour difference from the ground.
    thickness: diameter of the largest disc in it, in pixels.
    ground_motion_2: how the ground moves there, in pixels from the thing's frame to the other.
    is_followed: whether dense flow explains it and comes back.
    is_lost: whether dense flow leads most of it to other colours.
    flow_2: median of the dense flow, in pixels.
    """

    points_N2: np.ndarray
    colour_3: np.ndarray
    contrast: float
    thickness: float
    ground_motion_2: np.ndarray
    is_followed: bool
    is_lost: bool
    flow_2: np.ndarray

    @property
    def centre_2(self) -> np.ndarray:
        """Mean position."""
        return self.points_N2.mean(axis=0)

    @property
    def size(self) -> float:
        """Length of the diagonal of its box, in pixels."""
        return float(np.hypot(*(np.ptp(self.points_N2, axis=0) + 1)))


def ground_motion(flow_HW2: np.ndarray, frame_HW3: np.ndarray, other_HW3: np.ndarray) -> np.ndarray:
    """The motion of the ground, of shape (H, W, 2): the flow without small things.

    It is zero where that explains the frames as well; else the median of the flow over a wide surrounding. On flat
    ground the flow is that of the things in front.
    """
    height, width, _ = flow_HW2.shape
    cells_hw2 = flow_HW2[CELL // 2 :: CELL, CELL // 2 :: CELL]
    reach = WINDOW // 2
    padded_hw2 = np.pad(cells_hw2, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded_hw2, (WINDOW, WINDOW), axis=(0, 1))
    median_hw2 = np.median(windows.reshape(*windows.shape[:3], -1), axis=3).astype(np.float32)
    median_HW2 = cv2.resize(median_hw2, (width, height), interpolation=cv2.INTER_LINEAR)
    still_HW, differing_HW = _remainder(frame_HW3, other_HW3)
    moved_HW, _ = _remainder(frame_HW3, moved_back(other_HW3, median_HW2))
    is_still_HW = (differing_HW < MOST_DIFFERING) & (still_HW < moved_HW + STILL_GROUND)
    return np.where(is_still_HW[..., None], np.float32(0), median_HW2)


def _remainder(frame_HW3: np.ndarray, other_HW3: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Over a wide surrounding: mean difference of the pixels that are about equal, and share of those that are not."""
    difference_HW = difference(frame_HW3, other_HW3)
    differs_HW = (difference_HW >= DIFFERS).view(np.uint8)
    window = (CELL * WINDOW, CELL * WINDOW)
    share_HW = cv2.blur(differs_HW.astype(np.float32), window)
    mean_HW = cv2.blur((difference_HW * (1 - differs_HW)).astype(np.float32), window)
    return mean_HW / np.maximum(1 - share_HW, 0.05), share_HW


def ordinary_pictures(first_HW3: np.ndarray, second_HW3: np.ndarray, contrast: float) -> tuple[np.ndarray, np.ndarray]:
    """Both frames in 8 bits and with an ordinary contrast: differences of colour count `contrast` times."""
    middle = float(first_HW3.mean() + second_HW3.mean()) / 2
    shift = 0.0 if contrast == 1 else 127.5 - 255 * contrast * middle
    first, second = (
        np.nan_to_num(frame_HW3 * np.float32(255 * contrast) + np.float32(shift + 0.5)).clip(0, 255).astype(np.uint8)
        for frame_HW3 in (first_HW3, second_HW3)
    )
    return first, second


def moved_back(image_HWC: np.ndarray, flow_HW2: np.ndarray) -> np.ndarray:
    """Sample an image at each pixel's position plus its flow; edge pixels are repeated."""
    height, width = flow_HW2.shape[:2]
    x_HW = flow_HW2[..., 0] + np.arange(width, dtype=np.float32)
    y_HW = flow_HW2[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return cv2.remap(image_HWC, x_HW, y_HW, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def difference(first_HW3: np.ndarray, second_HW3: np.ndarray) -> np.ndarray:
    """The largest difference of the three colours, of shape (H, W)."""
    difference_HW3 = cv2.absdiff(first_HW3, second_HW3)
    return np.maximum(np.maximum(difference_HW3[..., 0], difference_HW3[..., 1]), difference_HW3[..., 2])


def find_things(
    frame_HW3: np.ndarray,
    other_HW3: np.ndarray,
    flow_HW2: np.ndarray,
    flow_back_HW2: np.ndarray,
    ground_HW2: np.ndarray,
) -> tuple[list[Thing], np.ndarray]:
    """Find the small things of a frame whose place shows the bare ground in the other frame.

    Args:
        frame_HW3, other_HW3: from `ordinary_pictures`.
        flow_HW2, flow_back_HW2: flow from the frame to the other and back, in pixels.
        ground_HW2: from `ground_motion` of the flow.

    Returns:
        The things; and a mask of where the frames differ along the ground's motion, uint8 of shape (H, W).
    """
    behind_HW3 = moved_back(other_HW3, ground_HW2)
    differs_HW = (difference(frame_HW3, behind_HW3) > DIFFERS).view(np.uint8)
    if not LEAST_AREA <= cv2.countNonZero(differs_HW) <= MOST_OF_PICTURE * differs_HW.size:
        return [], differs_HW
    # One of the two frames shows the ground: the one that is more like what lies around.
    around_HW3 = _filled(frame_HW3, behind_HW3, cv2.dilate(differs_HW, square(1)))
    stands_out_HW = difference(frame_HW3, around_HW3)
    is_thing_HW = differs_HW & (stands_out_HW >= difference(behind_HW3, around_HW3)) & (stands_out_HW > DIFFERS // 2)
    count, labels_HW, stats, _ = cv2.connectedComponentsWithStats(
        cv2.morphologyEx(is_thing_HW, cv2.MORPH_CLOSE, square(1)), connectivity=8
    )
    areas = stats[:, cv2.CC_STAT_AREA]
    labels = [n for n in range(1, count) if LEAST_AREA <= areas[n] <= LARGEST_AREA * differs_HW.size]
    if not 0 < len(labels) <= MOST_THINGS:
        return [], differs_HW
    fits_HW = difference(frame_HW3, moved_back(other_HW3, flow_HW2)) < DIFFERS
    miss_HW = _length(flow_HW2 + moved_back(flow_back_HW2, flow_HW2))
    comes_back_HW = miss_HW <= 1.5 + 0.05 * _length(flow_HW2)
    followed_HW = fits_HW & comes_back_HW & (np.abs(flow_HW2 - ground_HW2).max(axis=2) > MOVED)
    coarse_HW = cv2.erode(differs_HW, square(int(THICKEST * min(differs_HW.shape))))
    things: list[Thing] = []
    for label in labels:
        left, top, width, height = stats[label, :4]
        rows = slice(max(top - MARGIN, 0), top + height + MARGIN)
        columns = slice(max(left - MARGIN, 0), left + width + MARGIN)
        mask_hw = (labels_HW[rows, columns] == label).astype(np.uint8)
        inside = mask_hw > 0
        out_N, frame_hw3 = stands_out_HW[rows, columns][inside], frame_HW3[rows, columns]
        if out_N.mean() < SEEN or coarse_HW[rows, columns].any():
            continue
        colour_3 = frame_hw3[inside][out_N >= np.median(out_N)].mean(axis=0)
        if not _is_whole(mask_hw, np.abs(frame_hw3 - colour_3).max(axis=2), float(out_N.mean())):
            continue
        y_N, x_N = np.nonzero(mask_hw)
        things.append(
            Thing(
                np.stack([x_N + columns.start, y_N + rows.start], axis=1).astype(np.float32),
                colour_3,
                float(out_N.mean()),
                2 * float(cv2.distanceTransform(np.pad(mask_hw, 1), cv2.DIST_L2, 3).max()),
                ground_HW2[rows, columns][inside].mean(axis=0),
                bool(followed_HW[rows, columns][inside].mean() >= FOLLOWED),
                bool(fits_HW[rows, columns][inside].mean() < LOST),
                np.median(flow_HW2[rows, columns][inside], axis=0),
            )
        )
    return things, differs_HW


def keep_isolated(
    first: list[Thing], second: list[Thing], first_differs_HW: np.ndarray, second_differs_HW: np.ndarray
) -> tuple[list[Thing], list[Thing]]:
    """Leave out what is a part of something larger: things beside which more differs than other things explain.

    Args:
        first, second, first_differs_HW, second_differs_HW: from `find_things`, for both frames.
    """
    while True:
        first_rest_HW, second_rest_HW = (
            rest_of(first_differs_HW, first, second),
            rest_of(second_differs_HW, second, first),
        )
        first_kept = [thing for thing in first if _beside(thing, first_rest_HW, MARGIN) <= MOST_BESIDE]
        second_kept = [thing for thing in second if _beside(thing, second_rest_HW, MARGIN) <= MOST_BESIDE]
        if len(first_kept) == len(first) and len(second_kept) == len(second):
            return first, second
        first, second = first_kept, second_kept


def rest_of(differs_HW: np.ndarray, own: list[Thing], others: list[Thing]) -> np.ndarray:
    """What differs in a frame apart from things of its own and the places of things of the other frame."""
    return differs_HW & (1 - _covered(own, others, differs_HW.shape))


def is_alone(thing: Thing, rest_HW: np.ndarray) -> bool:
    """Whether only small things change far around a thing, and it does not lie where things come in and go out.

    Args:
        thing: which one.
        rest_HW: what differs beside things that both frames show, from `rest_of`.
    """
    low_2, high_2 = thing.points_N2.min(axis=0), thing.points_N2.max(axis=0)
    space = EDGE + float(np.abs(thing.ground_motion_2).max())
    edge_2 = np.array(rest_HW.shape[::-1]) - 1 - space
    if (low_2 < space).any() or (high_2 > edge_2).any():
        return False
    return _beside(thing, rest_HW, int(ALONE + thing.size)) <= ALONE_BESIDE


def _beside(thing: Thing, mask_HW: np.ndarray, reach: int) -> float:
    """The share of a mask in the pixels around a thing."""
    left, top = (max(int(value) - reach, 0) for value in thing.points_N2.min(axis=0))
    right, bottom = (int(value) + reach + 1 for value in thing.points_N2.max(axis=0))
    mask_hw = mask_HW[top:bottom, left:right]
    own_hw = np.zeros(mask_hw.shape, np.uint8)
    x_N, y_N = thing.points_N2.astype(int).T
    own_hw[y_N - top, x_N - left] = 1
    ring_hw = (cv2.dilate(own_hw, square(reach)) > 0) & (cv2.dilate(own_hw, square(2)) == 0)
    return float(mask_hw[ring_hw].mean()) if ring_hw.any() else 1.0


def _covered(own: list[Thing], others: list[Thing], size: tuple[int, ...]) -> np.ndarray:
    """Where the things of a frame are, and the places of those of the other frame; uint8, 0 or 1."""
    covered_HW = np.zeros(size, np.uint8)
    for thing, shift_2 in [(thing, 0) for thing in own] + [(thing, thing.ground_motion_2) for thing in others]:
        x_N, y_N = (thing.points_N2 + shift_2).round().astype(int).T
        inside_N = (x_N >= 0) & (x_N < size[1]) & (y_N >= 0) & (y_N < size[0])
        covered_HW[y_N[inside_N], x_N[inside_N]] = 1
    return cv2.dilate(covered_HW, square(2))


def _is_whole(mask_hw: np.ndarray, unlike_hw: np.ndarray, contrast: float) -> bool:
    """Whether nothing of the same colour goes on beside a thing."""
    near_hw = cv2.dilate(mask_hw, square(1))
    ring_hw = (cv2.dilate(near_hw, square(1)) > 0) & (near_hw == 0)
    return bool(ring_hw.any() and (unlike_hw[ring_hw] < 0.5 * contrast).mean() <= GOES_ON)


def _length(vectors_HW2: np.ndarray) -> np.ndarray:
    return cv2.magnitude(vectors_HW2[..., 0].copy(), vectors_HW2[..., 1].copy())


def square(reach: int) -> np.ndarray:
    """A mask that reaches this many pixels around a pixel, for cv2.dilate and cv2.erode."""
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)


def _filled(frame_HW3: np.ndarray, other_HW3: np.ndarray, hole_HW: np.ndarray) -> np.ndarray:
    """The mean of both frames, with holes filled from around (pull-push); at half the size, so less sharp."""
    height, width = hole_HW.shape
    half = ((width + 1) // 2, (height + 1) // 2)
    mean_HW3 = cv2.addWeighted(frame_HW3, 0.5, other_HW3, 0.5, 0)
    mean_hw3 = cv2.resize(mean_HW3, half, interpolation=cv2.INTER_NEAREST).astype(np.float32)
    known_hw = 1 - cv2.resize(hole_HW, half, interpolation=cv2.INTER_NEAREST).astype(np.float32)
    filled_hw3 = pull_push(mean_hw3 * known_hw[..., None], known_hw)
    return cv2.resize(filled_hw3.round().astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)


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
