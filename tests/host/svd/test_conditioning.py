"""What SVD is given of two keyframes: as published, and as the host's own node has it."""

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet
from golden.gi.cases import picture, stored_outputs

HEIGHT, WIDTH = 40, 64


@pytest.fixture
def conditioning(svd):
    """The module under test."""
    from comfyui_inbetween.host.svd import conditioning as svd_conditioning

    return svd_conditioning


@pytest.fixture(scope="module")
def vae(svd):
    return svd.load_vae()


@pytest.fixture
def given(conditioning, clip_vision, vae):
    """Conditions on keyframes with settings; returns what the node makes."""

    def condition(placed, clip_vision=clip_vision, vae=vae, **settings):
        with torch.inference_mode():
            return conditioning.condition_svd(clip_vision, vae, placed, conditioning.SVDSettings(**settings))

    return condition


def image(number, height=HEIGHT, width=WIDTH):
    return torch.rand(height, width, 3, generator=torch.Generator().manual_seed(number))


def ends(frame_count=25, **size):
    return KeyframeSet(frame_count, (Keyframe(0, image(1, **size)), Keyframe(frame_count - 1, image(2, **size))))


class Watched:
    """An autoencoder that notes what it gets."""

    latent_channels, latent_dim = 4, 2

    def __init__(self, vae):
        self._vae, self.got = vae, []

    def encode(self, pixels):
        self.got.append(pixels.clone())
        return self._vae.encode(pixels)


