"""Blueprints as an artist uses them: found by the search, wired, run; opened to change what is inside."""

from comfy_server import files
from project_paths import BLUEPRINTS
from small_graphs import in_canvas, open_small, whole_clip

HELPERS = """() => {
    const { graph } = window.app
    window.ofType = (type) => graph.nodes.find((node) => node.type === type)
    window.block = () => graph.nodes.find((node) => node.isSubgraphNode?.())
    window.wire = (from, output, to, input) => {
        const slot = (list, name) => list.findIndex((each) => each.name === name)
        from.connect(slot(from.outputs, output), to, slot(to.inputs, input))
    }
    window.set = (values) => {
        for (const [name, value] of Object.entries(values))
            block().widgets.find((widget) => widget.name === name).value = value
    }
}"""


def add(page, name: str) -> None:
    """Puts a blueprint on an empty place of the canvas by the search of the page."""
    page.change("() => { window.app.canvas.ds.offset = [0, 4000]; window.app.canvas.setDirty(true, true) }")
    search = page.open_search(760, 600)
    page.page.keyboard.type(name, delay=10)
    search.get_by_role("option").filter(has_text=name).first.click()
    page.page.wait_for_function("() => window.app.graph.nodes.some((node) => node.isSubgraphNode?.())")
    search.wait_for(state="hidden")
    page.page.mouse.move(760, 500, steps=3)  # it hangs on the pointer until it is put down
    page.page.mouse.click(760, 500, delay=40)
    page.page.wait_for_function("() => window.app.graph.nodes.every((node) => !node.flags.ghost)")
    page.page.evaluate(HELPERS)


def test_all_are_offered_and_none_is_told_to_be_wrong(page):
    offered = page.page.evaluate(
        "() => Object.values(window.LiteGraph.registered_node_types).map((type) => type.title)"
    )
    stored = page.page.evaluate(
        "async () => Object.values(await window.app.api.getGlobalSubgraphs()).map((told) => told.name)"
    )
    assert {file.stem for file in BLUEPRINTS.glob("*.json")} <= set(stored)
    assert "Keyframes" in offered
    assert page.page.get_by_text("Failed to load subgraph").count() == 0


def test_keyframes_go_through_the_block_without_a_model(page, server):
    open_small(page, "quickstart", 5)
    page.change("() => window.app.graph.remove(window.app.graph.nodes.find((n) => n.type === 'InbetweenInterpolate'))")
    add(page, "In-between (no model)")
    page.change("""() => {
        wire(ofType('InbetweenKeyframes'), 'keyframes', block(), 'keyframes')
        wire(block(), 'frames', ofType('CreateVideo'), 'images')
        wire(block(), 'report', ofType('PreviewAny'), 'source')
        for (const type of ['InbetweenFinish', 'InbetweenInterpolatorLoader', 'InbetweenContactSheet', 'SaveImage'])
            window.app.graph.remove(ofType(type))
    }""")

    assert page.queue()["kind"] == "execution_success"

    assert len(whole_clip(page, server)) == 5
    (report,) = [text for node in page.outputs().values() for text in node.get("text", [])]
    assert report.startswith("optical flow (no model): 5 frames from 2.")
    saved = page.saved()
    before = page.prompt()
    page.load(saved)
    assert page.prompt() == before


@in_canvas
def test_a_clip_is_refined_and_finished_by_one_block(page, server):
    open_small(page, "quickstart", 7)
    add(page, "Refine and finish")
    page.change("""() => {
        wire(ofType('InbetweenKeyframes'), 'keyframes', block(), 'keyframes')
        wire(ofType('InbetweenInterpolate'), 'frames', block(), 'frames')
        wire(block(), 'frames', ofType('CreateVideo'), 'images')
        wire(block(), 'report', ofType('PreviewAny'), 'source')
        set({ count: 2 })
    }""")

    assert page.queue()["kind"] == "execution_success"

    assert len(whole_clip(page, server)) == 7
    (report,) = [text for node in page.outputs().values() for text in node.get("text", [])]
    assert "2 of 7 frames rebuilt" in report


def test_pictures_become_a_loop(page, server):
    open_small(page, "quickstart", 5)
    add(page, "Loop")
    page.change("""() => {
        const [first, second] = window.app.graph.nodes.filter((node) => node.type === 'LoadImage')
        wire(first, 'IMAGE', block(), 'first')
        wire(second, 'IMAGE', block(), 'second')
        wire(block(), 'frames', ofType('CreateVideo'), 'images')
        set({ frame_count: 9, width: 96, height: 64 })
    }""")

    assert page.queue()["kind"] == "execution_success"

    frames_THWC = whole_clip(page, server)
    assert len(frames_THWC) == 8
    steps = (frames_THWC - frames_THWC.roll(1, dims=0)).abs().mean(dim=(1, 2, 3))
    assert steps[0] <= 1.5 * steps[1:].max()


@in_canvas
def test_wan_in_one_block(page, server):
    open_small(page, "quickstart", 9)
    add(page, "In-between (Wan)")
    page.change("""() => {
        wire(ofType('InbetweenKeyframes'), 'keyframes', block(), 'keyframes')
        wire(block(), 'frames', ofType('CreateVideo'), 'images')
        set({ steps: 2, prompt: 'a walk' })
    }""")

    assert page.queue()["kind"] == "execution_success"

    assert len(whole_clip(page, server)) == 9
    assert len(files(page.outputs(), [".mp4"])) == 1
