"""Generative Inbetweening in the real server: one clip, segments, and what is told where something is wrong."""

import pytest
from comfy_server import PromptRefused, files
from golden.gi.weights import FULL_SIZES, seeded_wan
from prompts import SVD_DIRECTIONS, SVD_PICTURES, keyframes_node, node, svd_loaders
from random_weights import write_weights

CHANGE = "svd_reverse_motion_with_attnflip_change.safetensors"
WAN = "wan2.1_i2v_720p_14B_fp16.safetensors"


def pictures(size=32):
    colours = {"a": 0x336699, "b": 0x996633, "c": 0x669933}
    return {
        name: node("EmptyImage", width=size, height=32, batch_size=1, color=colour) for name, colour in colours.items()
    }


def graph(frame_count=5, images="ab", size=32, steps=2, repeats=1, seed=3, motion=True, positions="", **directions):
    """A clip from one picture to another."""
    prompt = {
        **pictures(size),
        **svd_loaders(),
        "keys": keyframes_node(*images, frame_count=frame_count, positions=positions),
        "cond": node(
            "InbetweenSVDConditioning",
            clip_vision=["svd", 1],
            vae=["svd", 2],
            keyframes=["keys", 0],
            **SVD_PICTURES,
        ),
        "guider": node(
            "InbetweenDualDirectionGuider",
            model=["svd", 0],
            start=["cond", 0],
            end=["cond", 1],
            **{**SVD_DIRECTIONS, **directions},
        ),
        "noise": node("RandomNoise", noise_seed=seed),
        "sampler": node("InbetweenRenoiseSampler", repeats=repeats, ratio=0.5),
        "sigmas": node("BasicScheduler", model=["svd", 0], scheduler="karras", steps=steps, denoise=1.0),
        "sample": node(
            "SamplerCustomAdvanced",
            noise=["noise", 0],
            guider=["guider", 0],
            sampler=["sampler", 0],
            sigmas=["sigmas", 0],
            latent_image=["cond", 2],
        ),
        "decode": node("InbetweenVideoDecode", samples=["sample", 0], vae=["svd", 2], frames_per_chunk=2),
        "images": node("SaveImage", images=["decode", 0], filename_prefix="svd"),
        "report": node("PreviewAny", source=["cond", 3]),
    }
    if motion:
        prompt["guider"]["inputs"]["reverse_motion"] = ["motion", 0]
    return prompt


def segments(positions="0, 4, 8", frame_count=9, size=32, **changes):
    """A clip through three pictures."""
    widgets = {"seed": 3, "own_seeds": "", "steps": 2, "repeats": 1, "ratio": 0.5, "frames_per_chunk": 0}
    return {
        **pictures(size),
        **svd_loaders(),
        "keys": keyframes_node(*"abc", frame_count=frame_count, positions=positions),
        "long": node(
            "InbetweenSVDSegments",
            model=["svd", 0],
            clip_vision=["svd", 1],
            vae=["svd", 2],
            keyframes=["keys", 0],
            reverse_motion=["motion", 0],
            **{**widgets, "match_colour": False, **SVD_PICTURES, **SVD_DIRECTIONS, **changes},
        ),
        "images": node("SaveImage", images=["long", 0], filename_prefix="svd_segments"),
        "report": node("PreviewAny", source=["long", 1]),
    }


def run(server, prompt):
    outputs = server.run(prompt)
    return [server.image(file) for file in files(outputs, [".png"])], outputs["report"]["text"][0]


def equal(ones, others):
    return all((one == other).all() for one, other in zip(ones, others, strict=True))


# ------------------------------------------------------------------------------------------------ what is made


def test_a_seed_gives_the_same_clip_again(server):
    """Also after other nodes have run, and with the plain model in between."""
    first, report = run(server, graph())
    assert len(first) == 5
    assert report.startswith("5 frames of 32x32 from first to last keyframe.")
    assert (
        "Warning: 5 frames are far from the lengths that the models were trained on, 14 for SVD and 25 for SVD-XT."
        in report
    )
    other, _ = run(server, graph(seed=4))
    run(server, graph(method="forward only"))
    again, _ = run(server, graph(seed=3, steps=2))
    assert equal(first, again)
    assert not equal(first, other)


