"""Whether the frames of a video last equally long. In video of variable frame rate, as phones make it, they do not."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

CLEARLY = Fraction(1, 5)  # of the usual duration: from this difference on, motion is visibly uneven


@dataclass(frozen=True)
class UnevenTimes:
    """The frames of a video of variable frame rate.

    shortest, longest: durations of frames in seconds.
    average: frames per second over the whole video.
    steady: frames per second of its fast parts, a good constant rate for it.
    """

    shortest: Fraction
    longest: Fraction
    average: Fraction
    steady: Fraction

    @property
    def description(self) -> str:
        """What an artist needs to know, such as "frames last 33 to 67 ms, 20.69 fps on average"."""
        shortest, longest = (float(1000 * duration) for duration in (self.shortest, self.longest))
        return f"frames last {shortest:.0f} to {longest:.0f} ms, {float(self.average):.4g} fps on average"

    @property
    def conversion(self) -> str:
        """How to make the rate constant."""
        return f"ffmpeg -i old.mp4 -vf fps={float(self.steady):.4g} new.mp4"


def uneven_times(times: Sequence[Fraction], tick: Fraction) -> UnevenTimes | None:
    """Find out whether frames last unequally long.

    Args:
        times: when each frame is shown, in seconds, in any order.
        tick: the unit in which the file counts time, in seconds. Times are rounded to it, which alone makes durations
            differ by up to two ticks.

    Returns:
        What is uneven; None if all frames last about equally long, or if there are fewer than three.
    """
    shown = sorted(set(times))
    durations = sorted(after - before for before, after in pairwise(shown))
    if len(durations) < 2:
        return None
    usual = durations[len(durations) // 2]
    allowed = max(CLEARLY * usual, 2 * tick)
    if all(abs(duration - usual) <= allowed for duration in durations):
        return None
    average = len(durations) / (shown[-1] - shown[0])
    return UnevenTimes(durations[0], durations[-1], average, 1 / durations[len(durations) // 10])
