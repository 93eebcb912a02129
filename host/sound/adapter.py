"""Applies an audio adapter to a MODEL of the host, and prepares the conditioning for it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, TypeAlias

import comfy.conds
import torch
from comfy.model_patcher import ModelPatcher
from comfy.sd import VAE
from torch import Tensor

from ...core.errors import InbetweenError
from ...core.keyframes.keyframe_set import KeyframeSet
from ...core.reports import report_text
from ...core.sound.timing import Span, span_of_clip
from ...core.views.audio_view import describe_audio
from ...core.wan.layout import WAN
from ...networks.sound import STABLE_AVATAR, AdapterConfig, AudioAdapter
from ...networks.sound.config import GUIDANCES, Guidance
from ...networks.sound.evaluation import BranchSettings, frame_ids
from ..latent_grids import grid_of_model
from ..types import Conditioning
from ..wan.kind import WanKind, wan_kind
from .branch import AudioBranch
from .features import BY_ADAPTER, AudioSource, windows_of_source

ATTACHMENT = "inbetween_audio"
GuidanceForm: TypeAlias = Literal["as trained"] | Guidance
GUIDANCE_FORMS: tuple[GuidanceForm, ...] = (BY_ADAPTER, *GUIDANCES)

SMALLEST_SIDE = 16  # pixels; Wan's VAE cannot encode smaller images
_RATE_TOLERANCE = Fraction(1, 10)  # share of the trained frame rate; a larger difference causes a warning


@dataclass(frozen=True, eq=False)
class AudioSettings:
    """Settings of a clip and of the adapter's effect on it.

    fps: frame rate of the clip.
    start_seconds: time in the audio at which frame 0 starts.
    offset_ms: delay of the audio; negative to advance it.
    scale: factor for what the adapter adds.
    region_FHW: mask, 0 to 1, of the area that the audio affects; one frame, or one for each frame of the clip. None
        for the whole picture.
    guidance: which conditions to compare.
    """

    fps: float
    start_seconds: float = 0.0
    offset_ms: float = 0.0
    scale: float = 1.0
    region_FHW: Tensor | None = None
    guidance: GuidanceForm = BY_ADAPTER


@dataclass(frozen=True, eq=False)
class AudioApplied:
    """The patched model, and the conditioning for cond1, cond2 and negative of Dual CFG Guider."""

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
    source: AudioSource,
    settings: AudioSettings,
    keyframes: KeyframeSet | None = None,
    vae: VAE | None = None,
) -> AudioApplied:
    """Drive a Wan model with audio.

    Args:
        model: a Wan image-to-video model with an image branch; not modified.
        patch: an adapter from `load_adapter`.
        positive, negative: conditioning for the model; not modified.
        latent: the latent that will be sampled; it sets the length of the clip.
        source: the audio.
        settings: see `AudioSettings`.
        keyframes, vae: needed by an adapter that uses the difference between the first and the last frame.

    Raises:
        InbetweenError: the model or the adapter is of the wrong kind, the two do not match, audio is missing, the
            audio encoder does not match the adapter, or a setting is invalid. All checks run before any encoding.
    """
    adapter = checked_adapter(patch)
    kind = _check_model(model, adapter)
    samples = latent["samples"]
    if samples.ndim != 5 or samples.shape[1] != kind.latent_channels:
        raise InbetweenError(
            f"the latent has shape {tuple(samples.shape)}, which is not a video of {kind.name}; connect the "
            "latent of Wan Keyframe Conditioning."
        )
    latent_frames = samples.shape[2]
    grid = grid_of_model(model) or WAN
    frame_count = grid.frames(latent_frames)
    span = span_of_clip(frame_count, settings.fps, settings.start_seconds, settings.offset_ms, grid)
    region = _region(settings.region_FHW, span)
    _check_ends(adapter, keyframes, vae)
    windows, warnings = windows_of_source(source, adapter, span)
    warnings += tuple(_warnings(adapter.config, settings, span))
    uses_end_difference = adapter.projector.uses_end_difference
    difference = _end_difference(model, keyframes, vae) if uses_end_difference and keyframes and vae else None

    patched = model.clone()
    branches = (model.get_attachment(ATTACHMENT) or 0) + 1
    patched.set_attachments(ATTACHMENT, branches)
    name = f"{ATTACHMENT}_{branches}{'_in_sequence' * adapter.config.sequential}"
    AudioBranch(name, patch, BranchSettings(windows, settings.scale, region, difference)).attach(patched)

    guidance = adapter.config.guidance if settings.guidance == BY_ADAPTER else settings.guidance
    with_sound, without = (frame_ids(latent_frames, sound) for sound in (True, False))
    conditions = {
        "text, then audio": ((positive, with_sound), (positive, without), (negative, without)),
        "audio, then text": ((positive, with_sound), (negative, with_sound), (negative, without)),
        "audio only": ((positive, with_sound), (positive, without), (positive, without)),
    }[guidance]
    first, second, third = (_with_frame_ids(condition, name, ids_12F11) for condition, ids_12F11 in conditions)
    lines = [
        f"{adapter.config.name} on {kind.name}: {span.frame_count} frames at {float(span.fps):g} fps use "
        f"{_time(span.start)} to {_time(span.start + span.seconds)} s of the audio.",
        _guider_settings(adapter.config, guidance),
    ]
    return AudioApplied(patched, first, second, third, report_text(lines, warnings), warnings)


def view_audio(
    audio: Mapping[str, Any],
    span: Span,
    patch: ModelPatcher | None,
    keyframes: Collection[int],
    size: tuple[int, int],
) -> tuple[Tensor, str]:
    """Draw the audio over the frames of a clip, and report on it; see `describe_audio`.

    Args:
        audio: the host's AUDIO.
        span: the clip's stretch of the audio.
        patch: the adapter whose windows to draw; None for the windows of StableAvatar.
        keyframes: frame numbers to mark.
        size: width and height of the picture in pixels.
    """
    config = STABLE_AVATAR if patch is None else checked_adapter(patch).config
    return describe_audio(audio, span, config.windows, config.name, keyframes, size)


def checked_adapter(patch: ModelPatcher) -> AudioAdapter:
    """The adapter in a model patch.

    Raises:
        InbetweenError: the patch is not an audio adapter.
    """
    adapter = getattr(patch, "model", None)
    if not isinstance(adapter, AudioAdapter):
        raise InbetweenError("the model patch is not an audio adapter; connect Load Audio Adapter to audio_adapter.")
    return adapter


def _check_model(model: ModelPatcher, adapter: AudioAdapter) -> WanKind:
    kind = wan_kind(model)
    network, name = model.model.diffusion_model, adapter.config.name
    if not kind.sees_images:
        raise InbetweenError(
            f"{kind.name} has no image branch, which audio adapters need; connect Wan2.1 I2V, FLF2V or Fun-InP."
        )
    found, trained = (network.dim, len(network.blocks)), (adapter.channels, adapter.model_depth)
    if found != trained:
        raise InbetweenError(
            f"{name} needs a Wan model with {trained[1]} blocks and {trained[0]} channels{_size(trained[0])}, but "
            f"{kind.name} has {found[1]} and {found[0]}; connect the model that the adapter was trained on."
        )
    return kind


def _size(channels: int) -> str:
    return {1536: " (1.3B)", 5120: " (14B)"}.get(channels, "")


def _check_ends(adapter: AudioAdapter, keyframes: KeyframeSet | None, vae: VAE | None) -> None:
    if adapter.projector.uses_end_difference and (keyframes is None or vae is None):
        missing = " and ".join(name for name, given in (("keyframes", keyframes), ("vae", vae)) if given is None)
        raise InbetweenError(f"{adapter.config.name} compares the first and the last keyframe; connect {missing}.")
    if adapter.projector.uses_end_difference and keyframes and min(keyframes.width, keyframes.height) < SMALLEST_SIDE:
        raise InbetweenError(
            f"the keyframes are {keyframes.width}x{keyframes.height}, too small for the VAE; use at least "
            f"{SMALLEST_SIDE} pixels on each side."
        )


def _region(region_FHW: Tensor | None, span: Span) -> Tensor | None:
    """One mask for each latent frame, or one for the whole clip; shape (masks, 1, H, W)."""
    if region_FHW is None:
        return None
    if region_FHW.ndim != 3 or len(region_FHW) not in (1, span.frame_count):
        raise InbetweenError(
            f"the region has {len(region_FHW)} masks; connect 1 for the whole clip, or {span.frame_count}, one for "
            "each frame."
        )
    masks_FHW = region_FHW if region_FHW.is_floating_point() else region_FHW.float()
    if not masks_FHW.numel() or not torch.isfinite(masks_FHW).all():
        raise InbetweenError("the region is empty or has NaN or infinite values; check the node it comes from.")
    masks_FHW = masks_FHW.clamp(0, 1)
    if len(masks_FHW) > 1:
        of_latent_frames = (span.grid.frames_of(latent_frame) for latent_frame in range(span.latent_frames))
        masks_FHW = torch.stack([masks_FHW[frames.start : frames.stop].mean(dim=0) for frames in of_latent_frames])
    return masks_FHW[:, None]


def _warnings(config: AdapterConfig, settings: AudioSettings, span: Span) -> Iterator[str]:
    if abs(span.fps / Fraction(config.fps) - 1) > _RATE_TOLERANCE:
        clip = f"but this clip has {float(span.fps):g}, so lip-sync may be less accurate."
        yield f"{config.name} was trained at {config.fps:g} fps, {clip}"
    if not settings.scale:
        yield "scale is 0, so the audio has no effect."


@torch.no_grad()
def _end_difference(model: ModelPatcher, keyframes: KeyframeSet, vae: VAE) -> Tensor:
    """The latent of the last keyframe minus the latent of the first, each encoded separately, at the model's scale."""
    latent_format = model.get_model_object("latent_format")
    first, last = (
        latent_format.process_in(vae.encode(keyframe.image_HWC[None]))[0, :, 0]
        for keyframe in (keyframes.keyframes[0], keyframes.keyframes[-1])
    )
    return last - first


def _with_frame_ids(condition: Conditioning, name: str, ids_12F11: Tensor) -> Conditioning:
    """A copy of conditioning with frame ids added; values from other nodes stay in it."""
    ids = comfy.conds.CONDRegular(ids_12F11)
    return [
        [text, {**values, "model_conds": {**values.get("model_conds", {}), name: ids}}, *others]
        for text, values, *others in condition
    ]


def _guider_settings(config: AdapterConfig, guidance: Guidance) -> str:
    """How to set Dual CFG Guider."""
    text, audio = config.text_scale, config.audio_scale
    match guidance:
        case "text, then audio":
            scales = f"cfg_conds (audio) to {audio:g} and cfg_cond2_negative (text) to {text:g}"
        case "audio, then text":
            scales = f"cfg_conds (text) to {text:g} and cfg_cond2_negative (audio) to {audio:g}"
        case "audio only":
            scales = f"cfg_conds (audio) to {audio:g} and cfg_cond2_negative to 1"
    origin = ", as published" if guidance == config.guidance else " to start with"
    return f"Dual CFG Guider, style regular: set {scales}{origin}."


def _time(seconds: Fraction) -> str:
    return f"{float(seconds):.4g}"
