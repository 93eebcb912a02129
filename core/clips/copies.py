"""Frames that repeat the frame before: drawings on twos, frames doubled or lost by conversion, 3:2 pull-down.

A copy is a short stop in something that moves. It is judged by its neighbours alone, so contrast, brightness and the
amount of motion do not matter: the change from the frame before is far smaller than the changes on both sides of the
stop, and what is left of it looks like noise and not like a small motion. What stands still for longer is at rest and
is not a copy, and neither is the moment at which something swings back or eases to a stop.
"""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from ..flow.consistency import is_cut_between
from ..pictures.images import check_frames
from ..pictures.resize import shrink_scale
from ..progress import ProgressCallback, no_progress

MEASURED_SIDE, SMALLEST_SIDE = 256, 16  # longer side at which frames are compared, and the least of the shorter one
BRIGHTEST = 1e6  # values farther from 0 count as this, so that their products stay finite
SMOOTHING = 1.0  # sigma in measured pixels: noise and compression shrink, motion hardly does
WINDOW, STRIDE = 16, 8  # windows in which the change is measured, so that small moving things count
TOP_SHARE, LEAST_TOP = 0.02, 4  # the windows that change most stand for the pair of frames

CADENCE = 6  # frames within which the pattern of animation and of pull-down comes back
NAMED = 12  # frames that a text names; more are counted
LONGEST_STOP = 3  # copies in a row: animation on fours; longer stops are rests
NEAR = 0.4  # largest change of a copy as a share of the changes around it, if what is left looks like noise
EXACT = 1e-5  # of the range: below this, frames are equal but for rounding
MOTION = 0.3  # least sum of `Change.shift` and `Change.contrast` of a real motion; compressed still pictures reach 0.2
TURNED = 0.5  # of the motion around: if the pictures before and after a stop differ by less, the motion turned back
SLOWING = 1.25  # ratio of successive changes above which a motion slows down to a stop
CUT_CONTRAST = 0.5  # of the local contrast: if most of a picture changes by less, there is no cut


@dataclass(frozen=True)
class Change:
    """How a frame differs from the one before, where it differs most.

    size: root mean square of the difference, 0 to 1, after smoothing.
    shift: share of it that a small motion explains, 0 to 1: next to nothing for noise, nearly all for small motions.
    contrast: it, as a multiple of the local contrast.
    is_cut: the two frames have nothing in common.
    """

    size: float
    shift: float = 0.0
    contrast: float = 0.0
    is_cut: bool = False

    @property
    def moves(self) -> bool:
        """Whether something moves: neither a cut, nor noise, nor the refinement of a compressed still picture."""
        return self.size > EXACT and self.shift + self.contrast > MOTION and not self.is_cut

    def is_stop(self, around: float) -> bool:
        """Whether the change is nothing next to changes of the size `around`."""
        # A codec that still sharpens a copy leaves something like a small motion, a noisy copy does not.
        return self.size <= max(EXACT, around * NEAR * (1 - self.shift) ** 0.7)


@dataclass(frozen=True)
class Copies:
    """The copies in a clip.

    length: frames of the clip.
    hidden: for each frame that repeats the frame before, the change that it replaces, as `Change.size`.
    rests: first and last frame of each stop that is too long for copies, and that a motion ends.
    cuts: the first frames of new shots.
    likeness: for each frame, `Change.size` from the frame before; 0 for the first.
    """

    length: int
    hidden: dict[int, float] = field(default_factory=dict)
    rests: tuple[tuple[int, int], ...] = ()
    cuts: tuple[int, ...] = ()
    likeness: tuple[float, ...] = ()

    @property
    def frames(self) -> tuple[int, ...]:
        """The numbers of the copies, ascending."""
        return tuple(sorted(self.hidden))

    def adding(self, frames: Collection[int]) -> "Copies":
        """The same with more frames that are known to repeat the frame before."""
        return replace(self, hidden={**dict.fromkeys(frames, 0.0), **self.hidden})


