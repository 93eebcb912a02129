"""Clips that follow sound, in the real server: every layout, one segment made again, and the errors."""

import pytest
import torch
from comfy_server import PromptRefused, files
from golden.audio.weights import LAYOUTS, write_adapter
from prompts import keyframes_node, node
from sample_media import SMALL_FRAMES, SMALL_VIDEO

FILES = {layout: f"{layout}.safetensors" for layout in LAYOUTS}
MODELS = {
    "I2V": "wan2.1_i2v_720p_14B_fp16.safetensors",
    "2.2": "wan2.2_i2v_high_noise_14B_fp8_scaled.safetensors",
    "T2V": "wan_t2v.safetensors",
}


@pytest.fixture(scope="module")
def folder(server, tiny_models, tmp_path_factory):
    """Adapters of every layout for the server, and some that do not fit."""
    made = tmp_path_factory.mktemp("adapters")
    for layout in LAYOUTS:
        server.offer_model(write_adapter(made / f"{layout}.safetensors", layout), "model_patches", FILES[layout])
    wide = write_adapter(made / "wide.safetensors", "fantasy_talking", features=96)
    large = write_adapter(made / "large.safetensors", "fantasy_talking", channels=256)
    for file in (wide, large):
        server.offer_model(file, "model_patches", file.name)
    server.offer_model(tiny_models / "diffusion_models/wan_t2v.safetensors", "diffusion_models", MODELS["T2V"])


def talking(layout="stable_avatar", model="I2V", frame_count=9, audio="speech.mp3", file="", **widgets):
    """Two pictures, a sound, and everything up to the frames."""
    sound = {"sound": "audio", "sound.audio": ["audio", 0], "sound.audio_encoder": ["encoder", 0]}
    sound |= {"sound.context_seconds": 0.0, "sound.level": "as trained"}
    applied = {"fps": 25.0, "start_seconds": 0.0, "offset_ms": 0, "scale": 1.0, "guidance": "as trained", **sound}
    prompt = {
        "a": node("EmptyImage", width=32, height=32, batch_size=1, color=0x336699),
        "b": node("EmptyImage", width=32, height=32, batch_size=1, color=0x996633),
        "keys": keyframes_node("a", "b", frame_count=frame_count),
        "audio": node("LoadAudio", audio=audio),
        "model": node("UNETLoader", unet_name=MODELS[model], weight_dtype="default"),
        "clip": node("CLIPLoader", clip_name="umt5.safetensors", type="wan", device="default"),
        "text": node("CLIPTextEncode", clip=["clip", 0], text="speaks"),
        "none": node("CLIPTextEncode", clip=["clip", 0], text=""),
        "vae": node("VAELoader", vae_name="wan_2.1_vae.safetensors"),
        "vision": node("CLIPVisionLoader", clip_name="clip_vision_h.safetensors"),
        "adapter": node("InbetweenAudioAdapterLoader", file=file or FILES[layout]),
        "encoder": node("AudioEncoderLoader", audio_encoder_name="wav2vec2-base-960h.safetensors"),
        "cond": node(
            "InbetweenWanConditioning",
            model=["seen", 0] if model == "T2V" else ["model", 0],
            positive=["text", 0],
            negative=["none", 0],
            vae=["vae", 0],
            keyframes=["keys", 0],
            clip_vision=["vision", 0],
            clip_images="auto",
            other_lengths="refuse",
            low_noise_strength=1.0,
            batch_size=1,
        ),
        "hear": node(
            "InbetweenAudioAdapter",
            model=["model", 0],
            audio_adapter=["adapter", 0],
            positive=["cond", 0],
            negative=["cond", 1],
            latent=["cond", 2],
            **{**applied, **widgets},
        ),
        "guider": node(
            "DualCFGGuider",
            model=["hear", 0],
            cond1=["hear", 1],
            cond2=["hear", 2],
            negative=["hear", 3],
            cfg_conds=3.0,
            cfg_cond2_negative=5.0,
            style="regular",
        ),
        "noise": node("RandomNoise", noise_seed=1),
        "euler": node("KSamplerSelect", sampler_name="euler"),
        "sigmas": node("BasicScheduler", model=["model", 0], scheduler="simple", steps=2, denoise=1.0),
        "sample": node(
            "SamplerCustomAdvanced",
            noise=["noise", 0],
            guider=["guider", 0],
            sampler=["euler", 0],
            sigmas=["sigmas", 0],
            latent_image=["cond", 2],
        ),
        "frames": node("VAEDecode", samples=["sample", 0], vae=["vae", 0]),
        "save": node("SaveImage", images=["frames", 0], filename_prefix="inbetween/audio"),
        "show": node("PreviewAny", source=["hear", 4]),
    }
    if model == "T2V":  # the conditioning is of another model, so that the adapter is asked
        prompt["seen"] = node("UNETLoader", unet_name=MODELS["I2V"], weight_dtype="default")
    if layout == "bbf":
        prompt["hear"]["inputs"] |= {"keyframes": ["keys", 0], "vae": ["vae", 0]}
    return prompt


