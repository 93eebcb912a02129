"""Rebuild chosen frames of a clip from their neighbours, to remove flicker, blur and ghosting."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from torch import Tensor

from ...core.flow.consistency import is_cut_between
from ...core.interpolation.alpha import AnyAlpha
from ...core.interpolation.contract import FramePair, Interpolator
from ...core.interpolation.grained import KEEP, GrainChoice, with_grain
from ...core.limits import check_between
from ...core.pictures.alpha import difference, has_alpha, mixed
from ...core.progress import ProgressCallback, no_progress
from ...core.reports import frame_list, report_text
from .halving import half_way, halved, is_halved, untrained_times

MOST_LISTED = 40  # frames that the report lists


@dataclass(frozen=True)
class Refinement:
    """What was done to a clip.

    changed: for each rebuilt frame, its mean difference from the original, 0 to 1.
    kept: chosen frames that were left unchanged because they are keyframes.
    cut: chosen frames that were left unchanged because their neighbours show different scenes.
    untrained: rebuilt frames at times for which the engine was not trained.
    """

    engine: str
    frame_count: int
    changed: dict[int, float]
    kept: tuple[int, ...]
    cut: tuple[int, ...]
    untrained: tuple[int, ...] = ()

    def text(self) -> str:
        """How many frames were rebuilt, how much each one changed, and which were left unchanged."""
        listed = [f"{frame} ({self.changed[frame]:.4f})" for frame in sorted(self.changed)][:MOST_LISTED]
        more = len(self.changed) - len(listed)
        lines = [f"{self.engine}: {len(self.changed)} of {self.frame_count} frames rebuilt."]
        if listed:
            frames = "frame" if len(self.changed) == 1 else "frames"
            lines.append(f"Mean change, 0 to 1: {frames} {', '.join(listed)}{f' and {more} more' * (more > 0)}.")
        if self.kept:
            lines.append(f"Keyframes left unchanged: {frame_list(self.kept, MOST_LISTED)}.")
        warnings = []
        if self.cut:
            warnings.append(
                f"left unchanged because of a cut beside them: {frame_list(self.cut, MOST_LISTED)}; leave them out, or "
                "generate them with a video model (Engine Advice names one)."
            )
        if self.untrained:
            warnings.append(
                f"{self.engine} was trained only for the frame half-way, so these may be worse: "
                f"{frame_list(self.untrained, MOST_LISTED)}; choose 1, 3 or 7 frames in a row, or every other."
            )
        return report_text(lines, warnings)


def refine_frames(
    frames_THWC: Tensor,
    passes: Sequence[Sequence[int]],
    interpolator: Interpolator,
    strength: float | Tensor,
    keyframes: Sequence[int],
    result_THWC: Tensor,
    on_frames: ProgressCallback = no_progress,
    grain: GrainChoice = KEEP,
) -> Refinement:
    """Rebuild frames from the nearest frames on both sides that are not chosen, pass by pass.

    Args:
        frames_THWC: a clip, RGB or RGB with alpha; values beyond [0, 1] are kept.
        passes: the frames of each pass, never the first or the last; each pass works on the result of the one before.
        interpolator: renders a frame from two others.
        strength: 0 leaves frames unchanged, 1 replaces them; or for each pixel, of shape (H, W, 1).
        keyframes: frames that must stay exactly the same.
        result_THWC: the output, with the same number of frames; any device, any floating type.
        on_frames: called with 0 before each run of consecutive frames and with n after n more frames; may raise to stop
            the work.
        grain: whether rebuilt frames keep the grain of their neighbours, if these have any.

    Returns:
        What was done.

    Raises:
        InbetweenError: strength is not 0 to 1.
    """
    if isinstance(strength, Tensor):
        strength = strength.to(result_THWC)
    else:
        check_between(strength, "strength", 0, 1)
    result_THWC.copy_(frames_THWC)
    if has_alpha(frames_THWC):
        interpolator = AnyAlpha(interpolator)
    interpolator = with_grain(interpolator, grain)
    fixed, changed, cut, untrained = set(keyframes), set(), set(), set()
    for chosen in passes:
        for run in _runs([frame for frame in chosen if frame not in fixed]):
            on_frames(0)
            before, after = run[0] - 1, run[-1] + 1
            first_HWC, second_HWC = result_THWC[before].clone(), result_THWC[after].clone()
            if is_cut_between(first_HWC, second_HWC):
                cut |= set(run)
                on_frames(len(run))
                continue
            pair = interpolator.prepare(first_HWC, second_HWC)
            time_of = {frame: Fraction(frame - before, after - before) for frame in run}
            untrained_in_run = untrained_times(interpolator, time_of.values())
            untrained |= {frame for frame, time in time_of.items() if time in untrained_in_run}
            rebuilt = _rendered(interpolator, pair, first_HWC, second_HWC, list(time_of.values()))
            for frame, rebuilt_HWC in zip(run, rebuilt, strict=True):
                result_THWC[frame].copy_(mixed(result_THWC[frame], rebuilt_HWC, strength))
                changed.add(frame)
                on_frames(1)
    differences = {frame: difference(result_THWC[frame], frames_THWC[frame]) for frame in sorted(changed)}
    kept = sorted(fixed & {frame for chosen in passes for frame in chosen})
    left = tuple(sorted(cut - changed))
    return Refinement(interpolator.name, len(frames_THWC), differences, tuple(kept), left, tuple(sorted(untrained)))


def _rendered(
    interpolator: Interpolator,
    pair: FramePair,
    first_HWC: Tensor,
    second_HWC: Tensor,
    times: Sequence[Fraction],
) -> Iterator[Tensor]:
    """Render the pictures at these times between two frames, one by one."""
    if is_halved(interpolator, times):
        for picture in halved(interpolator, first_HWC, half_way(pair), second_HWC, times):
            yield picture.frame_HWC
    else:
        for time in times:
            yield pair.render([float(time)]).frames_THWC[0]


def _runs(frames: list[int]) -> list[list[int]]:
    """Group ascending frame numbers into runs of consecutive ones."""
    runs: list[list[int]] = []
    for frame in frames:
        if runs and frame == runs[-1][-1] + 1:
            runs[-1].append(frame)
        else:
            runs.append([frame])
    return runs
