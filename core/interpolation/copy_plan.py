"""What to do with copies in a clip: which frames are kept, and when each is shown."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal, overload

from torch import Tensor

from ..clips.copies import Copies, numbers_text, repeats_text
from ..errors import InbetweenError

CopyChoice = Literal["keep", "keep time", "spread", "undo 3:2 pulldown"]
COPY_CHOICES: tuple[CopyChoice, ...] = ("keep", "keep time", "spread", "undo 3:2 pulldown")
KEEP, KEEP_TIME, SPREAD, UNDO_PULLDOWN = COPY_CHOICES

CYCLE = 5  # frames of 3:2 pull-down after which its pattern repeats
REGULAR = 0.6  # share of the copies that must repeat in the cycles before and after


class ChosenFrames(Sequence[Tensor]):
    """Some frames of a clip, which are read one by one and not kept."""

    def __init__(self, frames: Sequence[Tensor] | Tensor, numbers: Sequence[int]) -> None:
        self._frames, self._numbers = frames, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> "ChosenFrames": ...
    def __getitem__(self, index: int | slice) -> "Tensor | ChosenFrames":
        if isinstance(index, slice):
            return ChosenFrames(self._frames, self._numbers[index])
        return self._frames[self._numbers[index]]


@dataclass(frozen=True, eq=False)
class Clock:
    """The frames of a clip between which in-betweens are made, and their timeline.

    sources: images of shape (H, W, 3).
    positions: the moment at which each one shows, ascending.
    numbers: the number of each one in the clip, ascending.
    length: frames of the timeline, both ends included.
    rate: frame rate of the timeline, as a multiple of that of the clip.
    """

    sources: Sequence[Tensor] | Tensor
    positions: Sequence[int | Fraction]
    numbers: Sequence[int]
    length: int
    rate: Fraction = Fraction(1)


def clip_clock(frames: Sequence[Tensor] | Tensor, copies: Copies, choice: CopyChoice = KEEP) -> Clock:
    """Lay out the frames of a clip on its timeline.

    Args:
        frames: a clip.
        copies: from `find_copies`.
        choice: "keep" takes every frame. "keep time" leaves the copies out and the other frames at their times, so that
            each drawing shows when it first appears; a copy before a cut stays, and so does the cut. "spread" spaces
            the other frames evenly, each shot over its own length. "undo 3:2 pulldown" leaves one frame out of five, or
            three of five, and the timeline becomes that of the film.

    Raises:
        InbetweenError: the copies are not those of 3:2 pull-down, or the choice is unknown.
    """
    length = len(frames)
    if choice == KEEP:
        return Clock(frames, range(length), range(length), length)
    if choice == KEEP_TIME:
        replaceable = _replaceable(copies)
        numbers = [frame for frame in range(length) if frame not in replaceable]
        return Clock(ChosenFrames(frames, numbers), numbers, numbers, length)
    if choice == SPREAD:
        numbers, positions = _spread(copies)
        return Clock(ChosenFrames(frames, numbers), positions, numbers, length)
    if choice == UNDO_PULLDOWN:
        numbers, rate = _film(copies)
        return Clock(ChosenFrames(frames, numbers), range(len(numbers)), numbers, len(numbers), rate)
    raise InbetweenError(f'copies is "{choice}"; choose {", ".join(COPY_CHOICES)}.')


def copies_note(copies: Copies, choice: CopyChoice, clock: Clock, woven: int = 0) -> str:
    """A line for a report: which frames are copies, and what became of them; "" if "keep" has nothing to keep.

    woven: how many frames were put together from fields.
    """
    if choice == KEEP:
        if not copies.hidden:
            return ""
        advice = f'"{UNDO_PULLDOWN}"' if copied_per_cycle(copies) else f'"{KEEP_TIME}" or "{SPREAD}"'
        return f"{repeats_text(copies.frames)}, so motion stops there; for even motion set copies to {advice}."
    shown = set(clock.numbers)
    left = [frame for frame in range(copies.length) if frame not in shown]
    if not left:
        return "No frame repeats the frame before, so every frame is used."
    if choice == UNDO_PULLDOWN:
        fields = f" {woven} combed frames were put together again from their fields." if woven else ""
        return (
            f"3:2 pulldown undone: {clock.length} of {copies.length} frames are left, at {clock.rate} of the frame "
            f"rate, without frames {numbers_text(left)}.{fields}"
        )
    named = repeats_text(left)
    verb = "is" if len(left) == 1 else "are"
    done = f"{verb} replaced" if choice == KEEP_TIME else f"{verb} left out; the others are spaced evenly"
    return f"{named[0].upper()}{named[1:]} and {done}."


def copied_per_cycle(copies: Copies) -> int:
    """How many frames of each five are copies if they are those of 3:2 pull-down, 1 or 3; 0 if they are not."""
    found = copies.hidden
    before = {frame: _next_regular(frame, -1, found) for frame in found}
    after = {frame: _next_regular(frame, 1, found) for frame in found}
    both = [frame for frame in found if before[frame] and after[frame]]
    regular = [frame for frame in found if before[frame] is not False and after[frame] is not False]
    if not both or len(regular) < REGULAR * len(found):
        return 0
    per_cycle = Fraction(sum(other in found for frame in both for other in range(frame, frame + CYCLE)), len(both))
    return round(per_cycle) if round(per_cycle) in (1, 3) else 0


def _next_regular(frame: int, direction: int, found: Collection[int]) -> bool | None:
    """Whether the frame a cycle further on is a copy, too; None if no frame around there is, as in a rest."""
    further = frame + direction * CYCLE
    if further in found:
        return True
    return False if any(further + near in found for near in range(1 - CYCLE, CYCLE)) else None


def _replaceable(copies: Copies) -> set[int]:
    """The copies whose time an in-between takes."""
    found, cuts = copies.hidden, set(copies.cuts)
    replaceable = {frame for frame in found if frame + 1 not in cuts}
    for _, last in copies.rests:
        # A drawing that rests leaves its place as long before the next one as the drawings after it do.
        following = last + 2
        while following in found:
            replaceable.add(last - (following - last - 2))
            following += 1
    return replaceable


def _spread(copies: Copies) -> tuple[list[int], list[Fraction]]:
    """The frames that are not copies, and their moments, evenly spaced from the first to the last frame of a shot."""
    numbers: list[int] = []
    positions: list[Fraction] = []
    bounds = [0, *copies.cuts, copies.length]
    for first, end in pairwise(bounds):
        own = [frame for frame in range(first, end) if frame not in copies.hidden]
        if len(own) == 1 and end - first > 1:
            own.append(end - 1)
        step = Fraction(end - 1 - first, max(len(own) - 1, 1))
        numbers += own
        positions += [first + number * step for number in range(len(own))]
    return numbers, positions


def _film(copies: Copies) -> tuple[list[int], Fraction]:
    """The frames of the film, and their rate as a multiple of that of the clip."""
    dropped = copied_per_cycle(copies)
    if not dropped:
        raise InbetweenError(
            f'copies is "{UNDO_PULLDOWN}" but no frames repeat in every cycle of five; choose "{KEEP_TIME}", '
            f'"{SPREAD}" or "{KEEP}".'
        )
    places = Counter(frame % CYCLE for frame in copies.hidden)
    ways = [[0, *range(start or CYCLE, copies.length, CYCLE), copies.length] for start in range(CYCLE)]
    bounds = min(
        ways,
        key=lambda way: sum(
            _copies_in(copies, first, end) != dropped for first, end in pairwise(way) if end - first == CYCLE
        ),
    )
    numbers: list[int] = []
    for first, end in pairwise(bounds):
        # Where nothing moves, the copy cannot be seen: then it is taken to be where most copies are.
        likely = sorted(
            range(max(first, 1), end),
            key=lambda frame: (frame not in copies.hidden, -places[frame % CYCLE], copies.likeness[frame]),
        )
        left_out = likely[: dropped if end - first == CYCLE else min(dropped, _copies_in(copies, first, end))]
        numbers += [frame for frame in range(first, end) if frame not in left_out]
    return numbers, Fraction(CYCLE - dropped, CYCLE)


def _copies_in(copies: Copies, first: int, end: int) -> int:
    return sum(frame in copies.hidden for frame in range(first, end))
