"""Which engine fits a set of keyframes, and how long: from the motion between each two of them.

What decides is how much of the difference is left when one picture is followed to the other by optical flow. On pairs
of real frames 2 to 96 apart it foretold how near the weight-free engine comes to the true frame between: its rank
correlation with PSNR is -0.92, that of the length of the motion alone -0.80 (`benchmarks/advice.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from torch import Tensor

from ..flow.consistency import Consistency
from ..flow.optical_flow import flow_both_ways, flow_length
from ..keyframes.keyframe_set import Keyframe, KeyframeSet
from ..pictures.resize import resized, shrink_scale
from ..progress import ProgressCallback, no_progress
from ..reports import report_text
from ..wan.layout import LONGEST_TRAINED, WAN

MEASURED_SIDE = 640  # longer side at which pictures are compared
FOLLOWED, DOUBTFUL = 0.014, 0.02  # residuals; up to these, half of the pairs reached 32 dB, and 25 dB
UNMATCHED = 0.6  # share of the picture that is not found again, from which on there is hardly one scene
ORDINARY_STEP = 0.005  # of the diagonal from frame to frame: 0.2% to 3% were seen in real clips
STILL = 0.5  # pixels
MOVING = 0.95  # quantile of the motion that is told: a few wrong vectors say nothing
SVD_FRAMES = 25
# GPU memory for Wan 1.3B, SVD with one direction at a time, Wan 14B in 8 bits, and in 16 with the rest in main memory
GIB_SMALL, GIB_DUAL, GIB_EIGHT_BITS, GIB_LARGE = 8, 9, 12, 16


class Graph(str, Enum):
    """The shipped graphs that the advice sends people to, by their file names in workflows/."""

    FLOW = "quickstart"
    PERVFI = "pervfi_interpolate"
    SEMFI = "semfi_first_last"
    SEMFI_EIGHT_BITS = "semfi_low_vram"
    WAN_FUN = "wan_keyframes_anywhere"
    WAN_LONG = "wan_long"
    SVD = "generative_inbetweening"
    SOUND = "audio_guided_inbetween"
    SOUND_LARGE = "context_clips"

    __str__ = str.__str__


@dataclass(frozen=True)
class KeyframeGap:
    """Two neighbouring keyframes and what lies between them.

    first, last: their frames. motion: 0.95 quantile of the motion from one to the other, in pixels.
    step: the same from frame to frame as a share of the diagonal.
    residual: mean difference that is left when the motion is followed, 0 to 1.
    unmatched: share of the picture whose motion there and back does not meet.
    """

    first: int
    last: int
    motion: float
    step: float
    residual: float
    unmatched: float
    is_cut: bool

    @property
    def can_be_followed(self) -> bool:
        """Whether optical flow explains nearly all of the difference."""
        return self.residual < FOLLOWED and not self.is_cut

    @property
    def must_be_invented(self) -> bool:
        """Whether it explains too little to be used at all."""
        return self.residual >= DOUBTFUL or self.is_cut

    @property
    def ordinary_frames(self) -> int:
        """The frames, both ends included, at which the motion has an ordinary pace."""
        return max(2, round(self.step * (self.last - self.first) / ORDINARY_STEP) + 1)

    def line(self) -> str:
        """What was measured, and what it means."""
        where = f"Frames {self.first} to {self.last}: {self.residual:.3f} of the range is left when motion is followed"
        if self.must_be_invented:
            why = (
                "they are of different scenes"
                if self.is_cut
                else f"{self.unmatched:.0%} of the picture is not found again"
            )
            return f"{where}, and {why}: what lies between must be invented."
        if self.motion < STILL:
            return f"{where}: nothing moves."
        pace = (
            f"{self.motion:.0f} px of motion, {self.motion / (self.last - self.first):.1f} px a frame; "
            f"{self.ordinary_frames} frames are an ordinary pace"
        )
        return f"{where}: it can be followed{'' if self.can_be_followed else ' in most places'}. {pace}."


def measure_gaps(keyframes: KeyframeSet, on_gap: ProgressCallback = no_progress) -> tuple[KeyframeGap, ...]:
    """Measure what lies between each two neighbouring keyframes.

    Args:
        keyframes: of 16 pixels a side or more.
        on_gap: called with 1 after each; may raise to stop the work.

    Raises:
        InbetweenError: the pictures are too small for motion to be found.
    """
    gaps = []
    for first, last in pairwise(keyframes.keyframes):
        gaps.append(_gap(first, last))
        on_gap(1)
    return tuple(gaps)


def _gap(first: Keyframe, last: Keyframe) -> KeyframeGap:
    first_13HW, last_13HW = (_small(each.image_HWC) for each in (first, last))
    forward_2HW, backward_2HW = flow_both_ways(*(each[0].movedim(0, 2) for each in (first_13HW, last_13HW)))
    consistency = Consistency.of(first_13HW, last_13HW, forward_2HW[None], backward_2HW[None])
    height, width = first_13HW.shape[2:]
    lengths_N = flow_length(forward_2HW).flatten()
    moved = float(lengths_N.sort().values[int(MOVING * (len(lengths_N) - 1))])
    return KeyframeGap(
        first.frame,
        last.frame,
        moved * first.image_HWC.shape[1] / width,
        moved / (height**2 + width**2) ** 0.5 / (last.frame - first.frame),
        consistency.residual,
        consistency.unmatched,
        consistency.is_cut,
    )


def _small(image_HWC: Tensor) -> Tensor:
    image_1HWC = image_HWC[None].cpu().float()
    height, width = image_HWC.shape[:2]
    scale = shrink_scale(height, width, MEASURED_SIDE)
    if scale < 1:
        # Sides are rounded down, as they were for the measurements behind the thresholds.
        image_1HWC = resized(image_1HWC, max(1, int(height * scale)), max(1, int(width * scale)), "area")
    return image_1HWC.movedim(3, 1)


def advise(gaps: Sequence[KeyframeGap], frame_count: int, has_sound: bool, gpu_gib: float) -> str:
    """Which engine and which length fit.

    Args:
        gaps: from `measure_gaps`.
        frame_count: of the whole clip.
        has_sound: lips or motion are to follow a sound.
        gpu_gib: memory of the GPU in GiB; 0 without one.

    Returns:
        The advice, then a line for each gap, then what deserves attention.
    """
    hardest = max(gaps, key=lambda gap: (gap.is_cut, gap.residual))
    if has_sound:
        advice, warnings = _generative(gpu_gib, _with_sound(gpu_gib), frame_count)
    elif not hardest.must_be_invented:
        advice, warnings = _following(hardest), []
    else:
        advice, warnings = _generative(gpu_gib, _by_prompt(gpu_gib, hardest), frame_count)
        if sum(gap.must_be_invented for gap in gaps) < len(gaps):
            warnings.append("the other gaps could be followed without a model.")
    return report_text([advice, *(gap.line() for gap in gaps)], warnings)


def _following(hardest: KeyframeGap) -> str:
    if hardest.can_be_followed:
        return f"Take the engine without a model (graph {Graph.FLOW}), or PerVFI for sharper detail ({Graph.PERVFI})."
    return (
        f"Take PerVFI (graph {Graph.PERVFI}), or put one more keyframe between "
        f"frames {hardest.first} and {hardest.last} and stay without a model ({Graph.FLOW})."
    )


def _by_prompt(gpu_gib: float, hardest: KeyframeGap) -> str:
    if gpu_gib >= GIB_LARGE:
        best = f"Take SemFi with a prompt (graph {Graph.SEMFI})"
    elif gpu_gib >= GIB_SMALL:
        best = f"Take Wan2.1-Fun 1.3B with a prompt (graph {Graph.WAN_FUN})"
        if gpu_gib >= GIB_EIGHT_BITS:
            best += f", or SemFi in 8 bits ({Graph.SEMFI_EIGHT_BITS})"
    else:
        return f"Take Wan2.1-Fun 1.3B with a prompt, small and in few frames (graph {Graph.WAN_FUN})."
    if hardest.is_cut or hardest.unmatched > UNMATCHED or gpu_gib < GIB_DUAL:
        return f"{best}."
    return f"{best}; without a prompt, {SVD_FRAMES} frames a gap, Generative Inbetweening ({Graph.SVD})."


def _with_sound(gpu_gib: float) -> str:
    if gpu_gib >= GIB_LARGE:
        return f"Take Wan2.1 with an audio adapter (graph {Graph.SOUND}, or {Graph.SOUND_LARGE} on the 14B model)."
    return f"Take EchoMimicV3, an audio adapter on the 1.3B model (graph {Graph.SOUND})."


def _generative(gpu_gib: float, advice: str, frame_count: int) -> tuple[str, list[str]]:
    warnings = []
    if not gpu_gib:
        warnings.append("there is no GPU here, and this takes hours without one.")
    if frame_count > LONGEST_TRAINED:
        warnings.append(
            f"{frame_count} frames are more than Wan makes at once, {LONGEST_TRAINED}: "
            f"use Segments (graph {Graph.WAN_LONG})."
        )
    elif frame_count not in (near := WAN.neighbours(frame_count)):
        warnings.append(f"Wan makes {WAN.rule} frames: {' or '.join(map(str, near))} instead of {frame_count}.")
    return advice, warnings