def frames_of(server, outputs):
    return torch.stack([server.image(file) for file in files(outputs, [".png"])])


def report_of(outputs):
    return outputs["show"]["text"][0]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_follows_the_sound(server, folder, layout):
    """Another sound gives other frames."""
    outputs = server.run(talking(layout))
    heard = frames_of(server, outputs)
    assert len(heard) == 9
    assert "9 frames at 25 fps use 0 to 0.36 s of the audio." in report_of(outputs)
    assert "Dual CFG Guider, style regular: set cfg_conds" in report_of(outputs)
    assert not torch.equal(heard, frames_of(server, server.run(talking(layout, start_seconds=0.8))))


def test_a_scale_of_zero_is_the_model_alone(server, folder):
    """Whatever the layout, with the same guidance."""
    layouts = ("fantasy_talking", "echomimic_preview")
    first, second = (frames_of(server, server.run(talking(layout, scale=0.0))) for layout in layouts)
    assert torch.equal(first, second)


def test_features_of_encode_audio_are_taken_as_well(server, folder):
    prompt = talking("stable_avatar")
    prompt["encode"] = node("AudioEncoderEncode", audio_encoder=["encoder", 0], audio=["audio", 0])
    inputs = {name: value for name, value in prompt["hear"]["inputs"].items() if not name.startswith("sound")}
    prompt["hear"]["inputs"] = {**inputs, "sound": "encoded audio", "sound.encoded_audio": ["encode", 0]}
    outputs = server.run(prompt)
    assert len(frames_of(server, outputs)) == 9
    assert "does not level the audio as in the adapter's training" in report_of(outputs)


def test_what_describes_the_clips_goes_into_generate_text(server):
    """Frames and question have the types of its sockets."""
    wanted = server.object_info["TextGenerate"]["input"]
    made = server.object_info["InbetweenClipContext"]
    types = dict(zip(made["output_name"], made["output"], strict=True))
    assert types["caption_frames"] == wanted["optional"]["image"][0]
    assert types["caption_prompt"] == wanted["required"]["prompt"][0]


def test_a_segment_made_anew_leaves_the_rest_alone(server, folder):
    """All frames before and after it, their number, and the whole sound, as they go into Create Video."""
    made = server.run(segment())
    found, given = (frames_of(server, {key: made[key]}) for key in ("new", "old"))
    assert len(given) == SMALL_FRAMES
    assert found.shape == given.shape
    assert torch.equal(found[:20], given[:20])
    assert torch.equal(found[27:], given[27:])
    assert not any(torch.equal(*pair) for pair in zip(found[20:27], given[20:27], strict=True))
    assert "41 frames from 3 clips" in made["seams"]["text"][0]


def segment(fps=None, **gap):
    """Frames 20 to 26 of the sample video made anew."""
    prompt = talking("stable_avatar")
    for gone in ("a", "b", "audio", "save"):
        del prompt[gone]
    times = {"gap.from_seconds": 0.8, "gap.to_seconds": 1.08}
    gap = {"gap": "seconds of one clip", "gap.clip": ["parts", 0], **times, **gap}
    prompt |= {
        "video": node("LoadVideo", file=SMALL_VIDEO),
        "parts": node("GetVideoComponents", video=["video", 0]),
        "keys": node(
            "InbetweenClipContext",
            **gap,
            fps=fps or ["parts", 2],
            sound="of the whole",
            **{"sound.audio": ["parts", 1]},
            frame_rule="4n+1",
            context_frames=5,
            caption_frames=4,
            caption_size=64,
            audio_context=0.5,
        ),
        "finish": node(
            "InbetweenFinish", images=["frames", 0], keyframes=["keys", 0], put_back="replace", match_colour=True
        ),
        "join": node(
            "InbetweenJoin",
            **{"clips.clip0": ["keys", 2], "clips.clip1": ["finish", 0], "clips.clip2": ["keys", 3]},
            overlap=1,
            seam="cut",
            match_colour="off",
            fps=25.0,
        ),
        "new": node("SaveImage", images=["join", 0], filename_prefix="inbetween/new"),
        "old": node("SaveImage", images=["parts", 0], filename_prefix="inbetween/old"),
        "seams": node("PreviewAny", source=["join", 2]),
    }
    hear = prompt["hear"]["inputs"]
    hear |= {"sound.audio": ["keys", 4], "start_seconds": ["keys", 5], "fps": ["parts", 2]}
    return prompt


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"start_seconds": 3.0, "frame_count": 17}, "the audio is 0.44 s shorter than the clip; the rest is silent."),
        ({"start_seconds": 2.9}, "the audio is silent here"),
        ({"fps": 16.0}, "StableAvatar was trained at 25 fps, but this clip has 16"),
        ({"scale": 0.0}, "scale is 0, so the audio has no effect."),
    ],
)
def test_what_deserves_attention_is_reported(server, folder, changes, told):
    prompt = talking(**changes)
    for later in ("sample", "guider", "frames", "save", "sigmas", "noise", "euler"):
        del prompt[later]
    assert f"Warning: {told}" in report_of(server.run(prompt)).replace("0.4386", "0.44")


