"""Images as CLIP vision tokens, prepared as in Wan's training."""

from collections.abc import Sequence
from typing import Literal, get_args

import comfy.model_management as model_management
import torch
from comfy.clip_vision import ClipVisionModel, Output
from torch import Tensor
from torch.nn import functional

from ..core.errors import InbetweenError

TOKEN_WIDTH = 1280  # width of CLIP-H's tokens

ClipImages = Literal["auto", "sum", "blend", "concatenate", "concatenate all", "start", "none"]
CLIP_IMAGES: tuple[ClipImages, ...] = get_args(ClipImages)


def clip_pixels(images_BHWC: Tensor, clip_vision: ClipVisionModel) -> Tensor:
    """Resize images in [0, 1] to the encoder's square input, whatever their aspect ratio, and normalise them.

    The resizing is that of Wan's published code: bicubic, without antialiasing and without rounding to 8 bits. The
    host's own resizing smooths images that it shrinks, which changes pixels by 0.1 or more at usual sizes.
    """
    side = clip_vision.image_size
    pixels_BCHW = functional.interpolate(
        images_BHWC[..., :3].movedim(-1, 1).float() * 2 - 1, (side, side), mode="bicubic", align_corners=False
    )
    return normalised(pixels_BCHW * 0.5 + 0.5, clip_vision)


def normalised(pixels_BCHW: Tensor, clip_vision: ClipVisionModel) -> Tensor:
    """Normalise pixels in [0, 1] by the mean and the standard deviation that the encoder was trained with."""
    mean_C11, sd_C11 = (
        torch.tensor(values, device=pixels_BCHW.device).view(3, 1, 1)
        for values in (clip_vision.image_mean, clip_vision.image_std)
    )
    return (pixels_BCHW - mean_C11) / sd_C11


def shown_images(images_HWC: Sequence[Tensor], mode: ClipImages) -> Sequence[Tensor]:
    """The keyframe images that CLIP sees in this mode."""
    if mode == "concatenate all":
        return images_HWC
    return images_HWC[:1] if mode == "start" else (images_HWC[0], images_HWC[-1])


def clip_tokens(images_HWC: Sequence[Tensor], clip_vision: ClipVisionModel) -> Tensor:
    """Tokens of the second-to-last layer, shape (images, tokens, 1280), on the host's intermediate device.

    Raises:
        InbetweenError: the encoder is not the one that Wan uses.
    """
    width = clip_vision.config.get("hidden_size")
    if clip_vision.model_type != "clip_vision_model" or width != TOKEN_WIDTH:
        raise InbetweenError(
            f"clip_vision is a {clip_vision.model_type} of width {width}, but Wan needs one of width {TOKEN_WIDTH}; "
            "choose clip_vision_h in Load CLIP Vision."
        )
    model_management.load_model_gpu(clip_vision.patcher)
    pixels_BCHW = clip_pixels(torch.stack(list(images_HWC)).to(clip_vision.load_device), clip_vision)
    tokens_BND = clip_vision.model(pixel_values=pixels_BCHW, intermediate_output=-2)[1]
    return tokens_BND.to(model_management.intermediate_device())


def joined_tokens(tokens_BND: Tensor, mode: ClipImages, end_share: float = 0.5) -> Tensor:
    """Combine the tokens of several images into one condition.

    Args:
        tokens_BND: tokens of the images, from the first to the last.
        mode: "sum" adds the first and the last, as in SemFi. "blend" mixes the two (the image branch begins with a
            LayerNorm, so half of each is the same as the sum). "concatenate" appends the last to the first, as in
            FLF2V. "concatenate all" does this with all images. "start" takes the first alone.
        end_share: for "blend", the share of the last image, 0..1.

    Returns:
        Shape (1, tokens, width).
    """
    first_1ND, last_1ND = tokens_BND[:1], tokens_BND[-1:]
    match mode:
        case "sum":
            return first_1ND + last_1ND
        case "blend":
            return torch.lerp(first_1ND, last_1ND, end_share)
        case "concatenate":
            return torch.cat([first_1ND, last_1ND], dim=1)
        case "concatenate all":
            return tokens_BND.flatten(0, 1)[None]
        case _:
            return first_1ND


def as_clip_output(tokens_1ND: Tensor) -> Output:
    """Wrap tokens as the host's CLIP_VISION_OUTPUT."""
    output = Output()
    output["penultimate_hidden_states"] = tokens_1ND
    return output
