"""The context of a gap: the frames around it, as keyframes and as pictures to caption, and its sound."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from ..errors import InbetweenError
from ..keyframes.keyframe_set import Keyframe, KeyframeSet
from ..pictures.resize import resized, shrink_scale
from ..pictures.value_range import extremes
from ..reports import report_text
from ..sound.timing import MOST_SECONDS
from ..sound.waveforms import Sound, silence
from ..timing.frame_counts import exact
from .gap_sound import GapSound, check_sound, gap_sound_of, sound_around, sound_warnings
from .gaps import MissingFrames, frames_around, gap_of

FEWEST_CAPTION_FRAMES, MOST_CAPTION_FRAMES = 4, 8


@dataclass(frozen=True)
class ContextSettings:
    """What to collect around a gap.

    context_frames: frames taken from the clip before the gap; see `frames_around`. 1 takes a single frame; more frames
        show how things move.
    rule: frame rule of the engine that will fill the gap.
    caption_frames: 4 to 8, half of them from each clip, spread evenly from its first to its last frame.
    caption_size: longest side of a caption frame, in pixels.
    audio_context: seconds of sound to keep on each side of the clip that fills the gap.
    """

    context_frames: int = 1
    rule: str = "4n+1"
    caption_frames: int = 6
    caption_size: int = 512
    audio_context: float = 0.5


@dataclass(frozen=True, eq=False)
class ClipContext:
    """Everything an engine or a captioning model needs to fill a gap.

    keyframes: for the clip that fills the gap: the last frames of the clip before it and the first of the clip after.
    before_THWC, after_THWC: the two clips without the frames that became keyframes, except one frame each, so that all
        three clips join with an overlap of 1.
    caption_THWC, caption_prompt: frames to describe, in order, and the prompt for the captioning model.
    sound: audio for the clip that fills the gap. The clip starts at `audio_start` seconds in it.
    """

    keyframes: KeyframeSet
    before_THWC: Tensor
    after_THWC: Tensor
    caption_THWC: Tensor
    caption_prompt: str
    sound: Sound
    audio_start: Fraction
    report: str


def context_of(gap: Mapping[str, Any], fps: float, sound: Mapping[str, Any], settings: ContextSettings) -> ClipContext:
    """The context of a gap as the inputs of the node describe it: `gap_of`, `gap_sound_of` and `clip_context` in one.

    Args:
        gap: as for `gap_of`.
        fps: frames per second of the clips.
        sound: as for `gap_sound_of`.
        settings: what to collect.
    """
    rate = exact(fps, "fps")
    missing = gap_of(gap, rate)
    return clip_context(missing, rate, gap_sound_of(sound, missing, rate), settings)


def clip_context(
    gap: MissingFrames, fps: Fraction, gap_sound: GapSound | None, settings: ContextSettings
) -> ClipContext:
    """Collect the context of a gap.

    Args:
        gap: the missing frames and the clips around them.
        fps: frames per second of the clips.
        gap_sound: the sound of the gap; None means silence.
        settings: what to collect.

    Raises:
        InbetweenError: the clips are too short, the sound does not fit them, or a setting is out of range.
    """
    if not FEWEST_CAPTION_FRAMES <= settings.caption_frames <= MOST_CAPTION_FRAMES:
        raise InbetweenError(
            f"caption_frames is {settings.caption_frames}; give {FEWEST_CAPTION_FRAMES} to {MOST_CAPTION_FRAMES}."
        )
    around = frames_around(gap, settings.context_frames, settings.rule)
    length = around.before + gap.frames + around.after
    if length > MOST_SECONDS * fps:
        raise InbetweenError(
            f"{length} frames at {float(fps):g} fps last longer than two hours; set fps to the frame rate of the clips."
        )
    if gap_sound is not None:
        check_sound(gap_sound, gap, fps)
    first_of_before = len(gap.before_THWC) - around.before
    known = [Keyframe(frame, gap.before_THWC[first_of_before + frame]) for frame in range(around.before)]
    known += [Keyframe(length - around.after + frame, gap.after_THWC[frame]) for frame in range(around.after)]

    from_before = _evenly(gap.before_THWC, -(-settings.caption_frames // 2))
    from_after = _evenly(gap.after_THWC, settings.caption_frames // 2).to(from_before)
    seconds, extra = length / fps, exact(settings.audio_context, "audio_context", positive=False)
    if gap_sound is None:
        sound, audio_start = silence(seconds), Fraction(0)
    else:
        sound, audio_start = sound_around(gap_sound.sound, gap_sound.gap_start - around.before / fps, seconds, extra)
    report = (
        f"A gap of {gap.frames} frames at {float(fps):.6g} fps. The clip that fills it has {length} frames; the first "
        f"{around.before} and the last {around.after} are known. Join Clips with overlap 1 gives "
        f"{len(gap.before_THWC) + gap.frames + len(gap.after_THWC)} frames."
    )
    warnings = sound_warnings(gap_sound, gap, fps) if gap_sound is not None else ()
    return ClipContext(
        KeyframeSet(length, tuple(known)),
        gap.before_THWC[: first_of_before + 1],
        gap.after_THWC[around.after - 1 :],
        _at_most(torch.cat([from_before, from_after]), settings.caption_size),
        _caption_prompt(len(from_before), len(from_after), gap.frames / fps),
        sound,
        audio_start,
        report_text([report], warnings),
    )


def _caption_prompt(before: int, after: int, seconds: Fraction) -> str:
    """The prompt for a vision-language model that sees frames from before and after a gap."""
    return (
        f"You see {before + after} frames of one video in order. Frames 1 to {before} come before a gap of "
        f"{float(seconds):.3g} seconds, frames {before + 1} to {before + after} after it. Write one paragraph that "
        "tells a video model what to show in the gap: what kind of video it is; who or what is seen and how they "
        "look; where they are, the light and the camera; what they do before the gap and after it; and how the one "
        "turns into the other, step by step, in one unbroken shot. Name only what can be seen. Do not mention "
        "frames, clips or the gap."
    )


def _evenly(clip_THWC: Tensor, count: int) -> Tensor:
    """Up to `count` frames, spread evenly from the first to the last, none of them twice."""
    chosen = torch.linspace(0, len(clip_THWC) - 1, count).round().long().unique()
    return clip_THWC[chosen]


def _at_most(frames_THWC: Tensor, longest: int) -> Tensor:
    """A copy of the frames, scaled down if their longer side has more than `longest` pixels."""
    height, width = frames_THWC.shape[1:3]
    scale = shrink_scale(height, width, longest)
    if scale == 1:
        return frames_THWC.clone()
    height, width = max(1, round(height * scale)), max(1, round(width * scale))
    return resized(frames_THWC, height, width, "bilinear").clamp(*extremes(frames_THWC)).contiguous()
