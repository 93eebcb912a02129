"""What goes wrong on Wan is told in one line on the node, by the real server, before anything is sampled."""

import pytest
from comfy_server import PromptRefused, RunFailed
from golden.semfi.weights import write_lora, write_semfi
from prompts import keyframes_node, node

MODELS = {
    "I2V": "wan2.1_i2v_720p_14B_fp16.safetensors",
    "2.2": "wan2.2_i2v_high_noise_14B_fp8_scaled.safetensors",
    "FLF2V": "wan_flf2v.safetensors",
    "T2V": "wan_t2v.safetensors",
}


def graph(model="I2V", frame_count=9, positions="", size=32, clip_vision=True, pictures=2, **widgets):
    """Pictures, keyframes and the conditioning of a Wan model, with a mixture before it."""
    prompt = {
        "a": node("EmptyImage", width=size, height=size, batch_size=1, color=0x336699),
        "b": node("EmptyImage", width=size, height=size, batch_size=1, color=0x996633),
        "keys": keyframes_node(*("ab" * 2)[:pictures], frame_count=frame_count, positions=positions),
        "model": node("UNETLoader", unet_name=MODELS[model], weight_dtype="default"),
        "clip": node("CLIPLoader", clip_name="umt5.safetensors", type="wan", device="default"),
        "text": node("CLIPTextEncode", clip=["clip", 0], text=""),
        "vae": node("VAELoader", vae_name="wan_2.1_vae.safetensors"),
        "vision": node("CLIPVisionLoader", clip_name="clip_vision_h.safetensors"),
        "mixture": node("InbetweenLoraMixtureLoader", file="semfi.ckpt"),
        "expert": node(
            "InbetweenLoraMixture",
            model=["model", 0],
            mixture=["mixture", 0],
            keyframes=["keys", 0],
            frame_count=81,
            expert="nearest",
            strength_universal=1.0,
            strength_expert=1.0,
            method="auto",
        ),
        "cond": node(
            "InbetweenWanConditioning",
            model=["model", 0],
            positive=["text", 0],
            negative=["text", 0],
            vae=["vae", 0],
            keyframes=["keys", 0],
            **{
                "clip_images": "auto",
                "other_lengths": "refuse",
                "low_noise_strength": 1.0,
                "batch_size": 1,
                **widgets,
            },
        ),
        "show": node("PreviewAny", source=["cond", 5]),
        "which": node("PreviewAny", source=["expert", 2]),
    }
    if clip_vision:
        prompt["cond"]["inputs"]["clip_vision"] = ["vision", 0]
    return prompt


def with_files(*experts, **changes):
    """The same, with a mixture of single files: (file, frames), or (file, None) for a universal LoRA."""
    prompt = graph(**changes)
    for number, (file, frames) in enumerate(experts):
        role = {"role": "universal"} if frames is None else {"role": "expert", "role.trained_frames": frames}
        prompt[f"add {number}"] = node("InbetweenLoraMixtureAdd", file=file, **role)
        if number:
            prompt[f"add {number}"]["inputs"]["mixture"] = [f"add {number - 1}", 0]
    prompt["expert"]["inputs"]["mixture"] = [f"add {len(experts) - 1}", 0]
    return prompt


@pytest.fixture(scope="module")
def folder(server, tiny_models, tmp_path_factory):
    """Models and LoRAs that the shipped workflows do not ask for."""
    made = tmp_path_factory.mktemp("loras")
    for name in ("wan_flf2v", "wan_t2v"):
        server.offer_model(
            tiny_models / f"diffusion_models/{name}.safetensors", "diffusion_models", f"{name}.safetensors"
        )
    server.offer_model(write_lora(made / "fits.safetensors", seed=1), "loras", "fits.safetensors")
    server.offer_model(write_lora(made / "wide.safetensors", seed=1, dim=64), "loras", "wide.safetensors")
    server.offer_model(write_lora(made / "deep.safetensors", seed=1, blocks=9), "loras", "deep.safetensors")
    cut = made / "cut.ckpt"
    cut.write_bytes(write_semfi(made / "semfi.ckpt").read_bytes()[:100_000])
    server.offer_model(cut, "loras", "cut.ckpt")
    server.offer_model(tiny_models / "vae/wan_vae.safetensors", "loras", "no_lora.safetensors")


def reports(outputs):
    return [outputs[name]["text"][0] for name in ("show", "which")]


