"""Running a workflow that the page saved, on the real server."""

import socket
from pathlib import Path

import pytest

from devtools.run_workflow import WorkflowError, convert_workflow, queue_and_wait, results

EMPTY = {"class_type": "EmptyImage", "inputs": {"width": 16, "height": 16, "batch_size": 1, "color": 0}}


def saved(image: dict) -> dict:
    """A prompt that saves an image."""
    inputs = {"images": ["a", 0], "filename_prefix": "runs/x"}
    return {"a": image, "b": {"class_type": "SaveImage", "inputs": inputs, "_meta": {"title": "Keep"}}}


def test_a_prompt_is_run_to_its_end_and_its_files_are_named(server):
    lines: list[str] = []
    prompt = saved(EMPTY)
    entry = queue_and_wait(server.url, prompt, 60, lines.append)
    assert lines == ["1 of 2: EmptyImage", "2 of 2: Keep"]
    [line] = results(entry, prompt, server.base_directory / "output")
    title, _, path = line.partition(": ")
    assert title == "Keep"
    assert path.startswith(str(server.base_directory / "output" / "runs"))
    assert Path(path).read_bytes().startswith(b"\x89PNG")


def test_a_failing_node_is_one_line_with_its_title(server):
    (server.base_directory / "input" / "broken.png").write_bytes(b"no picture")
    load = {"class_type": "LoadImage", "inputs": {"image": "broken.png"}, "_meta": {"title": "First keyframe"}}
    with pytest.raises(WorkflowError, match=r"^First keyframe: .*") as failure:
        queue_and_wait(server.url, saved(load), 60)
    assert "\n" not in str(failure.value)


def test_a_refused_prompt_is_one_line_with_every_complaint(server):
    wrong = {"class_type": "EmptyImage", "inputs": {**EMPTY["inputs"], "width": 0, "height": 0}}
    with pytest.raises(WorkflowError) as failure:
        queue_and_wait(server.url, saved(wrong), 60)
    assert str(failure.value).count("EmptyImage: ") == 2
    assert "\n" not in str(failure.value)


def test_a_server_that_is_gone_is_one_line():
    with socket.socket() as unanswered:
        unanswered.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unanswered.getsockname()[1]}"
        with pytest.raises(WorkflowError, match=f"^the server at {url} does not answer"):
            queue_and_wait(url, saved(EMPTY), 10)


def test_a_graph_of_the_page_becomes_a_prompt(server):
    graph = {
        "nodes": [
            {
                **{"id": 7, "type": "EmptyImage", "mode": 0, "inputs": []},
                **{"outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}], "widgets_values": [16, 16, 1, 0]},
            },
            {
                **{"id": 9, "type": "SaveImage", "mode": 0, "outputs": [], "widgets_values": ["runs/x"]},
                "inputs": [{"name": "images", "type": "IMAGE", "link": 1}],
            },
        ],
        "links": [[1, 7, 0, 9, 0, "IMAGE"]],
    }
    prompt = convert_workflow(graph, server.object_info)
    assert prompt["7"]["inputs"] == EMPTY["inputs"]
    assert prompt["9"]["inputs"] == {"images": ["7", 0], "filename_prefix": "runs/x"}
    with pytest.raises(WorkflowError, match=r"^the workflow cannot be read"):
        convert_workflow({"nodes": []}, server.object_info)
