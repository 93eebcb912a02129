"""Advice on which engine fits a set of keyframes, and how many frames, from the motion between neighbouring keyframes.

The advice depends on the residual: the difference that remains between two pictures after optical flow. On pairs of
real frames 2 to 96 apart, it predicts how close the engine without a model comes to the true frame half-way: its rank
correlation with PSNR is -0.92, against -0.80 for the length of the motion alone (`benchmarks/advice.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from torch import Tensor

from ..flow.consistency import Consistency, is_cut_between
from ..flow.optical_flow import flow_both_ways, flow_length
from ..keyframes.keyframe_set import Keyframe, KeyframeSet
from ..pictures.resize import resized, shrink_scale
from ..progress import ProgressCallback, no_progress
from ..reports import missing_keyframes, report_text
from ..wan.layout import LONGEST_TRAINED, WAN

MEASURED_SIDE = 640  # longer side, in pixels, at which pictures are compared
FOLLOWED, DOUBTFUL = 0.014, 0.02  # residuals up to which half of the measured pairs reached 32 dB and 25 dB
UNMATCHED = 0.6  # share of unmatched pixels above which two pictures hardly show the same scene
NATURAL_STEP = 0.005  # motion from frame to frame, as a share of the diagonal; real clips have 0.2% to 3%
STILL = 0.5  # pixels
MOTION_QUANTILE = 0.95  # of the motion that is reported; a few wrong vectors must not count
SVD_FRAMES = 25
MOST_LISTED = 6  # gaps that a warning names
# GPU memory for: Wan 1.3B, SVD with one direction at a time, Wan 14B in 8 bits, Wan 14B in 16 bits (partly offloaded)
GIB_SMALL, GIB_DUAL, GIB_EIGHT_BITS, GIB_LARGE = 8, 9, 12, 16


class Graph(str, Enum):
    """The shipped graphs that the advice recommends, by their file names in workflows/."""

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
    """Measurements of the gap between two neighbouring keyframes.

    first, last: frame numbers of the keyframes.
    motion: motion from one to the other, in pixels; 95% of the picture moves no farther.
    step: the same motion per frame, as a share of the diagonal.
    residual: mean difference that remains after following the motion, 0 to 1.
    unmatched: share of the picture whose motion forward and back does not return to its start.
    is_cut: the pictures show different scenes.
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
        """Whether optical flow explains too little to be of use."""
        return self.residual >= DOUBTFUL or self.is_cut

    @property
    def natural_frames(self) -> int:
        """The number of frames, both ends included, at which the motion has a natural pace."""
        return max(2, round(self.step * (self.last - self.first) / NATURAL_STEP) + 1)

    def line(self) -> str:
        """What was measured, and what it means."""
        where = f"Frames {self.first} to {self.last}: motion leaves a difference of {self.residual:.3f}"
        if self.must_be_invented:
            why = (
                "the two show different scenes" if self.is_cut else f"{self.unmatched:.0%} of the picture has no match"
            )
            return f"{where}, and {why}: the in-betweens must be invented."
        if self.motion < STILL:
            return f"{where}: nothing moves."
        pace = (
            f"{self.motion:.0f} px of motion, {self.motion / (self.last - self.first):.1f} px per frame; "
            f"{self.natural_frames} frames are a natural pace"
        )
        return f"{where}: it can be followed{'' if self.can_be_followed else ' in most places'}. {pace}."


