"""What goes wrong is told in one line on the node, by the real server, and says what to change."""

import math

import pytest
from comfy_server import PromptRefused, RunFailed
from prompts import keyframes_node as keyframes
from prompts import node


def picture(width=64, height=48, color=0x336699):
    return node("EmptyImage", width=width, height=height, batch_size=1, color=color)


def graph(keys, first=None, second=None, finish_keys=None, timing=None):
    """Two pictures, keyframes, interpolation, finish, preview."""
    return {
        "a": first or picture(),
        "b": second or picture(),
        "keys": keys,
        "other keys": finish_keys or keyframes("a", "b"),
        "engine": node("InbetweenInterpolatorLoader", interpolator="optical flow (no model)"),
        "between": node(
            "InbetweenInterpolate",
            interpolator=["engine", 0],
            frames=["keys", 0],
            **(timing or {"timing": "as keyframed"}),
        ),
        "finish": node(
            "InbetweenFinish",
            images=["between", 0],
            keyframes=["other keys" if finish_keys else "keys", 0],
            put_back="replace",
        ),
        "show": node("PreviewImage", images=["finish", 0]),
    }


def joined(*clips, **widgets):
    """Clips of two frames each joined; `clips` are their nodes' outputs."""
    given = {"overlap": 1, "seam": "cut", "match_colour": "off", "fps": 24.0}
    sockets = {f"clips.clip{number}": [clip, 0] for number, clip in enumerate(clips)}
    return {
        "a": node("EmptyImage", width=64, height=48, batch_size=2, color=0x336699),
        "small": node("EmptyImage", width=32, height=32, batch_size=2, color=0x336699),
        "at 24": node("CreateVideo", images=["a", 0], fps=24.0),
        "at 30": node("CreateVideo", images=["a", 0], fps=30.0),
        "join": node("InbetweenJoin", **{**given, **sockets, **widgets}),
        "show": node("PreviewImage", images=["join", 0]),
    }


def with_pervfi(file="v00.pth", flow=None, **widgets):
    """Two pictures between which PerVFI makes frames; `flow` is a file of optical flow."""
    prompt = graph(keyframes("a", "b"), second=picture(64, 48, 0x996633))
    prompt["engine"] = node("InbetweenInterpolatorLoader", interpolator=file)
    prompt["between"]["inputs"] |= widgets
    if flow:
        prompt["flow"] = node("InbetweenOpticalFlowLoader", file=flow)
        prompt["engine"]["inputs"]["optical_flow"] = ["flow", 0]
    return prompt


def refined(which, clip="a", **widgets):
    """A clip of four equal pictures refined by the weight-free interpolator."""
    chosen = {key if key == "which" else f"which.{key}": value for key, value in which.items()}
    return {
        "a": node("EmptyImage", width=64, height=48, batch_size=4, color=0x336699),
        "two": node("EmptyImage", width=64, height=48, batch_size=2, color=0x336699),
        "keys": keyframes("a"),
        "engine": node("InbetweenInterpolatorLoader", interpolator="optical flow (no model)"),
        "refine": node(
            "InbetweenRefine", interpolator=["engine", 0], images=[clip, 0], strength=1.0, **chosen, **widgets
        ),
        "show": node("PreviewImage", images=["refine", 0]),
    }


def duration(**widgets):
    given = {"duration": "seconds", "duration.seconds": 2.0, "fps": 24.0, "frame_rule": "any", "rounding": "nearest"}
    return {
        "count": node("InbetweenFrameCount", **{**given, **widgets}),
        "show": node("PreviewAny", source=["count", 0]),
    }


def test_the_graph_of_these_tests_runs_as_it_is(server):
    outputs = server.run(graph(keyframes("a", "b")))
    assert len(outputs["show"]["images"]) == 5


