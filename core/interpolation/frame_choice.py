"""Choose which frames of a clip to rebuild, pass by pass."""

import re
from collections.abc import Callable
from typing import Literal

from torch import Tensor

from ..errors import InbetweenError, TooFewFramesError
from ..keyframes.keyframe_set import KeyframeSet
from ..pictures.alpha import seen_batch
from ..pictures.images import check_frames
from ..progress import ProgressCallback, no_progress
from .defects import SCORES, score_frames, worst_frames

Which = Literal["every other", "list", "worst"]
FRAME_RANGE = re.compile(r"(-?[0-9]{1,9})(?:-(-?[0-9]{1,9}))?")


def choose_frames(
    frames_THWC: Tensor,
    keyframes: KeyframeSet | None = None,
    which: Which = "every other",
    *,
    passes: int = 1,
    frames: str = "1",
    score: str = SCORES[0],
    count: int = 5,
    progress: Callable[[int], ProgressCallback] = lambda _: no_progress,
) -> list[list[int]]:
    """Choose the frames of a clip to rebuild.

    Args:
        frames_THWC: a clip of three frames or more in [0, 1], RGB or RGB with alpha.
        keyframes: the keyframes that the clip was generated from; they never count as the worst.
        which: "every other" uses `passes`, "list" uses `frames`, "worst" uses `score` and `count`.
        passes: as for `every_other`.
        frames: as for `listed_frames`.
        score: as for `score_frames`.
        count: most frames to choose by their score.
        progress: given the number of frames to score, returns a callback; it is called with n after n more frames, and
            may raise to stop the work.

    Returns:
        The frames of each pass, ascending; never the first or the last frame of the clip.

    Raises:
        InbetweenError: fewer than three frames, keyframes for another length, or a value out of range.
    """
    check_frames(frames_THWC, "images", alpha=True)
    length = len(frames_THWC)
    if length < 3:
        raise TooFewFramesError(f"images has {length} frames; to rebuild some of them, connect 3 or more.", length)
    if keyframes is not None and keyframes.frame_count != length:
        raise InbetweenError(
            f"{length} frames came in but the keyframes are for {keyframes.frame_count}; connect the keyframes "
            "that the frames were generated from."
        )
    match which:
        case "every other":
            return every_other(length, passes)
        case "list":
            return [listed_frames(frames, length)]
        case _:
            kept = () if keyframes is None else keyframes.frames
            return [worst_frames(score_frames(seen_batch(frames_THWC), score, progress(length)), count, kept)]


def every_other(frame_count: int, passes: int) -> list[list[int]]:
    """The frames of each pass: odd ones, then even ones, then odd ones again; never the first or the last.

    Raises:
        InbetweenError: passes is below 1.
    """
    if passes < 1:
        raise InbetweenError(f"passes is {passes}; give 1 or more.")
    return [list(range(1 + number % 2, frame_count - 1, 2)) for number in range(passes)]


def listed_frames(text: str, frame_count: int) -> list[int]:
    """The frames of a list such as "3, 8-11, -2"; negative numbers count from the end.

    Raises:
        InbetweenError: a word is not a number, a frame is not in the clip or is its first or last, or there is none.
    """
    chosen: set[int] = set()
    for word in text.replace(",", " ").split():
        written = FRAME_RANGE.fullmatch(word)
        if written is None:
            raise InbetweenError(f'frames: cannot read "{word[:20]}"; write frame numbers such as 3, 8-11, -2.')
        low, high = int(written[1]), int(written[2] or written[1])
        low, high = (number + frame_count if number < 0 else number for number in (low, high))
        if high < low:
            raise InbetweenError(f'frames: "{word[:20]}" runs backward; write the earlier frame first.')
        for frame in (low, high):
            if not 1 <= frame <= frame_count - 2:
                raise InbetweenError(
                    f"frames: {word[:20]} cannot be rebuilt; choose from frames 1 to {frame_count - 2}, which have a "
                    "neighbour on each side."
                )
        chosen |= set(range(low, high + 1))
    if not chosen:
        raise InbetweenError("frames is empty; write frame numbers such as 3, 8-11, -2.")
    return sorted(chosen)
