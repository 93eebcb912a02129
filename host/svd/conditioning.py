"""Keyframes as conditioning for SVD: two images, each encoded by CLIP and by the VAE."""

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
from ...core.keyframes.keyframe_set import KeyframeSet, check_multiple, check_opaque
from ...core.reports import report_text
from ..clip_images import normalised
from ..types import Conditioning

ClipImage = Literal["squash", "crop"]
CLIP_IMAGE: tuple[ClipImage, ...] = get_args(ClipImage)

TRAINED_FRAMES = {14: "SVD", 25: "SVD-XT"}
TRAINED_SIZE = (1024, 576)
_NEAR = 3  # up to this many frames from a trained length, there is no warning
_SMALL = 0.6  # share of the trained area below which a size counts as small
_EMBEDDING = 1024  # width of CLIP-H's embeddings
_MULTIPLE = 8


@dataclass(frozen=True)
class SVDSettings:
    """How the images are prepared, and what motion is requested.

    motion_bucket: the requested amount of motion; 127 as published.
    fps: the requested frame rate.
    noise: standard deviation of the noise that is added to the images before they are encoded. Its scale depends on
        `as_host`.
    seed: seed of that noise.
    clip_image: how an image becomes a square for CLIP.
    as_host: prepare images as in the host's SVD_img2vid_Conditioning: values in [0, 1], separate noise for each image,
        and CLIP sees the centre of the image. Otherwise as published: values in [-1, 1], and one noise for both.
    """

    motion_bucket: int = 127
    fps: int = 7
    noise: float = 0.02
    seed: int = 0
    clip_image: ClipImage = "squash"
    as_host: bool = False


@dataclass(frozen=True, eq=False)
class SVDConditioned:
    """Conditioning for each direction, an empty latent, and a report."""

    start: Conditioning
    end: Conditioning
    latent: dict[str, Tensor]
    report: str


def condition_svd(
    clip_vision: ClipVisionModel | None, vae: VAE | None, keyframes: KeyframeSet, settings: SVDSettings
) -> SVDConditioned:
    """Encode the first and the last keyframe.

    Raises:
        InbetweenError: there are keyframes at other frames than the first and the last, the size is not divisible by
            8, or an encoder is missing or not SVD's.
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
    """Refuse keyframes that SVD cannot take; see `condition_svd`."""
    first, *inner, last = keyframes.keyframes
    if inner:
        raise InbetweenError(
            f"there are {len(keyframes.keyframes)} keyframes, but SVD takes only a first and a last one; for more, use "
            "Segments (SVD)."
        )
    if first.frame != 0 or last.frame != keyframes.frame_count - 1:
        raise InbetweenError(
            f"the keyframes are at frames {first.frame} and {last.frame} of {keyframes.frame_count}, but SVD takes "
            f"them at 0 and {keyframes.frame_count - 1}; change positions or frame_count of Keyframes."
        )
    check_opaque(keyframes, "SVD")
    check_multiple(keyframes, _MULTIPLE, "SVD")


def check_encoders(clip_vision: ClipVisionModel | None, vae: VAE | None) -> tuple[ClipVisionModel, VAE]:
    """Return the encoders; refuse those that are missing or not SVD's."""
    wanted = "connect the outputs of Image Only Checkpoint Loader with an SVD checkpoint."
    if clip_vision is None or vae is None:
        missing = "CLIP vision" if clip_vision is None else "VAE"
        raise InbetweenError(f"the loaded checkpoint contains no {missing}, which SVD needs; {wanted}")
    width = clip_vision.config.get("projection_dim")
    if clip_vision.model_type != "clip_vision_model" or width != _EMBEDDING:
        raise InbetweenError(
            f"clip_vision is a {clip_vision.model_type} with embeddings of width {width}, but SVD needs {_EMBEDDING}; "
            f"{wanted}"
        )
    if vae.latent_channels != 4 or vae.latent_dim != 2:
        raise InbetweenError(f"the VAE has latents of {vae.latent_channels} channels, but SVD needs 4; {wanted}")
    return clip_vision, vae


def clip_pixels_as_published(images_BHWC: Tensor, clip_vision: ClipVisionModel, clip_image: ClipImage) -> Tensor:
    """Prepare images for CLIP as the published pipeline does: blurred by how much they shrink, resized, normalised.

    Args:
        images_BHWC: images in [0, 1].
        clip_vision: gives the size, mean and standard deviation.
        clip_image: "squash" resizes the whole image, as published; "crop" takes its centre square.

    Returns:
        Shape (B, 3, side, side). The blur has a standard deviation of (factor - 1) / 2 pixels for a side that shrinks
        by `factor` (StableVideoDiffusionPipeline of diffusers 0.27.0).
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
        # The host's resizing does not support half precision on the CPU.
        return clip_vision.encode_image(image_1HWC.float())["image_embeds"]
    model_management.load_model_gpu(clip_vision.patcher)
    pixels = clip_pixels_as_published(image_1HWC.to(clip_vision.load_device), clip_vision, settings.clip_image)
    embedding = clip_vision.model(pixel_values=pixels, intermediate_output=-2)[2]
    return embedding.to(model_management.intermediate_device())


def _warnings(keyframes: KeyframeSet) -> list[str]:
    found = []
    count = keyframes.frame_count
    if min(abs(count - trained) for trained in TRAINED_FRAMES) > _NEAR:
        lengths = " and ".join(f"{frames} for {name}" for frames, name in TRAINED_FRAMES.items())
        found.append(f"{count} frames are far from the lengths that the models were trained on, {lengths}.")
    width, height = TRAINED_SIZE
    if keyframes.width * keyframes.height < _SMALL * width * height:
        found.append(
            f"{keyframes.width}x{keyframes.height} is small for SVD, which was trained at {width}x{height}: "
            "expect little motion and artefacts."
        )
    if any(keyframe.strength != 1 for keyframe in keyframes.keyframes):
        found.append("SVD has no keyframe strength, so strengths have no effect.")
    return found
