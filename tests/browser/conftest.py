"""The real page in both of its renderers, and the timeline of a shipped workflow in it."""

import pytest
from comfy_page import RENDERERS
from outcome import FAILED
from timeline_driver import Timeline, three_keyframes


@pytest.fixture(scope="module", params=RENDERERS, ids=str)
def renderer(request):
    return request.param


@pytest.fixture
def page(browser, server, renderer, tmp_path, request):
    """The page, which must not have thrown by the end; of a failed test a picture of the end stays to look at."""
    page = browser.page(renderer, server)
    yield page
    if request.node.stash.get(FAILED, False) or page.errors:
        if not page.page.is_closed():
            page.page.screenshot(path=tmp_path / "end.png")
        browser.close()  # no test goes on with what a failed one left
    assert page.errors == []


@pytest.fixture
def timeline(page) -> Timeline:
    page.load(three_keyframes())
    return Timeline(page)