def test_conditioning_as_published(given, vae):
    """fps 7 is id 6 in the network, since the host takes one off."""
    done = given(ends())
    for conditions, number in ((done.start, 1), (done.end, 2)):
        ((embedding, values),) = conditions
        assert embedding.shape == (1, 1, 1024)
        assert (values["fps"], values["motion_bucket_id"], values["augmentation_level"]) == (7, 127, 0.02)
        clean = vae.encode(image(number)[None])
        assert values["concat_latent_image"].shape == clean.shape == (1, 4, HEIGHT // 8, WIDTH // 8)
        assert 0 < (values["concat_latent_image"] - clean).abs().max() < 0.5
    assert done.latent["samples"].shape == (25, 4, HEIGHT // 8, WIDTH // 8)
    assert not done.latent["samples"].any()


def test_one_noise_is_shared_and_half_as_large_in_pixels_from_0_to_1(given, vae):
    """0.02 where a picture has values from -1 to 1."""
    watched = Watched(vae)
    given(ends(), vae=watched, noise=0.02, seed=7)
    first, last = (got - image(number) for number, got in enumerate(watched.got, start=1))
    torch.testing.assert_close(first, last, atol=1e-6, rtol=0)
    expected = torch.randn(1, HEIGHT, WIDTH, 3, generator=torch.Generator().manual_seed(7)) * 0.01
    torch.testing.assert_close(first, expected, atol=1e-6, rtol=0)


def test_without_noise_the_pictures_are_encoded_as_they_are(given, vae):
    watched = Watched(vae)
    given(ends(), vae=watched, noise=0.0)
    assert torch.equal(watched.got[0], image(1)[None])


def test_the_noise_depends_on_its_seed_alone(given):
    one, again, other = (given(ends(), seed=seed).start[0][1]["concat_latent_image"] for seed in (3, 3, 4))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_as_the_host_is_the_hosts_node_to_the_bit(given, clip_vision, vae, noise):
    from comfy_extras.nodes_video_model import SVD_img2vid_Conditioning

    torch.manual_seed(11)
    theirs = []
    for number in (1, 2):
        picture_1HWC = image(number)[None]
        with torch.inference_mode():
            theirs.append(
                SVD_img2vid_Conditioning().encode(clip_vision, picture_1HWC, vae, WIDTH, HEIGHT, 25, 127, 6, noise)
            )
    done = given(ends(), as_host=True, noise=noise, seed=11, fps=6)
    for ours, (positive, _, latent) in zip((done.start, done.end), theirs, strict=True):
        assert torch.equal(ours[0][0], positive[0][0])
        assert ours[0][1].keys() == positive[0][1].keys()
        for name, value in positive[0][1].items():
            assert torch.equal(torch.as_tensor(ours[0][1][name]), torch.as_tensor(value))
        assert torch.equal(done.latent["samples"], latent["samples"])


def test_the_guiders_negative_is_that_of_the_hosts_node(given, clip_vision, vae):
    from comfy_extras.nodes_video_model import SVD_img2vid_Conditioning
    from comfyui_inbetween.host.svd.dual_direction import _unconditional

    with torch.inference_mode():
        positive, negative, _ = SVD_img2vid_Conditioning().encode(
            clip_vision, image(1)[None], vae, WIDTH, HEIGHT, 25, 127, 6, 0.0
        )
    ((embedding, values),) = _unconditional(positive)
    assert torch.equal(embedding, negative[0][0])
    assert torch.equal(values["concat_latent_image"], negative[0][1]["concat_latent_image"])
    assert {name: values[name] for name in ("fps", "motion_bucket_id")} == {"fps": 6, "motion_bucket_id": 127}


# --------------------------------------------------------------------------------------------------- CLIP


def test_clip_sees_what_the_published_pipeline_shows_it(conditioning, clip_vision):
    pixels = conditioning.clip_pixels_as_published(picture()[None], clip_vision, "squash")
    assert pixels.shape == (1, 3, 224, 224)
    torch.testing.assert_close(pixels[0, :, ::16, ::16], stored_outputs()["clip pixels"], atol=1e-5, rtol=0)


def test_the_hosts_way_would_be_seen(clip_vision):
    import comfy.clip_model

    pixels = comfy.clip_model.clip_preprocess(
        picture()[None], 224, clip_vision.image_mean, clip_vision.image_std, crop=False
    )
    assert (pixels[0, :, ::16, ::16] - stored_outputs()["clip pixels"]).abs().max() > 0.05


def test_a_crop_is_the_middle_square(conditioning, clip_vision):
    cropped = conditioning.clip_pixels_as_published(picture()[None], clip_vision, "crop")
    middle = picture()[:, 100:400]
    torch.testing.assert_close(cropped, conditioning.clip_pixels_as_published(middle[None], clip_vision, "squash"))


@pytest.mark.parametrize("clip_image", ["squash", "crop"])
def test_the_embedding_is_of_those_pixels(given, conditioning, clip_vision, clip_image):
    with torch.inference_mode():
        pixels = conditioning.clip_pixels_as_published(image(1)[None], clip_vision, clip_image)
        expected = clip_vision.model(pixel_values=pixels, intermediate_output=-2)[2]
    torch.testing.assert_close(given(ends(), clip_image=clip_image).start[0][0][0], expected)


# ------------------------------------------------------------------------------------- what is told and refused


@pytest.mark.parametrize(
    ("placed", "told"),
    [
        (
            KeyframeSet(9, tuple(Keyframe(frame, image(frame)) for frame in (0, 4, 8))),
            r"there are 3 keyframes, .*\(SVD\)",
        ),
        (
            KeyframeSet(9, tuple(Keyframe(frame, image(frame)) for frame in (1, 8))),
            "are at frames 1 and 8 of 9, but SVD",
        ),
        (ends(width=60), "are 60x40 but SVD needs a width of 56 or 64; set multiple_of of Keyframes to 8"),
        (ends(height=4), "are 64x4 but SVD needs a height of 8; set multiple_of"),
    ],
)
def test_keyframes_that_svd_cannot_take(given, placed, told):
    with pytest.raises(InbetweenError, match=told):
        given(placed)


def test_encoders_that_are_missing_or_not_svds(given, clip_vision, wan):
    import nodes

    with pytest.raises(InbetweenError, match="the loaded checkpoint contains no CLIP vision, which SVD needs"):
        given(ends(), clip_vision=None)
    with pytest.raises(InbetweenError, match="the loaded checkpoint contains no VAE, which SVD needs"):
        given(ends(), vae=None)
    with pytest.raises(InbetweenError, match="the VAE has latents of 16 channels, but SVD needs 4"):
        given(ends(), vae=nodes.VAELoader().load_vae("wan_vae.safetensors")[0])
    other = type("Other", (), {"model_type": "siglip_vision_model", "config": {"projection_dim": 768}})()
    with pytest.raises(InbetweenError, match="clip_vision is a siglip_vision_model with embeddings of width 768"):
        given(ends(), clip_vision=other)


@pytest.mark.parametrize(
    ("frame_count", "warned"), [(14, False), (25, False), (11, False), (28, False), (10, True), (19, True), (60, True)]
)
def test_lengths_far_from_the_trained_ones_are_told(given, frame_count, warned):
    told = (
        f"{frame_count} frames are far from the lengths that the models were trained on, 14 for SVD and 25 for SVD-XT."
    )
    assert (told in given(ends(frame_count)).report) is warned


def test_small_pictures_and_strengths_are_told(given):
    report = given(ends()).report
    assert "64x40 is small for SVD, which was trained at 1024x576" in report
    assert "strengths" not in report
    weak = KeyframeSet(25, (Keyframe(0, image(1), 0.5), Keyframe(24, image(2))))
    assert "SVD has no keyframe strength, so strengths have no effect." in given(weak).report


@pytest.mark.parametrize("as_host", [True, False])
def test_keyframes_in_half_precision_are_near_those_in_float32(given, as_host):
    full = ends()
    half = KeyframeSet(25, tuple(Keyframe(each.frame, each.image_HWC.half()) for each in full.keyframes))
    ((expected, _),), ((found, _),) = (given(placed, as_host=as_host, noise=0).start for placed in (full, half))
    torch.testing.assert_close(found.float(), expected, rtol=0, atol=0.02 * float(expected.abs().max()))
