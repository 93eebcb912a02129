"""The host's own models and VAEs, and how they pack frames into latent frames."""

import json

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.timing.latent_grid import LatentGrid

LTX_BLOCK = ["res_x", {"num_layers": 1}]
LTX_CONFIG = {  # of LTX-Video's autoencoder, with one layer in each of its blocks
    "_class_name": "CausalVideoAutoencoder",
    "dims": 3,
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 128,
    "blocks": [LTX_BLOCK, ["compress_all", 1], ["compress_all", 1], ["compress_all", 1], LTX_BLOCK],
    "encoder_base_channels": 8,
    "decoder_base_channels": 8,
    "norm_layer": "pixel_norm",
    "patch_size": 4,
    "latent_log_var": "uniform",
}


def ltx_vae():
    """LTX-Video's autoencoder, 8 channels wide, as Load VAE reads it."""
    from comfy.ldm.lightricks.vae.causal_video_autoencoder import VideoVAE
    from comfy.sd import VAE

    weights = VideoVAE(config=LTX_CONFIG).state_dict()
    return VAE(sd=weights, metadata={"config": json.dumps({"vae": LTX_CONFIG})})


def picture_vae():
    """The small autoencoder of Flux, for single pictures: 16 channels, as Wan's."""
    from comfy.sd import VAE
    from comfy.taesd.taesd import TAESD

    return VAE(sd=TAESD(latent_channels=16).state_dict())


@pytest.fixture
def grids(tiny_models):
    from comfyui_inbetween.host import latent_grids

    return latent_grids


def test_what_vaes_say(grids):
    import nodes

    wan = nodes.VAELoader().load_vae("wan_vae.safetensors")[0]
    assert grids.grid_of_vae(wan) == LatentGrid(1, 4)
    assert grids.grid_of_vae(ltx_vae()) == LatentGrid(1, 8)
    assert grids.grid_of_vae(picture_vae()) == LatentGrid(1, 1)


def test_a_vae_packs_as_it_says(grids):
    """What is read is what LTX-Video's autoencoder does."""
    vae = ltx_vae()
    with torch.inference_mode():
        assert vae.encode(torch.rand(17, 32, 32, 3)).shape[2] == grids.grid_of_vae(vae).latent_frames(17) == 3


def test_a_vae_that_says_nothing_has_no_grid(grids):
    vae = ltx_vae()
    vae.upscale_ratio = 32
    assert grids.grid_of_vae(vae) is None


def test_uneven_packing_is_refused(grids):
    """MiniMax H3 makes 5 latent frames of every 17 frames after the first 5; the host states it so."""
    vae = ltx_vae()
    vae.upscale_ratio = (lambda a: max(1, (a - 2) // 5 * 17 + 5), 16, 16)
    with pytest.raises(InbetweenError, match=r"packs frames unevenly .* such as Wan's \(4n\+1\)"):
        grids.grid_of_vae(vae)


def test_what_models_say(grids, wan, svd):
    assert grids.grid_of_model(wan.load("wan_i2v")) == LatentGrid(1, 4)
    assert grids.grid_of_model(wan.load("wan22_ti2v")) == LatentGrid(1, 4)


def test_a_vae_that_packs_otherwise_is_refused(grids, wan):
    """It has the channels of Wan's, so that nothing else would stop it before the sampler."""
    from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet
    from comfyui_inbetween.host.wan.conditioning import WanSettings, check_keyframes

    ends = KeyframeSet(5, tuple(Keyframe(frame, torch.rand(16, 16, 3)) for frame in (0, 4)))
    with pytest.raises(InbetweenError) as error:
        check_keyframes(wan.load("wan22_i2v"), picture_vae(), ends, None, WanSettings())
    assert str(error.value) == (
        "the VAE encodes single frames but Wan2.2 I2V needs 4n+1 frames; load wan_2.1_vae in Load VAE."
    )
