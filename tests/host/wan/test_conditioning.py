"""What a Wan model is given of keyframes: against the host's own node, SemFi's code, and through the sampler."""

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet
from comfyui_inbetween.networks.wan.lora_files import read_mixture
from golden.semfi.cases import pictures, stored_outputs
from golden.semfi.weights import write_semfi

HEIGHT, WIDTH = 48, 64


@pytest.fixture
def conditioning(wan):
    """The module under test."""
    from comfyui_inbetween.host.wan import conditioning as wan_conditioning

    return wan_conditioning


@pytest.fixture
def vae(wan):
    import nodes

    return nodes.VAELoader().load_vae("wan_vae.safetensors")[0]


@pytest.fixture
def given(wan, conditioning, vae, clip_vision):
    """Conditions a tiny model on keyframes at frames; returns what the conditioning node makes."""

    def condition(model, placed, vae=vae, clip_vision=clip_vision, **settings):
        text = [[torch.zeros(1, 8, 4096), {"kept": 1}]]
        model = wan.load(model) if isinstance(model, str) else model
        chosen = conditioning.WanSettings(**settings)
        with torch.inference_mode():
            return conditioning.condition_on_keyframes(model, text, text, vae, placed, clip_vision, chosen)

    return condition


def image(number, height=HEIGHT, width=WIDTH):
    return torch.rand(height, width, 3, generator=torch.Generator().manual_seed(number))


def keys(frame_count, *frames, strength=1.0, **size):
    ends = (0, frame_count - 1)
    return KeyframeSet(
        frame_count,
        tuple(Keyframe(frame, image(frame, **size), 1.0 if frame in ends else strength) for frame in frames),
    )


def values(conditions):
    return conditions[0][1]


# ------------------------------------------------------------------------------------- against the host's own node


@pytest.mark.parametrize("model", ["wan_i2v", "wan_flf2v", "wan22_i2v"])
@pytest.mark.parametrize("count", [5, 9, 17, 33])
def test_first_and_last_are_to_the_bit_those_of_the_host(given, vae, model, count):
    assert_as_the_host(given(model, keys(count, 0, count - 1)), vae, count, 1, 1)


@pytest.mark.parametrize("count", [65, 81, 85])
def test_long_clips_too(given, vae, count):
    assert_as_the_host(given("wan22_i2v", keys(count, 0, count - 1, height=16, width=16)), vae, count, 1, 1)


@pytest.mark.parametrize(("before", "after"), [(5, 1), (1, 4), (3, 6)])
def test_several_first_and_last_frames(given, vae, before, after):
    """The motion of a clip before and of one after: keyframes in a row."""
    frames = [*range(before), *range(17 - after, 17)]
    assert_as_the_host(given("wan22_i2v", keys(17, *frames)), vae, 17, before, after)


def assert_as_the_host(done, vae, count, before, after):
    from comfy_extras.nodes_wan import WanFirstLastFrameToVideo

    text = [[torch.zeros(1, 8, 4096), {}]]
    height, width = (size * 8 for size in done.latent["samples"].shape[-2:])
    first, last = (
        torch.stack([image(frame, height, width) for frame in frames])
        for frames in (range(before), range(count - after, count))
    )
    with torch.inference_mode():
        theirs = WanFirstLastFrameToVideo.execute(text, text, vae, width, height, count, 1, first, last).result
    for ours, expected in ((done.positive, theirs[0]), (done.negative, theirs[1])):
        for name in ("concat_latent_image", "concat_mask"):
            assert torch.equal(values(ours)[name], values(expected)[name])
            assert values(ours)[name].dtype == values(expected)[name].dtype
        assert values(ours)["kept"] == 1
    assert torch.equal(done.latent["samples"], theirs[2]["samples"])


# ------------------------------------------------------------------------------------- keyframes between


