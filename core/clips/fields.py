"""3:2 pull-down in fields, as on DVD and in broadcasts: film frames woven together again from the fields of video.

Video in fields shows every other row first and the remaining rows a moment later. Film at 24 frames a second gets there
by holding frames for two and three fields in turn, so two video frames in five have rows of two film frames and look
combed wherever something moves. Their missing field is in the video frame before.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import overload

import cv2
import numpy as np
from torch import Tensor

from ..pictures.images import luma
from ..progress import ProgressCallback, no_progress

WINDOW = 16  # pixels; combs are looked for where they are worst, so that small moving things count
TOP_SHARE = 0.02  # of the picture
# How many times as combed a frame must be as its own rows with those of the frame before:
CLEARLY, SLIGHTLY = 2.0, 1.2  # anywhere; where the pattern expects it
CYCLE = 5  # video frames after which the pattern repeats
REGULAR = 0.6  # share of the combed frames that must have a combed frame one cycle away, too


class WovenFrames(Sequence[Tensor]):
    """A clip in which some frames take every other row from the frame before. Frames are woven when they are read."""

    def __init__(
        self, frames_THWC: Sequence[Tensor] | Tensor, woven: frozenset[int] = frozenset(), own_rows: int = 0
    ) -> None:
        """
        Args:
            frames_THWC: the clip.
            woven: the numbers of the frames to weave.
            own_rows: 0 if these frames keep rows 0, 2, 4, ...; 1 if they keep rows 1, 3, 5, ...
        """
        self.frames_THWC, self.woven, self.own_rows = frames_THWC, woven, own_rows

    @property
    def repeats(self) -> tuple[int, ...]:
        """The woven frames that are the frame before: the first of two in a row, as 3:2 pull-down combs them."""
        return repeated_frames(self.woven)

    def __len__(self) -> int:
        return len(self.frames_THWC)

    @overload
    def __getitem__(self, index: int) -> Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> list[Tensor]: ...
    def __getitem__(self, index: int | slice) -> Tensor | list[Tensor]:
        """One frame of shape (H, W, 3); a frame that is not woven is a view of the clip."""
        if isinstance(index, slice):
            return [self[frame] for frame in range(*index.indices(len(self)))]
        frame = range(len(self))[index]
        if frame not in self.woven:
            return self.frames_THWC[frame]
        return weave(self.frames_THWC[frame], self.frames_THWC[frame - 1], self.own_rows)


def match_fields(frames_THWC: Sequence[Tensor] | Tensor, on_frames: ProgressCallback = no_progress) -> WovenFrames:
    """Find the frames that 3:2 pull-down combed, and weave each from its own field and one of the frame before.

    Only two frames are in memory at a time.

    Args:
        frames_THWC: a clip of shape (T, H, W, 3), floating, in [0, 1], whose rows were never scaled.
        on_frames: called with n after n more frames; may raise to stop the work.

    Returns:
        The clip; nothing is woven if no frames are combed in the pattern of 3:2 pull-down.
    """
    return WovenFrames(frames_THWC, *combed_frames(frames_THWC, on_frames))


def repeated_frames(woven: Collection[int]) -> tuple[int, ...]:
    """The woven frames that are the frame before: the first of two in a row, as 3:2 pull-down combs them."""
    return tuple(frame for frame in sorted(woven) if frame - 1 not in woven and frame + 1 in woven)


def combed_frames(frames: Iterable[Tensor], on_frames: ProgressCallback = no_progress) -> tuple[frozenset[int], int]:
    """The frames that 3:2 pull-down combed, and 0 or 1 for the rows that are their own; see `match_fields`.

    frames: of shape (H, W, 3); each is read once.
    """
    combed: tuple[dict[int, float], dict[int, float]] = ({}, {})  # how much, by the rows that frames keep
    before_HW: np.ndarray | None = None
    for frame, frame_HWC in enumerate(frames):
        now_HW = luma(frame_HWC.cpu()).numpy()
        if before_HW is not None and len(now_HW) > 2:
            combs_HW = _combs(now_HW)
            for own_rows in (0, 1):
                mended_HW = now_HW.copy()
                mended_HW[1 - own_rows :: 2] = before_HW[1 - own_rows :: 2]
                combed[own_rows][frame] = _times_as_combed(combs_HW, _combs(mended_HW))
        before_HW = now_HW
        on_frames(1)
    woven = [_in_pattern(each) for each in combed]
    own_rows = int(len(woven[1]) > len(woven[0]))
    return woven[own_rows], own_rows


def _in_pattern(combed: dict[int, float]) -> frozenset[int]:
    """The frames that 3:2 pull-down combed: two in a row, once in each cycle."""
    slightly = {frame for frame, times in combed.items() if times > SLIGHTLY}
    clearly = {frame for frame, times in combed.items() if times > CLEARLY}
    expected = max(
        ({frame for frame in slightly if (frame - place) % CYCLE < 2} for place in range(CYCLE)),
        key=lambda frames: (len(frames), len(frames & clearly)),
    )
    found = clearly | expected if len(expected) >= REGULAR * len(slightly) else clearly
    regular = [frame for frame in found if {frame - CYCLE, frame + CYCLE} & found]
    is_pulldown = len(regular) >= max(2, REGULAR * len(found)) and len(found) <= len(combed) / 2
    return frozenset(found) if is_pulldown else frozenset()


def weave(own_HWC: Tensor, other_HWC: Tensor, own_rows: int) -> Tensor:
    """A frame from its own rows 0, 2, 4, ... (own_rows 0) or 1, 3, 5, ... (1), and the other rows of another."""
    woven_HWC = own_HWC.clone()
    woven_HWC[1 - own_rows :: 2] = other_HWC[1 - own_rows :: 2]
    return woven_HWC


def _combs(luma_HW: np.ndarray) -> np.ndarray:
    """How much each row stands out from both of its neighbours in the same direction, averaged over windows."""
    above_HW, below_HW = luma_HW[1:-1] - luma_HW[:-2], luma_HW[1:-1] - luma_HW[2:]
    both_HW = np.where(above_HW * below_HW > 0, np.minimum(np.abs(above_HW), np.abs(below_HW)), 0)
    windows_HW: np.ndarray = cv2.boxFilter(both_HW, -1, (WINDOW, WINDOW))[:: WINDOW // 2, :: WINDOW // 2]
    return windows_HW


def _times_as_combed(combs_HW: np.ndarray, mended_HW: np.ndarray) -> float:
    """How many times as combed one picture is as the other, where they differ most."""
    top = np.argsort(np.abs(mended_HW - combs_HW), axis=None)[-max(4, int(combs_HW.size * TOP_SHARE)) :]
    return float(combs_HW.ravel()[top].sum()) / (float(mended_HW.ravel()[top].sum()) + 1e-6)
