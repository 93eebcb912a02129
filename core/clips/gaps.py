"""A gap between two clips or inside one, and how many frames around it become keyframes of the clip that fills it."""

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
    """The number of frames that are missing between two clips of shape (T, H, W, 3)."""

    before_THWC: Tensor
    after_THWC: Tensor
    frames: int


@dataclass(frozen=True)
class KnownFrames:
    """How many frames before and after a gap become keyframes of the clip that fills it."""

    before: int
    after: int


def gap_of(given: Mapping[str, Any], fps: Fraction) -> MissingFrames:
    """The gap that the user described, in frames or in seconds.

    Args:
        given: "gap" is BETWEEN, BETWEEN_SECONDS, WITHIN or WITHIN_SECONDS. The first two go with "clip_before",
            "clip_after", and "frames" or "seconds". The others go with "clip", and "first" and "end" or
            "from_seconds" and "to_seconds".
        fps: frames per second of the clips.

    Raises:
        InbetweenError: as `gap_between`, `gap_in` and `frame_at_seconds`.
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
        InbetweenError: a clip is empty, their sizes differ, or no frame is missing.
    """
    check_frames(before_THWC, "clip_before")
    check_frames(after_THWC, "clip_after")
    if before_THWC.shape[1:] != after_THWC.shape[1:]:
        raise InbetweenError(
            f"clip_after is {size_text(after_THWC)} but clip_before is {size_text(before_THWC)}; scale them to one "
            "size with Upscale Image."
        )
    if frames < 1:
        raise InbetweenError(f"the gap is {frames} frames; give 1 or more.")
    return MissingFrames(before_THWC, after_THWC, frames)


def gap_in(clip_THWC: Tensor, first: int, end: int) -> MissingFrames:
    """A gap inside one clip: frames `first` to `end` - 1 are to be replaced.

    Raises:
        InbetweenError: the clip is empty, or no frame is left before or after the gap.
    """
    check_frames(clip_THWC, "the clip")
    count = len(clip_THWC)
    if not 1 <= first < end <= count - 1:
        raise InbetweenError(
            f"the gap is frames {first} to {end} ({end} not included) of a clip of {count}; it must start at 1 or "
            f"later and end at {count - 1} or earlier, so that a frame is left on each side."
        )
    return MissingFrames(clip_THWC[:first], clip_THWC[end:], end - first)


def frame_at_seconds(seconds: float, fps: float | Fraction) -> int:
    """The frame nearest to a time; half-way between two frames, the later one.

    Raises:
        InbetweenError: the time is below 0, or the rate is not above 0.
    """
    return int(exact(seconds, "seconds", positive=False) * exact(fps, "fps") + Fraction(1, 2))


def frames_around(gap: MissingFrames, context_frames: int, rule: str) -> KnownFrames:
    """Choose how many frames on each side become keyframes, so that the length of the new clip follows the rule.

    The clip before contributes a number of frames that fills whole latent frames: 1, 5, 9, ... with 4n+1. The clip
    after contributes a number that fills whole latent frames at the end: 4 or 8 to match 5 or 9, and at least 1. Then
    the clip after, or else the clip before, contributes a few more frames (up to 3 with 4n+1), until the length is one
    that the rule allows and has at least two latent frames. All of these frames exist, so nothing is stretched.

    Args:
        gap: the missing frames and the clips around them.
        context_frames: frames that the clip before contributes.
        rule: as for `LatentGrid.of_rule`.

    Raises:
        InbetweenError: context_frames breaks the rule, or the clips are too short; the error names values that fit.
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
                f"{needed}; set context_frames to {grid.first}, or connect a longer clip."
            )
    length = before + gap.frames + after
    more = max(grid.neighbours(length)[1], grid.frames(2)) - length
    if len(gap.after_THWC) >= after + more:
        return KnownFrames(before, after + more)
    if len(gap.before_THWC) >= before + more:
        return KnownFrames(before + more, after)
    raise InbetweenError(
        f"a gap of {gap.frames} frames needs {more} more frames from a neighbouring clip to reach a length of {rule}, "
        f"but both clips are too short; use a gap of {gap.frames + more} frames, or longer clips."
    )
