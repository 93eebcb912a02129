"""Recursive interpolation: halve a gap, then its halves, so that an engine only ever renders the time 1/2."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from torch import Tensor

from ...core.errors import InbetweenError
from ...core.interpolation.contract import FramePair, Interpolator, Rendered
from ...core.interpolation.lost import Place

MOST_HALVINGS = 6
HALF = Fraction(1, 2)


class Picture(NamedTuple):
    """One in-between; see `core.interpolation.contract.Rendered`."""

    frame_HWC: Tensor
    blended: float
    lost_HW: Tensor | None = None
    lost_things: tuple[Place, ...] = ()
    lost_lines: Place | None = None

    def also_lost(self, source: "Picture") -> "Picture":
        """This picture, with what was lost in a picture that it was made from."""
        if self.lost_HW is None or source.lost_HW is None:
            return self
        lost_HW = self.lost_HW.maximum(source.lost_HW)
        return self._replace(lost_HW=lost_HW, lost_things=(*source.lost_things, *self.lost_things))


def pictures_of(rendered: Rendered) -> list[Picture]:
    """The in-betweens one by one."""
    count = len(rendered.blended)
    lost = [None] * count if rendered.lost_THW is None else list(rendered.lost_THW)
    return [
        Picture(frame_HWC, blended, lost_HW, rendered.lost_things, lines)
        for frame_HWC, blended, lost_HW, lines in zip(
            rendered.frames_THWC, rendered.blended, lost, rendered.lost_lines or [None] * count, strict=True
        )
    ]


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
    return pictures_of(pair.render([float(HALF)]))[0]


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
        for picture in _gap(interpolator, first_HWC, half.frame_HWC, before):
            yield picture.also_lost(half)
    if HALF in times:
        yield half
    if after:
        for picture in _gap(interpolator, half.frame_HWC, second_HWC, after):
            yield picture.also_lost(half)


def _gap(interpolator: Interpolator, first_HWC: Tensor, second_HWC: Tensor, times: list[Fraction]) -> Iterator[Picture]:
    half = half_way(interpolator.prepare(first_HWC, second_HWC))
    return halved(interpolator, first_HWC, half, second_HWC, times)
