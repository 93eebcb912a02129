"""An audio adapter on a MODEL of the host, and the conditioning that goes with it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, get_args

import comfy.conds
import torch
from comfy.audio_encoders.audio_encoders import AudioEncoderModel
from comfy.model_patcher import ModelPatcher
from comfy.sd import VAE
from torch import Tensor

from ..core.audio_timing import Span, span_of_clip
from ..core.errors import InbetweenError
from ..core.frames import exact
from ..core.keyframes import KeyframeSet
from ..core.reports import report_text
from ..core.wan_layout import SLOTS
from ..core.waveforms import Level, Sound, is_silent, sound_of
from ..networks.audio_adapter import AudioAdapter
from ..networks.audio_adapter.projectors import Heard
from ..networks.audio_adapter.rules import GUIDANCES, Guidance, Rules
from .audio_branch import AudioBranch, Listening, marks
from .audio_features import Encoding, check_encoder, heard_encoded, heard_sound
from .types import Conditioning
from .wan import WanKind, wan_kind

ATTACHMENT = "inbetween_audio"
BY_ADAPTER: Literal["as trained"] = "as trained"
WaveformLevel = Literal["as trained"] | Level
GuidanceForm = Literal["as trained"] | Guidance

LEVELS: tuple[WaveformLevel, ...] = (BY_ADAPTER, *get_args(Level))
GUIDANCE_FORMS: tuple[GuidanceForm, ...] = (BY_ADAPTER, *GUIDANCES)

_NOT_LEVELLED = (
    "AudioEncoderEncode does not level the audio as the adapter was trained, so quiet audio may move the mouth "
    "less; set sound to audio for that."
)
_RATE_OFF = Fraction(1, 10)  # of the rate an adapter was trained at, from which it is worth telling


@dataclass(frozen=True, eq=False)
class Source:
    """Where sound comes from: AUDIO with an encoder, or what AudioEncoderEncode made of it."""

    audio: Mapping[str, Any] | None = None
    encoder: AudioEncoderModel | None = None
    level: WaveformLevel = "as trained"
    context_seconds: float = 0.0
    encoded: Mapping[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class AudioSettings:
    """fps: of the clip. start_seconds: where in the audio frame 0 stands. offset_ms: by which the sound comes later.
    scale: times what the adapter adds. region_FHW: 0 to 1, where it is added, or None everywhere. guidance: its form.
    """

    fps: float
    start_seconds: float = 0.0
    offset_ms: float = 0.0
    scale: float = 1.0
    region_FHW: Tensor | None = None
    guidance: GuidanceForm = "as trained"


@dataclass(frozen=True, eq=False)
class AudioApplied:
    """The model, and conditioning for Dual CFG Guider: its cond1, cond2 and negative."""

    model: ModelPatcher
    positive: Conditioning
    middle: Conditioning
    negative: Conditioning
    report: str
    warnings: tuple[str, ...]


def apply_audio(
    model: ModelPatcher,
    patch: ModelPatcher,
    positive: Conditioning,
    negative: Conditioning,
    latent: Mapping[str, Any],
    source: Source,
    settings: AudioSettings,
    keyframes: KeyframeSet | None = None,
    vae: VAE | None = None,
) -> AudioApplied:
    """Let a Wan model hear sound; what is given stays as it is.

    Args:
        model: a Wan image-to-video model with an image branch.
        patch: from `load_adapter`.
        positive, negative: conditioning of the model.
        latent: what will be sampled; its length says how long the clip is.
        source: of the sound.
        settings: see there.
        keyframes, vae: for an adapter that wants to know how the last frame differs from the first.

    Raises:
        InbetweenError: a model or adapter of another kind, sound that there is not, an encoder of another width, or
            anything else that does not go together. It comes before anything is encoded.
    """
    adapter = checked_adapter(patch)
    kind = _check_model(model, adapter)
    samples = latent["samples"]
    if samples.ndim != 5 or samples.shape[1] != kind.latent_channels:
        raise InbetweenError(
            f"the latent has shape {tuple(samples.shape)}, which is no video of {kind.name}; connect that of Wan "
            "Keyframe Conditioning."
        )
    latent_frames = samples.shape[2]
    span = span_of_clip(SLOTS * (latent_frames - 1) + 1, settings.fps, settings.start_seconds, settings.offset_ms)
    region = _region(settings.region_FHW, span)
    _check_ends(adapter, keyframes, vae)
    heard, warnings = _heard(adapter, source, span)
    warnings += tuple(_warnings(adapter.rules, settings, span))
    difference = _difference(model, keyframes, vae) if adapter.wants_ends and keyframes and vae else None

    patched = model.clone()
    branches = (model.get_attachment(ATTACHMENT) or 0) + 1
    patched.set_attachments(ATTACHMENT, branches)
    name = f"{ATTACHMENT}_{branches}{'_in_sequence' * adapter.rules.sequential}"
    AudioBranch(name, patch, Listening(heard, settings.scale, region, difference)).attach(patched)

    guidance = adapter.rules.guidance if settings.guidance == BY_ADAPTER else settings.guidance
    with_sound, without = (marks(latent_frames, sound) for sound in (True, False))
    conditions = {
        "text, then audio": ((positive, with_sound), (positive, without), (negative, without)),
        "audio, then text": ((positive, with_sound), (negative, with_sound), (negative, without)),
        "audio only": ((positive, with_sound), (positive, without), (positive, without)),
    }[guidance]
    marked = [_marked(condition, name, marks_12F11) for condition, marks_12F11 in conditions]
    lines = [
        f"{adapter.rules.name} on {kind.name}: {span.frame_count} frames at {float(span.fps):g} fps hear "
        f"{_time(span.start)} to {_time(span.start + span.seconds)} s.",
        _recipe(adapter.rules, guidance),
    ]
    return AudioApplied(patched, *marked, report_text(lines, warnings), warnings)


def checked_adapter(patch: ModelPatcher) -> AudioAdapter:
    """The adapter in a model patch.

    Raises:
        InbetweenError: it holds something else.
    """
    adapter = getattr(patch, "model", None)
    if not isinstance(adapter, AudioAdapter):
        raise InbetweenError("the model patch is no audio adapter; connect the one of Load Audio Adapter.")
    return adapter


def _check_model(model: ModelPatcher, adapter: AudioAdapter) -> WanKind:
    kind = wan_kind(model)
    network, name = model.model.diffusion_model, adapter.rules.name
    if not kind.sees_images:
        raise InbetweenError(
            f"{kind.name} has no image branch, beside which audio adapters stand; connect Wan2.1 I2V, FLF2V or Fun-InP."
        )
    found, trained = (network.dim, len(network.blocks)), (adapter.channels, adapter.model_depth)
    if found != trained:
        raise InbetweenError(
            f"{name} belongs to a Wan of {trained[1]} blocks and {trained[0]} channels ({_size(trained[0])}), but "
            f"{kind.name} has {found[1]} and {found[0]}; connect the model that it was trained on."
        )
    return kind


def _size(channels: int) -> str:
    return {1536: "1.3B", 5120: "14B"}.get(channels, "of another size")


def _check_ends(adapter: AudioAdapter, keyframes: KeyframeSet | None, vae: VAE | None) -> None:
    if adapter.wants_ends and (keyframes is None or vae is None):
        missing = " and ".join(name for name, given in (("keyframes", keyframes), ("vae", vae)) if given is None)
        raise InbetweenError(f"{adapter.rules.name} looks at how the ends of the clip differ; connect {missing}, too.")


def _region(region_FHW: Tensor | None, span: Span) -> Tensor | None:
    """A mask for every latent frame, or one for all."""
    if region_FHW is None:
        return None
    if region_FHW.ndim != 3 or len(region_FHW) not in (1, span.frame_count):
        raise InbetweenError(
            f"the region has {len(region_FHW)} masks; give 1 for the whole clip, or {span.frame_count}, one for each "
            "frame."
        )
    masks_FHW = region_FHW.clamp(0, 1)
    if len(masks_FHW) > 1:
        masks_FHW = torch.cat([masks_FHW[:1], masks_FHW[1:].unflatten(0, (-1, SLOTS)).mean(dim=1)])
    return masks_FHW[:, None]


def _heard(adapter: AudioAdapter, source: Source, span: Span) -> tuple[Heard, tuple[str, ...]]:
    rules = adapter.rules
    if source.encoded is not None:
        heard = heard_encoded(source.encoded, span, rules, adapter.feature_width)
        if rules.level == "zero mean, unit variance":
            return heard, (_NOT_LEVELLED,)
        return heard, ()
    if source.audio is None or source.encoder is None:
        missing = "audio" if source.audio is None else "audio_encoder"
        raise InbetweenError(f"{missing} is missing; connect it, or set sound to encoded audio.")
    sound = sound_of(source.audio)
    check_encoder(source.encoder, rules, adapter.feature_width)
    level: Level = rules.level if source.level == BY_ADAPTER else source.level
    encoding = Encoding(level, exact(source.context_seconds, "context_seconds", positive=False))
    return heard_sound(sound, source.encoder, span, rules, encoding), tuple(about_sound(sound, span))


def about_sound(sound: Sound, span: Span) -> Iterator[str]:
    """What deserves attention in the sound that a clip hears.

    Raises:
        InbetweenError: there is none at that time.
    """
    end = span.start + span.seconds
    if span.start >= sound.seconds or end <= 0:
        raise InbetweenError(
            f"the clip hears {_time(span.start)} to {_time(end)} s of the audio, which lasts {_time(sound.seconds)} s; "
            "change start_seconds, or connect the audio of this part."
        )
    if is_silent(sound, span.start, span.seconds):
        yield "the audio is silent here, so the mouth is given nothing to follow."
    missing = max(-span.start, 0) + max(end - sound.seconds, 0)
    if missing >= 1 / span.fps:
        yield f"the audio is {_time(missing)} s shorter than the clip; silence fills up."


def _warnings(rules: Rules, settings: AudioSettings, span: Span) -> Iterator[str]:
    if abs(span.fps / Fraction(rules.fps) - 1) > _RATE_OFF:
        yield f"{rules.name} was trained at {rules.fps:g} fps, this is {float(span.fps):g}; lips may follow less well."
    if not settings.scale:
        yield "scale is 0, so the audio does nothing."


def _difference(model: ModelPatcher, keyframes: KeyframeSet, vae: VAE) -> Tensor:
    """The end latent minus the start latent, each of its picture alone, as the model sees latents."""
    latent_format = model.get_model_object("latent_format")
    first, last = (
        latent_format.process_in(vae.encode(keyframe.image_HWC[None]))[0, :, 0]
        for keyframe in (keyframes.keyframes[0], keyframes.keyframes[-1])
    )
    return last - first


def _marked(condition: Conditioning, name: str, marks_12F11: Tensor) -> Conditioning:
    """Conditioning with marks; what other nodes have put there stays."""
    mark = comfy.conds.CONDRegular(marks_12F11)
    return [
        [text, {**values, "model_conds": {**values.get("model_conds", {}), name: mark}}, *others]
        for text, values, *others in condition
    ]


def _recipe(rules: Rules, guidance: Guidance) -> str:
    """How the three conditions are used."""
    text, audio = rules.text_scale, rules.audio_scale
    match guidance:
        case "text, then audio":
            scales = f"cfg_conds is that of audio, {audio:g} as published, cfg_cond2_negative that of text, {text:g}"
        case "audio, then text":
            scales = f"cfg_conds is that of text, {text:g} as published, cfg_cond2_negative that of audio, {audio:g}"
        case "audio only":
            scales = f"cfg_conds is that of audio, {audio:g} as published, cfg_cond2_negative 1"
    if guidance != rules.guidance:
        scales = scales.replace(" as published", " to begin with")
    return f"Dual CFG Guider, regular: {scales}."


def _time(seconds: Fraction) -> str:
    return f"{float(seconds):.4g}"
