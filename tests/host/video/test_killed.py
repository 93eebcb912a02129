"""A process that is killed leaves whole parts behind, and the next one goes on after them."""

import json
import subprocess
import sys
import time

import pytest
import torch
from comfyui_inbetween.media.journal import JOURNAL
from comfyui_inbetween.media.video_reader import VideoReader
from drawn_videos import drawn_pictures, write_video
from project_paths import HARNESS

RUN = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from real_host import boot_host
boot_host(Path(sys.argv[3]))
from comfy_api.latest import InputImpl
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from comfyui_inbetween.host.video.interpolation import VideoRequest, interpolate_video

request = VideoRequest(timing_options={"target_fps": 24})
result = interpolate_video(InputImpl.VideoFromFile(sys.argv[2]), FlowInterpolator(), request, {})
print(json.dumps([result.video.get_stream_source(), result.report]))
"""
LONGEST = 300  # seconds; only a run that hangs takes so long


@pytest.mark.server
def test_a_killed_run_goes_on(comfyui, tmp_path):
    video = write_video(tmp_path / "a.mp4", drawn_pictures(150), rate=12, tones=(440,))

    def start(base):
        command = [sys.executable, "-c", RUN, str(HARNESS), str(video), str(tmp_path / base)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def result(process):
        told, _ = process.communicate(timeout=LONGEST)
        assert process.returncode == 0
        path, report = json.loads(told.splitlines()[-1])
        reader = VideoReader(path)
        return [(frame.time, frame.picture()) for frame in reader], report

    killed, until = start("killed"), time.monotonic() + LONGEST
    while not list((tmp_path / "killed" / "output").glob("unfinished_videos/*/part_00001.mp4")):
        assert killed.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    (journal,) = (tmp_path / "killed" / "output").rglob(JOURNAL)
    finished = sum(part["frames"] for part in json.loads(journal.read_text())["parts"])
    assert finished >= 48
    frames, report = result(start("killed"))
    assert f"The first {finished} frames were finished by an earlier run." in report
    whole, _ = result(start("whole"))
    assert len(frames) == len(whole) == 300
    assert all(a == b and torch.equal(first, second) for (a, first), (b, second) in zip(frames, whole, strict=True))