@pytest.mark.parametrize(
    ("method", "motion"),
    [
        ("generative inbetweening", True),
        ("rotation only", False),
        ("time reversal fusion", False),
        ("forward only", False),
    ],
)
@pytest.mark.parametrize("memory", ["both directions at once", "one direction at a time"])
def test_every_method_runs(server, method, motion, memory):
    frames, _ = run(server, graph(method=method, motion=motion, memory=memory, repeats=0, steps=1))
    assert len(frames) == 5
    assert all(frame.std() > 0 for frame in frames)


def test_weighted_by_frame_runs(server):
    weighted = {"fusion": "linear by frame", "fusion.first_cfg": 1.0, "fusion.last_cfg": 3.0}
    prompt = graph(repeats=0, steps=1, **weighted)
    del prompt["guider"]["inputs"]["fusion.cfg"]
    assert len(run(server, prompt)[0]) == 5


def test_progress_counts_evaluations(server):
    """Six evaluations in four steps, by the progress messages of the sampling node."""
    server.run(graph(steps=4, repeats=1, seed=901))
    assert server.progress["sample"] == [(number, 6) for number in range(1, 7)]


def test_reverse_motion_alone_is_what_the_two_files_mean(server):
    of_two, _ = run(server, graph(seed=77))
    prompt = graph(seed=77)
    prompt["motion"]["inputs"] = {"source": "change alone", "source.file": CHANGE}
    alone, _ = run(server, prompt)
    assert max((one - other).abs().max() for one, other in zip(of_two, alone, strict=True)) <= 1 / 255 + 1e-6


# ------------------------------------------------------------------------------------------------ segments


def sampled(server):
    return sorted(name.partition(".sample ")[2] for name in server.executed if ".sample " in name)


def test_only_the_segment_with_another_seed_is_made_again(server):
    first, report = run(server, segments(seed=11))
    assert len(first) == 9
    assert report.startswith("9 frames from 2 clips.")
    assert sampled(server) == ["1", "2"]
    second, _ = run(server, segments(seed=11, own_seeds="2: 99"))
    assert sampled(server) == ["2"]
    assert equal(first[:5], second[:5])
    assert not equal(first[5:], second[5:])


def test_segments_equal_clips_made_by_hand(server):
    made, _ = run(server, segments(seed=21))
    parts = []
    for number, seed in ((1, 21), (2, 22)):
        prompt = graph(seed=seed)
        prompt["keys"] = keyframes_node(*"abc", frame_count=9, positions="0, 4, 8")
        prompt["part"] = node(
            "InbetweenSegment", keyframes=["keys", 0], segment=number, cut="every keyframe", context_frames=1
        )
        prompt["cond"]["inputs"]["keyframes"] = ["part", 0]
        prompt["decode"]["inputs"]["frames_per_chunk"] = 0
        parts.append(run(server, prompt)[0])
    assert equal(made, [*parts[0], *parts[1][1:]])


def test_segments_of_other_lengths_and_one_alone(server):
    frames, _ = run(server, segments("0, 2, 8", match_colour=True, method="time reversal fusion", repeats=0))
    assert len(frames) == 9
    prompt = segments()
    prompt["keys"] = keyframes_node("a", "b", frame_count=5)
    frames, report = run(server, prompt)
    assert len(frames) == 5
    assert report.startswith("5 frames")


# ------------------------------------------------------------------------------------------------ what is wrong


@pytest.fixture(scope="module")
def folder(server, tmp_path_factory):
    """Files as they come out of failed downloads, and a change for the full-size model."""
    made = tmp_path_factory.mktemp("files")
    page = made / "page.safetensors"
    page.write_text("<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head></html>")
    cut = made / "cut.safetensors"
    cut.write_bytes((server.base_directory / "models/checkpoints/svd.safetensors").read_bytes()[:100_000])
    wide = write_weights(full_size_change(), made / "wide.safetensors")
    for file, kind in ((page, "diffusion_models"), (cut, "diffusion_models"), (wide, "model_patches")):
        server.offer_model(file, kind, file.name)


def full_size_change():
    from golden.gi.weights import changed_shapes, svd_shapes

    ends = {".to_v.weight": ".to_v.diff", ".to_out.0.weight": ".to_out.0.diff"}
    tensors = seeded_wan(changed_shapes(svd_shapes(FULL_SIZES)))
    return {
        f"diffusion_model.{name.removesuffix(old)}{new}": tensor.half()
        for name, tensor in tensors.items()
        for old, new in ends.items()
        if name.endswith(old)
    }


