"""The moments that the frames of a new sequence show, measured in source frames.

Moments are exact fractions: moment 2 is source frame 2, and moment 5/2 is half-way between frames 2 and 3.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..errors import InbetweenError
from .frame_counts import MOST_FRAMES, exact


@dataclass(frozen=True)
class Instant:
    """What one frame shows: source image `source` itself (time 0), or a point on the way to the next source.

    time: 0 <= time < 1, as a fraction of the gap between the two sources.
    """

    source: int
    time: Fraction


def moments_by_multiplier(length: int, multiplier: int) -> list[Fraction]:
    """`multiplier` steps for each gap: (length - 1) * multiplier + 1 moments, both ends included.

    Raises:
        InbetweenError: the multiplier is below 1, or the result would have more than 100,000 frames.
    """
    if multiplier < 1:
        raise InbetweenError(f"multiplier is {multiplier}; give 1 or more.")
    return _moments((length - 1) * multiplier + 1, Fraction(1, multiplier))


def moments_by_count(length: int, frame_count: int) -> list[Fraction]:
    """Exactly `frame_count` moments, evenly spaced, both ends included.

    Raises:
        InbetweenError: frame_count is below 2 or above 100,000.
    """
    if frame_count < 2:
        raise InbetweenError(f"frame_count is {frame_count}; give 2 or more.")
    return _moments(frame_count, Fraction(length - 1, frame_count - 1))


def moments_by_rate(length: int, source_fps: float | Fraction, target_fps: float | Fraction) -> list[Fraction]:
    """The moments of a clip converted to another frame rate, over its whole length.

    A clip of n frames lasts n / source_fps seconds, because its last frame is shown as long as the others. So there
    are n * target / source moments, rounded as in `covering_moments`. Moments after the last source frame hold it.

    Raises:
        InbetweenError: a rate is not above 0, or the result would have more than 100,000 frames.
    """
    step = exact(source_fps, "source_fps") / exact(target_fps, "target_fps")
    return covering_moments(length, [(length, step)])


def covering_moments(length: int, ranges: Sequence[tuple[int, Fraction]]) -> list[Fraction]:
    """The moments that cover a clip whose ranges play at different speeds.

    Their number is the duration in result frames, rounded to the nearest whole number (ties go up), but never so few
    that a moment before the last source frame, or at it, is left out.

    Args:
        length: frames of the clip, which ends at moment `length`.
        ranges: for each range, in order, the moment at which it ends and its speed, in source frames per result frame.
            The first begins at 0, the last ends at `length`.

    Raises:
        InbetweenError: the result would have more than 100,000 frames.
    """
    starts: list[tuple[Fraction, int, Fraction]] = []  # of each range: result time, moment, speed
    time, moment = Fraction(0), 0
    for end, speed in ranges:
        starts.append((time, moment, speed))
        time, moment = time + (end - moment) / speed, end
    last_source = time - 1 / starts[-1][2]  # every range is a whole number of frames long
    count = max(math.floor(time + Fraction(1, 2)), math.floor(last_source) + 1)
    if count > MOST_FRAMES:
        raise InbetweenError(f"the result would have {count} frames; at most {MOST_FRAMES} are possible.")
    moments, current = [], 0
    for number in range(count):
        while current + 1 < len(starts) and starts[current + 1][0] <= number:
            current += 1
        began, moment, speed = starts[current]
        moments.append(moment + (number - began) * speed)
    return moments


def moments_by_times(length: int, text: str) -> list[Fraction]:
    """The sources, and between them the times that a text lists: an animator's timing chart.

    Args:
        length: number of sources, which are at 0, 1, 2, ...
        text: times between 0 and 1, such as "0.5, 0.75" or "1/2 3/4", for every gap; or one list for each gap,
            separated by ";". An empty list adds no frame to its gap.

    Raises:
        InbetweenError: a time is not a number, not between 0 and 1, or not ascending; the number of lists does not
            match; or the result would have more than 100,000 frames.
    """
    lists = [_times(part) for part in text.split(";")]
    if len(lists) not in (1, length - 1):
        raise InbetweenError(
            f"times has {len(lists)} lists but there are {length - 1} gaps; give one list for all, or {length - 1} "
            'separated by ";".'
        )
    gaps = lists * (length - 1) if len(lists) == 1 else lists
    moments = [Fraction(0)]
    for source, times in enumerate(gaps):
        moments += [source + time for time in times] + [Fraction(source + 1)]
    if len(moments) > MOST_FRAMES:
        raise InbetweenError(f"the result would have {len(moments)} frames; at most {MOST_FRAMES} are possible.")
    return moments


def locate(moments: Sequence[Fraction], source_frames: Sequence[int | Fraction]) -> list[Instant]:
    """Find the two sources around each moment.

    Args:
        moments: moments on the timeline of the sources.
        source_frames: the frame number of each source, ascending.

    Returns:
        One Instant for each moment. Moments before the first or after the last source show that source.
    """
    last = len(source_frames) - 1
    instants = []
    for moment in moments:
        source = max(bisect_right(source_frames, moment) - 1, 0)
        if source == last or moment < source_frames[0]:
            instants.append(Instant(source, Fraction(0)))
        else:
            gap = source_frames[source + 1] - source_frames[source]
            instants.append(Instant(source, (moment - source_frames[source]) / gap))
    return instants


def _times(text: str) -> list[Fraction]:
    times: list[Fraction] = []
    for word in text.replace(",", " ").split():
        try:
            time = Fraction(word)
        except (ValueError, ZeroDivisionError):
            raise InbetweenError(f'times: cannot read "{word[:20]}"; write 0.25, 0.5, 0.75 or 1/4 1/2 3/4.') from None
        if not 0 < time < 1:
            raise InbetweenError(f"times: {word[:20]} is not between 0 and 1, the two ends of a gap.")
        if times and time <= times[-1]:
            raise InbetweenError(
                f"times: {word[:20]} does not come after {float(times[-1]):g}; write them in ascending order."
            )
        times.append(time)
    return times


def _moments(count: int, step: Fraction) -> list[Fraction]:
    if count > MOST_FRAMES:
        raise InbetweenError(f"the result would have {count} frames; at most {MOST_FRAMES} are possible.")
    return [number * step for number in range(count)]