def measure_gaps(keyframes: KeyframeSet, on_gap: ProgressCallback = no_progress) -> tuple[KeyframeGap, ...]:
    """Measure the gap between each pair of neighbouring keyframes.

    Args:
        keyframes: at least 16 pixels a side.
        on_gap: called with 1 after each gap; may raise to stop the work.

    Raises:
        InbetweenError: the pictures are too small for optical flow.
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
    moved = float(lengths_N.sort().values[int(MOTION_QUANTILE * (len(lengths_N) - 1))])
    return KeyframeGap(
        first.frame,
        last.frame,
        moved * first.image_HWC.shape[1] / width,
        moved / (height**2 + width**2) ** 0.5 / (last.frame - first.frame),
        consistency.residual,
        consistency.unmatched,
        is_cut_between(first.image_HWC, last.image_HWC),
    )


def _small(image_HWC: Tensor) -> Tensor:
    image_1HWC = image_HWC[None].cpu().float()
    height, width = image_HWC.shape[:2]
    scale = shrink_scale(height, width, MEASURED_SIDE)
    if scale < 1:
        # Round the sides down, as in the measurements that gave the thresholds.
        image_1HWC = resized(image_1HWC, max(1, int(height * scale)), max(1, int(width * scale)), "area")
    return image_1HWC.movedim(3, 1)


def advise(gaps: Sequence[KeyframeGap], frame_count: int, has_sound: bool, gpu_gib: float) -> str:
    """Say which engine and which length fit.

    Args:
        gaps: from `measure_gaps`.
        frame_count: length of the whole clip.
        has_sound: lips or motion should follow a sound.
        gpu_gib: GPU memory in GiB; 0 without a GPU.

    Returns:
        The advice, then one line per gap, then warnings.
    """
    hardest = max(gaps, key=lambda gap: (gap.is_cut, gap.residual))
    if has_sound:
        advice, warnings = _generative(gpu_gib, _with_sound(gpu_gib), frame_count)
    elif not hardest.must_be_invented:
        advice, warnings = _following(hardest), []
    else:
        advice, warnings = _generative(gpu_gib, _by_prompt(gpu_gib, hardest), frame_count)
        others = [f"{gap.first} and {gap.last}" for gap in gaps if not gap.must_be_invented]
        if others:
            more = len(others) - MOST_LISTED
            between = "; ".join(others[:MOST_LISTED]) + (f"; and {more} more" if more > 0 else "")
            warnings.append(f"between frames {between} no model is needed; use Interpolate Frames there.")
    return report_text([advice, *(gap.line() for gap in gaps)], warnings)


def _following(hardest: KeyframeGap) -> str:
    if hardest.can_be_followed:
        return (
            f"Use the engine without a model (graph {Graph.FLOW}), or PerVFI for sharper detail (graph {Graph.PERVFI})."
        )
    pervfi, where = f"Use PerVFI (graph {Graph.PERVFI})", missing_keyframes([(hardest.first, hardest.last)])
    if not where:
        return f"{pervfi}."
    return f"{pervfi}, or add {where} and use the engine without a model (graph {Graph.FLOW})."


def _by_prompt(gpu_gib: float, hardest: KeyframeGap) -> str:
    if gpu_gib >= GIB_LARGE:
        best = f"Use SemFi with a prompt (graph {Graph.SEMFI})"
    elif gpu_gib >= GIB_SMALL:
        best = f"Use Wan2.1-Fun 1.3B with a prompt (graph {Graph.WAN_FUN})"
        if gpu_gib >= GIB_EIGHT_BITS:
            best += f", or SemFi in 8 bits (graph {Graph.SEMFI_EIGHT_BITS})"
    else:
        return f"Use Wan2.1-Fun 1.3B with a prompt, at a small size and with few frames (graph {Graph.WAN_FUN})."
    if hardest.is_cut or hardest.unmatched > UNMATCHED or gpu_gib < GIB_DUAL:
        return f"{best}."
    return (
        f"{best}; without a prompt, use Generative Inbetweening with {SVD_FRAMES} frames per gap (graph {Graph.SVD})."
    )


def _with_sound(gpu_gib: float) -> str:
    if gpu_gib >= GIB_LARGE:
        return f"Use Wan2.1 with an audio adapter (graph {Graph.SOUND}, or {Graph.SOUND_LARGE} for the 14B model)."
    return f"Use EchoMimicV3, an audio adapter for the 1.3B model (graph {Graph.SOUND})."


def _generative(gpu_gib: float, advice: str, frame_count: int) -> tuple[str, list[str]]:
    warnings = []
    if not gpu_gib:
        warnings.append("there is no GPU here, and without one this takes hours.")
    if frame_count > LONGEST_TRAINED:
        warnings.append(
            f"{frame_count} frames are more than the {LONGEST_TRAINED} that Wan was trained for: "
            f"use Segments (graph {Graph.WAN_LONG})."
        )
    elif frame_count not in (near := WAN.neighbours(frame_count)):
        warnings.append(f"Wan needs {WAN.rule} frames: use {' or '.join(map(str, near))} instead of {frame_count}.")
    return advice, warnings
