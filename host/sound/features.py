"""Sound as features of the host's wav2vec2, for exactly the time of a clip."""

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
_VARIANCE_FLOOR = 1e-7  # as the host's wav2vec2 has it

_NOT_LEVELLED = (
    "AudioEncoderEncode does not level the audio as the adapter was trained, so quiet audio may move the mouth "
    "less; set sound to audio for that."
)


@dataclass(frozen=True, eq=False)
class Source:
    """Where sound comes from: AUDIO with an encoder, or what AudioEncoderEncode made of it.

    level: of the waveform. context_seconds: of sound before and after the clip that the encoder listens to as well, so
    that the clip begins and ends in the middle of speech.
    """

    audio: Mapping[str, Any] | None = None
    encoder: AudioEncoderModel | None = None
    level: WaveformLevel = BY_ADAPTER
    context_seconds: float = 0.0
    encoded: Mapping[str, Any] | None = None


def hear(source: Source, adapter: AudioAdapter, span: Span) -> tuple[AudioWindows, tuple[str, ...]]:
    """What each latent frame of a clip hears, and what deserves attention.

    Raises:
        InbetweenError: sound that there is not, or an encoder that does not fit the adapter. It comes before anything
            is encoded.
    """
    config = adapter.config
    if source.encoded is not None:
        windows = heard_encoded(source.encoded, span, config, adapter.projector.feature_width)
        return windows, (_NOT_LEVELLED,) if config.level == "zero mean, unit variance" else ()
    if source.audio is None or source.encoder is None:
        missing = "audio" if source.audio is None else "audio_encoder"
        raise InbetweenError(f"{missing} is missing; connect it, or set sound to encoded audio.")
    check_encoder(source.encoder, config, adapter.projector.feature_width)
    level: Level = config.level if source.level == BY_ADAPTER else source.level
    context_seconds = exact(source.context_seconds, "context_seconds", positive=False)
    sound = sound_of(source.audio)
    warnings = clip_warnings(sound, span)
    return heard_sound(sound, source.encoder, span, config, level, context_seconds), warnings


def check_encoder(encoder: AudioEncoderModel, config: AdapterConfig, feature_width: int) -> None:
    """Raise InbetweenError unless an encoder makes the features that an adapter was trained on."""
    if not isinstance(encoder.model, Wav2Vec2Model):
        raise InbetweenError(
            f"the audio encoder is {type(encoder.model).__name__}, but {config.name} needs {WANTED_ENCODER}."
        )
    width = encoder.model.encoder.layer_norm.weight.shape[0]
    if width != feature_width:
        raise _other_width(config, feature_width, width)


def heard_sound(
    sound: Sound,
    encoder: AudioEncoderModel,
    span: Span,
    config: AdapterConfig,
    level: Level,
    context_seconds: Fraction = Fraction(0),
) -> AudioWindows:
    """What each latent frame hears of a sound; where the sound does not reach, there is silence.

    Args:
        sound: that the span is in.
        encoder: see `check_encoder`.
        span: of the clip.
        config: of the adapter.
        level: of the waveform.
        context_seconds: see `Source`.
    """
    excerpt = config.windows.excerpt(span, sound.seconds, context_seconds)
    waveform_T = for_encoder(sound, excerpt.start, excerpt.samples, level)
    features = config.features_of(_encoded(encoder, waveform_T, excerpt.frames))
    return config.windows.hear(features[excerpt.lead :], span)


def heard_encoded(output: Mapping[str, Any], span: Span, config: AdapterConfig, feature_width: int) -> AudioWindows:
    """What each latent frame hears of features that AudioEncoderEncode made.

    Args:
        output: AUDIO_ENCODER_OUTPUT, of the audio that the span is in.
        span: of the clip.
        config: of the adapter.
        feature_width: of the adapter.

    Raises:
        InbetweenError: features of another width, of too short an audio, or made where flash needs its own.
    """
    if config.windows.inside_encoder:
        raise InbetweenError(
            f"{config.name} wants one feature for each frame, made inside of the encoder; set sound to audio, and "
            "connect audio and audio_encoder."
        )
    layers_BLD = (*output.get("encoded_audio_all_layers", ())[:-1], output["encoded_audio"])
    features_LD = config.features_of([layer_BLD[0] for layer_BLD in layers_BLD])
    count, width = features_LD.shape
    if width != feature_width:
        raise _other_width(config, feature_width, width)
    wanted = config.windows.wanted(span)
    first = round(span.start * FEATURES_PER_SECOND)
    if first < 0 or first + wanted > count + 1:  # the last one may hear the end of the audio
        has, needs = (number / FEATURES_PER_SECOND for number in (count, first + wanted))
        raise InbetweenError(
            f"the encoded audio lasts {has:g} s, but these frames need it from {first / FEATURES_PER_SECOND:g} to "
            f"{needs:g} s; encode a longer one, or set sound to audio, where silence fills up."
        )
    return config.windows.hear(features_LD[first : first + wanted].float().cpu(), span)


@torch.no_grad()
def _encoded(encoder: AudioEncoderModel, waveform_T: Tensor, frames: int | None) -> list[Tensor]:
    """All layers of the encoder, from what goes into its first block to its output.

    Args:
        encoder: see `check_encoder`.
        waveform_T: at 16 kHz.
        frames: how many features are made of it: what comes out of the encoder's convolutions is brought to this number
            before it goes on. None for as many as come out.

    Returns:
        Each of shape (features, channels), float32 on the CPU.
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
        f"the audio encoder makes features of {found} channels, but {config.name} takes {needed}; load "
        f"{WANTED_ENCODER}."
    )
