"""Keyframes as conditioning for Wan's image-to-video models, in the host's form."""

from dataclasses import dataclass
from typing import Any

import comfy.model_management as model_management
import node_helpers
import torch
from comfy.clip_vision import ClipVisionModel
from comfy.model_patcher import ModelPatcher
from comfy.sd import VAE
from torch import Tensor

from ...core.errors import InbetweenError
from ...core.keyframes.keyframe_set import Keyframe, KeyframeSet, check_multiple, check_opaque
from ...core.reports import report_text
from ...core.timing.latent_grid import ANY, LatentGrid
from ...core.wan.layout import (
    LONGEST_TRAINED,
    OtherLengths,
    frames_made,
    guidance_clip,
    known_frames,
    known_levels,
    pinned_frames,
)
from ..clip_images import ClipImages, as_clip_output, clip_tokens, joined_tokens, shown_images
from ..latent_grids import grid_of_vae
from ..types import Conditioning
from .kind import WanKind, wan_kind
from .lora_mixture import has_mixture


@dataclass(frozen=True, eq=False)
class WanSettings:
    """Settings in addition to the keyframes.

    clip_images, end_share: see `joined_tokens`; "auto" depends on the model.
    other_lengths: see `frames_made`.
    low_noise_strength: strength of inner keyframes for Wan2.2's low-noise model only; see `known_frames`.
    """

    clip_images: ClipImages = "auto"
    end_share: float = 0.5
    other_lengths: OtherLengths = "refuse"
    low_noise_strength: float = 1.0
    batch_size: int = 1


@dataclass(frozen=True, eq=False)
class WanConditioned:
    """Conditioning for a single or high-noise model, and for a low-noise model; an empty latent; a report."""

    positive: Conditioning
    negative: Conditioning
    latent: dict[str, Tensor]
    positive_low: Conditioning
    negative_low: Conditioning
    report: str
    warnings: tuple[str, ...]


def condition_on_keyframes(
    model: ModelPatcher,
    positive: Conditioning,
    negative: Conditioning,
    vae: VAE,
    keyframes: KeyframeSet,
    clip_vision: ClipVisionModel | None,
    settings: WanSettings,
) -> WanConditioned:
    """Condition a Wan model on keyframes.

    For keyframes at the first and the last frame alone, the result is identical to that of the host's
    WanFirstLastFrameToVideo, except for the images shown to CLIP.

    Raises:
        InbetweenError: the model takes no keyframes or cannot generate this length or size, the VAE is for another
            model, CLIP vision is missing, or there are more images than the model can distinguish.
    """
    kind, made, mode = check_keyframes(model, vae, keyframes, clip_vision, settings)
    warnings = _warnings(kind, keyframes)
    described = f"{kind.name}: {made} frames in {kind.grid.latent_frames(made)} latent frames"
    if made != keyframes.frame_count:
        described += f", {keyframes.frame_count} requested, so Finish Frames trims {made - keyframes.frame_count}"
    if kind.pins:
        latent = _pinned_latent(model, kind, vae, keyframes, made, settings.batch_size)
        places = ", ".join(f"{frame} (fills {_span(kind, frame)})" for frame in keyframes.frames)
        report = report_text([f"{described}. Keyframes at {places}."], warnings)
        return WanConditioned(positive, negative, latent, positive, negative, report, warnings)

    shown: dict[str, Any] = {}
    if mode != "none" and clip_vision is not None:
        pictures = shown_images([keyframe.image_HWC for keyframe in keyframes.keyframes], mode)
        tokens_1ND = joined_tokens(clip_tokens(pictures, clip_vision), mode, settings.end_share)
        shown["clip_vision_output"] = as_clip_output(tokens_1ND)
    high, low = _known_in_both(keyframes, made, settings.low_noise_strength)
    latent = _empty_latent(kind, vae, keyframes, made, settings.batch_size)
    on_high = _with_values(positive, negative, shown | _guidance(kind, vae, high, made, keyframes))
    on_low = on_high
    described += f". Keyframes at {_listed(keyframes)}. {_seen(mode)}."
    if low is not high:
        on_low = _with_values(positive, negative, shown | _guidance(kind, vae, low, made, keyframes))
        described += f" The low-noise model gets inner keyframes at {settings.low_noise_strength:g} of their strength."
    return WanConditioned(*on_high, latent, *on_low, report_text([described], warnings), warnings)


