"""The first quarter of an hour of an artist, with mouse and keyboard alone; its pictures become the film of README."""

import io
import os
import re
from pathlib import Path

from comfy_page import NEXT_FRAMES, RUN_MS, ComfyPage
from comfy_server import PACK_FOLDER
from golden_files import UPDATE
from PIL import Image
from playwright.sync_api import expect
from project_paths import ROOT, SAMPLE_INPUTS
from timeline_driver import KEYFRAMES, Timeline, sent_positions
from workflow_graphs import read_workflow, what_it_is

FILM = ROOT / "assets" / "first_graph.webp"
FILM_SIZE = (960, 600)
MOST_BYTES = 600_000
WHOLE = 0.47  # the zoom at which the whole graph is seen
MOVE_MS, FADE_MS = 500, 1200  # in which the view moves, and a thumbnail or a video appears
PERCENT = re.compile(r"\[(\d+)%\] InbetweenInterpolate")


class Film:
    """Pictures of the page, one after the other, if it is to be made anew."""

    def __init__(self, page: ComfyPage, wanted: bool) -> None:
        self._page = page.page
        self._wanted = wanted
        self._frames: list[Image.Image] = []
        self._seconds: list[float] = []

    def take(self, seconds: float, after_ms: float = MOVE_MS) -> None:
        """Take a picture that is shown for so long, when the page stands still."""
        if not self._wanted:
            return
        self._page.wait_for_timeout(after_ms)
        with Image.open(io.BytesIO(self._page.screenshot())) as picture:
            self._frames.append(picture.convert("RGB").resize(FILM_SIZE, Image.Resampling.LANCZOS))
        self._seconds.append(seconds)

    def save(self, file: Path) -> None:
        """As an animated WebP."""
        if not self._wanted:
            return
        first, *others = self._frames
        durations = [round(1000 * seconds) for seconds in self._seconds]
        first.save(file, save_all=True, append_images=others, duration=durations, loop=0, quality=55, kmax=1)


def look_at(page: ComfyPage, title: str, scale: float) -> None:
    """Moves the view so that a node stands near its upper left corner."""
    page.page.evaluate(
        """([title, scale]) => {
            const { canvas, graph } = window.app
            const node = graph.nodes.find((each) => each.getTitle() === title)
            canvas.ds.scale = scale
            canvas.ds.offset = [90 / scale - node.pos[0], 110 / scale - node.pos[1]]
            canvas.setDirty(true, true)
        }""",
        [title, scale],
    )
    page.page.evaluate(NEXT_FRAMES)


def test_from_the_templates_to_the_video(page, renderer):
    film = Film(page, wanted=os.environ.get(UPDATE) == "1" and renderer == "nodes 2.0")
    count = 21 if renderer == "nodes 2.0" else 25  # the same again would be there already
    page.change("() => window.app.graph.clear()")

    page.page.get_by_label("Templates").first.click()
    templates = page.page.get_by_role("dialog")
    templates.get_by_text(PACK_FOLDER).first.click()
    card = templates.get_by_text("quickstart", exact=True).first
    card.scroll_into_view_if_needed()
    several = (
        "() => [...document.querySelectorAll('[role=dialog] img')].filter((each) => each.naturalWidth > 100).length > 6"
    )
    page.page.wait_for_function(several)
    film.take(2, FADE_MS)
    card.click()
    page.page.wait_for_function("() => window.app.graph.nodes.length === 12")
    look_at(page, "Read me", WHOLE)
    film.take(2)

    page.drop_more(SAMPLE_INPUTS / "bunny_3.jpg")  # a picture of one's own becomes Load Image
    page.change("""() => {
        const { graph } = window.app
        const keyframes = graph.nodes.find((node) => node.type === 'InbetweenKeyframes')
        const added = graph.nodes.findLast((node) => node.type === 'LoadImage')
        added.pos = [420, 800]
        added.connect(0, keyframes, keyframes.inputs.findIndex((input) => input.name === 'images.image2'))
    }""")
    for widget, value in (("frame_count", count), ("width", 320), ("height", 180)):
        page.set_widget(KEYFRAMES, widget, value)
    timeline = Timeline(page)
    timeline.settle()
    assert timeline.frames == [0, count // 2, count - 1]
    look_at(page, "First keyframe", 0.9)
    film.take(1.5)
    timeline.drag(1, 16)
    assert sent_positions(page) == ["0, 16, -1"]
    film.take(1.5)

    look_at(page, "Read me", WHOLE)
    progress = watched(page)
    film.take(0.5)
    look_at(page, "Interpolate Frames", 0.62)
    expect(page.page.locator("video[src*='.mp4']").first).to_be_visible()
    film.take(4, FADE_MS)

    assert len(set(progress)) > 3
    assert progress == sorted(progress)
    expect(page.page.get_by_text(f"optical flow (no model): {count} frames from 3.").first).to_be_visible()
    for node_type in ("InbetweenContactSheet", "SaveImage"):
        shown = "type => window.app.graph.nodes.find((node) => node.type === type).imgs?.length === 1"
        page.page.wait_for_function(shown, arg=node_type)

    film.save(FILM)
    assert FILM.stat().st_size < MOST_BYTES


def watched(page: ComfyPage) -> list[int]:
    """Presses Run, and follows what the title of the page says of the frames being made."""
    page.page.evaluate("""() => {
        window.titles = []
        new MutationObserver(() => window.titles.push(document.title)).observe(
            document.querySelector('title'), { childList: true, subtree: true, characterData: true })
        window.ended = null
        for (const kind of ['execution_success', 'execution_error'])
            window.app.api.addEventListener(kind, () => (window.ended = kind), { once: true })
    }""")
    page.page.get_by_role("button", name="Run", exact=True).first.click()
    page.page.wait_for_function("() => window.ended", timeout=RUN_MS)
    assert page.page.evaluate("() => window.ended") == "execution_success"
    titles = page.page.evaluate("() => window.titles")
    return [int(found[1]) for title in titles if (found := PERCENT.search(title))]


def test_a_graph_is_saved_and_found_again(page, server, renderer):
    page.drop(ROOT / "workflows" / "three_keyframes.json")
    page.set_widget(KEYFRAMES, "positions", "0, 9, -1")
    name = f"walk in {renderer}"
    before = page.prompt()

    page.page.locator("#graph-canvas").focus()
    page.page.keyboard.press("Control+s")
    page.page.get_by_role("dialog").locator("input").fill(name)
    page.page.keyboard.press("Enter")
    file = server.base_directory / "user" / "default" / "workflows" / f"{name}.json"
    page.page.get_by_role("dialog").wait_for(state="hidden")
    saved = (
        "name => { const { filename, isModified } = window.app.extensionManager.workflow.activeWorkflow; "
        "return filename === name && !isModified }"
    )
    page.page.wait_for_function(saved, arg=name)
    assert what_it_is(read_workflow(file)) == what_it_is(page.saved())

    page.page.get_by_label("Create a new blank workflow").first.click()
    page.page.wait_for_function("() => window.app.graph.nodes.length === 0")
    page.page.get_by_label("Workflows (w)").first.click()
    page.page.get_by_role("tree").get_by_text(name).first.click()
    page.page.wait_for_function("() => window.app.graph.nodes.length > 10")
    page.page.get_by_label("Workflows (w)").first.click()
    assert page.prompt() == before
