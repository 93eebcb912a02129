"""The real page in both of its renderers, and the timeline of a shipped workflow in it."""

import pytest
from comfy_page import RENDERERS
from outcome import FAILED
from timeline_driver import Timeline, three_keyframes


@pytest.fixture(scope="module", params=RENDERERS, ids=str)
def renderer(request):
    return request.param


@pytest.fixture(scope="module")
def opened(open_page, renderer):
    return open_page(renderer)


@pytest.fixture
def page(opened, tmp_path, request):
    """The page, which must not have thrown by the end; of a failed test a picture of the end stays to look at."""
    yield opened
    if request.node.stash.get(FAILED, False) or opened.errors:
        opened.page.screenshot(path=tmp_path / "end.png")
    assert opened.errors == []


@pytest.fixture
def timeline(page) -> Timeline:
    page.load(three_keyframes())
    return Timeline(page)
