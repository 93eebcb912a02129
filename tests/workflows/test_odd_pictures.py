"""Pictures with odd sides still end in a video: its encoder needs even ones, and it runs last, after all the work."""

from itertools import cycle

import pytest
import torch
from comfy_server import files
from PIL import Image
from project_paths import WORKFLOWS
from workflow_graphs import nodes_of, read_workflow, shipped_workflows, to_prompt

WIDTH, HEIGHT = 61, 47
ENDING_IN_VIDEO = [
    file.stem
    for file in shipped_workflows()
    if any(
        node["type"] == "InbetweenKeyframes" and node["widgets_values"][3] == 0
        for node in nodes_of(read_workflow(file))
    )
]


@pytest.fixture(scope="module")
def odd_pictures(server, tmp_path_factory) -> list[str]:
    """The names by which the server knows pictures of noise with odd sides."""
    names = [f"odd_{number}.png" for number in range(3)]
    folder = tmp_path_factory.mktemp("odd")
    for name in names:
        pixels_HWC = torch.randint(256, (HEIGHT, WIDTH, 3), dtype=torch.uint8)
        Image.fromarray(pixels_HWC.numpy()).save(folder / name)
        server.upload(folder / name)
    return names


def test_the_graphs_that_take_pictures_as_they_are():
    """If one is missing below, it fixes the size, or nothing below looks at it."""
    assert {"quickstart", "three_keyframes", "join_clips", "pervfi_interpolate"} <= set(ENDING_IN_VIDEO)
    assert len(ENDING_IN_VIDEO) >= 7


@pytest.mark.parametrize("name", ENDING_IN_VIDEO)
def test_the_graph_makes_a_video_with_even_sides(server, odd_pictures, name):
    prompt = to_prompt(read_workflow(WORKFLOWS / f"{name}.json"), server.object_info)
    pictures = cycle(odd_pictures)
    for node in prompt.values():
        if node["class_type"] == "LoadImage":
            node["inputs"]["image"] = next(pictures)
        if node["class_type"] == "InbetweenKeyframes":
            node["inputs"] |= {"frame_count": 9}
            if node["inputs"]["positions"]:
                node["inputs"]["positions"] = "0, 4, -1"
    video = min(files(server.run(prompt), [".mp4"]), key=lambda file: len(file.filename))
    frames_THWC, _ = server.video(video)
    height, width = frames_THWC.shape[1:3]
    assert (height % 2, width % 2) == (0, 0)
    assert abs(height - HEIGHT) + abs(width - WIDTH) == 2
