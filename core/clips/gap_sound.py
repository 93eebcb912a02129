"""The sound of a gap: where the gap lies in it, whether it can belong to the clips, and what of it a new clip takes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..errors import InbetweenError
from ..sound.waveforms import Sound, cut, sound_of
from ..timing.frame_counts import exact
from .gaps import MissingFrames

NONE, WHOLE, OF_GAP, PART = "none", "of the whole", "of the gap", "part of it"
_SAME_LENGTH = Fraction(1, 4)  # seconds by which audio and video of one file may differ
_SAME_SHARE = Fraction(1, 50)


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


def gap_sound_of(given: Mapping[str, Any], gap: MissingFrames, fps: Fraction) -> GapSound | None:
    """The sound that somebody chose for a gap; None for none.

    Args:
        given: under "sound" NONE, WHOLE, OF_GAP or PART, and with it audio in the host's form; with PART also
            from_seconds and to_seconds, between which the gap lies in the audio.
        gap: the gap it is for.
        fps: frames per second of the clips.

    Raises:
        InbetweenError: audio that is none, or a time below 0.
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
    """Sound that begins with the clip before and ends with the clip after."""
    return GapSound(sound, len(gap.before_THWC) / fps, whole=True)


def check_sound(heard: GapSound, gap: MissingFrames, fps: Fraction) -> None:
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


def notes_on_sound(heard: GapSound, gap: MissingFrames, fps: Fraction) -> Iterator[str]:
    """What deserves attention in the sound of a gap."""
    more = heard.sound.seconds - (heard.gap_start + gap.frames / fps)
    if more <= -1 / fps:
        yield f"the audio is {-float(more):.4g} s shorter than the gap; silence fills up."
    if heard.ends_with_gap and more >= 1 / fps:
        yield f"the audio is {float(more):.4g} s longer than the gap; what is left over belongs to the clip after."


def sound_around(sound: Sound, start: Fraction, seconds: Fraction, extra: Fraction) -> tuple[Sound, Fraction]:
    """The sound of a stretch, with `extra` seconds on each side as far as there are any, and where in it the stretch
    begins.
    """
    first = min(start, max(start - extra, Fraction(0)))
    end = max(start + seconds, min(start + seconds + extra, sound.seconds))
    return cut(sound, first, end - first), start - first