def check_keyframes(
    model: ModelPatcher, vae: VAE, keyframes: KeyframeSet, clip_vision: ClipVisionModel | None, settings: WanSettings
) -> tuple[WanKind, int, ClipImages]:
    """Check everything that `condition_on_keyframes` would refuse, before anything is encoded.

    Returns:
        The kind of model, the number of frames to generate, and which images CLIP sees.
    """
    kind = wan_kind(model)
    _check_fit(kind, vae, keyframes)
    made = frames_made(keyframes.frame_count, settings.other_lengths, kind.grid)
    if kind.pins:
        pinned_frames(keyframes, kind.grid)
    count = len(keyframes.keyframes)
    return kind, made, _clip_mode(kind, settings.clip_images, has_mixture(model), clip_vision is not None, count)


def _check_fit(kind: WanKind, vae: VAE, keyframes: KeyframeSet) -> None:
    file = "wan2.2_vae" if kind.pins else "wan_2.1_vae"
    if vae.latent_channels != kind.latent_channels:
        raise InbetweenError(
            f"the VAE has latents of {vae.latent_channels} channels but {kind.name} needs {kind.latent_channels}; "
            f"load {file} in Load VAE."
        )
    grid = grid_of_vae(vae)
    if grid is not None and grid != kind.grid:
        raise InbetweenError(
            f"the VAE encodes {_packing(grid)} but {kind.name} needs {_packing(kind.grid)}; load {file} in Load VAE."
        )
    check_opaque(keyframes, kind.name)
    check_multiple(keyframes, kind.multiple_of, kind.name)


def _clip_mode(kind: WanKind, chosen: ClipImages, mixture: bool, connected: bool, images: int) -> ClipImages:
    """Which images CLIP sees, with "auto" resolved; refuses what the model cannot take."""
    if not kind.sees_images or chosen == "none":
        return "none"
    if not connected:
        raise InbetweenError(
            f"{kind.name} also sees the keyframes through CLIP vision; connect clip_vision_h from Load CLIP Vision, or "
            'set clip_images to "none".'
        )
    if chosen == "concatenate all" and kind.orders_images and images > 2:
        raise InbetweenError(
            f"there are {images} images for CLIP, but {kind.name} takes at most 2; set clip_images to concatenate, "
            "which shows it the first and the last."
        )
    if chosen != "auto":
        return chosen
    if kind.orders_images:
        return "concatenate"
    return "sum" if mixture and not kind.trained_on_start else "start"


def _seen(mode: ClipImages) -> str:
    known = {"none": "nothing", "start": "the first keyframe", "concatenate all": "every keyframe"}
    return f"CLIP sees {known.get(mode, f'the first and the last keyframe ({mode})')}"


def _known_in_both(
    keyframes: KeyframeSet, made: int, low_noise_strength: float
) -> tuple[tuple[Keyframe, ...], tuple[Keyframe, ...]]:
    """The known frames for the high-noise and the low-noise model; the same object twice if they do not differ."""
    high, low = known_frames(keyframes, made), known_frames(keyframes, made, low_noise_strength)
    return high, high if [each.strength for each in high] == [each.strength for each in low] else low


def _guidance(
    kind: WanKind, vae: VAE, known: tuple[Keyframe, ...], made: int, keyframes: KeyframeSet
) -> dict[str, Tensor]:
    """The encoded clip and the mask, in which the host expects 0 for known frames."""
    encoded = vae.encode(guidance_clip(known, made, keyframes.height, keyframes.width))
    unknown_1ST11 = (1 - known_levels(known, made, kind.grid))[None, :, :, None, None]
    size = _latent_size(vae, keyframes)
    return {"concat_latent_image": encoded, "concat_mask": unknown_1ST11.expand(-1, -1, -1, *size).contiguous()}


