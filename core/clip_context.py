"""A gap between two clips, or in one: the frames that stand around it, as keyframes and as pictures to describe."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from .audio_timing import MOST_SECONDS
from .errors import InbetweenError
from .frames import FrameRule, exact, neighbours
from .images import check_frames, size_text
from .keyframes import Keyframe, KeyframeSet
from .reports import report_text
from .wan_layout import FEWEST_FRAMES, SLOTS
from .waveforms import Sound, cut, silence

FEWEST_CAPTION_FRAMES, MOST_CAPTION_FRAMES = 4, 8
_SAME_LENGTH = Fraction(1, 4)  # seconds by which audio and video of one file may differ
_SAME_SHARE = Fraction(1, 50)


@dataclass(frozen=True, eq=False)
class Gap:
    """Frames that are missing between two clips of shape (frames, H, W, 3), and how many."""

    before_THWC: Tensor
    after_THWC: Tensor
    frames: int


@dataclass(frozen=True)
class Around:
    """How many frames before and after a gap the clip that fills it has in common with its neighbours."""

    before: int
    after: int


@dataclass(frozen=True, eq=False)
class GapSound:
    """The sound of a gap, and where it is.

    gap_start: seconds in the sound at which the gap begins. whole: the sound begins with the clip before and ends with
    the clip after. ends_with_gap: it is the sound of the gap alone. gap_seconds: how long the gap was said to be, to be
    compared with its frames; None if not said.
    """

    sound: Sound
    gap_start: Fraction
    whole: bool = False
    ends_with_gap: bool = False
    gap_seconds: Fraction | None = None


@dataclass(frozen=True)
class ContextSettings:
    """context_frames: 1 for the two frames beside the gap alone; more show how things move there. rule: of the engine
    that fills it. caption_frames: 4 to 8, half of them from each side, from the first to the last frame of each clip.
    caption_size: most pixels of their longer side. audio_context: seconds of sound around the clip that fills the gap.
    """

    context_frames: int = 1
    rule: FrameRule = "4n+1"
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


def gap_between(before_THWC: Tensor, after_THWC: Tensor, frames: int) -> Gap:
    """A gap between two clips.

    Raises:
        InbetweenError: a clip that is empty or of another size, or no frames missing.
    """
    check_frames(before_THWC, "clip_before")
    check_frames(after_THWC, "clip_after")
    if before_THWC.shape[1:] != after_THWC.shape[1:]:
        raise InbetweenError(
            f"clip_after is {size_text(after_THWC)} but clip_before is {size_text(before_THWC)}; bring them to one "
            "size with Upscale Image."
        )
    if frames < 1:
        raise InbetweenError(f"the gap is {frames} frames; it needs 1 or more.")
    return Gap(before_THWC, after_THWC, frames)


def gap_in(clip_THWC: Tensor, first: int, end: int) -> Gap:
    """A gap in one clip: frames `first` to `end` - 1 are made anew.

    Raises:
        InbetweenError: the clip is empty, or there is no frame of it before or after the gap.
    """
    check_frames(clip_THWC, "the clip")
    count = len(clip_THWC)
    if not 1 <= first < end <= count - 1:
        raise InbetweenError(
            f"the gap is frames {first} to {end} (not counting the last) of a clip of {count}; it must begin at 1 or "
            f"later, end at {count - 1} or earlier, and leave a frame on each side."
        )
    return Gap(clip_THWC[:first], clip_THWC[end:], end - first)


def frame_at_seconds(seconds: float, fps: float) -> int:
    """The frame nearest to a time; a time between two goes to the later one.

    Raises:
        InbetweenError: a time below 0, or a rate that there is not.
    """
    return int(exact(seconds, "seconds", positive=False) * exact(fps, "fps") + Fraction(1, 2))


def frames_around(gap: Gap, context_frames: int, rule: FrameRule) -> Around:
    """How many frames on each side go into the clip that fills a gap, so that its length follows the rule.

    With 4n+1, a clip before gives 1, 5, 9, ... frames, which fill latent frames of their own, and the clip after one
    less (at least 1), and up to three more of it, or of the clip before, bring the length to 4n+1. These are frames
    that there are, so nothing is stretched or made up.

    Raises:
        InbetweenError: clips that are too short for that; it names gaps that are not.
    """
    if context_frames < 1:
        raise InbetweenError(f"context_frames is {context_frames}; give 1 or more.")
    if rule == "4n+1" and context_frames % SLOTS != 1:
        below, above = neighbours(context_frames, rule)
        raise InbetweenError(f"context_frames {context_frames} breaks the rule {rule}; use {below} or {above}.")
    before, after = context_frames, max(context_frames - 1, 1) if rule == "4n+1" else context_frames
    for name, needed, clip_THWC in (("before", before, gap.before_THWC), ("after", after, gap.after_THWC)):
        if len(clip_THWC) < needed:
            raise InbetweenError(
                f"the clip {name} the gap has {len(clip_THWC)} frames, but context_frames {context_frames} needs "
                f"{needed} of it; set context_frames to 1, or give a longer clip."
            )
    if rule == "any":
        return Around(before, after)
    more = -(before + gap.frames + after - 1) % SLOTS
    if before + gap.frames + after + more < FEWEST_FRAMES:
        more += SLOTS
    if len(gap.after_THWC) >= after + more:
        return Around(before, after + more)
    if len(gap.before_THWC) >= before + more:
        return Around(before + more, after)
    fitting = gap.frames + more
    raise InbetweenError(
        f"a gap of {gap.frames} frames needs {more} more frames of a clip beside it for a length of {rule}, and both "
        f"are too short; use a gap of {fitting} frames, or longer clips."
    )


def whole_sound(sound: Sound, gap: Gap, fps: Fraction) -> GapSound:
    """Sound that begins with the clip before and ends with the clip after."""
    return GapSound(sound, len(gap.before_THWC) / fps, whole=True)


def clip_context(gap: Gap, fps: Fraction, heard: GapSound | None, settings: ContextSettings) -> ClipContext:
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
        _check_sound(heard, gap, fps)
    first_of_before = len(gap.before_THWC) - around.before
    known = [Keyframe(frame, gap.before_THWC[first_of_before + frame]) for frame in range(around.before)]
    known += [Keyframe(length - around.after + frame, gap.after_THWC[frame]) for frame in range(around.after)]

    from_before = _evenly(gap.before_THWC, -(-settings.caption_frames // 2))
    from_after = _evenly(gap.after_THWC, settings.caption_frames // 2).to(from_before)
    seconds, extra = length / fps, exact(settings.audio_context, "audio_context", positive=False)
    if heard is None:
        sound, audio_start = silence(seconds), Fraction(0)
    else:
        sound, audio_start = _sound_around(heard.sound, heard.gap_start - around.before / fps, seconds, extra)
    report = (
        f"A gap of {gap.frames} frames at {float(fps):.6g} fps: a clip of {length} frames, of which the first "
        f"{around.before} and the last {around.after} are known. Join Clips with overlap 1 gives "
        f"{len(gap.before_THWC) + gap.frames + len(gap.after_THWC)} frames."
    )
    warnings = _about_sound(heard, gap, fps) if heard is not None else ()
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


def _check_sound(heard: GapSound, gap: Gap, fps: Fraction) -> None:
    """Refuse sound that cannot belong to the clips."""
    has = heard.sound.seconds
    if heard.whole:
        frames = len(gap.before_THWC) + gap.frames + len(gap.after_THWC)
        lasting = frames / fps
        if abs(has - lasting) > max(_SAME_LENGTH, _SAME_SHARE * lasting):
            raise InbetweenError(
                f"the audio lasts {float(has):.4g} s, but {frames} frames at {float(fps):.6g} fps last "
                f"{float(lasting):.4g} s; set fps to that of the clips ({float(frames / has):.4g} by the audio), or "
                "connect their audio."
            )
    lasting = gap.frames / fps
    if heard.gap_seconds is not None and abs(heard.gap_seconds - lasting) >= 1 / fps:
        raise InbetweenError(
            f"the audio of the gap goes on for {float(heard.gap_seconds):.4g} s, but {gap.frames} frames at "
            f"{float(fps):.6g} fps last {float(lasting):.4g} s; change from_seconds or to_seconds, the gap or fps."
        )
    if has <= heard.gap_start:
        raise InbetweenError(
            f"the gap begins at {float(heard.gap_start):.4g} s of the audio, which lasts {float(has):.4g} s; connect "
            "audio that reaches into the gap."
        )


def _about_sound(heard: GapSound, gap: Gap, fps: Fraction) -> Iterator[str]:
    """What deserves attention in the sound of a gap."""
    more = heard.sound.seconds - (heard.gap_start + gap.frames / fps)
    if more <= -1 / fps:
        yield f"the audio is {-float(more):.4g} s shorter than the gap; silence fills up."
    if heard.ends_with_gap and more >= 1 / fps:
        yield f"the audio is {float(more):.4g} s longer than the gap; what is left over belongs to the clip after."


def _sound_around(sound: Sound, start: Fraction, seconds: Fraction, extra: Fraction) -> tuple[Sound, Fraction]:
    """The sound of a stretch, with `extra` seconds on each side as far as there are any, and where in it the stretch
    begins.
    """
    first = min(start, max(start - extra, Fraction(0)))
    end = max(start + seconds, min(start + seconds + extra, sound.seconds))
    return cut(sound, first, end - first), start - first


def _evenly(clip_THWC: Tensor, count: int) -> Tensor:
    """Frames from the first to the last, each once."""
    wanted = torch.linspace(0, len(clip_THWC) - 1, count).round().long().unique()
    return clip_THWC[wanted]


def _at_most(frames_THWC: Tensor, longest: int) -> Tensor:
    height, width = frames_THWC.shape[1:3]
    share = longest / max(height, width)
    if share >= 1:
        return frames_THWC.clone()
    size = max(1, round(height * share)), max(1, round(width * share))
    small_TCHW = torch.nn.functional.interpolate(
        frames_THWC.movedim(-1, 1).float(), size, mode="bilinear", antialias=True
    )
    return small_TCHW.movedim(1, -1).clamp(0, 1).contiguous()
