"""Cuts in a sequence: where they are, and what is shown between the two frames beside one."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from ..errors import InbetweenError
from ..flow.consistency import CUT_THRESHOLD, is_cut_between
from ..flow.optical_flow import check_size
from ..limits import check_between, check_choice, shown
from ..pictures.alpha import mixed
from .carried_motion import CarriedFrame, carried_frame
from .contract import FramePair, Rendered

AtCut = Literal["hold", "cross-fade", "carry on"]
AT_CUT: tuple[AtCut, ...] = get_args(AtCut)


@dataclass(frozen=True)
class CutRule:
    """Where the cuts of a sequence are, and what happens there.

    threshold: likeness of two neighbouring sources below which there is a cut, 0 to 1; 0 finds none. See
        `core.flow.consistency.is_cut_between`.
    listed: the sources before a cut that the user named; they are cuts whatever the threshold.
    at_cut: "hold" shows the nearer source. "cross-fade" blends from one to the other. "carry on" moves each source on
        along its own motion, which is that of the gap on its other side; a source without one is held.
    positions: the moment of each source; None if they are evenly spaced.
    """

    threshold: float = CUT_THRESHOLD
    listed: frozenset[int] = frozenset()
    at_cut: AtCut = "hold"
    positions: Sequence[int] | None = None

    def is_cut(self, sources: Sequence[Tensor] | Tensor, source: int) -> bool:
        """Whether there is a cut between a source and the next."""
        return source in self.listed or is_cut_between(sources[source], sources[source + 1], self.threshold)

    def pair(self, sources: Sequence[Tensor] | Tensor, source: int, device: torch.device) -> FramePair:
        """The pair of frames with a cut between a source and the next.

        Args:
            sources: images of shape (H, W, 3), or (H, W, 4) with alpha, in [0, 1].
            source: the one before the cut.
            device: where frames are rendered.

        Raises:
            InbetweenError: motion is carried on, and the images are too small for optical flow.
        """
        first_HWC, second_HWC = (sources[number].to(device, torch.float32) for number in (source, source + 1))
        if self.at_cut == "carry on":
            check_size(*first_HWC.shape[:2])
            before_HWC, after_HWC = self._neighbour(sources, source, -1), self._neighbour(sources, source + 1, 1)
            length = self._length(source)
            return CarriedPair(
                carried_frame(first_HWC, before_HWC, length / self._length(source - 1)),
                carried_frame(second_HWC, after_HWC, length / self._length(source + 1)),
            )
        return CutPair(first_HWC, second_HWC, self.at_cut == "cross-fade")

    def _neighbour(self, sources: Sequence[Tensor] | Tensor, source: int, step: int) -> Tensor | None:
        """The source on the other side, unless there is none or another cut before it."""
        other = source + step
        if not 0 <= other < len(sources) or self.is_cut(sources, min(source, other)):
            return None
        return sources[other]

    def _length(self, source: int) -> float:
        """How long the gap after a source is; 1 where there is none."""
        if self.positions is None or not 0 <= source < len(self.positions) - 1:
            return 1.0
        return float(self.positions[source + 1] - self.positions[source])


FOUND_CUTS = CutRule()  # cuts are found, and the nearer frame is held


def cut_rule(
    positions: Sequence[int], threshold: float = CUT_THRESHOLD, cuts: str = "", at_cut: AtCut = "hold"
) -> CutRule:
    """Make the rule for a sequence from what a user wrote.

    Args:
        positions: the frame number of each source, ascending.
        threshold: see `CutRule`.
        cuts: the frames with which a new shot begins, such as "24, 61"; see `parse_cuts`.
        at_cut: see `CutRule`.

    Raises:
        InbetweenError: the threshold is not 0 to 1, a cut is not in the sequence, or there is no such choice.
    """
    check_between(threshold, "cut_threshold", 0, 1)
    check_choice(at_cut, "at_cut", AT_CUT)
    return CutRule(threshold, parse_cuts(cuts, positions), at_cut, positions)


def parse_cuts(text: str, positions: Sequence[int]) -> frozenset[int]:
    """Read a list of cuts: numbers of the frames with which a new shot begins.

    Args:
        text: frame numbers with spaces or commas between them.
        positions: the frame number of each source, ascending. A frame between two sources marks the gap around it.

    Returns:
        The sources before the cuts.

    Raises:
        InbetweenError: a word is not a number, or no frame comes before the first or after the last.
    """
    found = set()
    for word in text.replace(",", " ").split():
        if not word.isdecimal() or len(word) > 9:
            raise InbetweenError(f"cuts: cannot read {shown(word)}; write the first frame of each new shot: 24, 61.")
        frame, first, last = int(word), positions[0], positions[-1]
        if not first < frame <= last:
            raise InbetweenError(
                f"cuts: no shot can begin with frame {frame}; give {first + 1} to {last}, the frames after the first."
            )
        found.add(bisect_left(positions, frame) - 1)
    return frozenset(found)


@dataclass(frozen=True, eq=False)
class CutPair:
    """Two frames with a cut between them: the first is shown up to half-way, then the second; or they are cross-faded.

    first_HWC, second_HWC: float32 in [0, 1], on the interpolator's device.
    """

    first_HWC: Tensor
    second_HWC: Tensor
    faded: bool = False

    def render(self, times: Sequence[float]) -> Rendered:
        """The frames at these times; see `FramePair.render`."""
        if self.faded:
            pictures = [mixed(self.first_HWC, self.second_HWC, time) for time in times]
        else:
            pictures = [self.first_HWC if time <= 0.5 else self.second_HWC for time in times]
        return _all_lost(torch.stack(pictures))


@dataclass(frozen=True, eq=False)
class CarriedPair:
    """Two frames with a cut between them, each moved on along its own motion up to half-way."""

    first: CarriedFrame
    second: CarriedFrame

    def render(self, times: Sequence[float]) -> Rendered:
        """The nearer frame, moved to each time; see `FramePair.render`."""
        pictures = [self.first.moved(time) if time <= 0.5 else self.second.moved(1 - time) for time in times]
        return _all_lost(torch.stack(pictures))


def _all_lost(frames_THWC: Tensor) -> Rendered:
    """Frames at a cut: nothing in them is motion from one image to the other."""
    return Rendered(frames_THWC, (0.0,) * len(frames_THWC), torch.ones_like(frames_THWC[..., 0]))
