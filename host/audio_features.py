"""Sound as features of the host's wav2vec2, for exactly the time of a clip."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import comfy.model_management as model_management
import torch
from comfy.audio_encoders.audio_encoders import AudioEncoderModel
from comfy.audio_encoders.wav2vec2 import Wav2Vec2Model
from torch import Tensor

from ..core.audio_timing import (
    ENCODER_RATE,
    FEATURE_SPAN,
    FEATURE_STEP,
    FEATURES_PER_SECOND,
    Span,
    at_times,
    centred_windows,
    delays,
    feature_count,
    neighbour_windows,
    samples_for,
)
from ..core.audio_view import heard_stretches
from ..core.errors import InbetweenError
from ..core.waveforms import Level, Sound, for_encoder
from ..networks.audio_adapter.projectors import Heard
from ..networks.audio_adapter.rules import Rules

WANTED_ENCODER = "wav2vec2-base (wav2vec2-base-960h, or chinese-wav2vec2-base for EchoMimicV3 flash)"


@dataclass(frozen=True, eq=False)
class Encoding:
    """How sound is encoded. level: of the waveform. context_seconds: of sound before and after the clip that the
    encoder listens to as well, so that the clip begins and ends in the middle of speech.
    """

    level: Level
    context_seconds: Fraction = Fraction(0)


def check_encoder(encoder: AudioEncoderModel, rules: Rules, feature_width: int) -> None:
    """Raise InbetweenError unless an encoder makes the features that an adapter was trained on."""
    if not isinstance(encoder.model, Wav2Vec2Model):
        raise InbetweenError(
            f"the audio encoder is {type(encoder.model).__name__}, but {rules.name} needs {WANTED_ENCODER}."
        )
    width = encoder.model.encoder.layer_norm.weight.shape[0]
    if width != feature_width:
        raise _other_width(rules, feature_width, width)


def heard_sound(sound: Sound, encoder: AudioEncoderModel, span: Span, rules: Rules, encoding: Encoding) -> Heard:
    """What each latent frame hears of a sound.

    Where the sound does not reach, there is silence.
    """
    model_management.load_model_gpu(encoder.patcher)
    if rules.windows == "neighbours":
        layers_NKD = _frame_by_frame(sound, encoder, span, encoding)
        return windowed(layers_NKD, span, rules)
    lead = min(_features_in(encoding.context_seconds), max(_features_in(span.start), 0))
    wanted = _wanted_features(span, rules)
    trail = _features_in(encoding.context_seconds)
    start = span.start - Fraction(lead * FEATURE_STEP, ENCODER_RATE)
    own = lead * FEATURE_STEP + max(span.encoder_samples, samples_for(wanted))
    there = int((sound.seconds - start) * ENCODER_RATE)
    samples = max(own, min(own + trail * FEATURE_STEP, there))
    waveform_T = for_encoder(sound, start, samples, encoding.level)
    last_LD, layers = _encoded(encoder, waveform_T)
    features_LD = torch.stack(layers).mean(dim=0) if rules.features == "mean of layers" else last_LD
    return windowed(_at_rate(features_LD[lead:], span, rules, wanted), span, rules)


def heard_encoded(output: Mapping[str, Any], span: Span, rules: Rules, feature_width: int) -> Heard:
    """What each latent frame hears of features that AudioEncoderEncode made.

    Args:
        output: AUDIO_ENCODER_OUTPUT, of the audio that the span is in.

    Raises:
        InbetweenError: features of another width, of too short an audio, or made where flash needs its own.
    """
    if rules.windows == "neighbours":
        raise InbetweenError(
            f"{rules.name} wants one feature for each frame, made inside of the encoder; set sound to audio, and "
            "connect audio and audio_encoder."
        )
    last_BLD = output["encoded_audio"]
    if last_BLD.shape[-1] != feature_width:
        raise _other_width(rules, feature_width, last_BLD.shape[-1])
    if rules.features == "mean of layers":
        last_BLD = torch.stack(output["encoded_audio_all_layers"]).mean(dim=0)
    wanted = _wanted_features(span, rules)
    first = round(span.start * FEATURES_PER_SECOND)
    if first < 0 or first + wanted > last_BLD.shape[1] + 1:  # the last one may hear the end of the audio
        has, needs = (number / FEATURES_PER_SECOND for number in (last_BLD.shape[1], first + wanted))
        raise InbetweenError(
            f"the encoded audio lasts {has:g} s, but these frames need it from {first / FEATURES_PER_SECOND:g} to "
            f"{needs:g} s; encode a longer one, or set sound to audio, where silence fills up."
        )
    features_LD = last_BLD[0, first : first + wanted].float().cpu()
    return windowed(_at_rate(features_LD, span, rules, wanted), span, rules)


def stretches_of(span: Span, rules: Rules) -> list[tuple[float, float]]:
    """From where to where, in seconds from frame 0, each latent frame hears."""
    if rules.windows == "neighbours":
        frame = float(1 / span.fps)
        return heard_stretches(neighbour_windows(span.frame_count), frame, frame)
    step, hears = FEATURE_STEP / ENCODER_RATE, FEATURE_SPAN / ENCODER_RATE
    if rules.windows == "two a frame":
        windows, step = centred_windows(2 * span.frame_count, span.frame_count), float(1 / span.fps) / 2
    else:
        windows = centred_windows(_wanted_features(span, rules), span.frame_count)
    return heard_stretches(windows, step, hears)


def _wanted_features(span: Span, rules: Rules) -> int:
    """How many features at fifty a second belong to the clip."""
    if rules.windows == "two a frame":
        return -(-span.encoder_samples // FEATURE_STEP)  # those that begin in the clip
    return feature_count(span.encoder_samples)


def _at_rate(features_LD: Tensor, span: Span, rules: Rules, wanted: int) -> Tensor:
    """The features that the windows are cut from."""
    features_LD = features_LD[:wanted]
    if rules.windows != "two a frame":
        return features_LD
    times = torch.arange(2 * span.frame_count) * (FEATURES_PER_SECOND / (2 * float(span.fps)))
    return at_times(features_LD, times)


def windowed(features: Tensor, span: Span, rules: Rules) -> Heard:
    """Features cut into the windows of an adapter."""
    if rules.windows == "neighbours":
        windows = neighbour_windows(span.frame_count)
    else:
        windows = centred_windows(len(features), span.frame_count)
    count = len(windows.indices_FW)
    heard = windows.heard_FW.view(*windows.heard_FW.shape, *[1] * (features.ndim - 1))
    return Heard(
        features[windows.indices_FW] * heard,
        windows.heard_FW,
        delays(windows, span.fps),
        torch.arange(count) / (count - 1),
    )


def _encoded(encoder: AudioEncoderModel, waveform_T: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The last layer and all layers, each of shape (features, channels), float32 on the CPU."""
    with torch.inference_mode():
        last_BLD, layers = encoder.model(waveform_T[None, None].to(encoder.load_device))
    return last_BLD[0].float().cpu(), tuple(layer[0].float().cpu() for layer in layers)


