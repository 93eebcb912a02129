"""A gap between two clips, or in one, and how many frames around it go into the clip that fills it."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from torch import Tensor

from ..errors import InbetweenError
from ..pictures.images import check_frames, size_text
from ..timing.frame_counts import exact
from ..timing.latent_grid import LatentGrid

BETWEEN, BETWEEN_SECONDS = "frames between two clips", "seconds between two clips"
WITHIN, WITHIN_SECONDS = "frames of one clip", "seconds of one clip"


@dataclass(frozen=True, eq=False)
class MissingFrames:
    """Frames that are missing between two clips of shape (frames, H, W, 3), and how many."""

    before_THWC: Tensor
    after_THWC: Tensor
    frames: int


@dataclass(frozen=True)
class Around:
    """How many frames before and after a gap the clip that fills it has in common with its neighbours."""

    before: int
    after: int


def gap_of(given: Mapping[str, Any], fps: Fraction) -> MissingFrames:
    """The gap that somebody chose to measure in frames or in seconds.

    Args:
        given: under "gap" BETWEEN, BETWEEN_SECONDS, WITHIN or WITHIN_SECONDS, and with it clip_before, clip_after and
            frames or seconds; or clip and first and end, or from_seconds and to_seconds.
        fps: frames per second of the clips.

    Raises:
        InbetweenError: see `gap_between`, `gap_in` and `frame_at_seconds`.
    """
    if given["gap"] in (BETWEEN, BETWEEN_SECONDS):
        missing = given["frames"] if given["gap"] == BETWEEN else frame_at_seconds(given["seconds"], fps)
        return gap_between(given["clip_before"], given["clip_after"], missing)
    if given["gap"] == WITHIN:
        return gap_in(given["clip"], given["first"], given["end"])
    return gap_in(given["clip"], *(frame_at_seconds(given[name], fps) for name in ("from_seconds", "to_seconds")))


def gap_between(before_THWC: Tensor, after_THWC: Tensor, frames: int) -> MissingFrames:
    """A gap between two clips.

    Raises:
        InbetweenError: a clip that is empty or of another size, or no frames missing.
    """
    check_frames(before_THWC, "clip_before")
    check_frames(after_THWC, "clip_after")
    if before_THWC.shape[1:] != after_THWC.shape[1:]:
        raise InbetweenError(
            f"clip_after is {size_text(after_THWC)} but clip_before is {size_text(before_THWC)}; bring them to one "
            "size with Upscale Image."
        )
    if frames < 1:
        raise InbetweenError(f"the gap is {frames} frames; it needs 1 or more.")
    return MissingFrames(before_THWC, after_THWC, frames)


def gap_in(clip_THWC: Tensor, first: int, end: int) -> MissingFrames:
    """A gap in one clip: frames `first` to `end` - 1 are made anew.

    Raises:
        InbetweenError: the clip is empty, or there is no frame of it before or after the gap.
    """
    check_frames(clip_THWC, "the clip")
    count = len(clip_THWC)
    if not 1 <= first < end <= count - 1:
        raise InbetweenError(
            f"the gap is frames {first} to {end} (not counting the last) of a clip of {count}; it must begin at 1 or "
            f"later, end at {count - 1} or earlier, and leave a frame on each side."
        )
    return MissingFrames(clip_THWC[:first], clip_THWC[end:], end - first)


def frame_at_seconds(seconds: float, fps: float | Fraction) -> int:
    """The frame nearest to a time; a time between two goes to the later one.

    Raises:
        InbetweenError: a time below 0, or a rate that there is not.
    """
    return int(exact(seconds, "seconds", positive=False) * exact(fps, "fps") + Fraction(1, 2))


def frames_around(gap: MissingFrames, context_frames: int, rule: str) -> Around:
    """How many frames on each side go into the clip that fills a gap, so that its length follows the rule.

    The clip before gives frames that fill latent frames of their own: 1, 5, 9, ... with 4n+1. The clip after gives as
    many as fill latent frames at its end, 4 or 8 for 5 or 9, at least 1. Up to three more of it (one less than the step
    of the rule), or of the clip before, bring the length to what the rule allows, and to two latent frames or more.
    These are frames that there are, so nothing is stretched or made up.

    Args:
        gap: see there.
        context_frames: how many the clip before gives.
        rule: see `LatentGrid.of_rule`.

    Raises:
        InbetweenError: clips that are too short for that; it names gaps that are not.
    """
    if context_frames < 1:
        raise InbetweenError(f"context_frames is {context_frames}; give 1 or more.")
    grid = LatentGrid.of_rule(rule)
    if not grid.fits(context_frames):
        below, above = grid.neighbours(context_frames)
        raise InbetweenError(f"context_frames {context_frames} breaks the rule {rule}; use {below} or {above}.")
    before, after = context_frames, max(context_frames // grid.step * grid.step, 1)
    for name, needed, clip_THWC in (("before", before, gap.before_THWC), ("after", after, gap.after_THWC)):
        if len(clip_THWC) < needed:
            raise InbetweenError(
                f"the clip {name} the gap has {len(clip_THWC)} frames, but context_frames {context_frames} needs "
                f"{needed} of it; set context_frames to {grid.first}, or give a longer clip."
            )
    length = before + gap.frames + after
    more = max(grid.neighbours(length)[1], grid.frames(2)) - length
    if len(gap.after_THWC) >= after + more:
        return Around(before, after + more)
    if len(gap.before_THWC) >= before + more:
        return Around(before + more, after)
    raise InbetweenError(
        f"a gap of {gap.frames} frames needs {more} more frames of a clip beside it for a length of {rule}, and both "
        f"are too short; use a gap of {gap.frames + more} frames, or longer clips."
    )
