"""Basics of images: their size as text, their luma, and checks with errors that an artist can act on."""

import torch
from torch import Tensor

from ..errors import InbetweenError

LARGEST_SIDE = 16384  # pixels, for pictures that are drawn or resized
LUMA_3 = (0.299, 0.587, 0.114)


def size_text(image_HWC: Tensor) -> str:
    """The size of an HWC image or a THWC batch, such as "1024x576" (width first)."""
    return f"{image_HWC.shape[-2]}x{image_HWC.shape[-3]}"


def luma(image_HWC: Tensor) -> Tensor:
    """Rec. 601 luma of RGB: float32 of shape (H, W), or (T, H, W) for a THWC batch."""
    return image_HWC.float() @ torch.tensor(LUMA_3, device=image_HWC.device)


def check_image(image_HWC: Tensor, name: str, alpha: bool = False) -> None:
    """Raise InbetweenError unless this is one non-empty, finite RGB image of shape (H, W, 3).

    Args:
        image_HWC: the image.
        name: name of the image for the error, such as "image 2".
        alpha: it may have a fourth channel.
    """
    check_frames(image_HWC.unsqueeze(0), name, alpha)


def check_frames(frames_THWC: Tensor, name: str, alpha: bool = False) -> None:
    """Raise InbetweenError unless this is a non-empty, finite RGB batch of shape (T, H, W, 3), of any float type.

    Args:
        frames_THWC: the batch.
        name: name of the batch for the error, such as "images".
        alpha: the batch may have a fourth channel.
    """
    if frames_THWC.ndim != 4:
        raise InbetweenError(
            f"{name} has the shape {tuple(frames_THWC.shape)}; connect an IMAGE (frames, height, width, 3)."
        )
    if frames_THWC.numel() == 0:
        raise InbetweenError(
            f"{name} is empty ({frames_THWC.shape[0]} frames of {size_text(frames_THWC)}); connect an image."
        )
    channels = frames_THWC.shape[-1]
    if channels != 3 and not (alpha and channels == 4):
        fix = "take its RGB with Split Image with Alpha" if channels == 4 else "convert it to RGB"
        raise InbetweenError(f"{name} has {channels} channels but 3 (RGB) are needed; {fix}.")
    if not frames_THWC.is_floating_point():
        kind = str(frames_THWC.dtype).removeprefix("torch.")
        raise InbetweenError(f"{name} has {kind} values; connect an IMAGE, which has fractions from 0 to 1.")
    bad = sum(not torch.isfinite(frame_HWC).all().item() for frame_HWC in frames_THWC)
    if bad:
        where = f" in {bad} of {frames_THWC.shape[0]} frames" if frames_THWC.shape[0] > 1 else ""
        raise InbetweenError(
            f"{name} has NaN or infinite values{where}; check the node it comes from (often a VAE in fp16)."
        )
