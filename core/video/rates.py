"""Frame rates and times of video files: standard rates, and whether frames come at a constant rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..timing.frame_counts import exact

NTSC = Fraction(1000, 1001)
NEAR_NTSC = 2e-4  # relative: 23.976, 23.98 and 59.94 mean multiples of 1000/1001
UNEVEN = 0.1  # of a frame's duration: how far from a constant rate the times may be
USUAL_RATES = tuple(sorted(rate * factor for rate in map(Fraction, (24, 25, 30, 50, 60, 120)) for factor in (1, NTSC)))


def standard_rate(fps: float | Fraction, name: str = "fps") -> Fraction:
    """The exact frame rate that a typed number means: 23.976 is 24000/1001, 59.94 is 60000/1001, 24 is 24.

    Args:
        fps: frames per second, above 0; a Fraction passes unchanged.
        name: the input, for the error.

    Raises:
        InbetweenError: the rate is not a number above 0.
    """
    rate = exact(fps, name)
    if isinstance(fps, Fraction) or rate.denominator == 1:
        return rate
    whole = Fraction(round(rate / NTSC)) * NTSC
    typed = round(float(whole), 3), round(float(whole), 2)
    if float(rate) in typed and abs(whole / rate - 1) < NEAR_NTSC:
        return whole
    return rate


def rate_text(rate: Fraction) -> str:
    """A frame rate for a report: "24", "23.976"."""
    return f"{float(rate):.6g}" if rate.denominator == 1 else f"{float(rate):.5g}"


@dataclass(frozen=True)
class FrameTimes:
    """When the frames of a video are shown.

    start: the time of the first frame in seconds.
    rate: frames per second: exact if they come at a constant rate, otherwise that of most of them.
    constant: whether they come at a constant rate; a frame that is missing there leaves the others in their places.
    count: frames found.
    end: when the last frame ends, in seconds.
    last: how long the last frame is shown, in seconds.
    """

    start: Fraction
    rate: Fraction
    constant: bool
    count: int
    end: Fraction
    last: Fraction

    def position(self, time: Fraction) -> Fraction:
        """The place of a frame on the time line, in frames of `rate`; whole numbers if the rate is constant."""
        exactly = (time - self.start) * self.rate
        return Fraction(round(exactly)) if self.constant else exactly


def frame_times(ticks: Sequence[int], tick: Fraction, named: Sequence[Fraction] = (), last: int = 0) -> FrameTimes:
    """Find the frame rate of a video from the times of its frames.

    Args:
        ticks: when each frame is shown, in any order, in units of `tick`; at least one.
        tick: the unit in which the file counts time, in seconds.
        named: rates that the file names; the first that fits the times is taken. A file may name a wrong one.
        last: how many ticks the last frame is shown; 0 if that is not known.

    Returns:
        The times. If they fit no named or usual rate, the rate is the number of steps through their duration.
    """
    shown = np.unique(np.asarray(ticks, np.int64))
    start, count = int(shown[0]) * tick, len(shown)
    if count == 1:
        rate = next((rate for rate in named if rate > 0), 1 / (last * tick) if last else Fraction(25))
        return FrameTimes(start, rate, True, 1, start + 1 / rate, 1 / rate)
    span = int(shown[-1] - shown[0])
    usual = Fraction(int(np.median(np.diff(shown)))) * tick
    average = Fraction(count - 1) / (span * tick)
    by_nearness = sorted(USUAL_RATES, key=lambda rate: abs(rate - average))
    candidates = [rate for rate in (*named, *by_nearness) if rate > 0]
    for jitter, rates in ((0.0, [*candidates, average]), (UNEVEN, candidates)):
        for rate in rates:
            if _fits(shown, float(1 / (rate * tick)), jitter):
                return FrameTimes(start, rate, True, count, start + count / rate, 1 / rate)
    near = min(candidates, key=lambda rate: abs(float(rate * usual) - 1))
    rate = near if abs(near * usual - 1) <= UNEVEN else 1 / usual
    lasting = last * tick if last else 1 / rate
    return FrameTimes(start, rate, False, count, int(shown[-1]) * tick + lasting, lasting)


def _fits(shown: np.ndarray, step: float, jitter: float) -> bool:
    """Whether each time is on the grid of a constant rate, but for the rounding to ticks and a share of the step."""
    allowed = min(max(1.0, jitter * step), 0.4 * step)
    offsets = (shown - shown[0]) - np.arange(len(shown)) * step
    return bool(offsets.max() - offsets.min() <= 2 * allowed)
