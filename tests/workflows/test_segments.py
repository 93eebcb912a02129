"""Long clips in the real server: segments are made by the host's own nodes, and only those that changed again."""

import pytest
from comfy_server import files
from prompts import keyframes_node, node


def prompt(positions="0, 8, 16", frame_count=17, second_model=False, size=None, **changes):
    """Three pictures on a time line of 17 frames, made in segments of 9."""
    width, height = (size, size) if size else (48, 32)
    graph = {
        "a": node("EmptyImage", width=width, height=height, batch_size=1, color=0x336699),
        "b": node("EmptyImage", width=width, height=height, batch_size=1, color=0x996633),
        "c": node("EmptyImage", width=width, height=height, batch_size=1, color=0x669933),
        "keys": keyframes_node(*"abc", frame_count=frame_count, positions=positions),
        "model": node(
            "UNETLoader", unet_name="wan2.2_i2v_high_noise_14B_fp8_scaled.safetensors", weight_dtype="default"
        ),
        "clip": node("CLIPLoader", clip_name="umt5.safetensors", type="wan", device="default"),
        "vae": node("VAELoader", vae_name="wan_2.1_vae.safetensors"),
        "long": node(
            "InbetweenSegments",
            **{name: [name, 0] for name in ("model", "clip", "vae")},
            keyframes=["keys", 0],
            **{
                "prompts": "a red cat\na slow river",
                "negative": "",
                "cut": "longest",
                "cut.longest_segment": 9,
                "context_frames": 1,
                "seed": 3,
                "own_seeds": "",
                "steps": 2,
                "cfg": 1.0,
                "sampler_name": "euler",
                "scheduler": "simple",
                "clip_images": "auto",
                "other_lengths": "refuse",
                "match_colour": False,
                "low_noise_strength": 1.0,
                **changes,
            },
        ),
        "images": node("SaveImage", images=["long", 0], filename_prefix="segments"),
        "report": node("PreviewAny", source=["long", 1]),
    }
    if second_model:
        graph["long"]["inputs"] |= {"model_low": ["model", 0], "high_noise_steps": 1}
    return graph


def run(server, graph):
    outputs = server.run(graph)
    frames = [server.image(file) for file in files(outputs, [".png"])]
    return frames, outputs["report"]["text"][0]


def sampled(server):
    """Which segments the last run sampled; the host chooses their order."""
    return sorted(name.partition(".sample ")[2] for name in server.executed if ".sample " in name)


def test_the_length_is_the_one_asked_for(server):
    frames, report = run(server, prompt())
    assert len(frames) == 17
    assert report.startswith("17 frames from 2 clips.")


def test_only_what_changed_is_made_again(server):
    first, _ = run(server, prompt(seed=11))
    assert sampled(server) == ["1", "2"]
    second, _ = run(server, prompt(seed=11, own_seeds="2: 99"))
    assert sampled(server) == ["2"]
    assert all((one == other).all() for one, other in zip(first[:9], second[:9], strict=True))
    assert any((one != other).any() for one, other in zip(first[9:], second[9:], strict=True))
    run(server, prompt(seed=11, own_seeds="2: 99", prompts="a red cat\nthe camera pans"))
    assert sampled(server) == ["2"]
    again, _ = run(server, prompt(seed=11))
    assert all((one == other).all() for one, other in zip(first, again, strict=True))


def test_segments_equal_clips_made_by_hand(server):
    """Each from One Segment and the host's own nodes."""
    graph = prompt(seed=5)
    for number, seed, text in ((1, 5, "a red cat"), (2, 6, "a slow river")):
        part, positive, cond, latent = (f"{name} {number}" for name in ("part", "text", "cond", "latent"))
        graph[part] = node(
            "InbetweenSegment", keyframes=["keys", 0], segment=number, cut="every keyframe", context_frames=1
        )
        graph[positive] = node("CLIPTextEncode", clip=["clip", 0], text=text)
        graph[cond] = node(
            "InbetweenWanConditioning",
            model=["model", 0],
            positive=[positive, 0],
            negative=[positive, 0],  # not looked at where cfg is 1
            vae=["vae", 0],
            keyframes=[part, 0],
            clip_images="none",
            other_lengths="refuse",
            low_noise_strength=1.0,
            batch_size=1,
        )
        graph[latent] = node(
            "KSampler",
            model=["model", 0],
            seed=seed,
            steps=2,
            cfg=1.0,
            sampler_name="euler",
            scheduler="simple",
            denoise=1.0,
            positive=[cond, 0],
            negative=[cond, 1],
            latent_image=[cond, 2],
        )
        graph[f"decoded {number}"] = node("VAEDecode", samples=[latent, 0], vae=["vae", 0])
        graph[f"saved {number}"] = node("SaveImage", images=[f"decoded {number}", 0], filename_prefix=f"hand{number}")
    outputs = server.run(graph)
    made = [server.image(file) for file in files({"long": outputs["images"]}, [".png"])]
    by_hand = [
        server.image(file)
        for number, skipped in ((1, 0), (2, 1))
        for file in files({"": outputs[f"saved {number}"]}, [".png"])[skipped:]
    ]
    assert len(made) == len(by_hand) == 17
    assert all((one == other).all() for one, other in zip(made, by_hand, strict=True))


