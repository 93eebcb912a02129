"""Decoding in chunks: by the chosen number of frames, whatever memory is free."""

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError

SIZES = {
    "double_z": True,
    "z_channels": 4,
    "resolution": 32,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 32,
    "ch_mult": [1, 1, 1, 1],
    "num_res_blocks": 1,
    "attn_resolutions": [],
    "dropout": 0.0,
}


@pytest.fixture(scope="module")
def vae(svd):
    """A VAE of the host with SVD's own kind of autoencoder, whose decoder looks at neighbouring frames."""
    import comfy.model_patcher
    from comfy.ldm.models.autoencoder import AutoencodingEngine
    from random_weights import randomise

    held = svd.load_vae()
    modules = "comfy.ldm.models.autoencoder.DiagonalGaussianRegularizer", "comfy.ldm.modules"
    network = AutoencodingEngine(
        regularizer_config={"target": modules[0]},
        encoder_config={"target": f"{modules[1]}.diffusionmodules.model.Encoder", "params": dict(SIZES)},
        decoder_config={
            "target": f"{modules[1]}.temporal_ae.VideoDecoder",
            "params": {**SIZES, "video_kernel_size": [3, 1, 1], "alpha": 0.0},
        },
    )
    held.first_stage_model = randomise(network, seed=20).eval()
    held.patcher = comfy.model_patcher.CoreModelPatcher(held.first_stage_model, held.device, held.device)
    return held


@pytest.fixture
def decode(vae):
    from comfyui_inbetween.host.svd.video_decode import decode_in_chunks

    def decoded(latent, frames_per_chunk, vae=vae):
        with torch.inference_mode():
            return decode_in_chunks(vae, {"samples": latent}, frames_per_chunk)

    return decoded


@pytest.fixture
def latent():
    return torch.randn(6, 4, 4, 6, generator=torch.Generator().manual_seed(1))


def test_all_at_once_is_the_hosts_decode_with_room_for_all(vae, decode, latent):
    with torch.inference_mode():
        assert torch.equal(decode(latent, 0), vae.decode(latent))
    assert decode(latent, 0).shape == (6, 32, 48, 3)


def test_a_chunk_is_decoded_on_its_own(vae, decode, latent):
    with torch.inference_mode():
        expected = torch.cat([vae.decode(latent[:4]), vae.decode(latent[4:])])
    assert torch.equal(decode(latent, 4), expected)
    assert (decode(latent, 4) - decode(latent, 0)).abs().max() > 1e-3  # frames know their neighbours


def test_free_memory_changes_nothing(vae, decode, latent, monkeypatch):
    """It does change what VAE Decode makes: each frame then stands alone."""
    expected = decode(latent, 3)
    with torch.inference_mode():
        roomy = vae.decode(latent)
        monkeypatch.setattr(type(vae.patcher), "get_free_memory", lambda *_: 1)
        assert not torch.equal(vae.decode(latent), roomy)
    assert torch.equal(decode(latent, 3), expected)


def test_chunks_move_the_progress_bar(decode, latent, steps):
    decode(latent, 4)
    assert steps == [(1, 2), (2, 2)]


def test_the_latent_stays_as_it_is(decode, latent):
    before = latent.clone()
    decode(latent, 2)
    assert torch.equal(latent, before)


@pytest.mark.parametrize(("size", "told"), [(4, "set frames_per_chunk to 2"), (1, "use smaller keyframes")])
def test_a_chunk_that_does_not_fit_is_told_and_nothing_is_decoded_otherwise(
    vae, decode, latent, monkeypatch, size, told
):
    def full(*_):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(vae.first_stage_model, "decode", full)
    with pytest.raises(InbetweenError, match=f"not enough memory to decode {size} frames at a time; {told}"):
        decode(latent, size)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_values_that_are_no_numbers_are_told_before_decoding(decode, latent, value):
    latent[2, 1, 0, 0] = value
    with pytest.raises(
        InbetweenError, match=r"the latent has NaN or infinite values in frame 2 of 6, which would give black"
    ):
        decode(latent, 0)


@pytest.mark.parametrize("shape", [(1, 16, 2, 4, 6), (2, 16, 4, 6)])
def test_latents_of_other_models_are_refused(decode, shape):
    with pytest.raises(InbetweenError, match="for models other than SVD, use VAE Decode"):
        decode(torch.zeros(shape), 0)


def test_a_checkpoint_without_a_vae_is_told(host, latent):
    from comfyui_inbetween.host.svd.video_decode import decode_in_chunks

    with pytest.raises(InbetweenError, match="the loaded checkpoint contains no VAE"):
        decode_in_chunks(None, {"samples": latent}, 0)


def test_a_video_vae_of_another_kind_is_refused(decode, latent, wan):
    import nodes

    with pytest.raises(InbetweenError, match="for models other than SVD, use VAE Decode"):
        decode(latent, 0, vae=nodes.VAELoader().load_vae("wan_vae.safetensors")[0])


def test_a_chunk_of_less_than_nothing_is_refused(decode, latent):
    with pytest.raises(InbetweenError, match=r"frames_per_chunk is -1; give 0 or more\."):
        decode(latent, -1)