@pytest.mark.parametrize("file", ["v00.pth", "vb.pth", "rife_v4.26.safetensors"])
@pytest.mark.parametrize("flow", [None, "raft_large_C_T_SKHT_V1-22a6c225.pth"])
def test_published_files_run(server, file, flow):
    """For our node and the host's own."""
    prompt = with_pervfi(file, flow)
    prompt["clip"] = node("ImageBatch", image1=["a", 0], image2=["b", 0])
    prompt["theirs"] = node("FrameInterpolate", interp_model=["engine", 1], images=["clip", 0], multiplier=2)
    prompt["show theirs"] = node("PreviewImage", images=["theirs", 0])
    outputs = server.run(prompt)
    assert len(outputs["show"]["images"]) == 5
    assert len(outputs["show theirs"]["images"]) == 3


def test_frames_and_videos_are_joined(server):
    assert len(server.run(joined("a", "at 30", "at 30"))["show"]["images"]) == 4


def test_one_picture_makes_a_loop(server):
    prompt = graph(keyframes("a", loop=True))
    prompt["finish"]["inputs"] |= {"loop": True, "match_colour": True}
    assert len(server.run(prompt)["show"]["images"]) == 4


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (graph(keyframes("a", "b", positions="0, 0")), "two images are at frame 0; give each its own frame"),
        (graph(keyframes("a", "b", positions="0, 5")), "frame 5 is outside the 5 frames; use 0 to 4"),
        (graph(keyframes("a", "b", positions="0, last")), 'cannot read "last"; write frame numbers such as 0, 24, -1'),
        (graph(keyframes("a", "b", frame_count=82, frame_rule="4n+1")), "82 breaks the rule 4n+1; use 81 or 85"),
        (graph(keyframes("a", "b", frame_count=1)), "frame_count is 1; at least 2 frames are needed"),
        (graph(keyframes("a", "b", frame_count=10**9)), "frame_count is 1000000000; at most 100000"),
        (graph(keyframes("a", "b", frame_rule="3n")), 'frame_rule is "3n"; choose any, 4n+1 or 8n+1'),
        (graph(keyframes("a", "b", positions="0, -1", loop=True)), "in a loop the last frame, 4, repeats the image at"),
        (graph(keyframes("a", "b", positions="1, 3", loop=True)), "starts and ends with the image at frame 0"),
        (joined("a", "a", fps=0), "fps is 0; give a number above 0"),
        (duration(fps=0), "fps is 0; give a number above 0"),
        (duration(fps=math.nan), "fps is nan; give a number above 0"),
        (
            with_pervfi("v99.pth"),
            'there is no "v99.pth" in models/frame_interpolation; put v00.pth or vb.pth from https:',
        ),
        (
            with_pervfi(flow="raft.pth"),
            'there is no "raft.pth" in models/optical_flow; put https://download.pytorch.org',
        ),
    ],
)
def test_a_wrong_widget_is_refused_before_anything_runs(server, prompt, message):
    with pytest.raises(PromptRefused) as refusal:
        server.run(prompt)
    assert any(message in text for text in refusal.value.messages)
    assert not any("\n" in text for text in refusal.value.messages)


def unclosed_loop():
    prompt = graph(keyframes("a", "b"), second=node("EmptyImage", width=64, height=48, batch_size=1, color=0x996633))
    prompt["finish"]["inputs"] |= {"loop": True}
    return prompt


