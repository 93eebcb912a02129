"""Make chosen frames of a clip anew from the frames beside them, to take away flicker, blur and ghosts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.errors import InbetweenError
from ..core.interpolator import Interpolator
from ..core.limits import check_between
from ..core.progress import ProgressCallback, no_progress
from ..core.reports import report_text

MOST_LISTED = 40  # frames named one by one in the report
FRAME_RANGE = re.compile(r"(-?[0-9]{1,9})(?:-(-?[0-9]{1,9}))?")


@dataclass(frozen=True)
class Refinement:
    """What was done to a clip.

    changed: for each frame that was made anew, its mean difference from what came in, of the range 0 to 1.
    kept: keyframes that were chosen and left alone.
    cut: chosen frames left alone because the frames beside them show different scenes.
    """

    engine: str
    frame_count: int
    changed: dict[int, float]
    kept: tuple[int, ...]
    cut: tuple[int, ...]

    def text(self) -> str:
        """How many frames, by how much each was changed, what was left alone."""
        told = [f"{frame} ({self.changed[frame]:.4f})" for frame in sorted(self.changed)][:MOST_LISTED]
        more = len(self.changed) - len(told)
        lines = [f"{self.engine}: {len(self.changed)} of {self.frame_count} frames made anew."]
        if told:
            lines.append(
                f"Changed by so much of the range in the mean: {', '.join(told)}{f' and {more} more' * (more > 0)}."
            )
        if self.kept:
            lines.append(f"Keyframes stay: {', '.join(map(str, self.kept))}.")
        cut = [f"at a cut, so left alone: {', '.join(map(str, self.cut))}."] if self.cut else []
        return report_text(lines, cut)


def every_other(frame_count: int, passes: int) -> list[list[int]]:
    """The frames of each pass: odd ones, then even ones, then odd ones again; never the first and the last.

    Raises:
        InbetweenError: passes is below 1.
    """
    if passes < 1:
        raise InbetweenError(f"passes is {passes}; give 1 or more.")
    return [list(range(1 + number % 2, frame_count - 1, 2)) for number in range(passes)]


def listed_frames(text: str, frame_count: int) -> list[int]:
    """The frames of a list such as "3, 8-11, -2"; negative numbers count from the end.

    Raises:
        InbetweenError: not a number, not in the clip, or the first or last frame, which has but one beside it.
    """
    chosen: set[int] = set()
    for word in text.replace(",", " ").split():
        written = FRAME_RANGE.fullmatch(word)
        if written is None:
            raise InbetweenError(f'frames: cannot read "{word[:20]}"; write frame numbers such as 3, 8-11, -2.')
        low, high = int(written[1]), int(written[2] or written[1])
        low, high = (number + frame_count if number < 0 else number for number in (low, high))
        if high < low:
            raise InbetweenError(f'frames: "{word[:20]}" runs backward; write the smaller number first.')
        for frame in (low, high):
            if not 1 <= frame <= frame_count - 2:
                raise InbetweenError(
                    f"frames: {word[:20]} cannot be made anew; of {frame_count} frames choose 1 to {frame_count - 2}, "
                    "which have one on each side."
                )
        chosen |= set(range(low, high + 1))
    if not chosen:
        raise InbetweenError("frames is empty; write frame numbers such as 3, 8-11, -2.")
    return sorted(chosen)


def refine_frames(
    frames_THWC: Tensor,
    passes: Sequence[Sequence[int]],
    interpolator: Interpolator,
    strength: float,
    keyframes: Sequence[int],
    result_THWC: Tensor,
    on_frames: ProgressCallback = no_progress,
) -> Refinement:
    """Make frames anew from the nearest frames on both sides that are not chosen, pass by pass.

    Args:
        frames_THWC: a clip in [0, 1].
        passes: the frames of each pass, none of them the first or last; a pass sees what the one before made.
        interpolator: makes a frame from two others.
        strength: 0 leaves frames as they are, 1 replaces them.
        keyframes: frames that stay as they are, bit by bit.
        result_THWC: is written to; any device, any floating type, as many frames.
        on_frames: called with 0 before each run of neighbouring frames and with n after n of them; may raise.

    Returns:
        What was done.

    Raises:
        InbetweenError: strength is not 0 to 1.
    """
    check_between(strength, "strength", 0, 1)
    result_THWC.copy_(frames_THWC)
    fixed, changed, cut = set(keyframes), set(), set()
    for chosen in passes:
        for run in _runs([frame for frame in chosen if frame not in fixed]):
            on_frames(0)
            before, after = run[0] - 1, run[-1] + 1
            pair = interpolator.prepare(result_THWC[before].clone(), result_THWC[after].clone())
            if pair.is_cut:
                cut |= set(run)
                on_frames(len(run))
                continue
            for frame in run:
                made_HWC = pair.render([(frame - before) / (after - before)]).frames_THWC[0].to(result_THWC)
                result_THWC[frame].copy_(torch.lerp(result_THWC[frame], made_HWC, strength))
                changed.add(frame)
                on_frames(1)
    differences = {
        frame: float((result_THWC[frame] - frames_THWC[frame].to(result_THWC)).abs().mean())
        for frame in sorted(changed)
    }
    kept = sorted(fixed & {frame for chosen in passes for frame in chosen})
    return Refinement(interpolator.name, len(frames_THWC), differences, tuple(kept), tuple(sorted(cut - changed)))


def _runs(frames: list[int]) -> list[list[int]]:
    """Neighbouring frames together."""
    runs: list[list[int]] = []
    for frame in frames:
        if runs and frame == runs[-1][-1] + 1:
            runs[-1].append(frame)
        else:
            runs.append([frame])
    return runs
