"""Plan an interpolation: its source frames, and the instant that each frame of the result shows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from torch import Tensor

from ..clips.copies import Copies, find_copies
from ..clips.fields import WovenFrames, match_fields
from ..errors import InbetweenError, TooFewFramesError
from ..keyframes.keyframe_set import KeyframeSet
from ..pictures.alpha import FramesWithAlpha, as_seen, fitting_transparency, has_alpha
from ..pictures.images import check_frames
from ..progress import ProgressCallback, no_progress
from ..reports import report_text
from ..timing.easing import CURVES, EASE_OVER, EaseOver, apply_easing, apply_hold, parse_bezier
from ..timing.frame_counts import exact
from ..timing.moments import Instant, locate, moments_by_count, moments_by_multiplier, moments_by_rate, moments_by_times
from ..timing.speed_ramp import moments_by_speed
from .copy_plan import KEEP, UNDO_PULLDOWN, Clock, CopyChoice, clip_clock, copies_note

Timing = Literal["as keyframed", "multiplier", "frame count", "frame rate", "times", "speed ramp"]
AS_KEYFRAMED: Timing = "as keyframed"
LINEAR, BEZIER = "linear", "bezier"


@dataclass(frozen=True, eq=False)
class FramePlan:
    """The source frames, and what each frame of the result shows.

    sources: images of shape (H, W, 3), or all (H, W, 4) with alpha, in [0, 1], all of one size.
    instants: one for each frame of the result, ascending.
    fps: the frame rate at which the result plays as long as the input does, or a speed ramp as planned.
    keyframes: the frame number of each source, if the sources are keyframes; None for a clip.
    numbers: the number of each source in the clip if copies were left out; None if every source keeps its own number.
    channels: 4 if the sources came with their alpha inside; 3 if it came apart, or if there is none.
    note: what was found about copies in the clip, for the report; empty if there are none.
    """

    sources: Sequence[Tensor] | Tensor
    instants: list[Instant]
    fps: float
    keyframes: tuple[int, ...] | None = None
    numbers: Sequence[int] | None = None
    note: str = ""
    channels: int = 3

    @property
    def positions(self) -> Sequence[int]:
        """The frame number of each source: that of the keyframe, or that in the clip."""
        return self.keyframes or self.numbers or range(len(self.sources))

    def described(self, report: str) -> str:
        """A report with the note on its second line; as a warning if the copies are in the result."""
        first, *others = report.splitlines()
        lines, warnings = ([self.note], []) if self.numbers is not None else ([], [self.note])
        return "\n".join([report_text([first, *lines], warnings), *others]) if self.note else report


def plan_frames(
    frames: KeyframeSet | Tensor,
    timing: Timing = AS_KEYFRAMED,
    *,
    multiplier: int = 2,
    frame_count: int = 49,
    source_fps: float = 24.0,
    target_fps: float = 60.0,
    times: str = "0.25, 0.5, 0.75",
    easing: str = LINEAR,
    curve: str = "0.42, 0, 0.58, 1",
    ease_over: EaseOver = EASE_OVER[0],
    hold: int = 1,
    fps: float = 24.0,
    speeds: str = "",
    copies: CopyChoice = KEEP,
    transparency_THW: Tensor | None = None,
    progress: Callable[[int], ProgressCallback] = lambda _: no_progress,
    check_room: Callable[[int, int, int], None] = lambda *_: None,
) -> FramePlan:
    """Plan the frames of a sequence.

    Args:
        frames: keyframes, or a clip of shape (T, H, W, 3), or (T, H, W, 4) with alpha, in [0, 1] with two frames or
            more.
        timing: how many frames the result has, and what they show. "as keyframed" fills the timeline of the keyframes.
            "multiplier", "frame count", "frame rate" and "times" use the arguments below; see `core.timing.moments`.
            "speed ramp" uses `speeds`; see `core.timing.speed_ramp`.
            With "times" the keyframes count as evenly spaced, whatever their frame numbers.
        multiplier: steps for each gap.
        frame_count: frames in all, both ends included.
        source_fps, target_fps: the frame rate to convert from, and to.
        times: a timing chart, 0 to 1 within each gap.
        easing: a name in `CURVES`, or "bezier" to use `curve`.
        curve: x1, y1, x2, y2 of a cubic curve.
        ease_over: "each gap" or, for a clip, "whole length".
        hold: how many frames to show each new picture for.
        fps: frame rate of the input, from which that of the result follows; not used with "frame rate".
        speeds: ranges of frames with their speeds.
        copies: what becomes of frames of a clip that repeat the frame before; see `clip_clock`. Keyframes are used as
            they are.
        transparency_THW: 1 - alpha of a clip whose alpha came apart; see `fitting_transparency`.
        progress: given the number of frames to search for copies, returns a callback; it is called with n after n more
            frames, and may raise to stop the work.
        check_room: called with the number of frames of the result, their height and their width, as soon as they are
            known: with "keep" before the search for copies. It may raise.

    Raises:
        InbetweenError: a clip with timing "as keyframed", fewer than two frames, or a value out of range.
    """
    clock, note = _clock(frames, timing, copies, transparency_THW, progress)
    moments, positions = _moments(clock, timing, multiplier, frame_count, (source_fps, target_fps), times, speeds)
    result_fps = target_fps if timing == "frame rate" else _result_rate(clock, timing, len(moments), fps)
    if easing != LINEAR:
        if isinstance(frames, KeyframeSet) and ease_over == "whole length":
            raise InbetweenError(
                'ease_over "whole length" would move the keyframes off their frames; choose each gap, or connect a '
                "clip."
            )
        bezier = parse_bezier(curve) if easing == BEZIER else CURVES[easing]
        moments = apply_easing(moments, positions, bezier, ease_over)
    instants = locate(apply_hold(moments, positions, hold), positions)
    height, width = clock.sources[0].shape[:2]
    check_room(len(instants), height, width)
    if copies == KEEP and isinstance(frames, Tensor):  # they change only the report
        note = copies_note(find_copies(as_seen(clock.sources), progress(len(frames))), copies, clock)
    keyframes = frames.frames if isinstance(frames, KeyframeSet) else None
    numbers = None if copies == KEEP or keyframes is not None else clock.numbers
    inside = has_alpha(frames) if isinstance(frames, Tensor) else frames.has_alpha and not frames.alpha_apart
    return FramePlan(clock.sources, instants, result_fps, keyframes, numbers, note, 4 if inside else 3)


def _result_rate(clock: Clock, timing: Timing, count: int, fps: float) -> float:
    """The rate at which `count` frames take the time from the first to the last moment they show at `fps`."""
    rate = exact(fps, "fps") * clock.rate
    if timing == "speed ramp":
        return float(rate)
    steps = clock.positions[-1] - clock.positions[0] if timing == "times" else clock.length - 1
    return float(rate * Fraction(count - 1, steps))


def _clock(
    frames: KeyframeSet | Tensor,
    timing: Timing,
    copies: CopyChoice,
    transparency_THW: Tensor | None,
    progress: Callable[[int], ProgressCallback],
) -> tuple[Clock, str]:
    """The sources on their timeline, and what a report says about copies, unless they are kept."""
    if isinstance(frames, KeyframeSet):
        if transparency_THW is not None:
            raise InbetweenError("transparency belongs to a clip; for keyframes, connect it to Keyframes instead.")
        clock, note = Clock(frames.pictures, frames.frames, frames.frames, frames.frame_count), ""
    else:
        check_frames(frames, "frames", alpha=True)
        clip: Sequence[Tensor] | Tensor = frames
        if transparency_THW is not None:
            masks_THW = fitting_transparency(transparency_THW, frames[0], len(frames))
            clip = FramesWithAlpha(frames, masks_THW)
        if timing == AS_KEYFRAMED:
            raise InbetweenError(
                f'timing "{AS_KEYFRAMED}" needs keyframes; for a clip choose multiplier, frame count, frame rate, '
                "times or speed ramp."
            )
        if copies == KEEP:
            clock, note = clip_clock(clip, Copies(len(frames))), ""
        else:
            woven = WovenFrames(clip)
            if copies == UNDO_PULLDOWN:
                matched = match_fields(as_seen(clip), progress(len(frames)))
                woven = WovenFrames(clip, matched.woven, matched.own_rows)
            found = find_copies(as_seen(woven), progress(len(frames))).adding(woven.repeats)
            clock = clip_clock(woven if woven.woven else clip, found, copies)
            note = copies_note(found, copies, clock, len(woven.woven))
    if clock.length < 2:
        raise TooFewFramesError("frames has one frame; connect a clip of 2 or more, or keyframes.", clock.length)
    return clock, note


def _moments(
    clock: Clock,
    timing: Timing,
    multiplier: int,
    frame_count: int,
    rates: tuple[float, float],
    times: str,
    speeds: str,
) -> tuple[list[Fraction], Sequence[int | Fraction]]:
    """The moments that the result shows, and the moment of each source."""
    length, positions = clock.length, clock.positions
    match timing:
        case "multiplier":
            moments = moments_by_multiplier(length, multiplier)
        case "frame count":
            moments = moments_by_count(length, frame_count)
        case "frame rate":
            moments = moments_by_rate(length, exact(rates[0], "source_fps") * clock.rate, rates[1])
        case "speed ramp":
            moments = moments_by_speed(length, speeds)
        case "times":
            moments, positions = moments_by_times(len(clock.sources), times), range(len(clock.sources))
        case _:
            moments = moments_by_multiplier(length, 1)
    return moments, positions