NOT_FINITE = {
    "blend": node("ImageBlend", image1=["a", 0], image2=["b", 0], blend_factor=math.nan, blend_mode="normal"),
}
AS_A_CLIP = {"frames": ["a", 0]}


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (duration(**{"duration.seconds": math.nan}), "seconds is nan; give 0 to 86400."),
        (duration(fps=0.001), "fps is 0.001; give 0.01 to 1000."),
        (duration(duration="minutes"), "duration is missing; choose seconds or audio."),
        (
            graph(keyframes("a", "b", multiple_of=["none", 0])) | {"none": node("PrimitiveInt", value=0)},
            "multiple_of is 0; give 1 to 256.",
        ),
        (
            graph(keyframes("a", "b", frame_count=["one", 0])) | {"one": node("PrimitiveInt", value=1)},
            "frame_count is 1; give 2 to 100000.",
        ),
        (
            graph(keyframes("a", "b", frame_rule="4n+1", frame_count=["ten", 0]))
            | {"ten": node("PrimitiveInt", value=10)},
            "frame_count 10 breaks the rule 4n+1; use 9 or 13.",
        ),
        (
            with_pervfi(method="recursive", hold=1, **{"timing": "multiplier", "timing.multiplier": 3}),
            "halving a gap reaches 1/2, 1/4, 3/8 and so on, but a frame is needed at 1/12 of a gap; set method to "
            "direct, or use a multiplier of 2, 4, 8, 16, 32 or 64.",
        ),
        (
            with_pervfi(temperature=["cold", 0]) | {"cold": node("PrimitiveFloat", value=-0.5)},
            "temperature is -0.5; give 0 to 2.",
        ),
        (
            with_pervfi("raft_large.pth"),
            "raft_large.pth is RAFT, an optical flow model; use a PerVFI file, v00.pth or vb.pth from "
            "github.com/mulns/PerVFI, or a RIFE or FILM file.",
        ),
        (
            with_pervfi("cut.pth"),
            "cut.pth cannot be read; the download may be incomplete, so download it again: a PerVFI file, v00.pth or "
            "vb.pth from github.com/mulns/PerVFI, or a RIFE or FILM file.",
        ),
        (
            refined({"which": "list", "frames": "0"}),
            "frames: 0 cannot be rebuilt; choose from frames 1 to 2, which have a neighbour on each side.",
        ),
        (
            refined({"which": "every other", "passes": 1}, "two"),
            "images has 2 frames; to rebuild some of them, connect 3 or more.",
        ),
        (
            refined({"which": "worst", "score": "blur", "count": 1}, keyframes=["keys", 0]),
            "4 frames came in but the keyframes are for 5; connect the keyframes that the frames were generated from.",
        ),
        (
            graph(
                keyframes("a", "b"),
                timing={"timing": "frame rate", "timing.source_fps": math.nan, "timing.target_fps": 60.0},
            ),
            "source_fps is nan; give 0.01 to 1000.",
        ),
        (graph(keyframes("a")), "keyframes need 2 or more images, got 1; connect another image."),
        (graph(keyframes()), "keyframes need 2 or more images, got 0; connect another image."),
        (graph(keyframes(*"ababab")), "6 images do not fit into 5 frames; set frame_count to 6 or more."),
        (
            graph(keyframes("a", "b", positions="0, 2, 4")),
            "positions names 3 frames but 2 images came in; give one frame per image, or leave it empty to spread them "
            "evenly.",
        ),
        (
            graph(keyframes("a", "b", fit="off"), second=picture(32, 32)),
            "image 2 is 32x32 but 64x48 is needed; set fit to crop, pad or stretch, or resize the image first.",
        ),
        (
            graph(keyframes("a", "blend")) | NOT_FINITE,
            "image 2 has NaN or infinite values; check the node it comes from (often a VAE in fp16).",
        ),
        (
            graph(keyframes("a", "b"), finish_keys=keyframes("a", "b", frame_count=9)),
            "5 frames came in but the keyframes need 9; generate 9 frames, or set frame_count of Keyframes to 5.",
        ),
        (
            unclosed_loop(),
            "a loop must end with the picture it starts with, but the keyframes at frames 0 and 4 differ; switch on "
            "loop in Keyframes, or switch it off here.",
        ),
        (graph(keyframes(loop=True)), "keyframes need 1 or more images for a loop, got 0; connect an image."),
        (joined("a"), "joining needs 2 or more clips, got 1; connect another clip."),
        (joined("a", "small"), "clip 2 is 32x32 but clip 1 is 64x48; scale them to one size with Upscale Image."),
        (joined("a", "a", overlap=3), "overlap is 3 but clip 1 has only 2 frames; use 0 to 2."),
        (
            joined("at 24", "a", "at 30"),
            "clip 3 has 30 fps but clip 1 has 24; convert them to one rate with Interpolate Frames (timing: frame "
            "rate).",
        ),
        (
            graph(keyframes("a", "b"), finish_keys=keyframes("a", "b", multiple_of=32)),
            "the frames are 64x48 but the keyframes are 64x64; set width, height or multiple_of of Keyframes to match.",
        ),
    ],
)
def test_a_wrong_socket_is_told_on_the_node(server, wrong_models, prompt, message):
    with pytest.raises(RunFailed) as failure:
        server.run(prompt)
    assert failure.value.message == message


