"""Checks of an SVD that the host has loaded, and the memory of its attention maps."""

import comfy.model_base
import comfy.utils
from comfy.model_patcher import ModelPatcher

from ...core.errors import InbetweenError
from ...core.svd.reverse_motion import ReverseMotion
from ...networks.svd.names import PREFIX, TEMPORAL_LAYERS

WANTED = "SVD-XT or SVD from Image Only Checkpoint Loader (img2vid model)"


def check_svd(model: ModelPatcher) -> None:
    """Raise InbetweenError unless a model is an image-to-video SVD, which has 16 temporal self-attention layers."""
    base = model.model
    if type(base) is not comfy.model_base.SVD_img2vid:
        raise InbetweenError(f"the model is {type(base).__name__}, not Stable Video Diffusion; connect {WANTED}.")


def check_change_fits(model: ModelPatcher, motion: ReverseMotion) -> None:
    """Raise InbetweenError unless every change has the shape of the weights it is added to."""
    for layer, change in motion.changes.items():
        attention = comfy.utils.get_attr(model.model, PREFIX + layer)
        wanted = attention.heads * attention.dim_head
        if change.to_v.shape[0] != wanted or change.to_out.shape[0] != wanted:
            raise InbetweenError(
                f"{motion.name} is for another model: its {layer} has {change.to_v.shape[0]} channels, but the "
                f"connected model has {wanted}; choose reverse motion that was trained on this kind of SVD."
            )


def map_bytes(model: ModelPatcher, frames: int, height: int, width: int) -> int:
    """Bytes that the attention maps of all temporal layers take for one clip, in the type the model computes in.

    Args:
        model: an SVD.
        frames, height, width: size of the latents.
    """
    numbers = 0
    for layer, halvings in TEMPORAL_LAYERS.items():
        places = -(-height // 2**halvings) * -(-width // 2**halvings)
        numbers += places * comfy.utils.get_attr(model.model, PREFIX + layer).heads * frames**2
    return numbers * model.model.get_dtype_inference().itemsize