def _frame_by_frame(sound: Sound, encoder: AudioEncoderModel, span: Span, encoding: Encoding) -> Tensor:
    """All layers for each frame: the encoder's own first features are brought to the frames, then it goes on.

    Returns:
        Shape (frames, 12, channels), float32 on the CPU.
    """
    wanted, after = encoding.context_seconds, sound.seconds - span.start - span.seconds
    lead, trail = (max(int(min(wanted, there) * span.fps), 0) for there in (span.start, after))
    longer = Span(span.start - lead / span.fps, lead + span.frame_count + trail, span.fps)
    waveform_T = for_encoder(sound, longer.start, longer.encoder_samples, encoding.level)
    model = encoder.model
    with torch.inference_mode():
        waveform_BT = waveform_T[None].to(encoder.load_device)
        if model.do_normalize:
            waveform_BT = (waveform_BT - waveform_BT.mean()) / torch.sqrt(waveform_BT.var() + 1e-7)
        first_LD = model.feature_extractor(waveform_BT)[0]
        times = torch.linspace(0, len(first_LD) - 1, longer.frame_count, device=first_LD.device)
        projected = model.feature_projection(at_times(first_LD, times)[None])
        _, layers = model.encoder(projected)
    return torch.stack([layer[0].float().cpu() for layer in layers[1:]], dim=1)[lead : lead + span.frame_count]


def _features_in(seconds: Fraction) -> int:
    """Whole features in a time."""
    return int(seconds * FEATURES_PER_SECOND)


def _other_width(rules: Rules, needed: int, found: int) -> InbetweenError:
    return InbetweenError(
        f"the audio encoder makes features of {found} channels, but {rules.name} takes {needed}; load {WANTED_ENCODER}."
    )