def find_copies(
    frames_THWC: Tensor | Iterable[Tensor], on_frames: ProgressCallback = no_progress, name: str = "images"
) -> Copies:
    """Find the frames that repeat the frame before, also after compression or under noise.

    Frames are read one by one, so the memory does not depend on the length of the clip.

    Args:
        frames_THWC: a clip of shape (T, H, W, 3), floating, in [0, 1]; or its frames, which are not checked.
        on_frames: called with n after n more frames; may raise to stop the work.
        name: name of the clip for errors.

    Returns:
        The copies. A clip of fewer than three frames has none.

    Raises:
        InbetweenError: frames that are empty, not RGB or not finite.
    """
    if isinstance(frames_THWC, Tensor):
        check_frames(frames_THWC, name)
    changes: list[Change] = [Change(0.0)]  # of each frame from the one before
    turns: dict[tuple[int, int], float] = {}
    recent: deque[np.ndarray] = deque(maxlen=LONGEST_STOP + 3)
    for frame, frame_HWC in enumerate(frames_THWC):
        recent.append(_measured(frame_HWC))
        if frame:
            changes.append(_change(recent[-2], recent[-1]))
            if (stop := _stop_before(changes)) is not None:
                # Does the motion go on after the stop, or does it turn back to where it came from?
                turns[stop] = _change(recent[stop[0] - frame - 3], recent[-1], cuts=False).size
        on_frames(1)
    return _judged(changes, turns)


def repeats_text(frames: Sequence[int]) -> str:
    """Name copies for a report: "frames 7 and 15 repeat the frame before"."""
    return f"frame{'s' * (len(frames) > 1)} {numbers_text(frames)} repeat{'s' * (len(frames) == 1)} the frame before"


def numbers_text(frames: Sequence[int]) -> str:
    """Numbers of one or more frames in words: "1, 3 and 5"; beyond 12 the rest is counted."""
    named = [str(frame) for frame in frames[:NAMED]]
    if len(frames) > NAMED:
        named[NAMED - 1 :] = [named[-1], f"{len(frames) - NAMED} more"]
    return f"{', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else named[0]


def _stop_before(changes: Sequence[Change]) -> tuple[int, int] | None:
    """First and last copy of the stop that ends with the newest change, if there is one with motion before it."""
    after = len(changes) - 1
    for count in range(LONGEST_STOP, 0, -1):  # within a long stop, what a codec does may look like a short one
        before = after - count - 1
        if before >= 1 and _are_stops(changes[before + 1 : after], changes[before], changes[after]):
            return before + 1, after - 1
    return None


def _are_stops(between: Sequence[Change], before: Change, after: Change) -> bool:
    return before.moves and after.moves and all(each.is_stop(min(before.size, after.size)) for each in between)


def _judged(changes: Sequence[Change], turns: dict[tuple[int, int], float]) -> Copies:
    """Decide which stops are copies, from all changes and from how the motion goes on after each stop."""
    count = len(changes)
    stops = {stop for stop, turn in turns.items() if not _is_turning_point(changes, stop, turn)}
    # At the edges of a shot only one side moves, so a stop there counts if another one soon follows that is as long.
    edges = [0, *(frame for frame in range(1, count) if changes[frame].is_cut), count]
    begun = {first: last - first + 1 for first, last in stops}  # how long the stop is that begins, or ends, there
    ended = {last: last - first + 1 for first, last in stops}
    at_edges = set()
    for edge in edges:
        for length in range(1, LONGEST_STOP + 1):
            after, before = (edge + 1, edge + length), (edge - length, edge - 1)
            soon = range(after[1] + 2, after[1] + CADENCE + 1)
            if _is_edge_stop(changes, after, after[1] + 1) and any(begun.get(each, 0) >= length for each in soon):
                at_edges.add(after)
            lately = range(before[0] - CADENCE, before[0] - 1)
            if _is_edge_stop(changes, before, before[0] - 1) and any(ended.get(each, 0) >= length for each in lately):
                at_edges.add(before)
    hidden: dict[int, float] = {}
    for first, last in stops | at_edges:
        around = [changes[each].size for each in (first - 1, last + 1) if 0 < each < count and changes[each].moves]
        hidden.update({frame: max(min(around), hidden.get(frame, 0.0)) for frame in range(first, last + 1)})
    return Copies(count, hidden, tuple(_rests(changes)), tuple(edges[1:-1]), tuple(change.size for change in changes))


def _is_turning_point(changes: Sequence[Change], stop: tuple[int, int], turn: float) -> bool:
    """Whether motion swings back or eases to a stop, so that it rests by nature."""
    before, after = stop[0] - 1, stop[1] + 1
    into, out = (
        changes[further].size / changes[near].size
        if 0 < further < len(changes) and not changes[further].is_cut
        else 0.0
        for near, further in ((before, before - 1), (after, after + 1))
    )
    if turn < TURNED * min(changes[before].size, changes[after].size):
        return max(into, out) > SLOWING
    return min(into, out) > SLOWING**2


