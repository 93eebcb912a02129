"""A few neighbouring frames of a video that is read once, from its start to its end."""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import cached_property
from typing import overload

from torch import Tensor

BEFORE, AFTER = 1, 2  # frames on both sides of a source that motion carried on over a cut needs


class PlacedFrame:
    """A frame of a video. Its picture is made when it is first asked for."""

    def __init__(self, position: Fraction, load: Callable[[], Tensor]) -> None:
        """
        Args:
            position: its place on the time line.
            load: makes the picture, float32 of shape (H, W, 3).
        """
        self.position, self._load = position, load

    @cached_property
    def picture(self) -> Tensor:
        """The picture, float32 of shape (H, W, 3)."""
        return self._load()


class FrameWindow(Sequence[Tensor]):
    """The sources of a sequence, numbered from 0, of which only those near the last one asked for are in memory.

    Its length is that of the frames read so far. Two frames beyond the current source are always read, unless the video
    ends, so rules that look for a neighbour find the same as if all frames were in memory.
    """

    def __init__(self, frames: Iterable[PlacedFrame], tail: Fraction = Fraction(1)) -> None:
        """
        Args:
            frames: in ascending order of their positions.
            tail: how long the last frame is shown, in frames of the time line.
        """
        self._frames = iter(frames)
        self._kept: dict[int, PlacedFrame] = {}
        self._read, self._ended = 0, False
        self._tail, self._last = tail, Fraction(0)

    def position(self, source: int) -> Fraction | None:
        """The position of a frame; None if there are fewer."""
        while source + AFTER >= self._read and not self._ended:
            frame = next(self._frames, None)
            if frame is None:
                self._ended = True
            else:
                self._kept[self._read], self._last = frame, frame.position
                self._read += 1
        for number in [number for number in self._kept if number < source - 1 - BEFORE]:
            del self._kept[number]
        return self._kept[source].position if source < self._read else None

    def end(self) -> Fraction:
        """Where the last frame ends."""
        return self._last + self._tail

    def __len__(self) -> int:
        return self._read

    @overload
    def __getitem__(self, index: int) -> Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> list[Tensor]: ...
    def __getitem__(self, index: int | slice) -> Tensor | list[Tensor]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        return self._kept[index].picture

    @property
    def positions(self) -> Sequence[Fraction]:
        """The positions, by the numbers of the frames."""
        return _Positions(self._kept, self)


class _Positions(Sequence[Fraction]):
    def __init__(self, kept: dict[int, PlacedFrame], window: FrameWindow) -> None:
        self._kept, self._window = kept, window

    def __len__(self) -> int:
        return len(self._window)

    @overload
    def __getitem__(self, index: int) -> Fraction: ...
    @overload
    def __getitem__(self, index: slice) -> list[Fraction]: ...
    def __getitem__(self, index: int | slice) -> Fraction | list[Fraction]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        return self._kept[index].position
