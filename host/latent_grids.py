"""How a VAE or a MODEL of the host packs frames into latent frames, as far as they say it."""

from comfy.model_patcher import ModelPatcher
from comfy.sd import VAE

from ..core.errors import InbetweenError
from ..core.timing.latent_grid import LatentGrid

_COMPARED = 20  # latent frames at which a VAE's own count is compared with an even grid


def grid_of_vae(vae: VAE) -> LatentGrid | None:
    """The grid of a VAE: single frames for one that makes no video, None for one that does and says nothing.

    Raises:
        InbetweenError: it packs frames unevenly, such as 5 and then 17 into 5 latent frames.
    """
    if vae.latent_dim != 3:
        return LatentGrid(1, 1)
    if not isinstance(vae.upscale_ratio, tuple) or not callable(vae.upscale_ratio[0]):
        return None
    frames = vae.upscale_ratio[0]  # how many frames the VAE decodes from so many latent frames
    first, second = frames(1), frames(2)
    grid = LatentGrid(first, second - first)
    if any(frames(latent_frames) != grid.frames(latent_frames) for latent_frames in range(1, _COMPARED)):
        raise InbetweenError(
            "the VAE packs frames unevenly into latent frames; use one that packs them evenly, such as Wan's (4n+1)."
        )
    return grid


def grid_of_model(model: ModelPatcher) -> LatentGrid | None:
    """The grid of a model's latents, None from a host that does not say it.

    The host says the step; a first latent frame of one frame is all that it supports.
    """
    step = getattr(model.get_model_object("latent_format"), "temporal_downscale_ratio", None)
    return None if step is None else LatentGrid(1, step)
