"""Every shipped workflow runs as it is, from the real page into the real server, and makes what it promises."""

import re
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from comfy_server import files
from PIL import Image, ImageOps
from project_paths import SAMPLE_INPUTS, WORKFLOWS
from sample_media import SHORT_SOUND, SMALL_FRAMES, SMALL_RATE, SMALL_VIDEO
from workflow_graphs import read_workflow, shipped_workflows, to_prompt

# A video is lossy: a frame counts as the keyframe if it is this near, in the mean of all values of 0 to 1.
VIDEO_LOSS, SMALL_VIDEO_LOSS = 0.02, 0.04

# Graphs with a network run small, as short as shows what they do, and with few steps.
SMALL = {
    "pervfi_interpolate": 5,
    "rife_interpolate": 7,
    "refine": 7,
    "semfi_first_last": 9,
    "semfi_low_vram": 9,
    "wan_keyframes_anywhere": 25,
    "wan22_first_middle_last": 29,
    "wan_long": 17,
    "generative_inbetweening": 5,
    "generative_inbetweening_low_vram": 5,
    "generative_inbetweening_keyframes": 9,
    "audio_guided_inbetween": 9,
    "fix_talking_segment": 17,
    "context_clips": 17,
    "smooth_video": 98,
    "slow_motion": 95,
}
MOST_STEPS = 4
SMALL_GAP = {"gap.from_seconds": 0.8, "gap.to_seconds": 1.08, "gap.frames": 8}  # in a video of 41 frames


def prompt_of(server, name: str) -> dict:
    """The prompt of a workflow; of one in SMALL with so many frames of 96 x 56 (for Wan 96 x 64)."""
    prompt = to_prompt(read_workflow(WORKFLOWS / f"{name}.json"), server.object_info)
    if name not in SMALL:
        return prompt
    for node in prompt.values():
        inputs = node["inputs"]
        if node["class_type"] == "InbetweenKeyframes":
            inputs |= {"width": 96, "height": 56}
            if not isinstance(inputs.get("frame_count"), list):
                inputs["frame_count"] = SMALL[name]
        if node["class_type"] == "LoadVideo":
            inputs["file"] = SMALL_VIDEO
        if node["class_type"] == "LoadAudio":
            inputs["audio"] = SHORT_SOUND
        if node["class_type"] == "ImageFromBatch":
            inputs |= {"batch_index": 24, "length": 17} if inputs["batch_index"] else {"length": 16}
        inputs |= {each: value for each, value in SMALL_GAP.items() if each in inputs}
        if "steps" in inputs:
            inputs["steps"] = min(inputs["steps"], MOST_STEPS)
        if "cut.longest_segment" in inputs:
            inputs["cut.longest_segment"] = 9
        if "repeats" in inputs:
            inputs["repeats"] = 1
    return prompt


@pytest.fixture(scope="module")
def results(server) -> dict[str, dict]:
    """What each shipped workflow reported, by the name of its file."""
    return {}


@pytest.fixture
def outputs(server, browser, results, request):
    """
    Runs a workflow once, however many tests look at it: queued by the page, which sends what a pipeline sends.

    In one renderer; `test_conversion.py` opens the same files in the other one.
    """
    name = request.param
    if name not in results:
        page = browser.page("canvas", server)
        prompt = prompt_of(server, name)
        page.drop(WORKFLOWS / f"{name}.json")
        page.set_values(prompt)
        assert page.prompt() == prompt
        assert page.queue()["kind"] == "execution_success"
        results[name] = page.outputs()
        assert page.errors == []
    return results[name]


def sample(number: int, height: int, width: int, name: str = "bunny") -> torch.Tensor:
    """A sample image at the size of a video."""
    with Image.open(SAMPLE_INPUTS / f"{name}_{number}.jpg") as image:
        fitted = ImageOps.fit(image.convert("RGB"), (width, height), Image.Resampling.LANCZOS)
        return torch.from_numpy(np.asarray(fitted, dtype=np.float32) / 255)


def nearest_frame(frames_THWC: torch.Tensor, image_HWC: torch.Tensor) -> tuple[int, float]:
    """Number of the frame most like an image, and the mean difference."""
    differences = (frames_THWC - image_HWC).abs().mean(dim=(1, 2, 3))
    return int(differences.argmin()), float(differences.min())


