"""Shipped workflows in the real page, with small enough settings to run in seconds."""

import pytest
import torch
from comfy_page import ComfyPage
from comfy_server import ComfyServer, files
from project_paths import WORKFLOWS

# For tests that run networks: what they look at is the same in both renderers, and other tests see it in both.
in_canvas = pytest.mark.parametrize("renderer", ["canvas"], indirect=True)


def open_small(page: ComfyPage, name: str, frame_count: int, most_steps: int = 4) -> None:
    """Drops a workflow onto the page, of 96 x 64 pixels, with few steps, each of which is repeated once at most."""
    page.drop(WORKFLOWS / f"{name}.json")
    for widget, value in (("frame_count", frame_count), ("width", 96), ("height", 64)):
        page.set_widget("InbetweenKeyframes", widget, value)
    page.change(f"""() => {{
        const most = {{ steps: {most_steps}, repeats: 1 }}
        const widgets = window.app.graph.nodes.flatMap((node) => node.widgets ?? [])
        for (const widget of widgets) if (widget.name in most) widget.value = Math.min(widget.value, most[widget.name])
    }}""")


def whole_clip(page: ComfyPage, server: ComfyServer) -> torch.Tensor:
    """The frames of the video that the last run saved; where it saved some, of the one with the shortest name."""
    return server.video(min(files(page.outputs(), [".mp4"]), key=lambda file: len(file.filename)))[0]
