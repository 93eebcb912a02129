"""Plan an interpolation: its source frames, and the instant that each frame of the result shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from torch import Tensor

from ..errors import InbetweenError, TooFewFramesError
from ..keyframes.keyframe_set import KeyframeSet
from ..pictures.images import check_frames
from ..timing.easing import CURVES, EASE_OVER, EaseOver, apply_easing, apply_hold, parse_bezier
from ..timing.frame_counts import exact
from ..timing.moments import Instant, locate, moments_by_count, moments_by_multiplier, moments_by_rate, moments_by_times
from ..timing.speed_ramp import moments_by_speed

Timing = Literal["as keyframed", "multiplier", "frame count", "frame rate", "times", "speed ramp"]
AS_KEYFRAMED: Timing = "as keyframed"
LINEAR, BEZIER = "linear", "bezier"


@dataclass(frozen=True, eq=False)
class FramePlan:
    """The source frames, and what each frame of the result shows.

    sources: images of shape (H, W, 3) in [0, 1], all of one size.
    instants: one for each frame of the result, ascending.
    fps: the frame rate at which the result plays as long as the input does, or a speed ramp as planned.
    keyframes: the frame number of each source, if the sources are keyframes; None for a clip.
    """

    sources: Sequence[Tensor] | Tensor
    instants: list[Instant]
    fps: float
    keyframes: tuple[int, ...] | None = None


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
) -> FramePlan:
    """Plan the frames of a sequence.

    Args:
        frames: keyframes, or a clip of shape (T, H, W, 3) in [0, 1] with two frames or more.
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

    Raises:
        InbetweenError: a clip with timing "as keyframed", fewer than two frames, or a value out of range.
    """
    rates = source_fps, target_fps
    moments, sources, positions = _moments(frames, timing, multiplier, frame_count, rates, times, speeds)
    result_fps = target_fps if timing == "frame rate" else _result_rate(frames, timing, len(moments), fps)
    if easing != LINEAR:
        if isinstance(frames, KeyframeSet) and ease_over == "whole length":
            raise InbetweenError(
                'ease_over "whole length" would move the keyframes off their frames; choose each gap, or connect a '
                "clip."
            )
        bezier = parse_bezier(curve) if easing == BEZIER else CURVES[easing]
        moments = apply_easing(moments, positions, bezier, ease_over)
    instants = locate(apply_hold(moments, positions, hold), positions)
    return FramePlan(sources, instants, result_fps, frames.frames if isinstance(frames, KeyframeSet) else None)


def _result_rate(frames: KeyframeSet | Tensor, timing: Timing, count: int, fps: float) -> float:
    """The rate at which `count` frames take the time from the first to the last moment they show at `fps`."""
    rate = exact(fps, "fps")
    if timing == "speed ramp":
        return float(rate)
    if not isinstance(frames, KeyframeSet):
        steps = len(frames) - 1
    elif timing == "times":
        steps = frames.frames[-1] - frames.frames[0]
    else:
        steps = frames.frame_count - 1
    return float(rate * Fraction(count - 1, steps))


def _moments(
    frames: KeyframeSet | Tensor,
    timing: Timing,
    multiplier: int,
    frame_count: int,
    rates: tuple[float, float],
    times: str,
    speeds: str,
) -> tuple[list[Fraction], Sequence[Tensor] | Tensor, Sequence[int]]:
    """The moments that the result shows, the sources, and the frame number of each source."""
    sources: Sequence[Tensor] | Tensor
    positions: Sequence[int]
    if isinstance(frames, KeyframeSet):
        sources, positions = [keyframe.image_HWC for keyframe in frames.keyframes], frames.frames
        length = frames.frame_count
    else:
        check_frames(frames, "frames")
        sources, positions, length = frames, range(len(frames)), len(frames)
        if timing == AS_KEYFRAMED:
            raise InbetweenError(
                f'timing "{AS_KEYFRAMED}" needs keyframes; for a clip choose multiplier, frame count, frame rate, '
                "times or speed ramp."
            )
    if length < 2:
        raise TooFewFramesError("frames has one frame; connect a clip of 2 or more, or keyframes.", length)
    match timing:
        case "multiplier":
            moments = moments_by_multiplier(length, multiplier)
        case "frame count":
            moments = moments_by_count(length, frame_count)
        case "frame rate":
            moments = moments_by_rate(length, *rates)
        case "speed ramp":
            moments = moments_by_speed(length, speeds)
        case "times":
            moments, positions = moments_by_times(len(sources), times), range(len(sources))
        case _:
            moments = moments_by_multiplier(length, 1)
    return moments, sources, positions
