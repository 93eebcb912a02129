"""Run a two-frame interpolator over a sequence, pair by pair, into one preallocated result."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from ...core.errors import InbetweenError
from ...core.interpolation.alpha import AnyAlpha
from ...core.interpolation.contract import FramePair, Interpolator
from ...core.interpolation.cuts import FOUND_CUTS, AtCut, CutRule
from ...core.interpolation.grained import KEEP, GrainChoice, with_grain
from ...core.interpolation.lost import LostMask, Place, WhenLost, worst_part
from ...core.pictures.alpha import has_alpha, is_same_picture
from ...core.progress import ProgressCallback, no_progress
from ...core.reports import missing_keyframes, report_text, span
from ...core.timing.moments import Instant
from .halving import Picture, check_halvable, half_way, halved, is_halved, pictures_of, untrained_times

MOST_LISTED = 6  # pairs that the report lists; more are only counted
NOTEWORTHY = 0.05  # share of the area that must be cross-faded for a pair to be listed

NOTHING_LOST: tuple[float, Place] = (0.0, (0, 0))
MOST_PLACES = 3  # places in a picture that the report lists for each pair
LOST_PART = 0.6  # share of a part of the picture that must be cross-faded for a pair to be listed with this place

SHOWN_AT_CUT: dict[AtCut, str] = {
    "hold": "the nearer frame is held",
    "cross-fade": "the frames are cross-faded",
    "carry on": "each shot carries its motion on",
}


SHOWN_IF_LOST: dict[WhenLost, str] = {
    "fade": "these areas are cross-faded",
    "hold": "the nearer frame is held there",
    "nearest": "the nearer frame is moved with the ground there",
}
THINGS_IF_LOST: dict[WhenLost, str] = {
    "fade": "they fade out and in",
    "hold": "they stand still up to half-way, or from there on",
    "nearest": "they move with the ground up to half-way, or from there on",
}


@dataclass(frozen=True)
class PairReport:
    """What happened between two sources.

    is_cut: they show different scenes, so there is no in-between.
    is_still: they are the same picture, which is held.
    blended: mean share of the area, 0 to 1, that is visibly cross-faded because no motion could be trusted.
    untrained: number of in-betweens at times for which the engine was not trained.
    frames: first and last frame of the result between the two sources.
    lost_things: the middles of small things that were not followed.
    worst: the part of the picture where most is cross-faded, 0 to 1, and its middle; see `worst_part`.
    lost_lines: where thin lines that both sources show are gone.
    """

    is_cut: bool = False
    is_still: bool = False
    blended: float = 0.0
    untrained: int = 0
    frames: tuple[int, int] = (0, 0)
    lost_things: tuple[Place, ...] = ()
    worst: tuple[float, Place] = (0.0, (0, 0))
    lost_lines: Place | None = None

    @classmethod
    def of(cls, values: Sequence[Any]) -> "PairReport":
        """The report with these values, in their order, as JSON has them."""
        is_cut, is_still, blended, untrained, frames, things, (share, place), lines = values
        places = tuple(map(tuple, things))
        line = tuple(lines) if lines else None
        return cls(is_cut, is_still, blended, untrained, tuple(frames), places, (share, tuple(place)), line)

    @property
    def is_noteworthy(self) -> bool:
        """Whether there is something to tell about the pair."""
        return (
            self.is_cut
            or self.is_still
            or self.untrained > 0
            or self.blended >= NOTEWORTHY
            or self.worst[0] >= LOST_PART
            or bool(self.lost_things or self.lost_lines)
        )


@dataclass(frozen=True)
class InterpolationReport:
    """What was rendered, and where the result is not a true in-between.

    pairs: for each source number, the report on the pair (source, source + 1), if it has any in-betweens.
    """

    engine: str
    source_count: int
    frame_count: int
    pairs: dict[int, PairReport]
    at_cut: AtCut = "hold"
    when_lost: WhenLost = "fade"

    def text(self, keyframes: Sequence[int] | None = None, numbers: Sequence[int] | None = None) -> str:
        """The frame counts, then warnings: cuts, still pairs, cross-faded areas (largest first), untrained times.

        Each warning names the frames of the input, those of the result if their numbers differ, and what to do.

        Args:
            keyframes: the frame number of each source, if the sources are keyframes; None for a clip.
            numbers: the frame number of each source in a clip; None for a clip of which every frame is a source.
        """
        of_keyframes, numbers = keyframes is not None, keyframes or numbers or range(self.source_count)
        gaps = {source: (numbers[source], numbers[source + 1]) for source in self.pairs}
        renumbered = any(
            not gaps[source][0] < self.pairs[source].frames[0] <= self.pairs[source].frames[1] < gaps[source][1]
            for source in self.pairs
        )

        def between(sources: Sequence[int], notes: Sequence[str] = ()) -> str:
            """The frames of some pairs, with a note on each."""
            places = []
            for number, source in enumerate(sources[:MOST_LISTED]):
                within = [*notes[number : number + 1]]
                if renumbered:
                    within.append(f"{span(*self.pairs[source].frames)} of the result")
                first, second = gaps[source]
                places.append(f"{first} and {second}" + (f" ({', '.join(within)})" if within else ""))
            more = len(sources) - len(places)
            return f"between frames {'; '.join(places)}" + (f"; and {more} more" if more > 0 else "")

        def more_keyframes(sources: Sequence[int]) -> str:
            """Where to add keyframes, or "" if that is not possible."""
            missing = missing_keyframes([gaps[source] for source in sources]) if of_keyframes else ""
            return f"add {missing}, or " if missing else ""

        cuts = [source for source, pair in self.pairs.items() if pair.is_cut]
        still = [source for source, pair in self.pairs.items() if pair.is_still]
        faded = {source: pair.blended for source, pair in self.pairs.items()}
        noted = sorted((source for source in faded if faded[source] >= NOTEWORTHY), key=lambda source: -faded[source])
        line = f"{self.engine}: {self.frame_count} frames from {self.source_count}."
        warnings = []
        if cuts:
            unless = "" if of_keyframes else "if this is not a change of scene, "
            warnings.append(
                f"cut {between(cuts)}, so {SHOWN_AT_CUT[self.at_cut]}; {unless}{more_keyframes(cuts)}generate these "
                "frames with a video model (Engine Advice names one)."
            )
        if still:
            fix = "use two different keyframes" if of_keyframes else "rebuild the second one first with Refine Frames"
            warnings.append(f"same picture {between(still)}, so nothing moves; for motion there, {fix}.")
        if noted:
            other = "use a video model (Engine Advice names one)" if "PerVFI" in self.engine else "use PerVFI"
            areas = [f"{faded[source]:.0%} of the area" for source in noted]
            warnings.append(
                f"no motion found {between(noted, areas)}, so {SHOWN_IF_LOST[self.when_lost]}; "
                f"{more_keyframes(noted)}{other}."
            )
        in_part = {
            source: pair.worst
            for source, pair in self.pairs.items()
            if not pair.is_cut and faded[source] < NOTEWORTHY and pair.worst[0] >= LOST_PART
        }
        if in_part:
            sources = sorted(in_part, key=lambda source: -in_part[source][0])
            places = [f"around {_place(in_part[source][1])}" for source in sources]
            warnings.append(
                f"no motion found in a small part of the picture {between(sources, places)}, so "
                f"{SHOWN_IF_LOST[self.when_lost]}; {more_keyframes(sources)}use PerVFI."
            )
        lines = {source: pair.lost_lines for source, pair in self.pairs.items() if pair.lost_lines}
        if lines:
            places = [f"around {_place(place)}" for place in lines.values()]
            warnings.append(
                f"thin lines are lost {between(list(lines), places)}; {more_keyframes(list(lines))}use PerVFI."
            )
        with_things = [source for source, pair in self.pairs.items() if pair.lost_things]
        if with_things:
            lists = [self.pairs[source].lost_things for source in with_things]
            places = [f"around {'; '.join(map(_place, things[:MOST_PLACES]))}" for things in lists]
            warnings.append(
                f"small things are in only one of two frames {between(with_things, places)}, so "
                f"{THINGS_IF_LOST[self.when_lost]}; {more_keyframes(with_things)}choose what to show with when_lost."
            )
        untrained = [source for source, pair in self.pairs.items() if pair.untrained]
        if untrained:
            count = sum(self.pairs[source].untrained for source in untrained)
            warnings.append(
                f"{self.engine} was trained only for the frame half-way, so {count} at other times may be worse, "
                f"{between(untrained)}; halving reaches 1/2, 1/4, 3/8 and so on, as with a multiplier of 2, 4, 8, 16, "
                "32 or 64."
            )
        return report_text([line], warnings)


def _place(place: Place) -> str:
    return f"x {place[0]}, y {place[1]}"


def interpolate_frames(
    sources: Sequence[Tensor] | Tensor,
    instants: Sequence[Instant],
    interpolator: Interpolator,
    result_THWC: Tensor,
    on_frames: ProgressCallback = no_progress,
    batch: int = 1,
    recursive: bool = False,
    cuts: CutRule = FOUND_CUTS,
    lost: LostMask | None = None,
    grain: GrainChoice = KEEP,
) -> InterpolationReport:
    """Fill `result_THWC` with the frames at `instants`; source frames are copied exactly.

    Args:
        sources: images of shape (H, W, 3), or (H, W, 4) with alpha, in [0, 1], a sequence or a THWC tensor.
        instants: one for each result frame, ascending in source; see `locate` in `core.timing.moments`.
        interpolator: renders the in-betweens.
        result_THWC: the output, which has `len(instants)` frames; any device, any floating type. It has the
            channels of the sources.
        on_frames: called with 0 before each pair and with n after n more result frames; may raise to stop the work.
        batch: most frames to render at once; halved for the rest of the run if the device runs out of memory.
        recursive: render the middle frame first, then the middle of each half, and so on, instead of each frame at its
            time. Engines with `by_halving` always do so in gaps where halving reaches every frame.
        cuts: where cuts are, and what is shown there.
        lost: takes the mask of where motion was not followed.
        grain: whether frames keep the grain of the sources, if these have any.

    Returns:
        What was rendered, and where a fall-back was used.

    Raises:
        InbetweenError: the result has the wrong number of frames, or a time cannot be reached by halving.
    """
    if result_THWC.shape[0] != len(instants):
        raise InbetweenError(f"{len(instants)} frames are planned but the result has {result_THWC.shape[0]}.")
    if recursive:
        check_halvable({instant.time for instant in instants})

    def put(frames: Sequence[int], picture_HWC: Tensor) -> None:
        for frame in frames:
            result_THWC[frame].copy_(picture_HWC)

    run = SequenceRun(sources, interpolator, put, on_frames, batch, recursive, cuts, lost, grain, has_alpha(sources[0]))
    for source, group in groupby(enumerate(instants), key=lambda numbered: numbered[1].source):
        run.gap(source, [(frame, instant.time) for frame, instant in group])
    return InterpolationReport(interpolator.name, len(sources), len(instants), run.pairs, cuts.at_cut)


class SequenceRun:
    """Renders a sequence gap by gap. All gaps of a run share the interpolator and the size of the batches.

    Attributes:
        pairs: for each source number, the report on the pair (source, source + 1), if it has any in-betweens.
    """

    def __init__(
        self,
        sources: Sequence[Tensor] | Tensor,
        interpolator: Interpolator,
        put: Callable[[Sequence[int], Tensor], None],
        on_frames: ProgressCallback = no_progress,
        batch: int = 1,
        recursive: bool = False,
        cuts: CutRule = FOUND_CUTS,
        lost: LostMask | None = None,
        grain: GrainChoice = KEEP,
        has_alpha: bool = False,
    ) -> None:
        """
        Args:
            put: takes a picture of shape (H, W, 3) and the numbers of the result frames that show it. The frames of a
                gap come in any order.
            sources, interpolator, on_frames, batch, recursive, cuts, lost, grain: see `interpolate_frames`.
            has_alpha: whether the sources have alpha.
        """
        self._interpolator = with_grain(AnyAlpha(interpolator) if has_alpha else interpolator, grain)
        self._sources, self._put, self._lost = sources, put, lost
        self._on_frames, self._recursive, self._cuts = on_frames, recursive, cuts
        self._batches = _Batches(batch)
        self.pairs: dict[int, PairReport] = {}

    def gap(self, source: int, instants: Sequence[tuple[int, Fraction]]) -> None:
        """Render the frames that show a source, or something between it and the next.

        Args:
            source: number of the source.
            instants: the number and the time, 0 <= time < 1, of each frame.

        Raises:
            InbetweenError: a time cannot be reached by halving.
        """
        sources, interpolator, recursive = self._sources, self._interpolator, self._recursive
        self._on_frames(0)
        frames_at: dict[Fraction, list[int]] = {}  # several frames may show one held picture, which is rendered once
        for frame, time in instants:
            frames_at.setdefault(time, []).append(frame)
        self._show(frames_at.pop(Fraction(0), []), sources[source])
        if not frames_at:
            return
        made = min(map(min, frames_at.values())), max(map(max, frames_at.values()))
        if is_same_picture(sources[source], sources[source + 1]):
            for frames in frames_at.values():
                self._show(frames, sources[source])
            self.pairs[source] = PairReport(is_still=True, frames=made)
            return
        first_HWC, second_HWC = sources[source], sources[source + 1]
        is_cut, blended, worst, things, lines = self._cuts.is_cut(sources, source), [], NOTHING_LOST, (), None
        pair = (
            self._cuts.pair(sources, source, interpolator.device)
            if is_cut
            else interpolator.prepare(first_HWC, second_HWC)
        )
        untrained = 0 if is_cut or recursive else len(untrained_times(interpolator, frames_at))
        if not is_cut and (recursive or is_halved(interpolator, frames_at)):
            pictures = halved(interpolator, first_HWC, half_way(pair), second_HWC, list(frames_at))
        else:
            pictures = self._batches.render(pair, list(frames_at))
        del pair  # large, and not needed while its two halves are halved further
        for frames, picture in zip(frames_at.values(), pictures, strict=True):
            self._show(frames, picture.frame_HWC)
            blended.append(picture.blended)
            things, lines = picture.lost_things or things, picture.lost_lines or lines
            if picture.lost_HW is not None:
                worst = max(worst, worst_part(picture.lost_HW))
                if self._lost is not None:
                    self._lost.mark(frames, picture.lost_HW)
        mean = sum(blended) / len(blended)
        self.pairs[source] = PairReport(is_cut, False, mean, untrained, made, things, worst, lines)

    def _show(self, frames: list[int], picture_HWC: Tensor) -> None:
        if frames:
            self._put(frames, picture_HWC)
        self._on_frames(len(frames))


class _Batches:
    """Renders in batches. If the device runs out of memory, the batches become smaller for the rest of the run."""

    def __init__(self, most: int) -> None:
        self._most = most

    def render(self, pair: FramePair, times: list[Fraction]) -> Iterator[Picture]:
        """Yield each picture in the order of the times."""
        while times:
            now = times[: self._most]
            try:
                rendered = pair.render([float(time) for time in now])
            except torch.OutOfMemoryError:
                if self._most == 1:
                    raise
                self._most //= 2
                continue
            yield from pictures_of(rendered)
            times = times[len(now) :]
