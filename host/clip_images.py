"""Pictures as tokens of CLIP vision, the way Wan was trained to see them."""

from collections.abc import Sequence
from typing import Literal, get_args

import comfy.model_management as model_management
import torch
from comfy.clip_vision import ClipVisionModel, Output
from torch import Tensor
from torch.nn import functional

from ..core.errors import InbetweenError

TOKEN_WIDTH = 1280  # of CLIP-H

ClipImages = Literal["auto", "sum", "blend", "concatenate", "concatenate all", "start", "none"]
CLIP_IMAGES: tuple[ClipImages, ...] = get_args(ClipImages)


def clip_pixels(images_BHWC: Tensor, clip_vision: ClipVisionModel) -> Tensor:
    """Images in [0, 1] as the tower takes them: squashed to its square, normalised.

    Resized as Wan's published code does, bicubic without antialiasing and not rounded to 8 bits. The host would smooth
    what it makes smaller, which changes the pixels by 0.1 and more at usual sizes.
    """
    side = clip_vision.image_size
    pixels_BCHW = functional.interpolate(
        images_BHWC[..., :3].movedim(-1, 1).float() * 2 - 1, (side, side), mode="bicubic", align_corners=False
    )
    return normalised(pixels_BCHW * 0.5 + 0.5, clip_vision)


def normalised(pixels_BCHW: Tensor, clip_vision: ClipVisionModel) -> Tensor:
    """Pixels in [0, 1] by the mean and the standard deviation that the tower was trained with."""
    mean_C11, sd_C11 = (
        torch.tensor(values, device=pixels_BCHW.device).view(3, 1, 1)
        for values in (clip_vision.image_mean, clip_vision.image_std)
    )
    return (pixels_BCHW - mean_C11) / sd_C11


def shown_images(images_HWC: Sequence[Tensor], mode: ClipImages) -> Sequence[Tensor]:
    """Those of the keyframes' images that CLIP looks at."""
    if mode == "concatenate all":
        return images_HWC
    return images_HWC[:1] if mode == "start" else (images_HWC[0], images_HWC[-1])


def clip_tokens(images_HWC: Sequence[Tensor], clip_vision: ClipVisionModel) -> Tensor:
    """Tokens of the last layer but one, shape (images, tokens, 1280), on the host's intermediate device.

    Raises:
        InbetweenError: another tower than Wan's.
    """
    width = clip_vision.config.get("hidden_size")
    if clip_vision.model_type != "clip_vision_model" or width != TOKEN_WIDTH:
        raise InbetweenError(
            f"clip_vision is a {clip_vision.model_type} of width {width}, but Wan sees through one of width "
            f"{TOKEN_WIDTH}; choose clip_vision_h in Load CLIP Vision."
        )
    model_management.load_model_gpu(clip_vision.patcher)
    pixels_BCHW = clip_pixels(torch.stack(list(images_HWC)).to(clip_vision.load_device), clip_vision)
    tokens_BND = clip_vision.model(pixel_values=pixels_BCHW, intermediate_output=-2)[1]
    return tokens_BND.to(model_management.intermediate_device())


def joined_tokens(tokens_BND: Tensor, mode: ClipImages, end_share: float = 0.5) -> Tensor:
    """The tokens of several images as those of one condition.

    Args:
        tokens_BND: of the first image to the last.
        mode: "sum" adds first and last, as SemFi does; "blend" mixes them, `end_share` of the last (the image branch
            begins with a LayerNorm, so half of each is the sum); "concatenate" puts them side by side as FLF2V does,
            "concatenate all" all of them; "start" is the first alone.
        end_share: 0..1.

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
    """Tokens as the host's CLIP_VISION_OUTPUT."""
    output = Output()
    output["penultimate_hidden_states"] = tokens_1ND
    return output
