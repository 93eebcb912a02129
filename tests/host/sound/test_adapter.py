"""Apply Audio Adapter by itself: which conditions come out, what is reported, and what is refused."""

import re
from copy import copy

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from example_values import small_keyframes, small_wan, speech


@pytest.fixture(scope="module")
def encoder(host):
    from tiny_encoders import tiny_wav2vec2

    return tiny_wav2vec2()


@pytest.fixture
def apply(tiny_models, encoder):
    """Applies an adapter of the tiny models to the tiny Wan; 9 frames at 25 a second unless changed."""
    from comfyui_inbetween.host.sound.adapter import AudioSettings, apply_audio
    from comfyui_inbetween.host.sound.adapter_library import load_adapter
    from comfyui_inbetween.host.sound.features import AudioSource

    def applied(file="stable_avatar.pt", frames=9, audio=None, model=None, positive=None, fps=25.0, **settings):
        more = {name: settings.pop(name) for name in ("keyframes", "vae") if name in settings}
        latent = settings.pop("latent", {"samples": torch.zeros(1, 16, (frames - 1) // 4 + 1, 4, 6)})
        return apply_audio(
            model or small_wan("wan_i2v"),
            settings.pop("patch", None) or load_adapter(file),
            positive or [[torch.ones(1, 8, 4096), {}]],
            [[torch.zeros(1, 8, 4096), {}]],
            latent,
            settings.pop("source", None) or AudioSource(audio or speech(), encoder),
            AudioSettings(fps, **settings),
            **more,
        )

    return applied


def heard(condition):
    """Whether a condition hears, and whether it is the positive one."""
    text, values = condition[0]
    (ids,) = values["model_conds"].values()
    return bool(ids.cond[0, 1].any()), bool(text.any())


SILENT_NEGATIVE, SILENT, SPOKEN, SPOKEN_NEGATIVE = (False, False), (False, True), (True, True), (True, False)


@pytest.mark.parametrize(
    ("file", "expected", "told"),
    [
        (
            "fantasy_talking.ckpt",
            (SPOKEN, SILENT, SILENT_NEGATIVE),
            r"\(audio\) to 5 and cfg_cond2_negative \(text\) to 5, as published",
        ),
        (
            "echomimic_preview.safetensors",
            (SPOKEN, SILENT, SILENT_NEGATIVE),
            r"\(audio\) to 2.9 and .* \(text\) to 4, as",
        ),
        ("stable_avatar.pt", (SPOKEN, SPOKEN_NEGATIVE, SILENT_NEGATIVE), r"\(text\) to 3 and .* \(audio\) to 5, as"),
        ("echomimic_flash.safetensors", (SPOKEN, SILENT, SILENT), r"\(audio\) to 3 and .*negative to 1, as"),
    ],
)
def test_guidance_is_as_each_was_published(apply, file, expected, told):
    done = apply(file)
    assert tuple(heard(each) for each in (done.positive, done.middle, done.negative)) == expected
    assert re.search(told, done.report)


def test_another_guidance_is_no_published_one(apply):
    done = apply("stable_avatar.pt", guidance="audio only")
    assert heard(done.negative) == SILENT
    assert "set cfg_conds (audio) to 5 and cfg_cond2_negative to 1 to start with." in done.report


def test_frame_ids_number_the_latent_frames(apply):
    ids = apply(frames=17).positive[0][1]["model_conds"]["inbetween_audio_1"].cond
    assert ids.shape == (1, 2, 5, 1, 1)
    assert ids.dtype == torch.int32
    assert ids[0, 0, :, 0, 0].tolist() == [0, 1, 2, 3, 4]


def test_what_others_put_into_conditioning_stays(apply):
    """Of every entry, each with its own."""
    entries = [[torch.ones(1, 8, 4096), {"model_conds": {"other": number}, "strength": number}] for number in (1, 2)]
    done = apply(positive=entries)
    for entry, number in zip(done.positive, (1, 2), strict=True):
        assert entry[1]["strength"] == number
        assert entry[1]["model_conds"]["other"] == number
        assert "inbetween_audio_1" in entry[1]["model_conds"]
    assert list(entries[0][1]["model_conds"]) == ["other"]


def test_a_second_adapter_has_a_name_of_its_own(apply):
    first = apply()
    second = apply("fantasy_talking.ckpt", model=first.model, positive=first.positive)
    assert set(second.positive[0][1]["model_conds"]) == {"inbetween_audio_1", "inbetween_audio_2"}
    assert set(first.positive[0][1]["model_conds"]) == {"inbetween_audio_1"}
    assert len(second.model.get_nested_additional_models()) == 2
    assert len(first.model.get_nested_additional_models()) == 1


def test_it_stands_after_semfi(apply):
    """With the mixture, and conditioning that shows both ends."""
    from comfyui_inbetween.host.wan.lora_library import load_mixture
    from comfyui_inbetween.host.wan.lora_mixture import MixtureSettings, apply_mixture

    mixture, model = load_mixture("semfi.ckpt"), small_wan("wan_seeded")
    for method in ("merge", "bypass"):
        mixed = apply_mixture(model, mixture, 9, ((mixture.nearest(9), 1.0),), MixtureSettings(method=method)).model
        done = apply(model=mixed)
        latent = {"samples": torch.zeros(1, 16, 3, 4, 4)}
        values = {"concat_latent_image": torch.zeros(1, 16, 3, 4, 4), "concat_mask": torch.zeros(1, 4, 3, 4, 4)}
        conditions = [[[each[0][0], {**each[0][1], **values}]] for each in (done.positive, done.negative)]
        plain = [[[each[0][0], values]] for each in (done.positive, done.negative)]

        import nodes

        with torch.inference_mode():
            sample = nodes.KSampler().sample
            heard_frames, without = (
                sample(patched, 1, 2, 3.0, "euler", "simple", *given, latent, 1.0)[0]["samples"]
                for patched, given in ((done.model, conditions), (mixed, plain))
            )
        assert torch.isfinite(heard_frames).all()
        assert (heard_frames - without).abs().max() > 0.05


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bool])
def test_a_region_for_each_frame_is_brought_to_latent_frames(apply, kind):
    """The first has one frame, the others four."""
    region = torch.zeros(9, 8, 8)
    region[0], region[3] = 1, 1
    done = apply(region_FHW=region.to(kind))
    branch = done.model.wrappers["diffusion_model"]["inbetween_audio_1"][0].__self__
    assert branch.settings.region_F1HW[:, 0, 0, 0].tolist() == [1, 0.25, 0]


def test_bbf_is_told_the_difference_of_the_ends(apply):
    import nodes

    vae = nodes.VAELoader().load_vae("wan_vae.safetensors")[0]
    done = apply("bbf.safetensors", keyframes=small_keyframes(), vae=vae)
    branch = done.model.wrappers["diffusion_model"]["inbetween_audio_1"][0].__self__
    first, last = small_keyframes().keyframes[0].image_HWC, small_keyframes().keyframes[-1].image_HWC
    encoded = [vae.encode(image[None])[0, :, 0] for image in (first, last)]
    scale = small_wan("wan_i2v").get_model_object("latent_format")
    expected = scale.process_in(encoded[1][None, :, None]) - scale.process_in(encoded[0][None, :, None])
    assert branch.settings.end_difference_CHW.shape == (16, 4, 6)
    assert (branch.settings.end_difference_CHW - expected[0, :, 0]).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"frames": 33}, r"Warning: the audio is 0.32 s shorter than the clip; the rest is silent"),
        (
            {"audio": {"waveform": torch.zeros(1, 1, 16000), "sample_rate": 16000}},
            "Warning: the audio is silent here",
        ),
        ({"fps": 16.0}, "Warning: StableAvatar was trained at 25 fps, but this clip has 16, so lip-sync"),
        ({"scale": 0.0}, "Warning: scale is 0"),
        ({"start_seconds": 0.3}, r"StableAvatar on Wan2.1 I2V: 9 frames at 25 fps use 0.3 to 0.66 s of the audio"),
        ({"offset_ms": 40}, r"use -0.04 to 0.32 s"),
    ],
)
def test_reports(apply, changes, told):
    assert re.search(told, apply(**changes).report)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"frames": 1}, "the clip has 1 frame; audio adapters need 5 or more"),
        ({"start_seconds": 2.0}, "covers 2 to 2.36 s of the audio, which lasts 1 s; change start_seconds"),
        ({"offset_ms": 400}, "covers -0.4 to -0.04 s"),
        ({"region_FHW": torch.full((9, 8, 8), torch.nan)}, "the region is empty or has NaN"),
        ({"region_FHW": torch.ones(9, 0, 8)}, "the region is empty or has NaN"),
        ({"region_FHW": torch.ones(3, 8, 8)}, "the region has 3 masks; connect 1 for the whole clip, or 9"),
        (
            {"latent": {"samples": torch.zeros(1, 4, 8, 8)}},
            r"has shape \(1, 4, 8, 8\), which is not a video",
        ),
        ({"file": "bbf.safetensors"}, "BBF compares the first and the last keyframe; connect keyframes and vae."),
        (
            {"audio": {"waveform": torch.zeros(1, 1, 0), "sample_rate": 16000}},
            "the audio is empty; connect a clip that has sound",
        ),
    ],
)
def test_what_does_not_go_together(apply, changes, told):
    with pytest.raises(InbetweenError, match=told) as error:
        apply(**changes)
    assert "\n" not in str(error.value)


