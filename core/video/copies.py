"""What becomes of copies in a video that is read twice: once to find them, and once to use the other frames."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import overload

from torch import Tensor

from ..clips.copies import find_copies
from ..clips.fields import combed_frames, repeated_frames, weave
from ..errors import InbetweenError, TooFewFramesError
from ..interpolation.copy_plan import KEEP_TIME, UNDO_PULLDOWN, CopyChoice, clip_clock, copies_note
from ..progress import ProgressCallback, no_progress
from .frame_window import PlacedFrame


@dataclass(frozen=True)
class ChosenSources:
    """The frames of a video that are used, and their places.

    numbers: of the frames in the video, ascending.
    positions: of each on the time line.
    length: where the time line ends.
    rate: of the time line, as a multiple of that of the video.
    woven: the frames that are put together from two fields, and which rows they keep; see `core.clips.fields`.
    own_rows: of the woven frames.
    note: for the report.
    """

    numbers: Sequence[int]
    positions: Sequence[Fraction]
    length: Fraction
    rate: Fraction
    woven: frozenset[int] = frozenset()
    own_rows: int = 0
    note: str = ""

    def placed(self, frames: Iterable[PlacedFrame]) -> Iterator[PlacedFrame]:
        """The chosen ones of all frames of the video, at their places."""
        chosen = iter(zip(self.numbers, self.positions, strict=True))
        number, position = next(chosen)
        before: PlacedFrame | None = None
        for current, frame in enumerate(frames):
            if current == number:
                if current in self.woven and before is not None:
                    yield PlacedFrame(position, _woven(frame, before, self.own_rows))
                else:
                    yield PlacedFrame(position, lambda frame=frame: frame.picture)  # type: ignore[misc]
                following = next(chosen, None)
                if following is None:
                    return
                number, position = following
            before = frame


def choose_sources(
    frames: Callable[[], Iterable[PlacedFrame]],
    choice: CopyChoice,
    constant: bool,
    on_frames: ProgressCallback = no_progress,
) -> ChosenSources:
    """Read a video once, or twice to undo pull-down, and choose the frames that are used.

    Args:
        frames: starts to read the video, and gives all its frames at their places.
        choice: any but "keep"; see `core.interpolation.copy_plan.clip_clock`.
        constant: whether the frame rate is constant. If it is not, only "keep time" is possible.
        on_frames: called with n after n more frames; may raise to stop the work.

    Raises:
        InbetweenError: the choice is not possible with this video.
    """
    if not constant and choice != KEEP_TIME:
        raise InbetweenError(
            f'copies is "{choice}", but the frame rate varies; choose "{KEEP_TIME}", which uses the true times.'
        )
    woven, own_rows = frozenset[int](), 0
    if choice == UNDO_PULLDOWN:
        woven, own_rows = combed_frames((frame.picture for frame in frames()), on_frames)
    positions: list[Fraction] = []

    def pictures() -> Iterator[Tensor]:
        before: PlacedFrame | None = None
        for number, frame in enumerate(frames()):
            positions.append(frame.position)
            yield _woven(frame, before, own_rows)() if number in woven and before is not None else frame.picture
            before = frame

    copies = find_copies(pictures(), on_frames).adding(repeated_frames(woven))
    if copies.length < 2:
        raise TooFewFramesError("the video has one frame; choose one with 2 or more.", copies.length)
    clock = clip_clock(_Unread(copies.length), copies, choice)
    note = copies_note(copies, choice, clock, len(woven))
    if choice == KEEP_TIME:
        places = [positions[number] for number in clock.numbers]
        return ChosenSources(clock.numbers, places, positions[-1] + 1, clock.rate, woven, own_rows, note)
    places = [Fraction(position) for position in clock.positions]
    return ChosenSources(clock.numbers, places, Fraction(clock.length), clock.rate, woven, own_rows, note)


def _woven(frame: PlacedFrame, before: PlacedFrame, own_rows: int) -> Callable[[], Tensor]:
    return lambda: weave(frame.picture, before.picture, own_rows)


class _Unread(Sequence[Tensor]):
    """The length of a clip whose frames are not at hand."""

    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> list[Tensor]: ...
    def __getitem__(self, index: int | slice) -> Tensor | list[Tensor]:
        raise IndexError("the frames of this clip are read one by one")
