"""Recursive interpolation: halve a gap, then its halves, so that an engine only ever renders the time 1/2."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from torch import Tensor

from ...core.errors import InbetweenError
from ...core.interpolation.contract import FramePair, Interpolator

MOST_HALVINGS = 6
HALF = Fraction(1, 2)

Picture = tuple[Tensor, float]  # of shape (H, W, 3), and the share of it that is cross-faded


def is_halvable(time: Fraction) -> bool:
    """Whether repeated halving of a gap reaches this time."""
    return not time.denominator & (time.denominator - 1) and time.denominator <= 1 << MOST_HALVINGS


def check_halvable(times: Iterable[Fraction]) -> None:
    """Raise InbetweenError unless repeated halving of a gap reaches all of these times."""
    for time in sorted(times):
        if not is_halvable(time):
            raise InbetweenError(
                f"halving a gap reaches 1/2, 1/4, 3/8 and so on, but a frame is needed at {time} of a gap; set method "
                "to direct, or use a multiplier of 2, 4, 8, 16, 32 or 64."
            )


def is_halved(interpolator: Interpolator, times: Iterable[Fraction]) -> bool:
    """Whether the frames of a gap, at times in (0, 1), are rendered by halving because the engine is made for it."""
    return interpolator.by_halving and all(map(is_halvable, times))


def untrained_times(interpolator: Interpolator, times: Iterable[Fraction]) -> list[Fraction]:
    """The times of a gap, in (0, 1), that are rendered directly although the engine was trained only for 1/2."""
    times = list(times)
    if not interpolator.by_halving or is_halved(interpolator, times):
        return []
    return [time for time in times if time != HALF]


def half_way(pair: FramePair) -> Picture:
    """Render the picture half-way between two frames."""
    rendered = pair.render([float(HALF)])
    return rendered.frames_THWC[0], rendered.blended[0]


def halved(
    interpolator: Interpolator, first_HWC: Tensor, half: Picture, second_HWC: Tensor, times: Sequence[Fraction]
) -> Iterator[Picture]:
    """Render the frames of a gap by halving its two halves further.

    Args:
        interpolator: prepares each inner pair; a pair is dropped as soon as its middle picture is rendered.
        first_HWC, second_HWC: the frames on both sides of the gap.
        half: the picture between them, from `half_way`.
        times: in (0, 1), ascending; all of them pass `is_halvable`.

    Yields:
        The pictures, in the order of the times.
    """
    before = [2 * time for time in times if time < HALF]
    after = [2 * time - 1 for time in times if time > HALF]
    if before:
        yield from _gap(interpolator, first_HWC, half[0], before)
    if HALF in times:
        yield half
    if after:
        yield from _gap(interpolator, half[0], second_HWC, after)


def _gap(interpolator: Interpolator, first_HWC: Tensor, second_HWC: Tensor, times: list[Fraction]) -> Iterator[Picture]:
    half = half_way(interpolator.prepare(first_HWC, second_HWC))
    return halved(interpolator, first_HWC, half, second_HWC, times)
