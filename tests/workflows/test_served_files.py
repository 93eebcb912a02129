"""What the page finds of the pack on the server: help pages, pictures, texts, workflows with thumbnails."""

import json

import pytest
import requests
from comfy_server import PACK_FOLDER
from help_pages import image_links
from project_paths import DOCS, LOCALES
from workflow_graphs import read_workflow, shipped_workflows


@pytest.mark.parametrize("folder", sorted(DOCS.iterdir()), ids=lambda folder: folder.name)
def test_help_pages_and_their_pictures(server, folder):
    base = f"/extensions/{PACK_FOLDER}/docs"
    page = server.get(f"{base}/{folder.name}/en.md").content.decode("utf-8")
    assert page == (folder / "en.md").read_text(encoding="utf-8")
    for _, address in image_links(page):
        assert server.get(f"{base}/{address}").headers["content-type"].startswith("image/")


def test_texts_of_the_locale_file(server):
    served = server.get("/i18n").json()["en"]["nodeDefs"]
    ours = json.loads((LOCALES / "en" / "nodeDefs.json").read_text(encoding="utf-8"))
    assert {name: served.get(name) for name in ours} == ours


def test_workflows_are_in_the_template_browser(server):
    assert sorted(server.get("/workflow_templates").json()[PACK_FOLDER]) == [file.stem for file in shipped_workflows()]


@pytest.mark.parametrize("file", shipped_workflows(), ids=lambda file: file.stem)
def test_a_template_and_its_thumbnail(server, file):
    base = f"/api/workflow_templates/{PACK_FOLDER}/{file.stem}"
    assert server.get(f"{base}.json").json() == read_workflow(file)
    assert server.get(f"{base}.jpg").headers["content-type"] == "image/jpeg"


def test_nothing_else_is_loaded_as_a_script(server):
    """The page runs every .js file below web, those in a docs folder too."""
    scripts = [path for path in server.get("/extensions").json() if PACK_FOLDER in path]
    assert [path for path in scripts if "/js/" not in path] == []


def test_what_the_server_lacks_is_an_error(server):
    """So that the tests above cannot pass on the page's own fallback."""
    with pytest.raises(requests.HTTPError):
        server.get(f"/extensions/{PACK_FOLDER}/docs/InbetweenNothing/en.md")
