"""Keyframes as an SVD is told of them: two pictures, each through CLIP and through the autoencoder."""

from dataclasses import dataclass
from typing import Literal, get_args

import comfy.model_management as model_management
import torch
from comfy.clip_vision import ClipVisionModel
from comfy.sd import VAE
from torch import Tensor
from torch.nn import functional
from torchvision.transforms.functional import center_crop, gaussian_blur

from ...core.errors import InbetweenError
from ...core.keyframes.keyframe_set import KeyframeSet, check_multiple
from ...core.reports import report_text
from ..clip_images import normalised
from ..types import Conditioning

ClipImage = Literal["squash", "crop"]
CLIP_IMAGE: tuple[ClipImage, ...] = get_args(ClipImage)

TRAINED_FRAMES = {14: "SVD", 25: "SVD-XT"}
TRAINED_SIZE = (1024, 576)
_NEAR = 3  # frames from a trained length that make no difference worth a warning
_SMALL = 0.6  # of the trained area
_EMBEDDING = 1024  # of CLIP-H
_MULTIPLE = 8


@dataclass(frozen=True)
class SVDSettings:
    """How the pictures are prepared and labelled.

    motion_bucket: how much motion is asked for, 127 as published. fps: frames a second the motion is asked for.
    noise: standard deviation of what is added to the pictures before they are encoded; its scale is that of `as_host`.
    seed: of that noise. clip_image: how a picture becomes a square.
    as_host: as SVD_img2vid_Conditioning of the host has it, where a picture has values in [0, 1] and noise of its own,
        and CLIP sees its middle; else as published, with values in [-1, 1] and one noise for both.
    """

    motion_bucket: int = 127
    fps: int = 7
    noise: float = 0.02
    seed: int = 0
    clip_image: ClipImage = "squash"
    as_host: bool = False


@dataclass(frozen=True, eq=False)
class SVDConditioned:
    """Conditioning for either direction, an empty latent, and what to say about them."""

    start: Conditioning
    end: Conditioning
    latent: dict[str, Tensor]
    report: str


def condition_svd(
    clip_vision: ClipVisionModel | None, vae: VAE | None, keyframes: KeyframeSet, settings: SVDSettings
) -> SVDConditioned:
    """Encode a first and a last keyframe.

    Raises:
        InbetweenError: more than two keyframes or others than the first and the last, a size that is not divisible by
            8, or an encoder that is missing or not SVD's.
    """
    check_ends(keyframes)
    clip, autoencoder = check_encoders(clip_vision, vae)
    generator = torch.Generator().manual_seed(settings.seed)
    images_1HWC = [keyframe.image_HWC[None, ..., :3] for keyframe in keyframes.keyframes]
    noises_1HWC = [torch.randn(image.shape, generator=generator) for image in images_1HWC]
    sd = settings.noise if settings.as_host else settings.noise / 2
    conditions: list[Conditioning] = []
    for number, image_1HWC in enumerate(images_1HWC):
        noise_1HWC = noises_1HWC[number if settings.as_host else 0]
        noisy_1HWC = image_1HWC + noise_1HWC.to(image_1HWC) * sd if sd else image_1HWC
        values = {
            "motion_bucket_id": settings.motion_bucket,
            "fps": settings.fps,
            "augmentation_level": settings.noise,
            "concat_latent_image": autoencoder.encode(noisy_1HWC),
        }
        conditions.append([[_embedding(image_1HWC, clip, settings)[None], values]])
    size = keyframes.height // _MULTIPLE, keyframes.width // _MULTIPLE
    device = model_management.intermediate_device()
    latent = {"samples": torch.zeros([keyframes.frame_count, 4, *size], device=device)}
    line = f"{keyframes.frame_count} frames of {keyframes.width}x{keyframes.height} from first to last keyframe."
    start, end = conditions
    return SVDConditioned(start, end, latent, report_text([line], _warnings(keyframes)))


def check_ends(keyframes: KeyframeSet) -> None:
    """Refuse what two conditions of an SVD cannot hold; see `condition_svd`."""
    first, *inner, last = keyframes.keyframes
    if inner:
        raise InbetweenError(
            f"there are {len(keyframes.keyframes)} keyframes, and SVD takes a first and a last one; for more use "
            "Segments (SVD)."
        )
    if first.frame != 0 or last.frame != keyframes.frame_count - 1:
        raise InbetweenError(
            f"the keyframes stand at {first.frame} and {last.frame} of {keyframes.frame_count} frames, and SVD takes "
            f"them at 0 and {keyframes.frame_count - 1}; change positions or frame_count of Keyframes."
        )
    check_multiple(keyframes, _MULTIPLE, "SVD")