@pytest.mark.parametrize("outputs", [file.stem for file in shipped_workflows()], indirect=True)
def test_it_saves_a_video(server, outputs):
    """And whatever else it saves stands in one folder."""
    saved = [file for file in files(outputs, [".mp4", ".png"]) if file.type != "temp"]  # previews
    assert any(file.filename.endswith(".mp4") for file in saved)
    for file in saved:
        assert file.type == "output"
        assert file.subfolder == "inbetween"
        assert len(server.read(file)) > 1000


@pytest.mark.parametrize(
    ("outputs", "frame_count", "fps", "keyframes"),
    [
        ("quickstart", 25, 24, {0: 1, 24: 2}),
        ("three_keyframes", 48, 24, {0: 1, 16: 2, 47: 3}),
        ("three_keyframes_loop", 48, 24, {0: 1, 16: 2, 32: 3}),
        ("join_clips", 29, 24, {0: 1, 16: 2, 28: 3}),
        ("look_at_motion", 36, 24, {0: 1, 18: 2, 35: 3}),
        ("pervfi_interpolate", 5, 24, {0: 1, 4: 2}),
        ("rife_interpolate", 7, 24, {0: 1, 6: 2}),
        ("refine", 7, 24, {0: 1, 6: 2}),
        ("semfi_first_last", 9, 30, {0: 1, 8: 2}),
        ("semfi_low_vram", 9, 30, {0: 1, 8: 2}),
        ("wan_keyframes_anywhere", 25, 16, {0: 1, 20: 2, 24: 3}),
        ("wan22_first_middle_last", 29, 16, {0: 1, 24: 2, 28: 3}),
        ("wan_long", 17, 16, {0: 1, 8: 2, 16: 3}),
        ("generative_inbetweening", 5, 7, {0: 1, 4: 2}),
        ("generative_inbetweening_low_vram", 5, 7, {0: 1, 4: 2}),
        ("generative_inbetweening_keyframes", 9, 7, {0: 1, 4: 2, 8: 3}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
    indirect=["outputs"],
)
def test_the_video_goes_through_the_keyframes(server, outputs, frame_count, fps, keyframes):
    file = min(files(outputs, [".mp4"]), key=lambda file: len(file.filename))  # not that of a part
    frames_THWC, rate = server.video(file)
    assert (len(frames_THWC), rate) == (frame_count, fps)
    for frame, number in keyframes.items():
        found, difference = nearest_frame(frames_THWC, sample(number, *frames_THWC.shape[1:3]))
        assert found == frame
        assert difference < (VIDEO_LOSS if frames_THWC.shape[2] > 96 else SMALL_VIDEO_LOSS)


@pytest.mark.parametrize("outputs", ["audio_guided_inbetween"], indirect=True)
def test_pictures_stand_at_both_ends_of_the_sound(server, outputs):
    (file,) = files(outputs, [".mp4"])
    frames_THWC, rate = server.video(file)
    assert (len(frames_THWC), rate) == (9, 25)
    for frame, number in ((0, 1), (8, 2)):
        assert nearest_frame(frames_THWC[[frame]], sample(number, *frames_THWC.shape[1:3], "portrait"))[1] < 0.05


@pytest.mark.parametrize("outputs", ["fix_talking_segment", "context_clips"], indirect=True)
def test_a_part_made_anew_keeps_number_and_rate_of_frames(server, outputs):
    frames_THWC, rate = server.video(*files(outputs, [".mp4"]))
    assert (len(frames_THWC), rate) == (SMALL_FRAMES, SMALL_RATE)


@pytest.mark.parametrize(
    ("outputs", "frame_count", "fps", "seconds"),
    [("smooth_video", 98, 60, 1.64), ("slow_motion", 95, 25, 3.8)],
    ids=lambda value: value if isinstance(value, str) else "",
    indirect=["outputs"],
)
def test_a_whole_video_is_interpolated_with_its_sound(server, outputs, frame_count, fps, seconds):
    """And Save Video keeps the file of Interpolate Video as it is: its coded pictures are the same bytes."""
    (file,) = files(outputs, [".mp4"])
    frames_THWC, rate = server.video(file)
    assert (len(frames_THWC), rate) == (frame_count, fps)
    path = server.base_directory / "output" / file.subfolder / file.filename
    made = [coded(each) for each in (server.base_directory / "temp").glob("interpolated_*.mp4")]
    assert coded(path)["audio"]
    assert coded(path) in made
    with av.open(str(path)) as container:
        (sound,) = container.streams.audio
        assert float(sound.duration * sound.time_base) == pytest.approx(seconds, abs=0.1)


def coded(path: Path) -> dict[str, list[bytes]]:
    """The packets of each kind of stream in a file."""
    packets: dict[str, list[bytes]] = {"video": [], "audio": []}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size:
                packets[packet.stream.type].append(bytes(packet))
    return packets


@pytest.mark.parametrize("name", ["fix_talking_segment", "context_clips"])
def test_the_sound_goes_untouched_to_the_video(server, name):
    """What the file holds is what Create Video is given."""
    prompt = prompt_of(server, name)
    video = next(node for node in prompt.values() if node["class_type"] == "CreateVideo")
    origin, output = video["inputs"]["audio"]
    assert prompt[origin]["class_type"] == "GetVideoComponents"
    assert server.object_info["GetVideoComponents"]["output"][output] == "AUDIO"


@pytest.mark.parametrize("outputs", ["three_keyframes_loop"], indirect=True)
def test_the_loop_closes(server, outputs):
    """The step from the last frame to the first is no larger than those within."""
    frames_THWC, _ = server.video(*files(outputs, [".mp4"]))
    steps = (frames_THWC - frames_THWC.roll(1, dims=0)).abs().mean(dim=(1, 2, 3))
    assert steps[0] <= steps[1:].max()


@pytest.mark.parametrize("outputs", ["look_at_motion"], indirect=True)
def test_motion_is_shown(server, outputs):
    saved = [file for file in files(outputs, [".png"]) if file.type == "output"]
    pictures = {file.filename.rsplit("_", 2)[0]: server.image(file) for file in saved}
    assert pictures["look_at_motion_plot"].shape == (720, 1200, 3)
    flow_HWC = pictures["look_at_motion_flow"]
    assert len(saved) == 3  # the plot, and the flow from keyframe to keyframe
    assert (flow_HWC.amax(dim=2) - flow_HWC.amin(dim=2)).amax() > 0.5  # full colour somewhere
    assert flow_HWC.mean() > 0.8  # and white where nothing moves
    advice, report = sorted((text for node in outputs.values() for text in node.get("text", [])), reverse=True)
    assert advice.startswith("Use PerVFI (graph pervfi_interpolate), or add a keyframe near frame")
    assert report.startswith("36 frames. Mean from frame to frame: ")
    assert report.endswith("No jumps found.")


@pytest.mark.parametrize("outputs", ["quickstart", "three_keyframes", "join_clips"], indirect=True)
def test_the_contact_sheet_is_a_picture_of_many(server, outputs):
    (file,) = [file for file in files(outputs, [".png"]) if file.type == "output"]
    sheet_HWC = server.image(file)
    assert sheet_HWC.shape[0] > 300
    assert sheet_HWC.shape[1] > 600
    assert sheet_HWC.std() > 0.1


@pytest.mark.parametrize(
    ("outputs", "beginning"),
    [
        ("quickstart", "optical flow (no model): 25 frames from 2."),
        ("three_keyframes", "48 frames; keyframes put back, blended over 2 frames on each side."),
        ("three_keyframes_loop", "48 frames, frame 48 dropped because it repeats frame 0 in a loop;"),
        ("join_clips", "29 frames from 2 clips."),
        ("pervfi_interpolate", "PerVFI v00 with RAFT flow: 5 frames from 2."),
        ("rife_interpolate", "RIFE: 7 frames from 2."),
        ("refine", "PerVFI v00 with weight-free flow: "),
    ],
    indirect=["outputs"],
)
def test_the_report_names_the_count(outputs, beginning):
    (text,) = [text for node in outputs.values() for text in node.get("text", [])]
    assert text.startswith(beginning)


@pytest.mark.parametrize("outputs", ["refine"], indirect=True)
def test_every_other_frame_is_made_anew(outputs):
    """Not the keyframes; the report says by how much."""
    (text,) = [text for node in outputs.values() for text in node.get("text", [])]
    changed = re.findall(r"(\d+) \((0\.\d+)\)", text)
    assert [int(frame) for frame, _ in changed] == [1, 3, 5]
    assert all(float(amount) > 0.001 for _, amount in changed)


def reports(outputs) -> list[str]:
    """What was told, in the order of the nodes."""
    return [text for node in outputs.values() for text in node.get("text", [])]


@pytest.mark.parametrize("outputs", ["semfi_first_last"], indirect=True)
def test_semfi_takes_the_expert_for_the_length(outputs):
    mixture, conditioning = sorted(reports(outputs))
    assert mixture.startswith("Expert for 9 frames on a clip of 9, merged into the weights.")
    assert mixture.count("20 of 20 layers fit.") == 2
    assert conditioning.startswith("Wan2.1 I2V: 9 frames in 3 latent frames. Keyframes at 0, 8.")
    assert conditioning.endswith("CLIP sees the first and the last keyframe (sum).")


def test_generative_inbetweening_is_sampled_as_published(server):
    prompt = to_prompt(read_workflow(WORKFLOWS / "generative_inbetweening.json"), server.object_info)
    by_type = {node["class_type"]: node["inputs"] for node in prompt.values()}
    assert by_type["BasicScheduler"].items() >= {"scheduler": "karras", "steps": 50, "denoise": 1}.items()
    assert by_type["InbetweenRenoiseSampler"].items() >= {"repeats": 5, "ratio": 0.5}.items()
    guided = {"method": "generative inbetweening", "fusion": "average", "fusion.cfg": 2}
    assert by_type["InbetweenDualDirectionGuider"].items() >= guided.items()
    told = {"motion_bucket": 127, "fps": 7, "noise_augmentation": 0.02, "preparation": "as published"}
    assert by_type["InbetweenSVDConditioning"].items() >= told.items()
    sizes = {"frame_count": 25, "width": 1024, "height": 576}
    assert by_type["InbetweenKeyframes"].items() >= sizes.items()
    assert by_type["CreateVideo"]["fps"] == 7


def test_semfi_is_sampled_as_published(server):
    """And what is switched off, the LoRA for few steps and an expert of the user's own, takes no part."""
    prompt = to_prompt(read_workflow(WORKFLOWS / "semfi_first_last.json"), server.object_info)
    by_type = {node["class_type"]: node["inputs"] for node in prompt.values()}
    settings = {"steps": 50, "cfg": 5, "sampler_name": "euler", "scheduler": "simple", "denoise": 1}
    assert by_type["KSampler"].items() >= settings.items()
    assert by_type["ModelSamplingSD3"]["shift"] == 5
    assert by_type["CreateVideo"]["fps"] == 30
    assert {"LoraLoaderModelOnly", "InbetweenLoraMixtureAdd"}.isdisjoint(by_type)


@pytest.mark.parametrize(
    ("outputs", "report"),
    [
        (
            "wan_keyframes_anywhere",
            "Wan2.1 I2V: 25 frames in 7 latent frames. Keyframes at 0, 20 (strength 0.9), 24. CLIP sees the first "
            "keyframe.",
        ),
        (
            "wan22_first_middle_last",
            "Wan2.2 I2V: 29 frames in 8 latent frames. Keyframes at 0, 24, 28. CLIP sees nothing. The low-noise "
            "model gets inner keyframes at 0.2 of their strength.",
        ),
    ],
    indirect=["outputs"],
)
def test_wan_is_told_of_every_keyframe(outputs, report):
    assert reports(outputs) == [report]


@pytest.mark.parametrize("outputs", ["wan_long"], indirect=True)
def test_segments_are_joined_to_the_length(server, outputs):
    (report,) = reports(outputs)
    assert report.startswith("17 frames from 2 clips.")
    part = max(files(outputs, [".mp4"]), key=lambda file: len(file.filename))
    assert len(server.video(part)[0]) == 9
