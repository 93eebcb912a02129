"""Makes the host detect an SVD that is 32 channels wide, so that its own loader reads the tiny file."""

import comfy.supported_models


class TinySVD(comfy.supported_models.SVD_img2vid):
    unet_config = {**comfy.supported_models.SVD_img2vid.unet_config, "model_channels": 32}
    unet_extra_config = {**comfy.supported_models.SVD_img2vid.unet_extra_config, "num_head_channels": 16}


def register_tiny_svd() -> None:
    """Puts it before the host's own models, once."""
    if TinySVD not in comfy.supported_models.models:
        comfy.supported_models.models.insert(0, TinySVD)
