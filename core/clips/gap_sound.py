"""The sound of a gap: where the gap is in it, whether it fits the clips, and which part a new clip uses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..errors import InbetweenError
from ..sound.waveforms import Sound, cut, sound_of
from ..timing.frame_counts import exact
from .gaps import MissingFrames

NONE, WHOLE, OF_GAP, PART = "none", "of the whole", "of the gap", "part of it"
_SAME_LENGTH = Fraction(1, 4)  # seconds by which the audio and the video of one file may differ
_SAME_SHARE = Fraction(1, 50)  # the same as a share of the length; the larger of the two applies


@dataclass(frozen=True, eq=False)
class GapSound:
    """Sound for a gap, and where the gap is in it.

    gap_start: seconds into the sound at which the gap starts.
    whole: the sound runs from the start of the clip before to the end of the clip after.
    ends_with_gap: the sound covers the gap alone.
    gap_seconds: length of the gap as the user gave it, to compare with its frames; None if not given.
    """

    sound: Sound
    gap_start: Fraction
    whole: bool = False
    ends_with_gap: bool = False
    gap_seconds: Fraction | None = None


def gap_sound_of(given: Mapping[str, Any], gap: MissingFrames, fps: Fraction) -> GapSound | None:
    """The sound that the user chose for a gap; None for silence.

    Args:
        given: "sound" is NONE, WHOLE, OF_GAP or PART. Except with NONE, "audio" is the host's AUDIO. With PART, the
            gap is between "from_seconds" and "to_seconds" of the audio.
        gap: the gap that the sound is for.
        fps: frames per second of the clips.

    Raises:
        InbetweenError: the audio is invalid, or a time is below 0.
    """
    if given["sound"] == NONE:
        return None
    sound = sound_of(given["audio"])
    if given["sound"] == WHOLE:
        return whole_sound(sound, gap, fps)
    if given["sound"] == OF_GAP:
        return GapSound(sound, Fraction(0), ends_with_gap=True)
    begin, end = (exact(given[name], name, positive=False) for name in ("from_seconds", "to_seconds"))
    return GapSound(sound, begin, gap_seconds=end - begin)


def whole_sound(sound: Sound, gap: MissingFrames, fps: Fraction) -> GapSound:
    """Sound that runs from the start of the clip before to the end of the clip after."""
    return GapSound(sound, len(gap.before_THWC) / fps, whole=True)


def check_sound(gap_sound: GapSound, gap: MissingFrames, fps: Fraction) -> None:
    """Raise InbetweenError if the sound cannot belong to the clips."""
    has = gap_sound.sound.seconds
    if gap_sound.whole:
        frames = len(gap.before_THWC) + gap.frames + len(gap.after_THWC)
        lasting = frames / fps
        if abs(has - lasting) > max(_SAME_LENGTH, _SAME_SHARE * lasting):
            raise InbetweenError(
                f"the audio lasts {float(has):.4g} s, but {frames} frames at {float(fps):.6g} fps last "
                f"{float(lasting):.4g} s; set fps to the frame rate of the clips ({float(frames / has):.4g} by the "
                "audio), or connect their own audio."
            )
    lasting = gap.frames / fps
    if gap_sound.gap_seconds is not None and abs(gap_sound.gap_seconds - lasting) >= 1 / fps:
        raise InbetweenError(
            f"the audio of the gap lasts {float(gap_sound.gap_seconds):.4g} s, but {gap.frames} frames at "
            f"{float(fps):.6g} fps last {float(lasting):.4g} s; change from_seconds, to_seconds, the gap or fps."
        )
    if has <= gap_sound.gap_start:
        raise InbetweenError(
            f"the gap starts at {float(gap_sound.gap_start):.4g} s of the audio, but the audio lasts "
            f"{float(has):.4g} s; connect audio that reaches into the gap."
        )


def sound_warnings(gap_sound: GapSound, gap: MissingFrames, fps: Fraction) -> Iterator[str]:
    """Warnings about sound that is longer or shorter than the gap."""
    more = gap_sound.sound.seconds - (gap_sound.gap_start + gap.frames / fps)
    if more <= -1 / fps:
        yield f"the audio is {-float(more):.4g} s shorter than the gap; the rest is silent."
    if gap_sound.ends_with_gap and more >= 1 / fps:
        yield f"the audio is {float(more):.4g} s longer than the gap; the rest is treated as sound of the clip after."


def sound_around(sound: Sound, start: Fraction, seconds: Fraction, extra: Fraction) -> tuple[Sound, Fraction]:
    """Cut out a stretch of a sound with up to `extra` seconds on each side, as far as the sound reaches.

    Returns:
        The sound, and the time in it at which the stretch starts.
    """
    first = min(start, max(start - extra, Fraction(0)))
    end = max(start + seconds, min(start + seconds + extra, sound.seconds))
    return cut(sound, first, end - first), start - first
