"""Encodes exactly the audio of a clip with the host's wav2vec2."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, TypeAlias, get_args

import comfy.model_management as model_management
import torch
from comfy.audio_encoders.audio_encoders import AudioEncoderModel
from comfy.audio_encoders.wav2vec2 import Wav2Vec2Model
from torch import Tensor

from ...core.errors import InbetweenError
from ...core.sound.timing import FEATURES_PER_SECOND, Span, at_times
from ...core.sound.waveforms import Level, Sound, clip_warnings, for_encoder, sound_of
from ...core.sound.windows import AudioWindows
from ...core.timing.frame_counts import exact
from ...networks.sound import AdapterConfig, AudioAdapter

BY_ADAPTER: Literal["as trained"] = "as trained"
WaveformLevel: TypeAlias = Literal["as trained"] | Level
LEVELS: tuple[WaveformLevel, ...] = (BY_ADAPTER, *get_args(Level))

WANTED_ENCODER = "wav2vec2-base (wav2vec2-base-960h, or chinese-wav2vec2-base for EchoMimicV3 flash)"
_VARIANCE_FLOOR = 1e-7  # as in the host's wav2vec2

_NOT_LEVELLED = (
    "AudioEncoderEncode does not level the audio as in the adapter's training, so quiet speech may move the mouth "
    "less; to level it, set sound to audio."
)


@dataclass(frozen=True, eq=False)
class AudioSource:
    """Audio for an adapter: AUDIO and an encoder, or audio that AudioEncoderEncode has already encoded.

    audio: the host's AUDIO.
    encoder: the audio encoder to run.
    level: how to level the waveform.
    context_seconds: how much audio before and after the clip to encode with it, for a clip that starts or ends in the
        middle of speech.
    encoded: the host's AUDIO_ENCODER_OUTPUT, instead of audio and encoder.
    """

    audio: Mapping[str, Any] | None = None
    encoder: AudioEncoderModel | None = None
    level: WaveformLevel = BY_ADAPTER
    context_seconds: float = 0.0
    encoded: Mapping[str, Any] | None = None


def windows_of_source(source: AudioSource, adapter: AudioAdapter, span: Span) -> tuple[AudioWindows, tuple[str, ...]]:
    """The audio features that each latent frame of a clip uses, and warnings.

    Raises:
        InbetweenError: audio is missing, or the encoder does not match the adapter. All checks run before any
            encoding.
    """
    config = adapter.config
    if source.encoded is not None:
        windows = windows_of_encoded(source.encoded, span, config, adapter.projector.feature_width)
        return windows, (_NOT_LEVELLED,) if config.level == "zero mean, unit variance" else ()
    if source.audio is None or source.encoder is None:
        missing = "audio" if source.audio is None else "audio_encoder"
        raise InbetweenError(f"{missing} is missing; connect it, or set sound to encoded audio.")
    check_encoder(source.encoder, config, adapter.projector.feature_width)
    level: Level = config.level if source.level == BY_ADAPTER else source.level
    context_seconds = exact(source.context_seconds, "context_seconds", positive=False)
    sound = sound_of(source.audio)
    warnings = clip_warnings(sound, span)
    return windows_of_sound(sound, source.encoder, span, config, level, context_seconds), warnings


def check_encoder(encoder: AudioEncoderModel, config: AdapterConfig, feature_width: int) -> None:
    """Raise InbetweenError if an encoder does not match an adapter."""
    if not isinstance(encoder.model, Wav2Vec2Model):
        raise InbetweenError(
            f"the audio encoder is {type(encoder.model).__name__}, but {config.name} needs {WANTED_ENCODER}."
        )
    width = encoder.model.encoder.layer_norm.weight.shape[0]
    if width != feature_width:
        raise _other_width(config, feature_width, width)


def windows_of_sound(
    sound: Sound,
    encoder: AudioEncoderModel,
    span: Span,
    config: AdapterConfig,
    level: Level,
    context_seconds: Fraction = Fraction(0),
) -> AudioWindows:
    """The features of a sound that each latent frame uses; silence fills up where the sound is too short.

    Args:
        sound: the sound that contains the span.
        encoder: an encoder that passed `check_encoder`.
        span: the clip's stretch of the sound.
        config: configuration of the adapter.
        level: how to level the waveform.
        context_seconds: see `AudioSource`.
    """
    excerpt = config.windows.excerpt(span, sound.seconds, context_seconds)
    waveform_T = for_encoder(sound, excerpt.start, excerpt.samples, level)
    features = config.features_of(_encoded(encoder, waveform_T, excerpt.frames))
    return config.windows.hear(features[excerpt.lead :], span)


def windows_of_encoded(
    output: Mapping[str, Any], span: Span, config: AdapterConfig, feature_width: int
) -> AudioWindows:
    """The features that each latent frame uses, from audio encoded by AudioEncoderEncode.

    Args:
        output: AUDIO_ENCODER_OUTPUT for the audio that contains the span.
        span: the clip's stretch of the audio.
        config: configuration of the adapter.
        feature_width: number of channels that the adapter expects.

    Raises:
        InbetweenError: the features have the wrong width, the audio is too short, or the adapter resamples features
            inside the encoder.
    """
    if config.windows.inside_encoder:
        raise InbetweenError(
            f"{config.name} needs one feature per frame, computed inside the encoder; set sound to audio, and connect "
            "audio and audio_encoder."
        )
    layers_BLD = (*output.get("encoded_audio_all_layers", ())[:-1], output["encoded_audio"])
    features_LD = config.features_of([layer_BLD[0] for layer_BLD in layers_BLD])
    count, width = features_LD.shape
    if width != feature_width:
        raise _other_width(config, feature_width, width)
    wanted = config.windows.wanted(span)
    first = round(span.start * FEATURES_PER_SECOND)
    if first < 0 or first + wanted > count + 1:  # the last feature may reach beyond the end of the audio
        has, needs = (number / FEATURES_PER_SECOND for number in (count, first + wanted))
        raise InbetweenError(
            f"the encoded audio lasts {has:g} s, but the clip needs {first / FEATURES_PER_SECOND:g} to {needs:g} s of "
            "it; encode longer audio, or set sound to audio, which fills up with silence."
        )
    return config.windows.hear(features_LD[first : first + wanted].float().cpu(), span)


@torch.no_grad()
def _encoded(encoder: AudioEncoderModel, waveform_T: Tensor, frames: int | None) -> list[Tensor]:
    """Run the encoder and keep all layers, from the input of its first block to its output.

    Args:
        encoder: an encoder that passed `check_encoder`.
        waveform_T: the waveform at 16 kHz.
        frames: number of features to compute; the output of the encoder's convolutions is resampled to it. None for
            the encoder's own number.

    Returns:
        One tensor per layer, of shape (features, channels), float32 on the CPU.
    """
    model_management.load_model_gpu(encoder.patcher)
    model, waveform_BT = encoder.model, waveform_T[None].to(encoder.load_device)
    if frames is None:
        _, layers = model(waveform_BT[None])
    else:
        if model.do_normalize:
            waveform_BT = (waveform_BT - waveform_BT.mean()) / torch.sqrt(waveform_BT.var() + _VARIANCE_FLOOR)
        found_LD = model.feature_extractor(waveform_BT)[0]
        times = torch.linspace(0, len(found_LD) - 1, frames, device=found_LD.device)
        _, layers = model.encoder(model.feature_projection(at_times(found_LD, times)[None]))
    return [layer_BLD[0].float().cpu() for layer_BLD in layers]


def _other_width(config: AdapterConfig, needed: int, found: int) -> InbetweenError:
    return InbetweenError(
        f"the audio encoder has features of {found} channels, but {config.name} needs {needed}; load {WANTED_ENCODER}."
    )
