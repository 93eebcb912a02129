"""What is known around a gap: frames as keyframes and as pictures to describe, and sound."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from ..errors import InbetweenError
from ..keyframes.keyframe_set import Keyframe, KeyframeSet
from ..pictures.resize import resized, shrink_scale
from ..reports import report_text
from ..sound.timing import MOST_SECONDS
from ..sound.waveforms import Sound, silence
from ..timing.frame_counts import exact
from .gap_sound import GapSound, check_sound, gap_sound_of, notes_on_sound, sound_around
from .gaps import MissingFrames, frames_around, gap_of

FEWEST_CAPTION_FRAMES, MOST_CAPTION_FRAMES = 4, 8


@dataclass(frozen=True)
class ContextSettings:
    """context_frames: 1 for the two frames beside the gap alone; more show how things move there. rule: of the engine
    that fills it. caption_frames: 4 to 8, half of them from each side, from the first to the last frame of each clip.
    caption_size: most pixels of their longer side. audio_context: seconds of sound around the clip that fills the gap.
    """

    context_frames: int = 1
    rule: str = "4n+1"
    caption_frames: int = 6
    caption_size: int = 512
    audio_context: float = 0.5


@dataclass(frozen=True, eq=False)
class ClipContext:
    """What is known around a gap.

    keyframes: of the clip that fills it: last frames of the clip before, first of the clip after. before_THWC,
    after_THWC: the clips less what is in the keyframes but for one frame each, so that the three join with an overlap
    of 1. caption_THWC, caption_prompt: frames to describe, in order, and how to ask for it. sound: of the filling
    clip, which begins in it at audio_start seconds.
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
    """What is known around a gap that is described by choices: `gap_of`, `gap_sound_of` and `clip_context` in one.

    Args:
        gap: see `gap_of`.
        fps: frames per second of the clips.
        sound: see `gap_sound_of`.
        settings: see there.
    """
    rate = exact(fps, "fps")
    wanted = gap_of(gap, rate)
    return clip_context(wanted, rate, gap_sound_of(sound, wanted, rate), settings)


def clip_context(gap: MissingFrames, fps: Fraction, heard: GapSound | None, settings: ContextSettings) -> ClipContext:
    """What is known around a gap.

    Args:
        gap: see there.
        fps: frames per second of the clips.
        heard: its sound; None is silence.
        settings: see there.

    Raises:
        InbetweenError: clips that are too short, sound of another length, or a setting that there is not.
    """
    if not FEWEST_CAPTION_FRAMES <= settings.caption_frames <= MOST_CAPTION_FRAMES:
        raise InbetweenError(
            f"caption_frames is {settings.caption_frames}; give {FEWEST_CAPTION_FRAMES} to {MOST_CAPTION_FRAMES}."
        )
    around = frames_around(gap, settings.context_frames, settings.rule)
    length = around.before + gap.frames + around.after
    if length > MOST_SECONDS * fps:
        raise InbetweenError(
            f"{length} frames at {float(fps):g} fps last longer than two hours; set fps to that of the clips."
        )
    if heard is not None:
        check_sound(heard, gap, fps)
    first_of_before = len(gap.before_THWC) - around.before
    known = [Keyframe(frame, gap.before_THWC[first_of_before + frame]) for frame in range(around.before)]
    known += [Keyframe(length - around.after + frame, gap.after_THWC[frame]) for frame in range(around.after)]

    from_before = _evenly(gap.before_THWC, -(-settings.caption_frames // 2))
    from_after = _evenly(gap.after_THWC, settings.caption_frames // 2).to(from_before)
    seconds, extra = length / fps, exact(settings.audio_context, "audio_context", positive=False)
    if heard is None:
        sound, audio_start = silence(seconds), Fraction(0)
    else:
        sound, audio_start = sound_around(heard.sound, heard.gap_start - around.before / fps, seconds, extra)
    report = (
        f"A gap of {gap.frames} frames at {float(fps):.6g} fps: a clip of {length} frames, of which the first "
        f"{around.before} and the last {around.after} are known. Join Clips with overlap 1 gives "
        f"{len(gap.before_THWC) + gap.frames + len(gap.after_THWC)} frames."
    )
    warnings = notes_on_sound(heard, gap, fps) if heard is not None else ()
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
    """What to ask a vision-language model that is shown frames from before and from after a gap."""
    return (
        f"You see {before + after} frames of one video in order. Frames 1 to {before} come before a gap of "
        f"{float(seconds):.3g} seconds, frames {before + 1} to {before + after} after it. Write one paragraph that "
        "tells a video model what to show in the gap: what kind of video it is; who or what is seen and how they "
        "look; where they are, the light and the camera; what they do before the gap and after it; and how the one "
        "turns into the other, step by step, in one unbroken shot. Name only what can be seen. Do not mention "
        "frames, clips or the gap."
    )


def _evenly(clip_THWC: Tensor, count: int) -> Tensor:
    """Frames from the first to the last, each once."""
    wanted = torch.linspace(0, len(clip_THWC) - 1, count).round().long().unique()
    return clip_THWC[wanted]


def _at_most(frames_THWC: Tensor, longest: int) -> Tensor:
    """Frames whose longer side is at most `longest` pixels, in memory of their own."""
    height, width = frames_THWC.shape[1:3]
    scale = shrink_scale(height, width, longest)
    if scale == 1:
        return frames_THWC.clone()
    height, width = max(1, round(height * scale)), max(1, round(width * scale))
    return resized(frames_THWC, height, width, "bilinear").clamp(0, 1).contiguous()