def with_masks(count):
    prompt = talking()
    prompt["mask"] = node("SolidMask", value=1.0, width=32, height=32)
    for number in range(count - 1):
        prompt[f"mask{number}"] = node("SolidMask", value=1.0, width=32, height=32)
    prompt["image"] = node("MaskToImage", mask=["mask", 0])
    prompt["images"] = node("RepeatImageBatch", image=["image", 0], amount=count)
    prompt["region"] = node("ImageToMask", image=["images", 0], channel="red")
    prompt["hear"]["inputs"]["region"] = ["region", 0]
    return prompt


def without_ends():
    prompt = talking("bbf")
    del prompt["hear"]["inputs"]["keyframes"]
    return prompt


def with_encoded_flash():
    prompt = talking("echomimic_flash")
    prompt["encode"] = node("AudioEncoderEncode", audio_encoder=["encoder", 0], audio=["audio", 0])
    inputs = {name: value for name, value in prompt["hear"]["inputs"].items() if not name.startswith("sound")}
    prompt["hear"]["inputs"] = {**inputs, "sound": "encoded audio", "sound.encoded_audio": ["encode", 0]}
    return prompt


def with_another_latent():
    prompt = talking()
    prompt["latent"] = node("EmptyLatentImage", width=32, height=32, batch_size=1)
    prompt["hear"]["inputs"]["latent"] = ["latent", 0]
    return prompt


def with_another_length():
    """The sampler is given a latent of another length than the adapter."""
    prompt = talking()
    prompt["long"] = node("EmptyHunyuanLatentVideo", width=32, height=32, length=17, batch_size=1)
    prompt["hear"]["inputs"]["latent"] = ["long", 0]
    return prompt


@pytest.mark.parametrize(
    ("prompt", "where", "told"),
    [
        (
            talking(model="T2V"),
            "InbetweenAudioAdapter",
            "this Wan model is text-to-video, which takes no keyframes; connect Wan2.1",
        ),
        (talking(model="2.2"), "InbetweenAudioAdapter", "Wan2.2 I2V has no image branch, which audio adapters need"),
        (
            talking("fantasy_talking", file="large.safetensors"),
            "InbetweenAudioAdapter",
            "FantasyTalking needs a Wan model with 2 blocks and 256 channels, but Wan2.1 I2V has 2 and 128",
        ),
        (
            talking("fantasy_talking", file="wide.safetensors"),
            "InbetweenAudioAdapter",
            "has features of 64 channels, but FantasyTalking needs 96; load wav2vec2-base",
        ),
        (
            talking(file=MODELS["I2V"]),
            "InbetweenAudioAdapterLoader",
            f"{MODELS['I2V']} contains no known audio adapter; use FantasyTalking",
        ),
        (talking(start_seconds=9.0), "InbetweenAudioAdapter", "covers 9 to 9.36 s of the audio, which lasts 3."),
        (talking(offset_ms=5000), "InbetweenAudioAdapter", "covers -5 to -4.64 s of the audio"),
        (
            with_masks(4),
            "InbetweenAudioAdapter",
            "the region has 4 masks; connect 1 for the whole clip, or 9, one for each",
        ),
        (
            without_ends(),
            "InbetweenAudioAdapter",
            "BBF compares the first and the last keyframe; connect keyframes.",
        ),
        (with_encoded_flash(), "InbetweenAudioAdapter", "EchoMimicV3 flash needs one feature per frame"),
        (
            with_another_latent(),
            "InbetweenAudioAdapter",
            "the latent has shape (1, 4, 4, 4), which is not a video of Wan2.1",
        ),
        (with_another_length(), "SamplerCustomAdvanced", "has a latent of 5 latent frames, but 3 are sampled"),
        (
            segment(fps=10.0),
            "InbetweenClipContext",
            "but 41 frames at 10 fps last 4.1 s; set fps to the frame rate of the clips (2",
        ),
        (
            segment(**{"gap.from_seconds": 1.0, "gap.to_seconds": 3.0}),
            "InbetweenClipContext",
            "the gap is frames 25 to 75 (75 not included) of a clip of 41; it must start at 1 or later and end at 40",
        ),
        (segment(**{"gap.from_seconds": 0.0}), "InbetweenClipContext", "the gap is frames 0 to 27"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_sampled(server, folder, prompt, where, told):
    failure = server.failure_of(prompt)
    assert told in failure.message
    assert where in failure.node_type


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        (
            talking(file="nothing.safetensors"),
            'there is no "nothing.safetensors" in models/model_patches or models/diff',
        ),
        (talking(fps=0.0), "fps"),
    ],
)
def test_what_can_be_told_before_the_run_is(server, folder, prompt, told):
    with pytest.raises(PromptRefused) as refused:
        server.run(prompt)
    assert any(told in message for message in refused.value.messages)
