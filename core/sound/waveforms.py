"""Pieces of sound: cut by time, brought to one channel, to a rate, to a loudness."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import torch
import torchaudio
from torch import Tensor

from ..errors import InbetweenError
from ..timing.frame_counts import audio_seconds
from .timing import ENCODER_RATE, Span

Level = Literal["zero mean, unit variance", "-23 LUFS", "as it is"]

SILENT = 1e-4  # root mean square below which nothing can be heard: -80 dB
_TARGET_LUFS = -23.0  # ITU-R BS.1770; what EchoMimicV3's flash is run with
_LOWEST_RATE = 100  # samples per second; less is no recording, and has no loudness
_GATE_SECONDS = 0.4  # of which loudness is measured
_VARIANCE_FLOOR = 1e-7  # as wav2vec2's feature extractor has it
_FINEST_RATIO = 1000  # of sample rates; rates without a common divisor would take gigabytes to convert exactly
_MARGIN = Fraction(1, 100)  # seconds converted on each side of a cut, so that the cut does not ring


@dataclass(frozen=True, eq=False)
class Sound:
    """One piece of sound: waveform_CT, float of shape (channels, samples), and samples per second."""

    waveform_CT: Tensor
    rate: int

    @property
    def seconds(self) -> Fraction:
        """How long it lasts, exact."""
        return audio_seconds(self.waveform_CT.shape[-1], self.rate)

    def as_audio(self) -> dict[str, Any]:
        """In the host's form."""
        return {"waveform": self.waveform_CT[None], "sample_rate": self.rate}


def sound_of(audio: Mapping[str, Any]) -> Sound:
    """The host's AUDIO, checked.

    Raises:
        InbetweenError: no samples, no rate, no channels, more than one clip, or numbers that are none.
    """
    waveform, rate = audio["waveform"], audio["sample_rate"]
    if waveform.ndim != 3:
        raise InbetweenError(
            f"the audio has shape {tuple(waveform.shape)}, not (clips, channels, samples); load it again."
        )
    clips, channels, samples = waveform.shape
    audio_seconds(samples, rate)
    if rate < _LOWEST_RATE:
        raise InbetweenError(f"the audio has a sample rate of {rate}; load it again with a real rate.")
    if clips != 1 or channels < 1:
        raise InbetweenError(f"the audio holds {clips} clips of {channels} channels; connect one clip of 1 or more.")
    if not waveform.is_floating_point():
        raise InbetweenError(
            f"the audio holds {str(waveform.dtype).removeprefix('torch.')} values, not fractions from -1 to 1; load it "
            "again."
        )
    if not torch.isfinite(waveform).all():
        raise InbetweenError("the audio holds numbers that are not finite; load it again.")
    return Sound(waveform[0].float(), int(rate))


def silence(seconds: Fraction) -> Sound:
    """Silence, one channel at 16 kHz."""
    return Sound(torch.zeros(1, max(1, _nearest(seconds * ENCODER_RATE))), ENCODER_RATE)


def cut(sound: Sound, start: Fraction, seconds: Fraction) -> Sound:
    """A stretch of a sound, with silence where there is none.

    Args:
        sound: what is cut; not written to.
        start: in seconds; below 0 before it begins.
        seconds: how long, above 0.

    Returns:
        Both ends at the nearest sample, so that stretches that meet in time meet in samples.
    """
    first, end = (_nearest(time * sound.rate) for time in (start, start + seconds))
    waveform_CT = sound.waveform_CT.new_zeros((len(sound.waveform_CT), end - first))
    here = slice(max(first, 0), max(min(end, sound.waveform_CT.shape[1]), 0))
    if here.start < here.stop:
        waveform_CT[:, here.start - first : here.stop - first] = sound.waveform_CT[:, here]
    return Sound(waveform_CT, sound.rate)


def for_encoder(sound: Sound, start: Fraction, samples: int, level: Level) -> Tensor:
    """A stretch of a sound as an audio encoder wants it: one channel at 16 kHz, levelled.

    The level is measured on what there is of the sound, and silence is added after that.

    Args:
        sound: what is heard; not written to.
        start: in seconds; below 0 before it begins.
        samples: how many at 16 kHz.
        level: "zero mean, unit variance" is what wav2vec2's feature extractor does with the stretch; "-23 LUFS" brings
            the whole sound to that loudness by ITU-R BS.1770; "as it is" changes nothing.

    Returns:
        Shape (samples,), float32.
    """
    heard = Sound(sound.waveform_CT.mean(dim=0, keepdim=True), sound.rate)
    if level == "-23 LUFS":
        heard = Sound(heard.waveform_CT * _gain(heard), heard.rate)
    margin = int(_MARGIN * ENCODER_RATE)
    seconds = Fraction(samples, ENCODER_RATE)
    with_margin = cut(heard, start - _MARGIN, seconds + 2 * _MARGIN)
    converted_T = _converted(with_margin)
    converted_T = torch.nn.functional.pad(converted_T, (0, max(0, margin + samples - len(converted_T))))
    stretch_T = converted_T[margin : margin + samples].clone()
    real = slice(*(min(max(round(time * ENCODER_RATE), 0), samples) for time in (-start, sound.seconds - start)))
    if level == "zero mean, unit variance" and real.start < real.stop:
        here_T = stretch_T[real]
        stretch_T[real] = (here_T - here_T.mean()) / torch.sqrt(here_T.var(correction=0) + _VARIANCE_FLOOR)
    stretch_T[: real.start] = 0
    stretch_T[real.stop :] = 0
    return stretch_T


def is_silent(sound: Sound, start: Fraction, seconds: Fraction) -> bool:
    """Whether nothing can be heard in a stretch."""
    return bool(cut(sound, start, seconds).waveform_CT.square().mean().sqrt() < SILENT)


def clip_warnings(sound: Sound, span: Span) -> tuple[str, ...]:
    """What deserves attention in the sound that a clip hears.

    Raises:
        InbetweenError: the sound has nothing at the time of the clip.
    """
    end = span.start + span.seconds
    if span.start >= sound.seconds or end <= 0:
        raise InbetweenError(
            f"the clip hears {float(span.start):.4g} to {float(end):.4g} s of the audio, which lasts "
            f"{float(sound.seconds):.4g} s; change start_seconds, or connect the audio of this part."
        )
    warnings = []
    if is_silent(sound, span.start, span.seconds):
        warnings.append("the audio is silent here, so the mouth is given nothing to follow.")
    missing = max(-span.start, Fraction(0)) + max(end - sound.seconds, Fraction(0))
    if missing >= 1 / span.fps:
        warnings.append(f"the audio is {float(missing):.4g} s shorter than the clip; silence fills up.")
    return tuple(warnings)


def _nearest(number: Fraction) -> int:
    """Halves go up, so that neighbours that meet at one meet."""
    return math.floor(number + Fraction(1, 2))


def _converted(sound: Sound) -> Tensor:
    ratio = Fraction(sound.rate, ENCODER_RATE).limit_denominator(_FINEST_RATIO)
    return torchaudio.functional.resample(sound.waveform_CT, ratio.numerator, ratio.denominator)[0]


def _gain(mono: Sound) -> float:
    """The factor that brings a sound to -23 LUFS; 1 for silence."""
    waveform_1T = mono.waveform_CT
    repeats = math.ceil(_GATE_SECONDS * mono.rate / waveform_1T.shape[1])
    loudness = float(torchaudio.functional.loudness(waveform_1T.repeat(1, max(repeats, 1)), mono.rate))
    return 10 ** ((_TARGET_LUFS - loudness) / 20) if math.isfinite(loudness) else 1.0
