"""The real page in both of its renderers, and the timeline of a shipped workflow in it."""

import pytest
from comfy_page import RENDERERS
from timeline_driver import Timeline, three_keyframes


@pytest.fixture(scope="module", params=RENDERERS, ids=str)
def renderer(request):
    return request.param


@pytest.fixture(scope="module")
def opened(open_page, renderer):
    return open_page(renderer)


@pytest.fixture
def page(opened, tmp_path):
    """The page, which must not have thrown by the end; a picture of the end stays for a person to look at."""
    yield opened
    opened.page.screenshot(path=tmp_path / "end.png")
    assert opened.errors == []


@pytest.fixture
def timeline(page) -> Timeline:
    page.load(three_keyframes())
    return Timeline(page)
