"""The shipped workflow files: what anybody needs to open and run them elsewhere."""

import pytest
from comfy_server import PACK_FOLDER
from PIL import Image
from workflow_graphs import nodes_of, read_workflow, shipped_workflows
from workflow_models import missing_model_hints

MADE_BY_THE_PAGE = {"Note", "MarkdownNote", "Reroute", "PrimitiveNode"}
THUMBNAIL_PIXELS = range(200, 1025)

pytestmark = pytest.mark.parametrize("file", shipped_workflows(), ids=lambda file: file.stem)


def test_it_has_a_thumbnail(file):
    with Image.open(file.with_suffix(".jpg")) as thumbnail:
        assert thumbnail.format == "JPEG"
        assert thumbnail.width in THUMBNAIL_PIXELS
        assert thumbnail.height in THUMBNAIL_PIXELS


def test_it_needs_core_nodes_and_ours_only(server, file):
    ours = f"custom_nodes.{PACK_FOLDER}"
    for node in nodes_of(read_workflow(file)):
        if node["type"] not in MADE_BY_THE_PAGE:
            module = server.object_info[node["type"]]["python_module"]
            assert module == ours or module.split(".")[0] in ("nodes", "comfy_extras"), node["type"]


def test_our_nodes_tell_which_pack_they_are_from(file):
    """By this the page and the Manager offer to install a missing pack."""
    for node in nodes_of(read_workflow(file)):
        if node["type"].startswith("Inbetween"):
            assert node["properties"]["cnr_id"] == "inbetween"
            assert node["properties"]["ver"]


def test_it_says_where_its_models_come_from(host, file):
    import folder_paths

    assert missing_model_hints(read_workflow(file), set(folder_paths.folder_names_and_paths)) == []


def test_it_explains_itself(file):
    assert any(node["type"] == "MarkdownNote" for node in nodes_of(read_workflow(file)))


def test_it_opens_at_a_zoom_at_which_the_classic_page_draws_text(file):
    """Below 8/14 it draws boxes without a letter."""
    assert read_workflow(file)["extra"]["ds"]["scale"] >= 0.6
