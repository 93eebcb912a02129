"""Keyframes as what Wan's image-to-video models are conditioned on, in the host's form."""

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
from ...core.keyframes.keyframe_set import Keyframe, KeyframeSet, check_multiple
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
    """What can be chosen beside the keyframes.

    clip_images, end_share: see `joined_tokens`; "auto" is by model. other_lengths: see `frames_made`.
    low_noise_strength: of keyframes between beginning and end, for the low-noise model of Wan2.2 alone.
    """

    clip_images: ClipImages = "auto"
    end_share: float = 0.5
    other_lengths: OtherLengths = "refuse"
    low_noise_strength: float = 1.0
    batch_size: int = 1


@dataclass(frozen=True, eq=False)
class WanConditioned:
    """Conditioning for one model or the high-noise one, and for the low-noise one; the empty latent; what was done."""

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
    """Tell a Wan model where the keyframes stand.

    For a keyframe at the first and one at the last frame it is, to the last bit, what the host's
    WanFirstLastFrameToVideo makes, but for the pictures shown to CLIP.

    Raises:
        InbetweenError: a model that takes no keyframes, a length or size it cannot make, a VAE of another model, CLIP
            vision that is missing, or more pictures than the model can tell apart.
    """
    kind, made, mode = check_keyframes(model, vae, keyframes, clip_vision, settings)
    warnings = _warnings(kind, keyframes)
    described = f"{kind.name}: {made} frames in {kind.grid.latent_frames(made)} latent frames"
    if made != keyframes.frame_count:
        described += f", {keyframes.frame_count} wanted, so Finish Frames trims {made - keyframes.frame_count}"
    if kind.pins:
        latent = _pinned_latent(model, kind, vae, keyframes, made, settings.batch_size)
        places = ", ".join(f"{frame} (with its latent frame: {_span(kind, frame)})" for frame in keyframes.frames)
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
        described += f" For the low-noise model inner keyframes at {settings.low_noise_strength:g} of their strength."
    return WanConditioned(*on_high, latent, *on_low, report_text([described], warnings), warnings)


def check_keyframes(
    model: ModelPatcher, vae: VAE, keyframes: KeyframeSet, clip_vision: ClipVisionModel | None, settings: WanSettings
) -> tuple[WanKind, int, ClipImages]:
    """Refuse, before anything is encoded, what `condition_on_keyframes` cannot do.

    Returns:
        The kind of model, how many frames it makes, and what CLIP shows it.
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
            f"the VAE makes latents of {vae.latent_channels} channels but {kind.name} needs {kind.latent_channels}; "
            f"load {file} in Load VAE."
        )
    grid = grid_of_vae(vae)
    if grid is not None and grid != kind.grid:
        raise InbetweenError(
            f"the VAE packs {_packing(grid)} but {kind.name} needs {_packing(kind.grid)}; load {file} in Load VAE."
        )
    check_multiple(keyframes, kind.multiple_of, kind.name)


def _clip_mode(kind: WanKind, chosen: ClipImages, mixture: bool, connected: bool, images: int) -> ClipImages:
    """What CLIP shows the model, with "auto" resolved; what the model cannot take is refused."""
    if not kind.sees_images or chosen == "none":
        return "none"
    if not connected:
        raise InbetweenError(
            f"{kind.name} sees the keyframes through CLIP vision, too; connect clip_vision_h from Load CLIP Vision, or "
            'set clip_images to "none".'
        )
    if chosen == "concatenate all" and kind.orders_images and images > 2:
        raise InbetweenError(
            f"{images} pictures for CLIP, but {kind.name} takes 2 at most; set clip_images to concatenate, which shows "
            "it the first and the last."
        )
    if chosen != "auto":
        return chosen
    if kind.orders_images:
        return "concatenate"
    return "sum" if mixture and not kind.trained_on_start else "start"


def _seen(mode: ClipImages) -> str:
    known = {"none": "nothing", "start": "the first keyframe", "concatenate all": "every keyframe"}
    return f"CLIP sees {known.get(mode, f'first and last: {mode}')}"


def _known_in_both(
    keyframes: KeyframeSet, made: int, low_noise_strength: float
) -> tuple[tuple[Keyframe, ...], tuple[Keyframe, ...]]:
    """What the high-noise and the low-noise model are given; one and the same where that makes no difference."""
    high, low = known_frames(keyframes, made), known_frames(keyframes, made, low_noise_strength)
    return high, high if [each.strength for each in high] == [each.strength for each in low] else low


def _guidance(
    kind: WanKind, vae: VAE, known: tuple[Keyframe, ...], made: int, keyframes: KeyframeSet
) -> dict[str, Tensor]:
    """Encoded clip and mask; in the mask the host wants 0 for what is known."""
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
    """An empty latent with the latent frames of keyframes in place, and the noise mask that keeps them.

    A latent frame after the first holds several frames: there the picture stands still for all of them.
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
            f"Wan was trained on up to {LONGEST_TRAINED} frames, these are {keyframes.frame_count}: colours and motion "
            "may run away; cut them with Segments."
        )
    if not inner and torch.equal(first.image_HWC, last.image_HWC):
        found.append(
            "first and last keyframe are one picture, with none between: Wan tends to stand still then; give a "
            "keyframe in the middle."
        )
    if kind.pins and (inner or last.frame or first.frame):
        found.append(
            f"{kind.name} was trained with the first frame given alone; it takes other keyframes, each as a still of "
            f"{kind.grid.step} frames."
        )
    return tuple(found)


def _packing(grid: LatentGrid) -> str:
    return "single frames" if grid.rule == ANY else f"{grid.rule} frames"


def _span(kind: WanKind, frame: int) -> str:
    latent_frame, _ = kind.grid.place_of(frame)
    held = kind.grid.frames_of(latent_frame)
    return str(held[0]) if len(held) == 1 else f"{held[0]} to {held[-1]}"


def _listed(keyframes: KeyframeSet) -> str:
    return ", ".join(
        f"{each.frame}" if each.strength == 1 else f"{each.frame} (strength {each.strength:g})"
        for each in keyframes.keyframes
    )
