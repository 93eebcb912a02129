"""Speed ramps: different speeds for different ranges of a clip, such as slow motion in its middle.

A speed is the number of input frames that pass with each frame of the result: 1 keeps the pace, 0.25 is four times
slower. Moments are those of `moments.py`.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from ..errors import InbetweenError
from ..limits import shown
from .moments import covering_moments

SLOWEST, FASTEST = Fraction(1, 100), Fraction(100)
HOW = "write ranges of frames and their speeds, such as 0-24: 1, 24-48: 0.25, 48-: 1"

_RANGE = re.compile(r"(?P<range>(?P<start>\d{1,9})\s*-\s*(?P<end>\d{1,9})?)\s*:\s*(?P<speed>\S+)")
_SPEED = re.compile(r"\d{1,6}(\.\d{0,6})?|\.\d{1,6}|\d{1,6}/\d{1,6}")


@dataclass(frozen=True)
class SpeedRange:
    """The speed from frame `start` on, up to frame `end`, which belongs to the next range."""

    start: int
    end: int
    speed: Fraction


def read_speeds(text: str, length: int) -> list[SpeedRange]:
    """Read a speed ramp such as "0-24: 1, 24-48: 0.25, 48-: 1".

    Args:
        text: ranges in ascending order, separated by commas, semicolons or line breaks. A range ends where the next one
            may begin; without an end it runs to the end of the clip. Speeds are decimal numbers or fractions.
        length: frames of the clip. The last one, length - 1, ends at `length`.

    Returns:
        Ranges that cover 0 to `length` without gaps: frames that the text does not name play at speed 1.

    Raises:
        InbetweenError: the text cannot be read, a range is empty, out of order or not in the clip, or a speed is not
            0.01 to 100.
    """
    ranges: list[SpeedRange] = []
    written = ""
    for part in filter(None, (part.strip() for part in re.split(r"[,;\n]", text))):
        found = _RANGE.fullmatch(part)
        if found is None:
            raise InbetweenError(f"speeds: cannot read {shown(part)}; {HOW}.")
        before, written = written, re.sub(r"\s", "", found["range"])
        start, end = int(found["start"]), int(found["end"] or length)
        if start >= length:
            raise InbetweenError(
                f"speeds: {written} begins after the last frame; of {length} frames choose 0 to {length - 1}."
            )
        if end > length:
            raise InbetweenError(
                f"speeds: {written} goes past the end of {length} frames; end it at {length}, or write {start}-."
            )
        if end <= start:
            problem = "is empty" if end == start else "runs backward"
            low = min(start, end)
            raise InbetweenError(
                f"speeds: {written} {problem}; a range ends after the frame it starts with, such as "
                f"{low}-{max(start, end, low + 1)}."
            )
        if ranges and start < ranges[-1].end:
            fix = f"end {before} at frame {start} or earlier" if start > ranges[-1].start else "write them in order"
            raise InbetweenError(f"speeds: {written} begins before {before} ends; {fix}.")
        covered = ranges[-1].end if ranges else 0
        if start > covered:
            ranges.append(SpeedRange(covered, start, Fraction(1)))
        ranges.append(SpeedRange(start, end, _speed(found["speed"], written)))
    if not ranges:
        raise InbetweenError(f"speeds is empty; {HOW}.")
    if ranges[-1].end < length:
        ranges.append(SpeedRange(ranges[-1].end, length, Fraction(1)))
    return ranges


def moments_by_speed(length: int, text: str) -> list[Fraction]:
    """The moments that a speed ramp shows.

    Times are exact: what is left of a frame at the end of one range counts in the next, so nothing drifts, however many
    ranges there are. Like a clip of constant rate (`moments_by_rate`), the result covers the whole length of the clip,
    the duration of its last frame included.

    Args:
        length: frames of the clip.
        text: as for `read_speeds`.

    Returns:
        One moment for each frame of the result: moment m is shown after the sum of (part of a range before m) / speed.

    Raises:
        InbetweenError: as `read_speeds`, or the result would have more than 100,000 frames.
    """
    return covering_moments(length, [(each.end, each.speed) for each in read_speeds(text, length)])


def _speed(text: str, written: str) -> Fraction:
    """The speed of the range `written`."""
    try:
        speed = Fraction(text) if _SPEED.fullmatch(text) else None
    except ZeroDivisionError:
        speed = None
    if speed is None:
        raise InbetweenError(
            f"speeds: {written} has the speed {shown(text)}, which is not a number above 0; write 0.25, 1/4 or 2."
        )
    if not SLOWEST <= speed <= FASTEST:
        nearest = SLOWEST if speed < SLOWEST else FASTEST
        raise InbetweenError(
            f"speeds: {written} has the speed {text}; give {float(SLOWEST):g} to {float(FASTEST):g}, "
            f"here {float(nearest):g}."
        )
    return speed
