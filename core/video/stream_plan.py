"""The plan of a result that is made frame by frame, from a video whose length is known only when it ends.

A video has a time line of frames at a constant rate; its frames are at positions on it, which are whole numbers unless
the frame rate varies. Every frame of the result shows a moment on this time line. The moments equal those of
`core.timing.moments` and `core.timing.speed_ramp`, to which the whole clip must be known.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol, get_args

from ..errors import InbetweenError
from ..limits import check_between, check_choice
from ..timing.frame_counts import exact
from ..timing.speed_ramp import read_speeds
from .rates import standard_rate

VideoTiming = Literal["frame rate", "multiplier", "slow motion", "duration", "speed ramp"]
VIDEO_TIMINGS: tuple[VideoTiming, ...] = get_args(VideoTiming)
SLOWEST, FASTEST = Fraction(1, 100), Fraction(100)
HIGHEST_RATE = 1000


@dataclass(frozen=True)
class PlayedRange:
    """A stretch of the time line.

    end: the position at which it ends; None for the last one, which goes on to the end of the video.
    step: how far the time line moves on with each frame of the result.
    """

    end: Fraction | None
    step: Fraction


@dataclass(frozen=True)
class SoundSpan:
    """A stretch of sound that is played at one speed; all in seconds from the start of the video.

    start, end: in the source. length: in the result.
    """

    start: Fraction
    end: Fraction
    length: Fraction


class Positions(Protocol):
    """The positions of the frames of a video, as far as they are known."""

    def position(self, source: int) -> Fraction | None:
        """The position of a frame; None if the video has fewer frames. Asked for in ascending order."""
        ...

    def end(self) -> Fraction:
        """Where the last frame ends. Asked for after `position` has given None."""
        ...


@dataclass(frozen=True)
class Gap:
    """The frames of the result that show one source, or something between it and the next.

    source: number of the source.
    first: number of the first of these frames.
    times: of each frame, 0 <= time < 1, as a share of the gap; ascending.
    """

    source: int
    first: int
    times: tuple[Fraction, ...]

    @property
    def frames(self) -> list[tuple[int, Fraction]]:
        """Each frame of the result with its time."""
        return list(enumerate(self.times, self.first))


@dataclass(frozen=True)
class StreamPlan:
    """Which moments the frames of the result show.

    ranges: in order; the last one has no end.
    rate: frames per second of the time line.
    fps: frames per second of the result.
    """

    ranges: tuple[PlayedRange, ...]
    rate: Fraction
    fps: Fraction

    def moments(self) -> Iterator[Fraction]:
        """The moment of each frame of the result, without an end."""
        time, began = Fraction(0), Fraction(0)  # of the current range, in frames of the result, and its position
        number = 0
        for each in self.ranges:
            ends = None if each.end is None else time + (each.end - began) / each.step
            while ends is None or number < ends:
                yield began + (number - time) * each.step
                number += 1
            time, began = ends, each.end or began

    def result_time(self, position: Fraction) -> Fraction:
        """When a position of the time line is shown, in frames of the result."""
        time, began = Fraction(0), Fraction(0)
        for each in self.ranges:
            end = position if each.end is None else min(position, each.end)
            time, began = time + max(end - began, Fraction(0)) / each.step, max(end, began)
            if each.end is None or position <= each.end:
                break
        return time

    def frame_count(self, end: Fraction, last: Fraction) -> int:
        """How many frames the result has.

        It is the duration in frames, rounded to the nearest whole number (ties go up), but never so few that a moment
        before the last source, or at it, is left out.

        Args:
            end: where the time line ends.
            last: the position of the last source.
        """
        return max(math.floor(self.result_time(end) + Fraction(1, 2)), math.floor(self.result_time(last)) + 1)

    def gaps(self, sources: Positions) -> Iterator[Gap]:
        """The frames of the result, gap by gap. The last gap holds the last source to the end of the video."""
        source, number = 0, 0
        here = sources.position(0)
        moments = self.moments()
        moment = next(moments)
        while here is not None:
            there = sources.position(source + 1)
            if there is None:
                count = self.frame_count(sources.end(), here)
                if count > number:
                    yield Gap(source, number, (Fraction(0),) * (count - number))
                return
            times = []
            while moment < there:
                times.append(max(moment - here, Fraction(0)) / (there - here))
                moment = next(moments)
            if times:
                yield Gap(source, number, tuple(times))
            number += len(times)
            source, here = source + 1, there

    def sound_spans(self, end: Fraction) -> list[SoundSpan]:
        """The sound of each range, up to the end of the time line; neighbours of one speed are one span."""
        spans: list[SoundSpan] = []
        began = Fraction(0)
        for each in self.ranges:
            stop = end if each.end is None else min(each.end, end)
            if stop > began:
                length = (stop - began) / each.step / self.fps
                spans.append(SoundSpan(began / self.rate, stop / self.rate, length))
                began = stop
        return spans

    @property
    def keeps_time(self) -> bool:
        """Whether the result plays as fast as the video, so that its sound fits as it is."""
        return all(each.step * self.fps == self.rate for each in self.ranges)


def plan_video(
    timing: VideoTiming,
    rate: Fraction,
    length: int,
    *,
    target_fps: float | Fraction = 60.0,
    multiplier: int = 2,
    slower: float | Fraction = 4.0,
    seconds: float | Fraction = 10.0,
    speeds: str = "",
    result_fps: float | Fraction = 0.0,
) -> StreamPlan:
    """Plan the frames of a result.

    Args:
        timing: "frame rate" converts to `target_fps`. "multiplier" multiplies the frame rate. "slow motion" makes the
            video last `slower` times as long. "duration" makes it last `seconds`. "speed ramp" follows `speeds`.
        rate: frames per second of the time line.
        length: frames of the time line, as far as it is known before the video is read; "duration" and "speed ramp"
            need it.
        target_fps: frame rate of the result; 23.976, 29.97 and so on mean the exact rates of television.
        multiplier: 1 or more.
        slower: 0.01 to 100; below 1 the video is sped up.
        seconds: above 0.
        speeds: ranges of the time line and their speeds; see `core.timing.speed_ramp`.
        result_fps: frame rate of the result with "slow motion", "duration" and "speed ramp"; 0 for that of the time
            line.

    Raises:
        InbetweenError: a value is out of its range, or the ramp cannot be read.
    """
    check_choice(timing, "timing", VIDEO_TIMINGS)
    if timing == "frame rate":
        fps = _rate(target_fps, "target_fps")
        return StreamPlan((PlayedRange(None, rate / fps),), rate, fps)
    if timing == "multiplier":
        if multiplier < 1:
            raise InbetweenError(f"multiplier is {multiplier}; give 1 or more.")
        return StreamPlan((PlayedRange(None, Fraction(1, multiplier)),), rate, rate * multiplier)
    fps = _rate(result_fps, "result_fps") if result_fps else rate
    if timing == "slow motion":
        check_between(float(slower), "slower", float(SLOWEST), float(FASTEST))
        return StreamPlan((PlayedRange(None, rate / fps / exact(slower, "slower")),), rate, fps)
    if timing == "duration":
        step = length / (exact(seconds, "seconds") * fps)
        check_between(float(step * fps / rate), "the speed that seconds asks for", float(SLOWEST), float(FASTEST))
        return StreamPlan((PlayedRange(None, step),), rate, fps)
    ranges = [(each.end, each.speed * rate / fps) for each in read_speeds(speeds, length)]
    played = [PlayedRange(Fraction(end), step) for end, step in ranges[:-1]]
    return StreamPlan((*played, PlayedRange(None, ranges[-1][1])), rate, fps)


def _rate(fps: float | Fraction, name: str) -> Fraction:
    rate = standard_rate(fps, name)
    check_between(float(rate), name, 0.01, HIGHEST_RATE)
    return rate
