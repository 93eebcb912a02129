"""Run a two-frame interpolator over a sequence, pair by pair, into one preallocated result."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

import torch
from torch import Tensor

from ...core.errors import InbetweenError
from ...core.interpolation.contract import FramePair, Interpolator
from ...core.progress import ProgressCallback, no_progress
from ...core.reports import report_text
from ...core.timing.moments import Instant
from .halving import check_halvable, half_way, halved, is_halved, untrained_times

MOST_LISTED = 6  # pairs named one by one in the report; more are only counted
NOTEWORTHY = 0.05  # share of the area cross-faded from which a pair is named


@dataclass(frozen=True)
class PairReport:
    """What happened between two sources.

    is_cut: they have nothing in common, so the nearer one is held.
    is_still: they are the same picture, which is held.
    blended: mean share of the area, 0 to 1, that is visibly cross-faded because no motion could be trusted.
    untrained: how many pictures were made at times for which the engine was not trained.
    """

    is_cut: bool = False
    is_still: bool = False
    blended: float = 0.0
    untrained: int = 0


@dataclass(frozen=True)
class InterpolationReport:
    """What was made, and where it is not a true in-between.

    pairs: for each source number the report on the pair (source, source + 1), where anything was rendered.
    """

    engine: str
    source_count: int
    frame_count: int
    pairs: dict[int, PairReport]

    def text(self) -> str:
        """Counts, then as warnings cuts, still pairs, and the pairs with the largest cross-faded area."""
        cuts = [source for source, pair in self.pairs.items() if pair.is_cut]
        still = [source for source, pair in self.pairs.items() if pair.is_still]
        faded = {source: pair.blended for source, pair in self.pairs.items()}
        noted = sorted((source for source in faded if faded[source] >= NOTEWORTHY), key=lambda source: -faded[source])
        line = f"{self.engine}: {self.frame_count} frames from {self.source_count}."
        warnings = []
        if cuts:
            warnings.append(f"cut, nearer frame held, between {_listed([_pair(source) for source in cuts])}.")
        if still:
            warnings.append(f"same picture, so nothing moves, at {_listed([_pair(source) for source in still])}.")
        if noted:
            areas = [f"{_pair(source)} ({faded[source]:.0%} of the area)" for source in noted]
            warnings.append(f"cross-faded where no motion was found between {_listed(areas)}.")
        untrained = [source for source, pair in self.pairs.items() if pair.untrained]
        if untrained:
            count = sum(self.pairs[source].untrained for source in untrained)
            warnings.append(
                f"{self.engine} was trained for the frame half-way only, so {count} at other times may be less good, "
                f"between {_listed([_pair(source) for source in untrained])}; halving reaches 1/2, 1/4, 3/8 and so on, "
                "with a multiplier of 2, 4, 8, 16, 32 or 64."
            )
        return report_text([line], warnings)


def interpolate_frames(
    sources: Sequence[Tensor] | Tensor,
    instants: Sequence[Instant],
    interpolator: Interpolator,
    result_THWC: Tensor,
    on_frames: ProgressCallback = no_progress,
    batch: int = 1,
    recursive: bool = False,
) -> InterpolationReport:
    """Fill `result_THWC` with the frames shown at `instants`; source frames are copied bit by bit.

    Args:
        sources: images of shape (H, W, 3) in [0, 1], a sequence or a THWC tensor.
        instants: one for each result frame, ascending in source, from `core.timing.locate`.
        interpolator: makes the frames between two sources.
        result_THWC: is written to; any device, any floating type, `len(instants)` frames.
        on_frames: called with 0 before each pair and with n after n more result frames; may raise to stop the work.
        batch: most frames rendered at once; halved, for good, when the device runs out of memory.
        recursive: make the frame half-way, then those half-way to it, and so on, instead of each at its time. Engines
            that are `by_halving` do so anyway in each gap that it fills.

    Returns:
        What was made and where a fall-back was used.

    Raises:
        InbetweenError: the result has another number of frames than asked for, or a time is not reached by halving.
    """
    if result_THWC.shape[0] != len(instants):
        raise InbetweenError(f"{len(instants)} frames were asked for but the result holds {result_THWC.shape[0]}.")
    if recursive:
        check_halvable({instant.time for instant in instants})

    def show(frames: list[int], picture_HWC: Tensor) -> None:
        for frame in frames:
            result_THWC[frame].copy_(picture_HWC)
        on_frames(len(frames))

    batches = _Batches(batch)
    pairs: dict[int, PairReport] = {}
    for source, group in groupby(enumerate(instants), key=lambda numbered: numbered[1].source):
        on_frames(0)
        frames_at: dict[Fraction, list[int]] = {}  # a held picture is shown in several frames and made once
        for frame, instant in group:
            frames_at.setdefault(instant.time, []).append(frame)
        show(frames_at.pop(Fraction(0), []), sources[source])
        if not frames_at:
            continue
        if torch.equal(sources[source], sources[source + 1]):
            for frames in frames_at.values():
                show(frames, sources[source])
            pairs[source] = PairReport(is_still=True)
            continue
        first_HWC, second_HWC = sources[source], sources[source + 1]
        pair = interpolator.prepare(first_HWC, second_HWC)
        is_cut, blended = pair.is_cut, []
        untrained = 0 if is_cut or recursive else len(untrained_times(interpolator, frames_at))
        if not is_cut and (recursive or is_halved(interpolator, frames_at)):
            made = halved(interpolator, first_HWC, half_way(pair), second_HWC, list(frames_at))
        else:
            made = batches.render(pair, list(frames_at))
        del pair  # large, and not needed while the gaps within are halved
        for frames, (picture_HWC, share) in zip(frames_at.values(), made, strict=True):
            show(frames, picture_HWC)
            blended.append(share)
        pairs[source] = PairReport(is_cut=is_cut, blended=sum(blended) / len(blended), untrained=untrained)
    return InterpolationReport(interpolator.name, len(sources), len(instants), pairs)


class _Batches:
    """Renders times several at once; once the device ran out of memory, fewer, for all pairs that follow too."""

    def __init__(self, most: int) -> None:
        self._most = most

    def render(self, pair: FramePair, times: list[Fraction]) -> Iterator[tuple[Tensor, float]]:
        """Each picture of shape (H, W, 3) with its cross-faded share of the area, in the order of the times."""
        while times:
            now = times[: self._most]
            try:
                rendered = pair.render([float(time) for time in now])
            except torch.OutOfMemoryError:
                if self._most == 1:
                    raise
                self._most //= 2
                continue
            yield from zip(rendered.frames_THWC, rendered.blended, strict=True)
            times = times[len(now) :]


def _pair(source: int) -> str:
    return f"{source} and {source + 1}"


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_LISTED
    return "; ".join(names[:MOST_LISTED]) + (f"; and {more} more" if more > 0 else "")
