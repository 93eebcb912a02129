"""Running graphs without the page, on the real server: names, values, failures."""

import re
import socket

import pytest
from comfy_client import GraphError, RunError, Server, ServerError
from project_paths import ROOT, SAMPLE_INPUTS, WORKFLOWS

EMPTY = {"class_type": "EmptyImage", "inputs": {"width": 16, "height": 16, "batch_size": 1, "color": 0}}
NOT_THERE = "nobody.png"


def saved(image: dict) -> dict:
    """A prompt that saves an image."""
    inputs = {"images": ["a", 0], "filename_prefix": "runs/x"}
    return {"a": image, "b": {"class_type": "SaveImage", "inputs": inputs, "_meta": {"title": "Keep"}}}


@pytest.fixture
def comfy(server) -> Server:
    return Server(server.url)


@pytest.fixture
def quickstart(comfy):
    return comfy.open(WORKFLOWS / "quickstart.json")


def test_a_prompt_is_run_to_its_end_and_its_files_are_fetched(comfy, server, tmp_path):
    lines: list[str] = []
    result = comfy.run(comfy.graph(saved(EMPTY)), lines.append, timeout=900)
    assert lines == ["1 of 2: EmptyImage", "2 of 2: Keep"]
    [file] = result.save(tmp_path / "made")
    assert file.parent == tmp_path / "made" / "runs"
    assert file.read_bytes() == (server.base_directory / "output" / "runs" / file.name).read_bytes()


def test_a_failing_node_is_one_line_with_its_title(comfy, server):
    (server.base_directory / "input" / "broken.png").write_bytes(b"no picture")
    load = {"class_type": "LoadImage", "inputs": {"image": "broken.png"}, "_meta": {"title": "First keyframe"}}
    with pytest.raises(RunError, match=r"^First keyframe: .*") as failure:
        comfy.run(comfy.graph(saved(load)))
    assert "\n" not in str(failure.value)


def test_a_refused_graph_is_one_line_with_every_complaint(comfy, server):
    wrong = {"class_type": "EmptyImage", "inputs": {**EMPTY["inputs"], "width": 0, "height": 0}}
    with pytest.raises(GraphError) as failure:
        comfy.run(comfy.graph(saved(wrong)))
    assert str(failure.value).count("EmptyImage: ") == 2
    assert "\n" not in str(failure.value)


def test_where_one_output_is_refused_nothing_is_left_running(comfy, server):
    """The server would run the outputs that are in order."""
    prompt = saved(EMPTY) | {"c": {"class_type": "SaveImage", "inputs": {"images": ["d", 0], "filename_prefix": "x"}}}
    prompt["d"] = {"class_type": "LoadImage", "inputs": {"image": NOT_THERE}}
    with pytest.raises(GraphError, match="LoadImage: "):
        comfy.run(comfy.graph(prompt))
    assert server.get("/queue").json()["queue_pending"] == []


def test_a_server_that_is_gone_is_one_line(comfy):
    graph = comfy.graph(saved(EMPTY))
    with socket.socket() as unanswered:
        unanswered.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unanswered.getsockname()[1]}"
        for use in (lambda: Server(url).run(graph), lambda: Server(url).graph(saved(EMPTY))):
            with pytest.raises(ServerError, match=f"^the server at {url} does not answer"):
                use()


def test_a_run_that_takes_too_long_is_cancelled(comfy, quickstart, server):
    quickstart["Keyframes.frame_count"] = 3000
    with pytest.raises(RunError, match="did not end in time"):
        comfy.run(quickstart, timeout=2)
    comfy.run(comfy.graph(saved(EMPTY)), timeout=900)  # waits until the first is gone
    ends = [entry["status"]["messages"][-1][0] for entry in server.get("/history", max_items="2").json().values()]
    assert ends == ["execution_interrupted", "execution_success"]


def test_what_is_no_graph_is_told(comfy, tmp_path):
    (tmp_path / "text.json").write_text("no JSON")
    with pytest.raises(GraphError, match=r"text\.json cannot be read"):
        comfy.open(tmp_path / "text.json")
    with pytest.raises(GraphError, match=r"nowhere\.json cannot be read"):
        comfy.open(tmp_path / "nowhere.json")
    with pytest.raises(GraphError, match="the graph cannot be read"):
        comfy.graph({"nodes": []})
    with pytest.raises(GraphError, match="the server lacks the nodes FromElsewhere;"):
        comfy.graph(saved({"class_type": "FromElsewhere", "inputs": {}}))


# ------------------------------------------------------------------------------------------------------------ names


@pytest.fixture
def three_keyframes(comfy):
    return comfy.open(WORKFLOWS / "three_keyframes.json")


def test_values_have_the_names_of_the_page(quickstart, three_keyframes):
    values = quickstart.values()
    assert values["Keyframes.frame_count"] == 25
    assert values["First keyframe.image"] == "bunny_1.jpg"
    assert three_keyframes.values()["Finish Frames.put_back.blend_frames"] == 2
    assert "Keyframes.images.image0" not in values  # a socket