def test_sound_that_is_not_connected(apply, encoder):
    from comfyui_inbetween.host.sound.features import AudioSource

    for source, missing in ((AudioSource(None, encoder), "audio"), (AudioSource(speech(), None), "audio_encoder")):
        with pytest.raises(InbetweenError, match=f"^{missing} is missing; connect it, or set sound to encoded audio"):
            apply(source=source)


def test_a_model_patch_of_another_kind(apply):
    from comfy.model_patcher import ModelPatcher

    cpu = torch.device("cpu")
    with pytest.raises(InbetweenError, match="the model patch is not an audio adapter; connect Load Audio Adapter"):
        apply(patch=ModelPatcher(torch.nn.Linear(1, 1), cpu, cpu))


def test_files_in_both_folders_are_offered(tiny_models):
    from comfyui_inbetween.host.sound.adapter_library import ADAPTERS, load_adapter

    assert {"stable_avatar.pt", "wan_echomimic.safetensors"} <= set(ADAPTERS.names())
    assert load_adapter("wan_echomimic.safetensors").model.config.name == "EchoMimicV3 preview"
    with pytest.raises(
        InbetweenError, match=r'there is no "x.pt" in models/model_patches or models/diffusion_models; put'
    ):
        ADAPTERS.check("x.pt")
    with pytest.raises(InbetweenError, match="no file is chosen from models/model_patches"):
        ADAPTERS.check(None)