def test_the_graph_of_these_tests_runs_as_it_is(server, folder):
    conditioned, chosen = reports(server.run(graph()))
    assert conditioned.startswith("Wan2.1 I2V: 9 frames in 3 latent frames. Keyframes at 0, 8.")
    assert chosen.startswith("Expert for 9 frames on a clip of 9")


def test_mixtures_of_single_files_run(server, folder):
    _, chosen = reports(
        server.run(with_files(("fits.safetensors", None), ("deep.safetensors", 9), ("fits.safetensors", 33)))
    )
    assert "fits.safetensors, strength 1: 20 of 20 layers fit." in chosen
    assert "Warning: only 20 of 90 layers of deep.safetensors fit Wan2.1 I2V" in chosen


def test_a_mixture_for_wan21_on_wan22_is_told(server, folder):
    _, chosen = reports(server.run(graph("2.2")))
    assert "Warning: the mixture was trained on Wan2.1 I2V, but the model is Wan2.2 I2V" in chosen


@pytest.mark.parametrize(
    ("prompt", "where", "message"),
    [
        (graph(frame_count=3), "", "frame_count is 3; Wan needs 5 frames or more"),
        (graph(frame_count=10), "Conditioning", "frame_count 10 breaks the rule 4n+1; use 9 or 13"),
        (graph(size=40), "Conditioning", "are 40x40 but Wan2.1 I2V needs a width of 32 or 48; set multiple_of"),
        (graph(clip_vision=False), "Conditioning", "connect clip_vision_h from Load CLIP Vision"),
        (
            graph("FLF2V", pictures=3, clip_images="concatenate all"),
            "Conditioning",
            "there are 3 images for CLIP, but Wan2.1 FLF2V takes at most 2",
        ),
        (graph("T2V"), "", "this Wan model is text-to-video, which takes no keyframes; connect Wan2.1 I2V"),
        (with_files(("wide.safetensors", 9)), "Mixture", "none of the 20 layers of wide.safetensors fits Wan2.1 I2V"),
        (with_files(("no_lora.safetensors", 9)), "Add", "no_lora.safetensors contains no LoRA"),
        (with_files(("semfi.ckpt", 9)), "Add", "semfi.ckpt is a whole Mixture of LoRA; open it with Load Mixture"),
        (
            with_files(("fits.safetensors", 9), ("deep.safetensors", 9)),
            "Add",
            "two experts are for 9 frames, fits.safetensors and deep.safetensors",
        ),
        (
            with_files(("fits.safetensors", None), ("fits.safetensors", None)),
            "Add",
            "has a universal LoRA, fits.safetensors; add fits.safetensors as an expert",
        ),
        (with_files(("fits.safetensors", None)), "Mixture", "the mixture has no expert; add one with Extend Mixture"),
    ],
)
def test_what_does_not_fit_is_told(server, folder, prompt, where, message):
    failure = server.failure_of(prompt)
    assert message in failure.message
    assert where in failure.node_type


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("fits.safetensors", "fits.safetensors is not a Mixture of LoRA in one file; use semfi.ckpt"),
        ("cut.ckpt", "cut.ckpt cannot be read; the download may be incomplete"),
    ],
)
def test_a_file_that_is_no_mixture(server, folder, file, message):
    prompt = graph()
    prompt["mixture"]["inputs"]["file"] = file
    with pytest.raises(RunFailed) as failure:
        server.run(prompt)
    assert failure.value.message.startswith(message)


def test_an_expert_that_is_not_there(server, folder):
    prompt = graph()
    prompt["expert"]["inputs"] |= {"expert": "fixed", "expert.trained_frames": 34}
    with pytest.raises(RunFailed, match="no expert for 34 frames; choose 5, 9, 17, 33, 65 or 81"):
        server.run(prompt)


@pytest.mark.parametrize(
    ("name", "file", "message"),
    [
        ("mixture", "missing.ckpt", 'there is no "missing.ckpt" in models/loras; put semfi.ckpt from https://'),
        (
            "add 0",
            "missing.safetensors",
            'there is no "missing.safetensors" in models/loras; put a LoRA file for Wan there',
        ),
    ],
)
def test_missing_files_are_told_before_the_run(server, folder, name, file, message):
    prompt = with_files(("fits.safetensors", 9))
    prompt["expert"]["inputs"]["mixture"] = [name, 0]
    prompt[name]["inputs"]["file"] = file
    del prompt["show"]  # the host would run what does not depend on it
    with pytest.raises(PromptRefused) as refused:
        server.run(prompt)
    assert message in refused.value.messages[0]
