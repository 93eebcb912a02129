"""How a VAE or a model of the host packs frames into latent frames, as far as the host says."""

from comfy.model_patcher import ModelPatcher
from comfy.sd import VAE

from ..core.errors import InbetweenError
from ..core.timing.latent_grid import LatentGrid

_COMPARED = 20  # below this many latent frames, a VAE's own frame counts are compared with an even grid


def grid_of_vae(vae: VAE) -> LatentGrid | None:
    """The grid of a VAE: single frames for an image VAE, None for a video VAE that does not say.

    Raises:
        InbetweenError: the VAE packs frames unevenly.
    """
    if vae.latent_dim != 3:
        return LatentGrid(1, 1)
    if not isinstance(vae.upscale_ratio, tuple) or not callable(vae.upscale_ratio[0]):
        return None
    frames = vae.upscale_ratio[0]  # number of latent frames -> number of frames the VAE decodes from them
    first, second = frames(1), frames(2)
    grid = LatentGrid(first, second - first)
    if any(frames(latent_frames) != grid.frames(latent_frames) for latent_frames in range(1, _COMPARED)):
        raise InbetweenError(
            "the VAE packs frames unevenly into latent frames; use one that packs them evenly, such as Wan's (4n+1)."
        )
    return grid


def grid_of_model(model: ModelPatcher) -> LatentGrid | None:
    """The grid of a model's latents, or None if the host does not say.

    The host says only the step, because it supports only grids whose first latent frame contains a single frame.
    """
    step = getattr(model.get_model_object("latent_format"), "temporal_downscale_ratio", None)
    return None if step is None else LatentGrid(1, step)