def check_encoders(clip_vision: ClipVisionModel | None, vae: VAE | None) -> tuple[ClipVisionModel, VAE]:
    """Refuse encoders that are missing or not SVD's, and return those that are."""
    wanted = "connect those of Image Only Checkpoint Loader with an SVD checkpoint."
    if clip_vision is None or vae is None:
        missing = "CLIP vision" if clip_vision is None else "VAE"
        raise InbetweenError(f"the loaded checkpoint holds no {missing}, which SVD needs; {wanted}")
    width = clip_vision.config.get("projection_dim")
    if clip_vision.model_type != "clip_vision_model" or width != _EMBEDDING:
        raise InbetweenError(
            f"clip_vision is a {clip_vision.model_type} with embeddings of {width}, but SVD takes {_EMBEDDING}; "
            f"{wanted}"
        )
    if vae.latent_channels != 4 or vae.latent_dim != 2:
        raise InbetweenError(f"the VAE makes latents of {vae.latent_channels} channels, but SVD takes 4; {wanted}")
    return clip_vision, vae


def clip_pixels_as_published(images_BHWC: Tensor, clip_vision: ClipVisionModel, clip_image: ClipImage) -> Tensor:
    """Pictures as the published pipeline shows them to CLIP: blurred by as much as they shrink, resized, normalised.

    Args:
        images_BHWC: in [0, 1].
        clip_vision: for its size, mean and standard deviation.
        clip_image: "squash" takes the whole picture, as published; "crop" its middle square.

    Returns:
        Shape (B, 3, side, side). The blur has a standard deviation of (factor - 1) / 2 pixels, where the factor is how
        many pixels become one (StableVideoDiffusionPipeline of diffusers 0.27.0).
    """
    pixels_BCHW = images_BHWC[..., :3].movedim(-1, 1).float() * 2 - 1
    if clip_image == "crop":
        pixels_BCHW = center_crop(pixels_BCHW, [min(pixels_BCHW.shape[-2:])] * 2)
    side = clip_vision.image_size
    sds = [max((length / side - 1) / 2, 0.001) for length in (pixels_BCHW.shape[-1], pixels_BCHW.shape[-2])]
    taps = [int(max(4 * sd, 3)) // 2 * 2 + 1 for sd in sds]
    blurred_BCHW = gaussian_blur(pixels_BCHW, taps, sds)
    resized_BCHW = functional.interpolate(blurred_BCHW, (side, side), mode="bicubic", align_corners=True)
    return normalised((resized_BCHW + 1) / 2, clip_vision)


def _embedding(image_1HWC: Tensor, clip_vision: ClipVisionModel, settings: SVDSettings) -> Tensor:
    if settings.as_host:
        # On the CPU the host's resizing takes no half precision.
        return clip_vision.encode_image(image_1HWC.float())["image_embeds"]
    model_management.load_model_gpu(clip_vision.patcher)
    pixels = clip_pixels_as_published(image_1HWC.to(clip_vision.load_device), clip_vision, settings.clip_image)
    embedding = clip_vision.model(pixel_values=pixels, intermediate_output=-2)[2]
    return embedding.to(model_management.intermediate_device())


def _warnings(keyframes: KeyframeSet) -> list[str]:
    found = []
    count = keyframes.frame_count
    if min(abs(count - trained) for trained in TRAINED_FRAMES) > _NEAR:
        lengths = " and ".join(f"{name} on {frames}" for frames, name in TRAINED_FRAMES.items())
        found.append(f"{count} frames are far from what the models were trained on: {lengths}.")
    width, height = TRAINED_SIZE
    if keyframes.width * keyframes.height < _SMALL * width * height:
        found.append(
            f"{keyframes.width}x{keyframes.height} is small for SVD, which was trained at {width}x{height}: "
            "expect little motion and artefacts."
        )
    if any(keyframe.strength != 1 for keyframe in keyframes.keyframes):
        found.append("SVD cannot hold a keyframe less firmly: strengths have no effect.")
    return found
