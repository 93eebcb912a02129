"""Easing, and holding drawings for several frames: both shift moments on the timeline.

Moments and source frames are those of `moments.py`. Neither easing nor holding changes the number of frames.
"""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import Literal, get_args

from ..errors import InbetweenError

Bezier = tuple[float, float, float, float]
EaseOver = Literal["each gap", "whole length"]
EASE_OVER: tuple[EaseOver, ...] = get_args(EaseOver)

# x1, y1, x2, y2 of a cubic curve from (0, 0) to (1, 1): W3C, "CSS Easing Functions Level 1", section 2.2.
CURVES: dict[str, Bezier] = {
    "linear": (0.0, 0.0, 1.0, 1.0),
    "ease in": (0.42, 0.0, 1.0, 1.0),
    "ease out": (0.0, 0.0, 0.58, 1.0),
    "ease in and out": (0.42, 0.0, 0.58, 1.0),
}


def parse_bezier(text: str) -> Bezier:
    """Read "x1, y1, x2, y2", the two inner points of a curve from (0, 0) to (1, 1).

    Raises:
        InbetweenError: the text is not four numbers, or one of them is outside 0..1, so that the curve could leave the
            gap between two frames.
    """
    how = "write four numbers from 0 to 1: x1, y1, x2, y2, such as 0.42, 0, 0.58, 1"
    try:
        numbers = [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        raise InbetweenError(f'curve: cannot read "{" ".join(text.split())[:40]}"; {how}.') from None
    if len(numbers) != 4:
        raise InbetweenError(f"curve has {len(numbers)} numbers; {how}.")
    for name, number in zip(("x1", "y1", "x2", "y2"), numbers, strict=True):
        if not 0 <= number <= 1:
            raise InbetweenError(f"curve: {name} is {number:g}, which gives times outside 0..1; {how}.")
    return numbers[0], numbers[1], numbers[2], numbers[3]


def ease(time: Fraction, curve: Bezier) -> Fraction:
    """How far the motion has come at a time, both 0..1. Exact at 0, at 1 and on a straight curve; never decreases."""
    x1, y1, x2, y2 = curve
    if time in (0, 1) or (x1, x2) == (y1, y2):
        return time
    low, high = 0.0, 1.0
    for _ in range(50):  # bisection finds the parameter whose x is the time, even where the curve is vertical
        middle = (low + high) / 2
        low, high = (middle, high) if _along(middle, x1, x2) < time else (low, middle)
    return Fraction(_along(high, y1, y2)).limit_denominator(10**9)


def apply_easing(
    moments: Sequence[Fraction], source_frames: Sequence[int | Fraction], curve: Bezier, over: EaseOver = "each gap"
) -> list[Fraction]:
    """Shift moments along an easing curve.

    Args:
        moments: moments on the timeline of the sources.
        source_frames: the frame number of each source, ascending.
        curve: from `CURVES` or `parse_bezier`.
        over: "each gap" restarts the curve at every source, so that sources keep their frames (slow in and slow out of
            each drawing); "whole length" runs it once from the first to the last source (a speed ramp).

    Returns:
        The same number of moments; those before the first and after the last source are unchanged.
    """
    stops = source_frames if over == "each gap" else (source_frames[0], source_frames[-1])
    eased = []
    for moment in moments:
        gap = bisect_right(stops, moment) - 1
        if 0 <= gap < len(stops) - 1:
            length = stops[gap + 1] - stops[gap]
            moment = stops[gap] + ease((moment - stops[gap]) / length, curve) * length
        eased.append(moment)
    return eased


def apply_hold(moments: Sequence[Fraction], source_frames: Collection[int | Fraction], frames: int) -> list[Fraction]:
    """Show each picture for several frames; 2 is what animators call "on twos".

    Counting restarts at every frame that shows a source, so that sources keep their frames.

    Raises:
        InbetweenError: frames below 1.
    """
    if frames < 1:
        raise InbetweenError(f"hold is {frames}; give 1 (every frame new) or more.")
    sources = set(source_frames)
    shown: list[Fraction] = []
    age = 0
    for moment in moments:
        age = 0 if not shown or moment in sources else (age + 1) % frames
        shown.append(moment if age == 0 else shown[-1])
    return shown


def _along(parameter: float, first: float, second: float) -> float:
    """One coordinate of the curve: 3 (1-s)^2 s first + 3 (1-s) s^2 second + s^3."""
    rest = 1 - parameter
    return 3 * rest * rest * parameter * first + 3 * rest * parameter * parameter * second + parameter**3
