"""Which kind of Wan model the host has loaded, and what inputs it takes."""

from dataclasses import dataclass

import comfy.ldm.wan.model
import comfy.model_base
from comfy.model_patcher import ModelPatcher

from ...core.errors import InbetweenError
from ...core.timing.latent_grid import LatentGrid
from ...core.wan.layout import WAN
from ..latent_grids import grid_of_model

WANTED = "Wan2.1 I2V, FLF2V or Fun-InP, or Wan2.2 I2V"
SMALL_FUN_WIDTH = 1536  # Wan2.1-Fun-1.3B-InP; all other image-to-video Wan models are wider

# Kinds by the input channels of the first layer, for latents of 16 channels.
_INPUTS = {16: "text-to-video", 48: "Fun-Control", 52: "Fun-Control"}
_KEYFRAME_CHANNELS = 36  # noise, mask of four slots, guidance clip


@dataclass(frozen=True)
class WanKind:
    """The inputs of a Wan model.

    name: name for reports.
    multiple_of: width and height must be multiples of this, in pixels.
    grid: how frames are packed into latent frames.
    sees_images: whether it has an image branch, which takes CLIP vision tokens.
    orders_images: whether it distinguishes the first image from the last; it then takes at most two.
    trained_on_start: whether it was trained with the first image only.
    pins: whether it takes whole latent frames instead of a guidance clip.
    """

    name: str
    latent_channels: int
    multiple_of: int
    grid: LatentGrid
    sees_images: bool = False
    orders_images: bool = False
    trained_on_start: bool = False
    pins: bool = False


def wan_kind(model: ModelPatcher) -> WanKind:
    """Recognise a Wan model by its layers.

    Raises:
        InbetweenError: it is not a Wan model, or it takes no keyframes.
    """
    base = model.model
    network = getattr(base, "diffusion_model", None)
    if not isinstance(network, comfy.ldm.wan.model.WanModel):
        raise InbetweenError(f"the model is {type(base).__name__}, not a Wan model; connect {WANTED}.")
    grid = grid_of_model(model) or WAN
    if isinstance(base, comfy.model_base.WAN22):
        return WanKind("Wan2.2 TI2V-5B", 48, 32, grid, pins=True)
    channels = network.patch_embedding.weight.shape[1]
    if type(network) is not comfy.ldm.wan.model.WanModel or channels != _KEYFRAME_CHANNELS:
        found = _INPUTS.get(channels, f"one with {channels} input channels")
        found = type(network).__name__ if type(network) is not comfy.ldm.wan.model.WanModel else found
        raise InbetweenError(f"this Wan model is {found}, which takes no keyframes; connect {WANTED}.")
    if network.img_emb is None:
        return WanKind("Wan2.2 I2V", 16, 16, grid)
    if network.img_emb.emb_pos is not None:
        return WanKind("Wan2.1 FLF2V", 16, 16, grid, sees_images=True, orders_images=True)
    small = network.dim == SMALL_FUN_WIDTH
    name = "Wan2.1 Fun-InP 1.3B" if small else "Wan2.1 I2V"
    return WanKind(name, 16, 16, grid, sees_images=True, trained_on_start=small)
