"""Small and thin things that move or change on a calm ground, found in two frames: balls, limbs, streaks, letters.

Dense flow loses what moves farther than its own size, and explains it by the ground around. Seen against the ground,
such a thing stands out in one frame where the other shows the ground. So each is found whole, as a connected piece.
"""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from .ground import DIFFERS, behind_things, difference, moved_back, sampled, square

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
    is_followed: bool = False
    is_lost: bool = False
    flow_2: np.ndarray = field(default_factory=lambda: np.zeros(2, np.float32))

    @property
    def centre_2(self) -> np.ndarray:
        """Mean position."""
        return self.points_N2.mean(axis=0)

    @property
    def size(self) -> float:
        """Length of the diagonal of its box, in pixels."""
        return float(np.hypot(*(np.ptp(self.points_N2, axis=0) + 1)))


def find_things(
    frame_HW3: np.ndarray,
    other_HW3: np.ndarray,
    ground_2HW: np.ndarray,
) -> tuple[list[Thing], np.ndarray]:
    """Find the small things of a frame whose place shows the bare ground in the other frame.

    Args:
        frame_HW3, other_HW3: 8-bit, with an ordinary contrast.
        ground_2HW: motion of the ground from the frame to the other, from `ground_motion`.

    Returns:
        The things; and a mask of where the frames differ along the ground's motion, uint8 of shape (H, W).
    """
    behind_HW3 = moved_back(other_HW3, ground_2HW)
    differs_HW = (difference(frame_HW3, behind_HW3) > DIFFERS).view(np.uint8)
    if not LEAST_AREA <= cv2.countNonZero(differs_HW) <= MOST_OF_PICTURE * differs_HW.size:
        return [], differs_HW
    # One of the two frames shows the ground: the one that is more like what lies around.
    around_HW3 = behind_things(frame_HW3, behind_HW3, cv2.dilate(differs_HW, square(1)))
    stands_out_HW = difference(frame_HW3, around_HW3)
    is_thing_HW = differs_HW & (stands_out_HW >= difference(behind_HW3, around_HW3)) & (stands_out_HW > DIFFERS // 2)
    count, labels_HW, stats, _ = cv2.connectedComponentsWithStats(
        cv2.morphologyEx(is_thing_HW, cv2.MORPH_CLOSE, square(1)), connectivity=8
    )
    areas = stats[:, cv2.CC_STAT_AREA]
    contrasts = np.bincount(labels_HW.ravel(), stands_out_HW.ravel(), count) / areas
    fitting = (areas >= LEAST_AREA) & (areas <= LARGEST_AREA * differs_HW.size)
    labels = [int(label) for label in np.flatnonzero(fitting[1:]) + 1]
    if not 0 < len(labels) <= MOST_THINGS:
        return [], differs_HW
    coarse_HW = cv2.erode(differs_HW, square(int(THICKEST * min(differs_HW.shape))))
    things: list[Thing] = []
    for label in labels:
        if contrasts[label] < SEEN:
            continue
        left, top, width, height = stats[label, :4]
        rows = slice(max(top - MARGIN, 0), top + height + MARGIN)
        columns = slice(max(left - MARGIN, 0), left + width + MARGIN)
        if cv2.countNonZero(coarse_HW[rows, columns]):
            continue
        inside_hw = labels_HW[rows, columns] == label
        mask_hw, frame_hw3 = inside_hw.view(np.uint8), frame_HW3[rows, columns]
        strong_hw = inside_hw & (stands_out_HW[rows, columns] >= contrasts[label])
        colour_3 = np.array(cv2.mean(frame_hw3, strong_hw.view(np.uint8))[:3])
        if not _is_whole(mask_hw, frame_hw3, colour_3, float(contrasts[label])):
            continue
        y_N, x_N = np.nonzero(inside_hw)
        things.append(
            Thing(
                np.stack([x_N + columns.start, y_N + rows.start], axis=1).astype(np.float32),
                colour_3,
                float(contrasts[label]),
                2 * float(cv2.distanceTransform(np.pad(mask_hw, 1), cv2.DIST_L2, 3).max()),
                ground_2HW[:, rows, columns][:, inside_hw].mean(axis=1),
            )
        )
    return things, differs_HW


def judged(
    thing: Thing, frame_HW3: np.ndarray, other_HW3: np.ndarray, flow_2HW: np.ndarray, flow_back_2HW: np.ndarray
) -> Thing:
    """A thing with what the flow makes of it.

    Args:
        thing: of the first of two frames.
        frame_HW3, other_HW3: as for `find_things`.
        flow_2HW, flow_back_2HW: flow from the frame to the other and back, in pixels.
    """
    x_N, y_N = thing.points_N2.astype(int).T
    flow_N2 = flow_2HW[:, y_N, x_N].T
    there_N2 = thing.points_N2 + flow_N2
    fits_N = np.abs(frame_HW3[y_N, x_N] - sampled(other_HW3, there_N2)).max(axis=1) < DIFFERS
    miss_N = np.linalg.norm(flow_N2 + sampled(flow_back_2HW.transpose(1, 2, 0), there_N2), axis=1)
    comes_back_N = miss_N <= 1.5 + 0.05 * np.linalg.norm(flow_N2, axis=1)
    moves_N = np.abs(flow_N2 - thing.ground_motion_2).max(axis=1) > MOVED
    return replace(
        thing,
        is_followed=bool((fits_N & comes_back_N & moves_N).mean() >= FOLLOWED),
        is_lost=bool(fits_N.mean() < LOST),
        flow_2=np.median(flow_N2, axis=0),
    )


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


def _is_whole(mask_hw: np.ndarray, frame_hw3: np.ndarray, colour_3: np.ndarray, contrast: float) -> bool:
    """Whether nothing of the same colour goes on beside a thing."""
    near_hw = cv2.dilate(mask_hw, square(1))
    ring_hw = cv2.dilate(near_hw, square(1)) > near_hw
    unlike_N = np.abs(frame_hw3[ring_hw] - colour_3).max(axis=1)
    return bool(np.count_nonzero(unlike_N < 0.5 * contrast) <= GOES_ON * len(unlike_N)) and len(unlike_N) > 0