@pytest.mark.parametrize("frame", [1, 2, 3, 4, 8, 15])
def test_the_model_receives_a_keyframe_in_its_slot(wan, given, frame):
    """As what the network is given beside the noise: 1 for known, in the slot of the frame and nowhere else."""
    model = wan.load("wan_i2v")
    plain, done = given(model, keys(17, 0, 16)), given(model, keys(17, 0, frame, 16))
    masks = [received(model, each)[:4].amax(dim=(2, 3)) for each in (plain, done)]
    changed = (masks[1] - masks[0]).nonzero().tolist()
    assert changed == [[(frame + 3) % 4, (frame + 3) // 4]]
    latents = [received(model, each)[4:] for each in (plain, done)]
    differs = (latents[1] - latents[0]).abs().amax(dim=(0, 2, 3))
    assert differs[: (frame + 3) // 4].max() == 0  # the autoencoder looks back, never ahead
    assert differs[(frame + 3) // 4] > 0.01


def received(model, done):
    with torch.inference_mode():
        noise = done.latent["samples"]
        return model.model.concat_cond(
            noise=noise, device=noise.device, **{name: values(done.positive)[name].clone() for name in GUIDANCE}
        )[0]


GUIDANCE = ("concat_latent_image", "concat_mask")


def test_strength_is_level_and_blend(given):
    """Half of it: half known, half grey. None: as if there were no keyframe."""
    half = values(given("wan22_i2v", keys(9, 0, 4, 8, strength=0.5)).positive)
    assert half["concat_mask"][0, 3, 1].unique().tolist() == [0.5]
    grey = KeyframeSet(9, tuple(Keyframe(f, image(f) if f != 4 else (image(4) + 0.5) / 2) for f in (0, 4, 8)))
    blended = values(given("wan22_i2v", grey).positive)
    torch.testing.assert_close(half["concat_latent_image"], blended["concat_latent_image"])
    none, without = (given("wan22_i2v", placed) for placed in (keys(9, 0, 4, 8, strength=0.0), keys(9, 0, 8)))
    for name in GUIDANCE:
        assert torch.equal(values(none.positive)[name], values(without.positive)[name])


def test_the_low_noise_model_has_a_strength_of_its_own(given):
    placed = keys(9, 0, 4, 8, strength=0.8)
    same = given("wan22_i2v", placed)
    assert same.positive_low is same.positive
    assert same.negative_low is same.negative
    weak, alone = (
        given("wan22_i2v", placed, low_noise_strength=0.25),
        given("wan22_i2v", keys(9, 0, 4, 8, strength=0.2)),
    )
    for name in GUIDANCE:
        assert torch.equal(values(weak.positive)[name], values(same.positive)[name])
        torch.testing.assert_close(values(weak.positive_low)[name], values(alone.positive)[name])
        torch.testing.assert_close(values(weak.negative_low)[name], values(alone.negative)[name])
    assert "The low-noise model gets inner keyframes at 0.25 of their strength." in weak.report
    assert given("wan22_i2v", keys(9, 0, 8), low_noise_strength=0.0).positive_low is not None


def test_a_keyframe_changes_what_is_sampled(wan, given):
    import nodes

    model = wan.load("wan22_i2v")
    made = []
    for placed in (keys(9, 0, 8), keys(9, 0, 4, 8), keys(9, 0, 4, 8, strength=0.3)):
        done = given(model, placed, batch_size=2)
        with torch.inference_mode():
            latent, *_ = nodes.KSampler().sample(
                model, 1, 2, 5.0, "euler", "simple", done.positive, done.negative, done.latent, 1.0
            )
        assert latent["samples"].shape == (2, 16, 3, HEIGHT // 8, WIDTH // 8)
        assert latent["samples"].isfinite().all()
        made.append(latent["samples"])
    assert all((one - other).abs().max() > 0.01 for one, other in ((made[0], made[1]), (made[1], made[2])))


# ------------------------------------------------------------------------------------- lengths


def test_snapped_lengths(given, vae):
    """The last keyframe stays where it was put; what is made beyond it shows it again, and is known."""
    done = given("wan22_i2v", keys(7, 0, 6), other_lengths="snap up")
    assert done.latent["samples"].shape[2] == 3
    known = 1 - values(done.positive)["concat_mask"][0, :, :, 0, 0]
    assert known.tolist() == [[1, 0, 0], [1, 0, 1], [1, 0, 1], [1, 0, 1]]
    assert "9 frames in 3 latent frames, 7 requested, so Finish Frames trims 2" in done.report
    with pytest.raises(InbetweenError, match="frame_count 7 breaks the rule 4n\\+1; use 5 or 9"):
        given("wan22_i2v", keys(7, 0, 6))
    with pytest.raises(InbetweenError, match="frame_count is 3; Wan needs 5 frames or more"):
        given("wan22_i2v", keys(3, 0, 2), other_lengths="snap up")


# ------------------------------------------------------------------------------------- CLIP


def tokens(done):
    return values(done.positive)["clip_vision_output"].penultimate_hidden_states


def test_clip_pixels_are_the_published_ones(host, clip_vision):
    from comfyui_inbetween.host.clip_images import clip_pixels

    first, _ = (torch.from_numpy(picture).float() / 255 for picture in pictures())
    sampled = clip_pixels(first[None], clip_vision)[0, :, ::16, ::16]
    torch.testing.assert_close(sampled, stored_outputs()["clip pixels"], rtol=0, atol=1e-5)
    from comfy.clip_model import clip_preprocess

    for crop in (True, False):  # the host's own, which is another picture
        theirs = clip_preprocess(first[None], crop=crop)[0, :, ::16, ::16]
        assert (theirs - stored_outputs()["clip pixels"]).abs().max() > 0.01


def test_each_way_to_show_pictures(host, clip_vision, given):
    from comfyui_inbetween.host.clip_images import clip_tokens

    placed = keys(9, 0, 4, 8)
    with torch.inference_mode():
        first, middle, last = clip_tokens([each.image_HWC for each in placed.keyframes], clip_vision).split(1)
    expected = {
        "sum": first + last,
        "concatenate": torch.cat([first, last], dim=1),
        "concatenate all": torch.cat([first, middle, last], dim=1),
        "start": first,
    }
    for mode, wanted in expected.items():
        torch.testing.assert_close(tokens(given("wan_i2v", placed, clip_images=mode)), wanted)
    for share in (0.0, 0.3, 1.0):
        blended = tokens(given("wan_i2v", placed, clip_images="blend", end_share=share))
        torch.testing.assert_close(blended, (1 - share) * first + share * last)
    assert "clip_vision_output" not in values(given("wan_i2v", placed, clip_images="none").positive)


def test_half_of_each_is_the_sum_for_the_model(wan, clip_vision, given):
    """The image branch begins with a LayerNorm."""
    model = wan.load("wan_i2v")
    embed = model.model.diffusion_model.img_emb
    with torch.inference_mode():
        summed, mixed = (embed(tokens(given(model, keys(5, 0, 4), clip_images=mode))) for mode in ("sum", "blend"))
    torch.testing.assert_close(summed, mixed, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("model", "count", "said"),
    [
        ("wan_i2v", 257, "the first keyframe"),
        ("wan_flf2v", 514, "the first and the last keyframe (concatenate)"),
        ("wan22_i2v", 0, "nothing"),
    ],
)
def test_auto_is_by_model(given, model, count, said):
    done = given(model, keys(5, 0, 4))
    assert f"CLIP sees {said}." in done.report
    assert (tokens(done).shape[1] if count else 0) == count


def test_auto_is_the_sum_behind_a_mixture(wan, given, tmp_path):
    semfi = read_mixture(write_semfi(tmp_path / "semfi.ckpt"))
    done = given(wan.applied(wan.load("wan_i2v"), semfi, 5), keys(5, 0, 4))
    assert "CLIP sees the first and the last keyframe (sum)." in done.report
    torch.testing.assert_close(tokens(done), tokens(given("wan_i2v", keys(5, 0, 4), clip_images="sum")))
    # An FLF2V model tells the two apart by where they stand, with a mixture or without.
    assert "concatenate" in given(wan.applied(wan.load("wan_flf2v"), semfi, 5), keys(5, 0, 4)).report


def test_auto_is_the_first_picture_on_fun_inp(given, tiny_models):
    """Of the width of the 1.3B model, which no other image-to-video Wan has; behind a mixture, too."""
    from comfy.ldm.wan.model import WanModel
    from comfy.sd import load_diffusion_model_state_dict
    from comfyui_inbetween.host.wan.lora_mixture import ATTACHMENT
    from golden.semfi.weights import WAN_SIZES

    sizes = {**WAN_SIZES, "dim": 1536, "num_heads": 12, "num_layers": 1, "model_type": "i2v"}
    shapes = WanModel(**sizes, device="meta", operations=torch.nn).state_dict()
    weights = {name: torch.zeros(tensor.shape, dtype=torch.float16) for name, tensor in shapes.items()}
    model = load_diffusion_model_state_dict(weights)
    model.set_attachments(ATTACHMENT, 81)
    done = given(model, keys(5, 0, 4))
    assert done.report == (
        "Wan2.1 Fun-InP 1.3B: 5 frames in 2 latent frames. Keyframes at 0, 4. CLIP sees the first keyframe."
    )
    assert tokens(done).shape[1] == 257


def test_more_pictures_than_an_flf2v_model_tells_apart(given):
    with pytest.raises(InbetweenError, match=r"there are 3 images for CLIP, but Wan2\.1 FLF2V takes at most 2"):
        given("wan_flf2v", keys(9, 0, 4, 8), clip_images="concatenate all")
    assert tokens(given("wan_flf2v", keys(9, 0, 8), clip_images="concatenate all")).shape[1] == 514


# ------------------------------------------------------------------------------------- pinned latents


@pytest.fixture
def vae22(wan, monkeypatch):
    """A tiny Wan2.2 autoencoder; the host's reader of files knows one size only."""
    import comfy.ldm.wan.vae2_2 as module
    import comfy.sd
    from random_weights import randomise

    full = module.WanVAE
    monkeypatch.setattr(module, "WanVAE", lambda **sizes: full(**(sizes | {"dim": 8, "dec_dim": 8})))
    weights = randomise(module.WanVAE(z_dim=48, temperal_downsample=[False, True, True]).float(), seed=9).state_dict()
    return comfy.sd.VAE(sd=weights)


def test_ti2v_is_given_the_first_frame_as_by_the_host(given, vae22):
    from comfy_extras.nodes_wan import Wan22ImageToVideoLatent

    placed = KeyframeSet(9, (Keyframe(0, image(0, 64, 96)), Keyframe(8, image(8, 64, 96), 0.0)))
    done = given("wan22_ti2v", placed, vae=vae22, batch_size=2)
    with torch.inference_mode():
        theirs = Wan22ImageToVideoLatent.execute(vae22, 96, 64, 9, 2, image(0, 64, 96)[None]).result[0]
    for name in ("samples", "noise_mask"):
        torch.testing.assert_close(done.latent[name], theirs[name], rtol=0, atol=1e-6)
    assert done.positive is done.positive_low
    assert "concat_latent_image" not in values(done.positive)


def test_ti2v_pins_stills(wan, given, vae22):
    import nodes

    placed = KeyframeSet(13, tuple(Keyframe(frame, image(frame, 32, 64)) for frame in (0, 6, 12)))
    model = wan.load("wan22_ti2v")
    done = given(model, placed, vae=vae22)
    assert done.latent["noise_mask"][0, 0, :, 0, 0].tolist() == [0, 1, 0, 0]
    assert "6 (fills frames 5 to 8), 12 (fills frames 9 to 12)" in done.report
    assert "was trained with only the first frame given" in done.warnings[0]
    with torch.inference_mode():
        still = vae22.encode(image(6, 32, 64)[None].repeat(5, 1, 1, 1))[:, :, 1]
        assert torch.equal(done.latent["samples"][:, :, 2], still)
        latent, *_ = nodes.KSampler().sample(
            model, 1, 2, 1.0, "euler", "simple", done.positive, done.negative, done.latent, 1.0
        )
    kept = (latent["samples"] - done.latent["samples"]).abs().amax(dim=(0, 1, 3, 4))
    assert kept[[0, 2, 3]].max() < 1e-4
    assert kept[1] > 0.1


def test_two_keyframes_in_one_pinned_latent_frame(given, vae22):
    placed = KeyframeSet(13, tuple(Keyframe(frame, image(frame, 32, 64)) for frame in (0, 6, 7)))
    with pytest.raises(InbetweenError, match="frames 6 and 7, but this model takes frames 5 to 8 as one"):
        given("wan22_ti2v", placed, vae=vae22)


# ------------------------------------------------------------------------------------- what deserves attention


def test_a_loop_without_a_keyframe_between_is_told(given):
    still = KeyframeSet(9, (Keyframe(0, image(0)), Keyframe(8, image(0))))
    assert "Wan then tends to stand still" in given("wan22_i2v", still).warnings[0]
    moving = KeyframeSet(9, (Keyframe(0, image(0)), Keyframe(4, image(4)), Keyframe(8, image(0))))
    assert given("wan22_i2v", moving).warnings == ()


def test_lengths_beyond_training_are_told(given):
    done = given("wan22_i2v", keys(85, 0, 84, height=16, width=16))
    assert "trained on up to 81 frames, but this clip has 85" in done.warnings[0]
    assert done.warnings[0] in done.report
    assert given("wan22_i2v", keys(81, 0, 80, height=16, width=16)).warnings == ()


def test_missing_clip_vision_is_refused(given):
    for model in ("wan_i2v", "wan_flf2v"):
        with pytest.raises(
            InbetweenError, match='connect clip_vision_h from Load CLIP Vision, or set clip_images to "none"'
        ):
            given(model, keys(5, 0, 4), clip_vision=None)
    assert given("wan_i2v", keys(5, 0, 4), clip_vision=None, clip_images="none").report
    assert given("wan22_i2v", keys(5, 0, 4), clip_vision=None).report


def test_another_clip_vision_is_refused(given):
    from comfy.clip_vision import ClipVisionModel
    from tiny_encoders import CLIP_VISION_SIZES

    narrow = ClipVisionModel({**CLIP_VISION_SIZES, "hidden_size": 1024})
    with pytest.raises(InbetweenError, match=r"is a clip_vision_model of width 1024, .* choose clip_vision_h"):
        given("wan_i2v", keys(5, 0, 4), clip_vision=narrow)


def test_sizes_and_autoencoders_that_do_not_fit(given, vae22):
    with pytest.raises(InbetweenError, match=r"keyframes are 72x48 but Wan2\.2 I2V needs a width of 64 or 80"):
        given("wan22_i2v", keys(5, 0, 4, width=72))
    with pytest.raises(InbetweenError, match="needs a height of 16; set multiple_of of Keyframes to 16"):
        given("wan22_i2v", keys(5, 0, 4, height=8))
    with pytest.raises(InbetweenError, match=r"48 channels but Wan2\.2 I2V needs 16; load wan_2\.1_vae"):
        given("wan22_i2v", keys(5, 0, 4), vae=vae22)
    with pytest.raises(InbetweenError, match=r"16 channels but Wan2\.2 TI2V-5B needs 48; load wan2\.2_vae"):
        given("wan22_ti2v", keys(5, 0, 4))


def test_models_without_keyframes_are_refused(svd, given):
    with pytest.raises(InbetweenError, match=r"the model is SVD_img2vid, not a Wan model; connect Wan2\.1 I2V"):
        given(svd.load("svd"), keys(5, 0, 4))
    with pytest.raises(InbetweenError, match="this Wan model is text-to-video, which takes no keyframes"):
        given("wan_t2v", keys(5, 0, 4))