@pytest.fixture(scope="module")
def wrong_models(server):
    """Files that somebody put into the folder of PerVFI."""
    folder = server.base_directory / "models" / "frame_interpolation"
    (flow,) = (server.base_directory / "models" / "optical_flow").glob("*.pth")
    server.offer_model(flow, folder.name, "raft_large.pth")
    (folder / "cut.pth").write_bytes((folder / "v00.pth").read_bytes()[:1_000_000])


EASED = {"timing": "as keyframed", "easing": "bezier", "easing.ease_over": "each gap"}
RAMPED = {"timing": "as keyframed", "easing": "ease in", "easing.ease_over": "whole length"}


@pytest.mark.parametrize(
    ("timing", "message"),
    [
        ({"timing": "times", "timing.times": "0.5, 1.5"}, "times: 1.5 is not between 0 and 1"),
        ({"timing": "times", "timing.times": "0.5; 0.5; 0.5"}, "times has 3 lists but there are 1 gaps"),
        ({**EASED, "easing.curve": "0.3, -0.2, 0.6, 1"}, "curve: y1 is -0.2, which gives times outside 0..1"),
        (RAMPED, 'ease_over "whole length" would move the keyframes off their frames; choose each gap'),
    ],
)
def test_times_outside_a_gap(server, timing, message):
    with pytest.raises(RunFailed) as failure:
        server.run(graph(keyframes("a", "b"), timing=timing))
    assert message in failure.value.message
    assert "\n" not in failure.value.message


def test_easing_and_hold_keep_the_number_of_frames(server):
    timing = {**EASED, "easing.curve": "0.42, 0, 1, 1", "hold": 2}
    assert len(server.run(graph(keyframes("a", "b"), timing=timing))["show"]["images"]) == 5


def test_pictures_too_small_for_optical_flow(server):
    with pytest.raises(RunFailed, match="1x1") as failure:
        server.run(graph(keyframes("a", "b"), first=picture(1, 1), second=picture(1, 1, 0)))
    assert failure.value.node_type == "InbetweenInterpolate"
    assert "16" in failure.value.message
    assert "\n" not in failure.value.message


def test_one_frame_is_no_clip(server):
    prompt = graph(keyframes("a", "b"), timing={"timing": "multiplier", "timing.multiplier": 2})
    prompt["between"]["inputs"] |= AS_A_CLIP
    with pytest.raises(RunFailed, match="frames has one frame; connect a clip of 2 or more, or keyframes"):
        server.run(prompt)


def test_a_clip_has_no_keyframe_count(server):
    prompt = graph(keyframes("a", "b"))
    prompt["between"]["inputs"] |= AS_A_CLIP
    with pytest.raises(RunFailed, match='timing "as keyframed" needs keyframes; for a clip choose multiplier'):
        server.run(prompt)


def test_more_frames_than_memory(server):
    prompt = graph(keyframes("a", "b", frame_count=100_000, width=4096, height=4096))
    with pytest.raises(
        RunFailed,
        match=r"100000 frames of 4096x4096 need .* GiB of memory, but only .* GiB are free: at most \d+ of this "
        r"size fit, .*ask for fewer or smaller frames",
    ):
        server.run(prompt)


def test_4k_pictures_work(server):
    prompt = graph(keyframes("a", "b", frame_count=3), first=picture(3840, 2160), second=picture(3840, 2160, 0))
    assert len(server.run(prompt)["show"]["images"]) == 3


def test_a_corrupt_picture_is_named(server):
    (server.base_directory / "input" / "broken.png").write_bytes(b"not a picture")
    with pytest.raises(RunFailed, match=r"broken\.png") as failure:
        server.run(graph(keyframes("a", "b"), first=node("LoadImage", image="broken.png")))
    assert failure.value.node_type == "LoadImage"
    assert "\n" not in failure.value.message
