"""The programs that a render farm starts: what they make, what they tell, how they end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest
import render
from project_paths import ROOT, SAMPLE_INPUTS, WORKFLOWS

QUICKSTART = str(WORKFLOWS / "quickstart.json")
LONG = 300  # seconds in which even a busy machine interrupts a node; the run itself would take longer
PROGRAM = [sys.executable, str(ROOT / "pipelines" / "render.py")]


def frames_of(file: Path) -> int:
    with av.open(str(file)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_graph_is_rendered_with_values_by_name(server, tmp_path):
    picture = tmp_path / "shot.jpg"
    picture.write_bytes((SAMPLE_INPUTS / "bunny_3.jpg").read_bytes())
    settings = [f"First keyframe={picture}", "Keyframes.frame_count=5", "Save Video.filename_prefix=farm/shot"]
    options = [each for setting in settings for each in ("--set", setting)]
    command = [*PROGRAM, QUICKSTART, "--url", server.url, *options, "--output", str(tmp_path / "out"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == render.MADE, done.stderr
    told = json.loads(done.stdout)
    (video,) = [Path(file) for file in told["files"] if file.endswith(".mp4")]
    assert video.parent == tmp_path / "out" / "farm"
    assert frames_of(video) == 5
    assert {"node": "Report", "text": "optical flow (no model): 5 frames from 2."} in told["texts"]
    assert "Interpolate Frames" in done.stderr


@pytest.mark.parametrize(
    ("options", "code", "line"),
    [
        (
            ["--set", "Keyframes.frame_count"],
            render.WRONG,
            'quickstart.json: --set "Keyframes.frame_count": write NAME',
        ),
        (["--set", "Length=9"], render.WRONG, 'quickstart.json: "Length": no node has that title'),
        (["--set", "Keyframes.frame_count=1"], render.WRONG, "quickstart.json: Keyframes: "),
        (
            ["--set", "Keyframes.positions=0, 0"],
            render.WRONG,
            "quickstart.json: Keyframes: positions: two images are at",
        ),
        (["--set", "Finish Frames.loop=true"], render.FAILED, "quickstart.json: Finish Frames: "),
        (
            ["--url", "http://127.0.0.1:9"],
            render.NO_SERVER,
            "quickstart.json: the server at http://127.0.0.1:9 does not",
        ),
    ],
)
def test_failures_have_their_codes_and_one_line(server, capsys, options, code, line):
    small = ["--set", "Keyframes.width=64", "--set", "Keyframes.height=32", "--set", "Keyframes.frame_count=3"]
    assert render.main([QUICKSTART, "--url", server.url, *small, *options]) == code
    assert capsys.readouterr().err.splitlines()[-1].startswith(line)


def test_values_are_listed(server, capsys):
    assert render.main([str(WORKFLOWS / "three_keyframes.json"), "--url", server.url, "--list"]) == render.MADE
    lines = capsys.readouterr().out.splitlines()
    assert "First keyframe.image=bunny_1.jpg" in lines
    assert "Keyframes.frame_count from Frame Count" in lines


def test_an_ended_program_leaves_nothing_running(server):
    command = [*PROGRAM, QUICKSTART, "--url", server.url, "--set", "Keyframes.frame_count=3000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "Interpolate Frames" in line:
                break
        running.send_signal(signal.SIGTERM)
        assert running.wait(LONG) == render.TERMINATED
    end = time.monotonic() + LONG
    while server.get("/queue").json()["queue_running"] and time.monotonic() < end:
        time.sleep(0.2)
    assert server.get("/queue").json()["queue_running"] == []
    (entry,) = server.get("/history", max_items="1").json().values()
    assert entry["status"]["status_str"] == "error"
    assert any(event == "execution_interrupted" for event, _ in entry["status"]["messages"])


def test_comfy_cli_runs_what_was_written(server, tmp_path):
    """And ends with a code of its own when a node fails."""
    port = server.url.rpartition(":")[2]
    comfy = Path(sys.executable).with_name("comfy")
    env = os.environ | {"DO_NOT_TRACK": "1", "HOME": str(tmp_path), "COMFY_NO_WATCH": "1"}
    small = ["--set", "Keyframes.width=64", "--set", "Keyframes.height=32", "--set", "Keyframes.frame_count=3"]
    prefix = ["--set", "Save Video.filename_prefix=cli/shot"]
    for more, succeeds in (([], True), (["--set", "Finish Frames.loop=true"], False)):
        written = tmp_path / "shot.json"
        assert render.main([QUICKSTART, "--url", server.url, *small, *prefix, *more, "--write", str(written)]) == 0
        command = [
            comfy,
            "--skip-prompt",
            "run",
            "--workflow",
            written,
            "--host",
            "127.0.0.1",
            "--port",
            port,
            "--wait",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, cwd=tmp_path)
        assert (done.returncode == 0) == succeeds, done.stdout + done.stderr
        if not succeeds:
            assert "loop" in done.stdout + done.stderr
    (video,) = (server.base_directory / "output" / "cli").glob("shot_*.mp4")
    assert frames_of(video) == 3