def test_nothing_that_is_applied_needs_gradients(apply, encoder):
    """Also for a Python caller, outside of the host's inference mode, whose encoder and VAE have weights that do."""
    import nodes

    assert not torch.is_inference_mode_enabled()
    vae = nodes.VAELoader().load_vae("wan_vae.safetensors")[0]
    for network in (vae.first_stage_model, encoder.model):
        network.requires_grad_(True)
    try:
        done = apply("bbf.safetensors", keyframes=small_keyframes(), vae=vae)
    finally:
        encoder.model.requires_grad_(False)
    settings = done.model.wrappers["diffusion_model"]["inbetween_audio_1"][0].__self__.settings
    assert not settings.windows.features_FWD.requires_grad
    assert not settings.end_difference_CHW.requires_grad


def test_the_grid_is_the_models_own(apply):
    """A latent format of the host that packs eight frames into a latent frame: the same latent is a longer clip."""
    model = small_wan("wan_i2v").clone()
    latent_format = copy(model.get_model_object("latent_format"))
    latent_format.temporal_downscale_ratio = 8
    model.add_object_patch("latent_format", latent_format)
    region = torch.zeros(17, 8, 8)
    region[9:13] = 1
    done = apply(model=model, region_FHW=region)
    assert "17 frames at 25 fps use 0 to 0.68 s" in done.report
    settings = done.model.wrappers["diffusion_model"]["inbetween_audio_1"][0].__self__.settings
    assert settings.region_F1HW[:, 0, 0, 0].tolist() == [0, 0, 0.5]