def test_a_title_alone_is_its_first_value(quickstart):
    quickstart["First keyframe"] = "bunny_3.jpg"
    quickstart["Load Interpolator"] = "film.pth"
    values = quickstart.values()
    assert values["First keyframe.image"] == "bunny_3.jpg"
    assert values["Load Interpolator.interpolator"] == "film.pth"


@pytest.mark.parametrize(("text", "value"), [("7", 7), (7, 7), ("-1", -1)])
def test_texts_become_numbers(quickstart, text, value):
    quickstart["Keyframes.frame_count"] = text
    assert quickstart.values()["Keyframes.frame_count"] == value


def test_true_false_and_a_value_within_a_choice(three_keyframes):
    three_keyframes["Keyframes.loop"] = "true"
    three_keyframes["Finish Frames.put_back.blend_frames"] = "5"
    three_keyframes["Keyframes.positions"] = "3"  # stays a text
    values = three_keyframes.values()
    assert values["Keyframes.loop"] is True
    assert values["Finish Frames.put_back.blend_frames"] == 5
    assert values["Keyframes.positions"] == "3"


def test_a_linked_value_can_be_replaced(three_keyframes):
    assert isinstance(three_keyframes.values()["Keyframes.frame_count"], list)
    three_keyframes["Keyframes.frame_count"] = 9
    assert three_keyframes.values()["Keyframes.frame_count"] == 9


def test_a_file_is_uploaded_and_a_name_of_the_server_is_not(quickstart, server, tmp_path):
    file = tmp_path / "a picture of mine.jpg"
    file.write_bytes((SAMPLE_INPUTS / "bunny_1.jpg").read_bytes())
    quickstart["First keyframe"] = str(file)
    quickstart["Last keyframe"] = "bunny_3.jpg"
    stored = quickstart.values()["First keyframe.image"]
    assert (server.base_directory / "input" / stored).read_bytes() == file.read_bytes()
    assert quickstart.values()["Last keyframe.image"] == "bunny_3.jpg"


def test_another_file_of_the_same_name_does_not_replace_the_first(quickstart, server, tmp_path):
    file = tmp_path / "bunny_1.jpg"
    file.write_bytes((SAMPLE_INPUTS / "bunny_2.jpg").read_bytes())
    quickstart["First keyframe"] = file
    stored = quickstart.values()["First keyframe.image"]
    assert stored != "bunny_1.jpg"
    assert (server.base_directory / "input" / stored).read_bytes() == file.read_bytes()
    assert (server.base_directory / "input" / "bunny_1.jpg").read_bytes() != file.read_bytes()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("Keyframe", 1, '"Keyframe": no node has that title; the titles are .*First keyframe.*Keyframes'),
        ("Keyframes.frames", 1, '"Keyframes.frames": Keyframes has no value "frames"; it has frame_count, '),
        ("Keyframes.images.image0", 1, 'Keyframes has no value "images.image0"'),
        ("Create Video.images", 1, 'Create Video has no value "images"; it has fps'),
        ("Keyframes.frame_count", "many", "'many' is not a whole number"),
        ("Keyframes.frame_count", "1.5", "'1.5' is not a whole number"),
        ("Keyframes.loop", "perhaps", "'perhaps' is not true or false"),
        ("Create Video.fps", "fast", "'fast' is not a number"),
    ],
)
def test_what_cannot_be_set_is_told(quickstart, name, value, message):
    with pytest.raises(GraphError, match=message):
        quickstart[name] = value


def test_nodes_with_one_title_go_by_their_numbers(comfy):
    prompt = {"1": dict(EMPTY, inputs=dict(EMPTY["inputs"])), "2": dict(EMPTY, inputs=dict(EMPTY["inputs"]))}
    graph = comfy.graph(prompt)
    with pytest.raises(GraphError, match="2 nodes have that title; name one by its number: #1, #2"):
        graph["EmptyImage.width"] = 8
    graph["#2.width"] = 8
    assert (graph.values()["#1.width"], graph.values()["#2.width"]) == (16, 8)


def test_the_example_of_the_guide_runs(server, tmp_path, monkeypatch):
    (code,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "pipelines" / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shots").mkdir()
    (tmp_path / "workflows").symlink_to(WORKFLOWS)
    for name, number in (("010_a", 1), ("010_b", 2)):
        (tmp_path / "shots" / f"{name}.png").write_bytes((SAMPLE_INPUTS / f"bunny_{number}.jpg").read_bytes())
    exec(code.replace("http://127.0.0.1:8188", server.url).replace("= 49", "= 5"), {})  # noqa: S102
    assert len(list((tmp_path / "renders" / "inbetween").glob("*.mp4"))) == 1
    assert len(list((tmp_path / "renders" / "inbetween").glob("*.png"))) == 1