@pytest.mark.parametrize("second_model", [False, True])
def test_motion_is_carried_on(server, second_model):
    """With frames of the segment before: the length stays, and the second segment waits for the first."""
    frames, report = run(server, prompt(seed=21, context_frames=5, second_model=second_model, match_colour=True))
    assert len(frames) == 17
    assert "17 frames from 2 clips." in report
    run(server, prompt(seed=21, context_frames=5, second_model=second_model, match_colour=True, own_seeds="1: 7"))
    assert sampled(server) == (["1", "1 low", "2", "2 low"] if second_model else ["1", "2"])


def test_each_segment_has_the_expert_for_its_length(server):
    """On Wan2.1, which sees pictures through CLIP; the mixture changes what is made."""
    graph = prompt("0, 4, 16", **{"cut": "every keyframe", "prompts": "one for all", "seed": 31})
    del graph["long"]["inputs"]["cut.longest_segment"]
    graph["model"]["inputs"]["unet_name"] = "wan2.1_i2v_720p_14B_fp16.safetensors"
    graph["vision"] = node("CLIPVisionLoader", clip_name="clip_vision_h.safetensors")
    graph["mixture"] = node("InbetweenLoraMixtureLoader", file="semfi.ckpt")
    graph["long"]["inputs"]["clip_vision"] = ["vision", 0]
    without, _ = run(server, graph)
    graph["long"]["inputs"]["mixture"] = ["mixture", 0]
    with_it, _ = run(server, graph)
    applied = sorted(name.partition(".model ")[2] for name in server.executed if ".model " in name)
    assert applied == ["1", "2"]
    assert len(without) == len(with_it) == 17
    assert any((one != other).any() for one, other in zip(without, with_it, strict=True))


def test_lengths_off_the_grid(server):
    frames, _ = run(server, prompt("0, 7, 16", other_lengths="snap up", **{"cut.longest_segment": 10}))
    assert len(frames) == 17
    frames, _ = run(server, prompt(**{"cut": "longest", "cut.longest_segment": 81, "prompts": "one for all"}))
    assert len(frames) == 17


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompts": "a\nb\nc"}, "3 prompts for 2 segments; give one for all, or 2"),
        ({"own_seeds": "3: 5"}, "own_seeds: there is no segment 3; use 1 to 2"),
        ({"own_seeds": "two"}, 'own_seeds: cannot read "two"; write segment and seed'),
        ({"positions": "0, 7, 16", "cut.longest_segment": 10}, "frame_count 8 breaks the rule 4n+1; use 5 or 9"),
        (
            {"positions": "0, 2, 16"},
            "frames 2 to 16 are 15 frames, but a segment may have 9; add a keyframe between them",
        ),
        ({"positions": "0, 8, 15"}, "segments need one at frame 0 and one at frame 16"),
        (
            {"positions": "0, 4, 16", "cut": "every keyframe", "context_frames": 9},
            "the clip before has 5 frames, but context_frames is 9",
        ),
        ({"size": 40}, "the keyframes are 40x40 but Wan2.2 I2V needs a width of 32 or 48"),
        ({"second_model": True, "steps": 1}, "high_noise_steps is 1 of 1 steps, which leaves none for model_low"),
    ],
)
def test_what_cannot_be_made_is_told_before_anything_is_sampled(server, changes, message):
    failure = server.failure_of(prompt(seed=77, **changes))
    assert message in failure.message
    assert failure.node_type == "InbetweenSegments"