def with_wan():
    prompt = graph()
    prompt["wan"] = node("UNETLoader", unet_name=WAN, weight_dtype="default")
    prompt["guider"]["inputs"]["model"] = ["wan", 0]
    return prompt


def with_wide():
    prompt = graph()
    prompt["motion"]["inputs"] = {"source": "change alone", "source.file": "wide.safetensors"}
    return prompt


def with_source(**files_of):
    prompt = graph()
    prompt["motion"]["inputs"] |= {f"source.{name}": file for name, file in files_of.items()}
    return prompt


def with_wan_vae():
    prompt = graph()
    prompt["vae"] = node("VAELoader", vae_name="wan_2.1_vae.safetensors")
    prompt["cond"]["inputs"]["vae"] = ["vae", 0]
    return prompt


def with_zero_levels():
    prompt = graph()
    prompt["sigmas"] = node("KarrasScheduler", steps=3, sigma_max=700.0, sigma_min=0.0, rho=7.0)
    return prompt


def with_another_latent():
    prompt = graph()
    prompt["latent"] = node("EmptyLatentImage", width=64, height=64, batch_size=5)
    prompt["sample"]["inputs"]["latent_image"] = ["latent", 0]
    return prompt


@pytest.mark.parametrize(
    ("prompt", "where", "message"),
    [
        (with_wan(), "Guider", "the model is WAN21, not Stable Video Diffusion; connect SVD-XT or SVD"),
        (graph(motion=False), "Guider", "reverse_motion is not connected; connect Load Reverse Motion"),
        (with_wide(), "Guider", "wide.safetensors is for another model: "),
        (
            graph(images="abc", frame_count=9),
            "Conditioning",
            "there are 3 keyframes, but SVD takes only a first and a last",
        ),
        (graph(images="a"), "Keyframes", "keyframes need 2 or more images, got 1; connect another"),
        (graph(positions="0, 3", frame_count=5), "Conditioning", "the keyframes are at frames 0 and 3 of 5, but SVD"),
        (graph(size=36), "Conditioning", "are 36x32 but SVD needs a width of 32 or 40; set multiple_of"),
        (with_wan_vae(), "Conditioning", "the VAE has latents of 16 channels, but SVD needs 4"),
        (with_source(tuned="page.safetensors"), "Loader", "page.safetensors is a web page, not a weight file"),
        (
            with_source(tuned="cut.safetensors"),
            "Loader",
            "cut.safetensors cannot be read; the download may be incomplete",
        ),
        (with_source(tuned=WAN), "Loader", f"{WAN} has none of the layers of SVD's temporal attention"),
        (with_zero_levels(), "Sampler", "the sigmas reach 0 before the last step, as with a sigma_min of 0"),
        (with_another_latent(), "Sampler", "the latent is for 64x64 pixels but start is for 32x32"),
        (segments(size=36), "Segments", "are 36x32 but SVD needs a width of 32 or 40"),
        (segments(own_seeds="3: 5"), "Segments", "own_seeds: there is no segment 3; use 1 to 2"),
        (segments(positions="0, 4, 7"), "Segments", "segments need one at frame 0 and one at frame 8"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_sampled(server, folder, prompt, where, message):
    failure = server.failure_of(prompt)
    assert message in failure.message
    assert where in failure.node_type


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            {"source.tuned": "no.safetensors"},
            'there is no "no.safetensors" in models/diffusion_models; put svd_reverse',
        ),
        (
            {"source.base": ""},
            "no file is chosen from models/checkpoints; put svd.safetensors from https://huggingface.co",
        ),
        (
            {"source.base": "no.safetensors"},
            'there is no "no.safetensors" in models/checkpoints; put svd.safetensors from',
        ),
        (
            {"source": "change alone", "source.file": "no.safetensors"},
            'there is no "no.safetensors" in models/model_patches; put a file written by python',
        ),
    ],
)
def test_missing_files_are_told_before_the_run(server, source, message):
    prompt = graph()
    prompt["motion"]["inputs"] |= source
    del prompt["report"]  # the host would run what does not depend on it
    with pytest.raises(PromptRefused) as refused:
        server.run(prompt)
    assert message in refused.value.messages[0]