def _is_edge_stop(changes: Sequence[Change], stop: tuple[int, int], motion: int) -> bool:
    """Whether there is motion at the frame `motion` and none in the frames from the first to the last of `stop`."""
    if not 0 < motion < len(changes) or not changes[motion].moves:
        return False
    return all(changes[each].is_stop(changes[motion].size) for each in range(stop[0], stop[1] + 1))


def _rests(changes: Sequence[Change]) -> list[tuple[int, int]]:
    """The stops that are too long for copies and end with a motion: first and last frame that stand still."""
    rests, start = [], 0
    for frame, change in enumerate(changes):
        if not change.moves:
            continue
        first = frame
        while first - 1 > start and changes[first - 1].is_stop(change.size):
            first -= 1
        if frame - first > LONGEST_STOP:
            rests.append((first, frame - 1))
        start = frame
    return rests


def _measured(frame_HWC: Tensor) -> np.ndarray:
    """A frame at the size at which it is compared, smoothed; float32 of shape (H, W, 3)."""
    height, width = frame_HWC.shape[:2]
    scale = shrink_scale(height, width, MEASURED_SIDE)
    size = tuple(max(SMALLEST_SIDE, round(side * scale)) for side in (width, height))
    values_HWC = frame_HWC.float().clamp(-BRIGHTEST, BRIGHTEST).cpu().numpy()
    small_HWC = cv2.resize(values_HWC, size, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small_HWC, (0, 0), SMOOTHING)


def _change(before_HWC: np.ndarray, now_HWC: np.ndarray, cuts: bool = True) -> Change:
    """Measure the windows that change most.

    A small motion v changes a picture I by -v * grad I (Lucas and Kanade, IJCAI 1981); the least-squares v of a window
    explains a share of its change.
    """
    change_HWC, mean_HWC = now_HWC - before_HWC, (now_HWC + before_HWC) / 2
    energy = _in_windows(change_HWC, change_HWC)
    top = np.argsort(energy, axis=None)[-max(LEAST_TOP, int(energy.size * TOP_SHARE)) :]
    size = float(energy.ravel()[top].mean()) ** 0.5
    if size <= EXACT:
        return Change(size)
    x_HWC, y_HWC = (cv2.Sobel(mean_HWC, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    xx, xy, yy = _in_windows(x_HWC, x_HWC), _in_windows(x_HWC, y_HWC), _in_windows(y_HWC, y_HWC)
    xt, yt = _in_windows(x_HWC, change_HWC), _in_windows(y_HWC, change_HWC)
    little = 1e-3 * (xx + yy) + 1e-12  # keeps windows with edges of one direction, and flat ones, solvable
    xx, yy = xx + little, yy + little
    explained = (yy * xt * xt - 2 * xy * xt * yt + xx * yt * yt) / (xx * yy - xy * xy)
    contrast = _in_windows(mean_HWC, mean_HWC) - (_windows(mean_HWC) ** 2).sum(axis=2)
    contrast = np.maximum(contrast, 1e-12)
    changed = energy.ravel()[top].sum()
    all_change = float((energy > CUT_CONTRAST**2 * contrast).mean()) > 0.5
    is_cut = cuts and all_change and is_cut_between(torch.from_numpy(before_HWC), torch.from_numpy(now_HWC))
    return Change(
        size,
        min(1.0, float(explained.ravel()[top].sum() / changed)),
        float(changed / contrast.ravel()[top].sum()) ** 0.5,
        is_cut,
    )


def _in_windows(first_HWC: np.ndarray, second_HWC: np.ndarray) -> np.ndarray:
    """The mean product of two pictures in overlapping windows, summed over the channels."""
    return _windows((first_HWC * second_HWC).sum(axis=2))


def _windows(picture_HW: np.ndarray) -> np.ndarray:
    """The means of overlapping windows that lie within the picture, whose sides have 16 pixels or more."""
    half = WINDOW // 2
    height, width = picture_HW.shape[:2]
    means_HW = cv2.boxFilter(picture_HW, -1, (WINDOW, WINDOW), borderType=cv2.BORDER_REFLECT_101)
    return means_HW[half : height - half + 1 : STRIDE, half : width - half + 1 : STRIDE]