def _latent_size(vae: VAE, keyframes: KeyframeSet) -> tuple[int, int]:
    ratio = vae.spacial_compression_encode()
    return keyframes.height // ratio, keyframes.width // ratio


def _empty_latent(kind: WanKind, vae: VAE, keyframes: KeyframeSet, made: int, batch_size: int) -> dict[str, Tensor]:
    shape = [batch_size, kind.latent_channels, kind.grid.latent_frames(made), *_latent_size(vae, keyframes)]
    return {"samples": torch.zeros(shape, device=model_management.intermediate_device())}


def _with_values(
    positive: Conditioning, negative: Conditioning, values: dict[str, Any]
) -> tuple[Conditioning, Conditioning]:
    set_values = node_helpers.conditioning_set_values
    return set_values(positive, values), set_values(negative, values)


def _pinned_latent(
    model: ModelPatcher, kind: WanKind, vae: VAE, keyframes: KeyframeSet, made: int, batch_size: int
) -> dict[str, Tensor]:
    """An empty latent with the keyframes' latent frames in place, and the noise mask that keeps them.

    A latent frame after the first contains several frames; a keyframe fills all of them as a still.
    """
    device = model_management.intermediate_device()
    samples = torch.zeros(
        [1, vae.latent_channels, kind.grid.latent_frames(made), *_latent_size(vae, keyframes)], device=device
    )
    mask = torch.ones([1, 1, *samples.shape[2:]], device=device)
    for latent_frame, keyframe in pinned_frames(keyframes, kind.grid).items():
        still_THWC = keyframe.image_HWC[None].expand(kind.grid.frames(2 if latent_frame else 1), -1, -1, -1)
        samples[:, :, latent_frame] = vae.encode(still_THWC)[:, :, -1]
        mask[:, :, latent_frame] = 1 - keyframe.strength
    empty = model.get_model_object("latent_format").process_out(torch.zeros_like(samples))
    samples = empty * mask + samples * (1 - mask)
    return {
        "samples": samples.repeat(batch_size, 1, 1, 1, 1),
        "noise_mask": mask.repeat(batch_size, 1, 1, 1, 1),
    }


def _warnings(kind: WanKind, keyframes: KeyframeSet) -> tuple[str, ...]:
    found = []
    first, *inner, last = keyframes.keyframes
    if keyframes.frame_count > LONGEST_TRAINED:
        found.append(
            f"Wan was trained on up to {LONGEST_TRAINED} frames, but this clip has {keyframes.frame_count}: colours "
            "and motion may drift. Split it with Segments."
        )
    if not inner and torch.equal(first.image_HWC, last.image_HWC):
        found.append(
            "the first and the last keyframe are the same image, with none between them. Wan then tends to stand "
            "still; add a keyframe in the middle."
        )
    if kind.pins and (inner or last.frame or first.frame):
        found.append(
            f"{kind.name} was trained with only the first frame given. It takes other keyframes as stills of "
            f"{kind.grid.step} frames each."
        )
    return tuple(found)


def _packing(grid: LatentGrid) -> str:
    return "single frames" if grid.rule == ANY else f"{grid.rule} frames"


def _span(kind: WanKind, frame: int) -> str:
    latent_frame, _ = kind.grid.place_of(frame)
    frames = kind.grid.frames_of(latent_frame)
    return f"frame {frames[0]}" if len(frames) == 1 else f"frames {frames[0]} to {frames[-1]}"


def _listed(keyframes: KeyframeSet) -> str:
    return ", ".join(
        f"{each.frame}" if each.strength == 1 else f"{each.frame} (strength {each.strength:g})"
        for each in keyframes.keyframes
    )
