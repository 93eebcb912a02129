"""Pieces of sound: cutting them by time, and converting channels, sample rate and loudness."""

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

SILENT = 1e-4  # root mean square below which sound is inaudible: -80 dB
_TARGET_LUFS = -23.0  # ITU-R BS.1770; the loudness that EchoMimicV3's flash version uses
_LOWEST_RATE = 100  # samples per second; less is not a recording, and its loudness cannot be measured
_GATE_SECONDS = 0.4  # shortest sound whose loudness can be measured
_VARIANCE_FLOOR = 1e-7  # as in wav2vec2's feature extractor
_FINEST_RATIO = 1000  # largest denominator of a resampling ratio; exact ratios of unusual rates would take gigabytes
_MARGIN = Fraction(1, 100)  # seconds to convert on each side of a cut, so that resampling does not ring at its ends


@dataclass(frozen=True, eq=False)
class Sound:
    """A piece of sound.

    waveform_CT: float, shape (channels, samples).
    rate: samples per second.
    """

    waveform_CT: Tensor
    rate: int

    @property
    def seconds(self) -> Fraction:
        """The exact length."""
        return audio_seconds(self.waveform_CT.shape[-1], self.rate)

    def as_audio(self) -> dict[str, Any]:
        """The host's AUDIO."""
        return {"waveform": self.waveform_CT[None], "sample_rate": self.rate}


def sound_of(audio: Mapping[str, Any]) -> Sound:
    """Check the host's AUDIO and convert it.

    Raises:
        InbetweenError: there are no samples or channels, the rate is invalid, there is more than one clip, or values
            are not finite.
    """
    waveform, rate = audio["waveform"], audio["sample_rate"]
    if waveform.ndim != 3:
        raise InbetweenError(
            f"the audio has shape {tuple(waveform.shape)}, not (clips, channels, samples); load it again."
        )
    clips, channels, samples = waveform.shape
    audio_seconds(samples, rate)
    if rate < _LOWEST_RATE:
        raise InbetweenError(f"the audio has a sample rate of {rate}; load it again with a valid rate.")
    if clips != 1 or channels < 1:
        raise InbetweenError(
            f"the audio has {clips} clips of {channels} channels; connect one clip with 1 or more channels."
        )
    if not waveform.is_floating_point():
        raise InbetweenError(
            f"the audio has {str(waveform.dtype).removeprefix('torch.')} values, not fractions from -1 to 1; load it "
            "again."
        )
    if not torch.isfinite(waveform).all():
        raise InbetweenError("the audio has NaN or infinite values; load it again.")
    return Sound(waveform[0].float(), int(rate))


def silence(seconds: Fraction) -> Sound:
    """Silence: one channel at 16 kHz."""
    return Sound(torch.zeros(1, max(1, _nearest(seconds * ENCODER_RATE))), ENCODER_RATE)


def cut(sound: Sound, start: Fraction, seconds: Fraction) -> Sound:
    """Cut out a stretch of a sound; it is silent where it reaches beyond the sound.

    Args:
        sound: the sound to cut; not modified.
        start: in seconds; negative before the sound starts.
        seconds: length of the stretch, above 0.

    Returns:
        The stretch, with both ends at the nearest sample, so that stretches that meet in time also meet in samples.
    """
    first, end = (_nearest(time * sound.rate) for time in (start, start + seconds))
    waveform_CT = sound.waveform_CT.new_zeros((len(sound.waveform_CT), end - first))
    here = slice(max(first, 0), max(min(end, sound.waveform_CT.shape[1]), 0))
    if here.start < here.stop:
        waveform_CT[:, here.start - first : here.stop - first] = sound.waveform_CT[:, here]
    return Sound(waveform_CT, sound.rate)


def for_encoder(sound: Sound, start: Fraction, samples: int, level: Level) -> Tensor:
    """Prepare a stretch of a sound for an audio encoder: one channel at 16 kHz, at a given level.

    The level is measured on the sound alone; silence is added afterwards where the stretch reaches beyond it.

    Args:
        sound: the sound; not modified.
        start: in seconds; negative before the sound starts.
        samples: length of the stretch in samples at 16 kHz.
        level: "zero mean, unit variance" normalises the stretch as wav2vec2's feature extractor does; "-23 LUFS" brings
            the whole sound to that loudness by ITU-R BS.1770; "as it is" changes nothing.

    Returns:
        Shape (samples,), float32.
    """
    mono = Sound(sound.waveform_CT.mean(dim=0, keepdim=True), sound.rate)
    if level == "-23 LUFS":
        mono = Sound(mono.waveform_CT * _gain(mono), mono.rate)
    margin = int(_MARGIN * ENCODER_RATE)
    seconds = Fraction(samples, ENCODER_RATE)
    with_margin = cut(mono, start - _MARGIN, seconds + 2 * _MARGIN)
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
    """Whether a stretch of a sound is inaudible."""
    return bool(cut(sound, start, seconds).waveform_CT.square().mean().sqrt() < SILENT)


def clip_warnings(sound: Sound, span: Span) -> tuple[str, ...]:
    """Warnings about the sound of a clip: silence, or too little sound.

    Raises:
        InbetweenError: the clip lies entirely outside the sound.
    """
    end = span.start + span.seconds
    if span.start >= sound.seconds or end <= 0:
        raise InbetweenError(
            f"the clip covers {float(span.start):.4g} to {float(end):.4g} s of the audio, which lasts "
            f"{float(sound.seconds):.4g} s; change start_seconds, or connect the audio of this part."
        )
    warnings = []
    if is_silent(sound, span.start, span.seconds):
        warnings.append("the audio is silent here, so there is nothing for the lips to follow.")
    missing = max(-span.start, Fraction(0)) + max(end - sound.seconds, Fraction(0))
    if missing >= 1 / span.fps:
        warnings.append(f"the audio is {float(missing):.4g} s shorter than the clip; the rest is silent.")
    return tuple(warnings)


def _nearest(number: Fraction) -> int:
    """Round half up, so that stretches that meet half-way between two samples still meet."""
    return math.floor(number + Fraction(1, 2))


def _converted(sound: Sound) -> Tensor:
    ratio = Fraction(sound.rate, ENCODER_RATE).limit_denominator(_FINEST_RATIO)
    return torchaudio.functional.resample(sound.waveform_CT, ratio.numerator, ratio.denominator)[0]


def _gain(mono: Sound) -> float:
    """The gain that brings a sound to -23 LUFS; 1 for silence."""
    waveform_1T = mono.waveform_CT
    repeats = math.ceil(_GATE_SECONDS * mono.rate / waveform_1T.shape[1])
    loudness = float(torchaudio.functional.loudness(waveform_1T.repeat(1, max(repeats, 1)), mono.rate))
    return 10 ** ((_TARGET_LUFS - loudness) / 20) if math.isfinite(loudness) else 1.0
