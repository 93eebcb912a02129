"""Join clips that share frames at their ends, with no frame twice, none lost, and no colour jump at the seam."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal, get_args

import torch
from torch import Tensor

from ..errors import InbetweenError, TooFewFramesError
from ..flow.consistency import is_same_scene
from ..pictures.colour import (
    IDENTITY,
    ColourTransfer,
    blend_transfers,
    colour_statistics,
    colour_step,
    colour_transfer,
    mean_colour,
)
from ..pictures.images import check_frames, size_text
from ..progress import ProgressCallback, no_progress
from ..reports import frame_list, report_text
from ..timing.frame_counts import exact
from ..timing.frame_times import UnevenTimes

Seam = Literal["cut", "cross-fade"]
SEAMS: tuple[Seam, ...] = get_args(Seam)
MatchColour = Literal["fade out", "carry on", "off"]
MATCH_COLOUR_MODES: tuple[MatchColour, ...] = get_args(MatchColour)

MOST_CLIPS = 50  # sockets of the node Join Clips
SAME_RATE = 1e-4  # files round rates: 23.976 counts as 24000/1001, but 24 does not
UNLIKE = 0.04  # mean difference above which shared frames are not two versions of the same frames


@dataclass(frozen=True)
class Joined:
    """Joined frames, shape (T, H, W, 3), and a report with one line per clip and one per seam, then warnings."""

    frames_THWC: Tensor
    report: str


def common_rate(rates: Sequence[Fraction | None], otherwise: float, uneven: Sequence[UnevenTimes | None] = ()) -> float:
    """The frame rate that all clips share.

    Args:
        rates: frames per second of each clip, on average; None for a clip without a rate.
        otherwise: the rate if no clip has one.
        uneven: for each clip, what is uneven if its frame rate is variable.

    Raises:
        InbetweenError: two clips have different rates, or `otherwise` is not above 0.
    """
    known = [(number, rate) for number, rate in enumerate(rates, start=1) if rate is not None]
    for (first, rate), (other, other_rate) in pairwise(known):
        if abs(other_rate / rate - 1) > SAME_RATE:
            if warnings := uneven_warnings(uneven):
                raise InbetweenError(f"clips {first} and {other} have different frame rates; {warnings[0]}")
            raise InbetweenError(
                f"clip {other} has {float(other_rate):.6g} fps but clip {first} has {float(rate):.6g}; convert them "
                "to one rate with Interpolate Frames (timing: frame rate)."
            )
    return float(known[0][1] if known else exact(otherwise, "fps"))


def uneven_warnings(uneven: Sequence[UnevenTimes | None]) -> list[str]:
    """A sentence on each clip of variable frame rate: what is uneven, and what to do.

    Args:
        uneven: for each clip, what is uneven; None for an even one.
    """
    return [
        f"clip {number} has a variable frame rate ({times.description}), but joined frames all last equally long, so "
        f"its motion becomes uneven; first convert it to a constant rate, as with {times.conversion}."
        for number, times in enumerate(uneven, start=1)
        if times is not None
    ]


def joined_length(lengths: Sequence[int], overlap: int, seam: Seam) -> int:
    """Frames of the joined clip: the sum of all clips, less `overlap` for each seam.

    The first and the last clip may consist of shared frames alone.

    Args:
        lengths: frames of each clip, in order.
        overlap: how many frames neighbouring clips share.
        seam: as for `join_clips`.

    Raises:
        InbetweenError: fewer than two clips, or a clip too short for the overlap.
    """
    if len(lengths) < 2:
        raise InbetweenError(f"joining needs 2 or more clips, got {len(lengths)}; connect another clip.")
    if overlap < 0:
        raise InbetweenError(f"overlap is {overlap}; give 0 or more.")
    own = [0, *[1] * (len(lengths) - 2), 0]  # frames that a clip must have in addition to one overlap
    for number, (length, least) in enumerate(zip(lengths, own, strict=True), start=1):
        if length < max(overlap + least, 1):
            most = min(length - least for length, least in zip(lengths, own, strict=True))
            raise TooFewFramesError(
                f"overlap is {overlap} but clip {number} has only {length} frame{'s' * (length > 1)}; "
                f"use {f'0 to {most}' if most else '0'}.",
                length,
            )
    for number, length in enumerate(lengths[1:-1], start=2):
        if seam == "cross-fade" and 2 * overlap > length:
            raise InbetweenError(
                f"clip {number} has {length} frames, too few to cross-fade {overlap} at both of its ends; "
                f"use an overlap of 0 to {min(lengths[1:-1]) // 2}, or set seam to cut."
            )
    return sum(lengths) - overlap * (len(lengths) - 1)


def join_clips(
    clips_THWC: Sequence[Tensor],
    overlap: int = 1,
    seam: Seam = "cut",
    match_colour: MatchColour = "fade out",
    fade_frames: int = 12,
    on_frames: ProgressCallback = no_progress,
) -> Joined:
    """Join clips one after the other.

    The colours of each clip are matched to the result so far by the OKLab mean and covariance of the shared frames, or
    of the two frames that meet if the overlap is 0. "fade out" withdraws the correction over the first frames of the
    clip, so there is no step at the seam and no drift from seam to seam. "carry on" keeps it to the end, so every later
    clip takes on the colours of the first one. If two different pictures meet, nothing is matched and the report says
    so.

    Args:
        clips_THWC: two or more clips of one size; values beyond [0, 1] are kept; not modified.
        overlap: how many frames neighbouring clips share; 0 puts the clips end to end.
        seam: "cut" takes the shared frames from the earlier clip. "cross-fade" blends into the later clip, which has a
            share of (j + 1) / (k + 1) in frame j of k shared frames, counted from 0.
        match_colour: "fade out", "carry on" or "off".
        fade_frames: with "fade out", frames after the overlap that are corrected, the first of them fully.
        on_frames: called with n after n more result frames; may raise to stop the work.

    Returns:
        Exactly `joined_length` frames, with the type and device of the first clip, and a report.

    Raises:
        InbetweenError: fewer than two clips; a clip that is empty, not RGB, not finite or of another size; or an
            overlap that is too long.
    """
    _check(clips_THWC)
    if match_colour == "fade out" and fade_frames < 1:
        raise InbetweenError(f"fade_frames is {fade_frames}; give 1 or more, or set match_colour to carry on.")
    total = joined_length([len(clip_THWC) for clip_THWC in clips_THWC], overlap, seam)
    result_THWC = clips_THWC[0].new_empty((total, *clips_THWC[0].shape[1:]))
    filled = len(clips_THWC[0])
    result_THWC[:filled] = clips_THWC[0]
    on_frames(filled)
    ranges, seams, warnings = [f"Clip 1: frames 0 to {filled - 1}."], [], []
    for number, (before_THWC, clip_THWC) in enumerate(pairwise(clips_THWC), start=2):
        seam_frame, first = filled, filled - overlap
        filled = first + len(clip_THWC)
        met_THWC = result_THWC[min(first, seam_frame - 1) : seam_frame]
        transfer, notes, difference = _match(met_THWC, clip_THWC[: len(met_THWC)], match_colour, overlap)
        if difference > UNLIKE:
            warnings.append(
                f"clips {number - 1} and {number} share {frame_list(range(first, seam_frame))}, but their pictures "
                f"differ there (mean difference {difference:.3f}); set overlap to the number of frames that the clips "
                "share, or to 0 if there are none."
            )
        fading = fade_frames if match_colour == "fade out" else None
        _lay(clip_THWC, result_THWC[first:filled], overlap, seam, transfer, fading, on_frames)
        shown_from = first if seam == "cross-fade" else seam_frame
        ranges.append(f"Clip {number}: frames {shown_from} to {filled - 1}.")
        step = colour_step(mean_colour(before_THWC[-1]), mean_colour(clip_THWC[min(overlap, len(clip_THWC) - 1)]))
        step_after = _largest_step(result_THWC[shown_from - 1 : seam_frame + 1])
        seams.append(
            f"Seam between clips {number - 1} and {number}, frame {seam_frame}: colour step {step:.4f} before, "
            f"{step_after:.4f} after{notes}."
        )
    lines = [f"{total} frames from {len(clips_THWC)} clips.", *ranges, *seams]
    return Joined(result_THWC, report_text(lines, warnings))


def _check(clips_THWC: Sequence[Tensor]) -> None:
    for number, clip_THWC in enumerate(clips_THWC, start=1):
        check_frames(clip_THWC, f"clip {number}")
        if clip_THWC.shape[1:] != clips_THWC[0].shape[1:]:
            raise InbetweenError(
                f"clip {number} is {size_text(clip_THWC)} but clip 1 is {size_text(clips_THWC[0])}; "
                "scale them to one size with Upscale Image."
            )


def _lay(
    clip_THWC: Tensor,
    place_THWC: Tensor,
    overlap: int,
    seam: Seam,
    transfer: ColourTransfer,
    fading: int | None,
    on_frames: ProgressCallback,
) -> None:
    """Write a clip to its place in the result, whose first `overlap` frames already contain the earlier clip.

    fading: frames over which the colour correction fades out; None keeps it to the end.
    """
    for frame in range(overlap if seam == "cut" else 0, len(clip_THWC)):
        faded = max(frame - overlap, 0) / fading if fading else 0.0
        frame_HWC = blend_transfers(transfer, IDENTITY, min(faded, 1.0)).apply(clip_THWC[frame])
        frame_HWC = frame_HWC.to(place_THWC.device)
        if frame < overlap:
            share = (frame + 1) / (overlap + 1)
            frame_HWC = torch.lerp(place_THWC[frame].to(torch.float32), frame_HWC.to(torch.float32), share)
        place_THWC[frame] = frame_HWC
        on_frames(int(frame >= overlap))


def _match(
    met_THWC: Tensor, clip_THWC: Tensor, match_colour: MatchColour, overlap: int
) -> tuple[ColourTransfer, str, float]:
    """The colour correction that makes the first frames of a clip look like `met_THWC`, and what the report says.

    Returns:
        The correction, notes on it, and the mean difference that remains between the shared frames.
    """
    same_scene = is_same_scene(met_THWC[-1], clip_THWC[-1])
    drift = colour_transfer(colour_statistics(clip_THWC), colour_statistics(met_THWC)) if same_scene else IDENTITY
    notes = ""
    if match_colour != "off" and not same_scene:
        notes += "; two different pictures meet here, so colours are not matched"
    elif match_colour != "off":
        notes += drift.shortfall
    difference = _difference(met_THWC, clip_THWC, drift) if overlap else 0.0
    return (IDENTITY if match_colour == "off" else drift), notes, difference


def _difference(met_THWC: Tensor, clip_THWC: Tensor, transfer: ColourTransfer) -> float:
    """Mean absolute difference between frames that should be the same, after the colour correction."""
    differences = [
        (transfer.apply(later_HWC).to(earlier_HWC) - earlier_HWC).abs().mean(dtype=torch.float32).item()
        for earlier_HWC, later_HWC in zip(met_THWC, clip_THWC, strict=True)
    ]
    return sum(differences) / len(differences)


def _largest_step(frames_THWC: Tensor) -> float:
    """The largest colour step from one frame to the next."""
    means = [mean_colour(frame_HWC) for frame_HWC in frames_THWC]
    return max((colour_step(first, second) for first, second in pairwise(means)), default=0.0)
