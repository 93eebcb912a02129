"""The check of model hints, on workflows with and without them."""

import pytest
from workflow_models import missing_model_hints

FILE = "wan2.1_flf2v.safetensors"
LISTED = {"name": FILE, "url": "https://example.org/wan.safetensors", "directory": "diffusion_models"}
FOLDERS = {"diffusion_models", "vae"}


def workflow(models: list[dict], note: str = "", in_subgraph: bool = False) -> dict:
    loader = {"id": 1, "type": "UNETLoader", "widgets_values": [FILE, "default"], "properties": {"models": models}}
    text = {"id": 2, "type": "MarkdownNote", "widgets_values": [note], "properties": {}}
    if not in_subgraph:
        return {"nodes": [loader, text], "links": []}
    return {
        "nodes": [text, {"id": 3, "type": "some-id", "properties": {}}],
        "links": [],
        "definitions": {"subgraphs": [{"id": "some-id", "nodes": [loader]}]},
    }


@pytest.mark.parametrize(
    ("models", "note"),
    [
        ([LISTED], ""),
        ([], f"Put {FILE} into models/diffusion_models, from https://example.org/wan"),
    ],
)
def test_enough(models, note):
    assert missing_model_hints(workflow(models, note), FOLDERS) == []


@pytest.mark.parametrize(
    ("models", "note"),
    [
        ([], ""),
        ([{**LISTED, "name": "other.safetensors"}], ""),
        ([{**LISTED, "url": "http://example.org/wan.safetensors"}], ""),
        ([{**LISTED, "directory": "unet_models"}], ""),
        ([], f"Put {FILE} into models/diffusion_models."),
        ([], f"{FILE} is at https://example.org/wan"),
        ([], "Models go into models/diffusion_models, from https://example.org/wan"),
    ],
)
def test_not_enough(models, note):
    assert missing_model_hints(workflow(models, note), FOLDERS) == [f"UNETLoader 1: {FILE}"]


def test_subgraphs_are_looked_into():
    assert missing_model_hints(workflow([], in_subgraph=True), FOLDERS) == [f"UNETLoader 1: {FILE}"]
