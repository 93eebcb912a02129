"""The host's own loaders read the tiny models, and their output is usable."""

import pytest
import torch


@pytest.fixture(autouse=True)
def inference(host):
    """As the host runs nodes."""
    with torch.inference_mode():
        yield


def images(count: int) -> torch.Tensor:
    return torch.rand(count, 64, 64, 3, generator=torch.Generator().manual_seed(0))


def assert_lively(tensor: torch.Tensor) -> None:
    """Finite, and neither constant nor exploding: comparisons of such outputs can tell a difference."""
    assert torch.isfinite(tensor).all()
    assert 1e-3 < tensor.float().std() < 1e3


def sample(model, positive, negative, latent) -> torch.Tensor:
    import nodes

    (sampled,) = nodes.KSampler().sample(model, 1, 2, 3.0, "euler", "simple", positive, negative, latent, 1.0)
    return sampled["samples"]


@pytest.mark.parametrize(
    ("file_name", "needs_clip_vision", "has_positions"),
    [
        ("wan_i2v.safetensors", True, False),
        ("wan_flf2v.safetensors", True, True),
        ("wan22_i2v.safetensors", False, False),
    ],
)
def test_wan_between_two_images(tiny_models, file_name, needs_clip_vision, has_positions):
    from comfy_extras.nodes_wan import WanFirstLastFrameToVideo
    from tiny_encoders import tiny_clip_vision

    import nodes

    (model,) = nodes.UNETLoader().load_unet(file_name, "default")
    embedder = getattr(model.model.diffusion_model, "img_emb", None)
    assert (embedder is not None) == needs_clip_vision
    assert (getattr(embedder, "emb_pos", None) is not None) == has_positions
    (vae,) = nodes.VAELoader().load_vae("wan_vae.safetensors")
    text = [[torch.randn(1, 16, 4096) * 0.1, {}]]
    first, last = images(2).split(1)
    seen = {}
    if needs_clip_vision:
        clip_vision = tiny_clip_vision()
        seen = {
            "clip_vision_start_image": clip_vision.encode_image(first),
            "clip_vision_end_image": clip_vision.encode_image(last),
        }
    positive, negative, latent = WanFirstLastFrameToVideo.execute(
        text, text, vae, 64, 64, 9, 1, start_image=first, end_image=last, **seen
    ).result

    latent_BCTHW = sample(model, positive, negative, latent)

    assert latent_BCTHW.shape == (1, 16, 3, 8, 8)
    assert_lively(latent_BCTHW)
    frames_THWC = nodes.VAEDecode().decode(vae, {"samples": latent_BCTHW})[0]
    assert frames_THWC.shape == (9, 64, 64, 3)
    assert_lively(frames_THWC)


def test_the_image_reaches_wan(tiny_models):
    """A tiny model that ignored its conditioning could not tell a right conditioning from a wrong one."""
    from comfy_extras.nodes_wan import WanFirstLastFrameToVideo

    import nodes

    (model,) = nodes.UNETLoader().load_unet("wan22_i2v.safetensors", "default")
    (vae,) = nodes.VAELoader().load_vae("wan_vae.safetensors")
    text = [[torch.randn(1, 16, 4096) * 0.1, {}]]
    first, last = images(2).split(1)
    results = []
    for end_image in (last, first):
        conditioned = WanFirstLastFrameToVideo.execute(
            text, text, vae, 64, 64, 9, 1, start_image=first, end_image=end_image
        )
        results.append(sample(model, *conditioned.result))
    assert (results[0] - results[1]).abs().max() > 0.01


def test_svd(tiny_models):
    from comfy_extras.nodes_video_model import ImageOnlyCheckpointLoader, SVD_img2vid_Conditioning
    from tiny_encoders import tiny_clip_vision

    model, clip_vision, vae = ImageOnlyCheckpointLoader().load_checkpoint("svd.safetensors")
    assert clip_vision is None  # which is why the test server's pack adds one
    assert type(model.model).__name__ == "SVD_img2vid"
    conditioned = SVD_img2vid_Conditioning().encode(tiny_clip_vision(), images(1), vae, 64, 64, 6, 127, 7, 0.0)

    latent_BCHW = sample(model, *conditioned)

    assert latent_BCHW.shape == (6, 4, 8, 8)
    assert_lively(latent_BCHW)
    frames_THWC = vae.decode(latent_BCHW)
    assert frames_THWC.shape == (6, 64, 64, 3)
    assert_lively(frames_THWC)


def test_clip_vision(host):
    from tiny_encoders import tiny_clip_vision

    seen = tiny_clip_vision().encode_image(images(1))
    assert seen.penultimate_hidden_states.shape == (1, 257, 1280)
    assert seen.image_embeds.shape == (1, 1024)
    assert_lively(seen.penultimate_hidden_states)


def test_umt5(host):
    from tiny_encoders import tiny_umt5

    import nodes

    clip = tiny_umt5()
    encoded = [nodes.CLIPTextEncode().encode(clip, text)[0][0][0] for text in ("the cat jumps", "a red river")]
    assert encoded[0].shape == (1, 512, 4096)
    assert_lively(encoded[0])
    assert not torch.equal(*encoded)


def test_wav2vec2(host):
    from comfy_extras.nodes_audio_encoder import AudioEncoderEncode
    from tiny_encoders import tiny_wav2vec2

    audio = {"waveform": torch.randn(1, 2, 44100), "sample_rate": 44100}
    encoded = AudioEncoderEncode.execute(tiny_wav2vec2(), audio)[0]
    assert encoded["encoded_audio"].shape == (1, 49, 64)
    assert len(encoded["encoded_audio_all_layers"]) == 13
    assert_lively(encoded["encoded_audio"])
