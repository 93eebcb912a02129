"""The keyframe timeline as a part of graphs: loading, copying, subgraphs, images that come and go, what a run makes."""

import json

from comfy_page import RENDERERS
from comfy_server import OutputFile, files
from project_paths import SAMPLE_INPUTS
from small_graphs import in_canvas
from timeline_driver import KEYFRAMES, SMALL, THREE_KEYFRAMES, Timeline, sent_positions, three_keyframes

PICTURES = sorted(file.name for file in SAMPLE_INPUTS.glob("bunny_*.jpg"))
OTHER = {"canvas": "nodes 2.0", "nodes 2.0": "canvas"}
PLACE_BESIDE = """([id, keyframes]) => {
    const [node, beside] = [id, keyframes].map((each) => window.app.graph.getNodeById(each))
    node.pos = [beside.pos[0] + beside.size[0] + 60, beside.pos[1]]
}"""
SLOTS = """([id, keyframes]) => {
    const { canvas, graph } = window.app
    const [node, target] = [id, keyframes].map((each) => graph.getNodeById(each))
    const free = target.inputs.findIndex(({ name, link }) => name.startsWith('images.') && link === null)
    const { left, top } = canvas.canvas.getBoundingClientRect()
    return [node.getOutputPos(0), target.getInputPos(free)].map((place) => {
        const [x, y] = canvas.ds.convertOffsetToCanvas(place)
        return [left + x, top + y]
    })
}"""


def test_a_saved_graph_opens_as_it_was(timeline, page):
    timeline.drag(1, 5)
    timeline.type_number("fps", "30")
    saved = page.saved()
    (node,) = [node for node in saved["nodes"] if node["type"] == KEYFRAMES]
    assert len(node["widgets_values"]) == 8  # the timeline is no value
    page.load({"nodes": [], "links": [], "version": 0.4})
    page.load(saved)
    again = Timeline(page)
    assert again.text == "0, 5, -1"
    assert again.frames == [0, 5, 24]
    assert again.element.query_selector("input[aria-label=fps]").input_value() == "30"
    assert page.saved()["nodes"] == saved["nodes"]


def test_the_page_is_loaded_again(browser, server, renderer):
    page = browser.another_page(renderer, server)  # which tab opens again depends on all tabs that were ever open
    page.load(three_keyframes())
    timeline = Timeline(page)
    timeline.wait_for_pictures()  # the node grows when they arrive, and this page has loaded none before
    timeline.wait_until_still()
    timeline.drag(1, 11)
    page.reload()
    again = Timeline(page)
    again.wait_for_pictures()
    again.wait_until_still()
    assert again.text == "0, 11, -1"
    assert again.frames == [0, 11, 24]
    again.drag(1, 7)
    assert again.text == "0, 7, -1"
    assert page.errors == []
    page.page.context.close()


def test_a_copy_has_a_timeline_of_its_own(timeline, page):
    timeline.drag(1, 5)
    page.page.evaluate("id => window.app.canvas.selectNode(window.app.graph.getNodeById(id))", timeline.node_id)
    page.page.locator("#graph-canvas").focus()
    page.page.keyboard.press("Control+c")
    page.page.mouse.move(1300, 800)
    page.page.keyboard.press("Control+Shift+v")  # with the links
    page.page.wait_for_function(
        "() => window.app.graph.nodes.filter((n) => n.type === 'InbetweenKeyframes').length === 2"
    )
    ids = page.page.evaluate(
        "() => window.app.graph.nodes.filter((n) => n.type === 'InbetweenKeyframes').map((n) => n.id)"
    )
    copy_id = next(each for each in ids if each != timeline.node_id)
    page.page.evaluate("id => (window.app.graph.getNodeById(id).pos = [800, 2000])", copy_id)
    copy = Timeline(page, copy_id)
    assert copy.text == "0, 5, -1"
    assert copy.frames == [0, 5, 24]
    copy.drag(1, 20)
    assert copy.text == "0, 20, -1"
    timeline.show()
    assert timeline.text == "0, 5, -1"
    timeline.drag(1, 9)
    assert timeline.text == "0, 9, -1"
    assert copy.text == "0, 20, -1"


def test_in_a_subgraph(timeline, page):
    page.change("""() => {
        const { canvas } = window.app
        const node = canvas.graph.nodes.find((each) => each.type === 'InbetweenKeyframes')
        const { node: outer } = canvas.graph.convertToSubgraph(new Set([node]))
        canvas.openSubgraph(outer.subgraph, outer)
    }""")
    inner = Timeline(page)
    inner.wait_for_pictures()
    inner.wait_until_still()
    assert inner.text == "0, 16, -1"
    assert inner.pictures == [True, True, True]
    inner.drag(1, 7)
    assert inner.text == "0, 7, -1"
    assert sent_positions(page) == ["0, 7, -1"]
    page.change("() => window.app.canvas.setGraph(window.app.rootGraph)")
    assert sent_positions(page) == ["0, 7, -1"]
    saved = page.saved()
    page.load(saved)
    assert sent_positions(page) == ["0, 7, -1"]


def test_pictures_are_found_through_reroutes_and_out_of_subgraphs(timeline, page):
    page.change("""() => {
        const { graph } = window.app
        const [first, second] = graph.nodes.filter((each) => each.type === 'LoadImage')
        const keyframes = graph.nodes.find((each) => each.type === 'InbetweenKeyframes')
        const reroute = window.LiteGraph.createNode('Reroute')
        graph.add(reroute)
        first.connect(0, reroute, 0)
        reroute.connect(0, keyframes, 0)
        graph.convertToSubgraph(new Set([second]))
    }""")
    timeline.settle()
    # The host has lost the link into the socket that grows; it is drawn again.
    page.change("""() => {
        const { graph } = window.app
        const keyframes = graph.nodes.find((each) => each.type === 'InbetweenKeyframes')
        graph.nodes.find((each) => each.subgraph).connect(0, keyframes, 2)
    }""")
    timeline.settle()
    timeline.wait_for_pictures()
    assert timeline.pictures == [True, True, True]


def test_the_images_of_a_batch_are_known_after_the_run(timeline, page):
    page.change("""() => {
        const { graph } = window.app
        const images = graph.nodes.filter((each) => each.type === 'LoadImage')
        const keyframes = graph.nodes.find((each) => each.type === 'InbetweenKeyframes')
        keyframes.widgets.find(({ name }) => name === 'positions').value = ''
        const batch = window.LiteGraph.createNode('ImageBatch')
        graph.add(batch)
        images[0].connect(0, batch, 0)
        images[1].connect(0, batch, 1)
        batch.connect(0, keyframes, 0)
        images[2].connect(0, keyframes, 1)
        keyframes.disconnectInput(2)
    }""")
    page.set_widget(KEYFRAMES, "frame_count", 5)
    timeline.settle()
    assert timeline.frames == [0, 4]
    assert "Run the graph" in timeline.status
    assert page.queue()["kind"] == "execution_success"
    timeline.settle()
    assert timeline.frames == [0, 2, 4]
    timeline.drag(1, 1)
    assert timeline.text == "0, 1, -1"
    assert page.queue()["kind"] == "execution_success"


def test_a_text_that_comes_through_a_link_cannot_be_dragged(timeline, page):
    page.change("""() => {
        const { graph } = window.app
        const keyframes = graph.nodes.find((each) => each.type === 'InbetweenKeyframes')
        const text = window.LiteGraph.createNode('PrimitiveString')
        graph.add(text)
        text.connect(0, keyframes, keyframes.inputs.findIndex(({ name }) => name === 'positions'))
    }""")
    timeline.settle()
    assert "from a link" in timeline.status
    timeline.drag(1, 7)
    timeline.focus(1)
    timeline.press("ArrowRight", "Delete")
    assert timeline.text == "0, 16, -1"
    assert len(timeline.keys) == 3


def test_the_renderer_is_switched_while_the_page_is_open(timeline, page, renderer):
    switch = "vue => window.app.extensionManager.setting.set('Comfy.VueNodes.Enabled', vue)"
    for each, frame in ((OTHER[renderer], 7), (renderer, 20)):
        page.page.evaluate(switch, RENDERERS[each])
        page.page.wait_for_function("vue => window.LiteGraph.vueNodesMode === vue", arg=RENDERERS[each])
        timeline.show()
        timeline.wait_until_still()
        assert timeline.element.is_visible()
        timeline.drag(1, frame)
        assert timeline.text == f"0, {frame}, -1"


def add_image(page, timeline, file) -> None:
    """Drops a picture on the page, which makes a Load Image node, and draws a link to the last socket."""
    page.drop_more(file)
    source = page.page.evaluate("() => window.app.graph.nodes.at(-1).id")
    page.page.evaluate(PLACE_BESIDE, [source, timeline.node_id])
    timeline.settle()
    start, end = page.page.evaluate(SLOTS, [source, timeline.node_id])
    mouse = page.page.mouse
    mouse.move(*start)
    mouse.down()
    mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    mouse.move(*end)
    mouse.move(end[0] + 1, end[1])
    mouse.up()
    timeline.settle()


def test_an_image_that_comes_or_goes_has_its_key_follow(timeline, page):
    add_image(page, timeline, SAMPLE_INPUTS / PICTURES[0])
    assert timeline.text == "0, 16, -1, 8"
    timeline.wait_for_pictures()
    assert timeline.pictures == [True] * 4
    timeline.focus(1)
    timeline.press("Delete")
    assert timeline.text == "0, -1, 8"
    assert timeline.frames == [0, 24, 8]
    inputs = next(node["inputs"] for node in page.prompt().values() if node["class_type"] == KEYFRAMES)
    assert sorted(name for name in inputs if name.startswith("images.")) == [f"images.image{n}" for n in range(3)]
    assert KEYFRAMES in page.node_types()
    seen = []
    while seen[-1:] != ["0, 16, -1"] and len(seen) < 6:  # dropping and placing the new node are steps too
        timeline.undo()
        seen.append(timeline.text)
        assert "names" not in timeline.status  # images and names come and go together
    assert seen[0] != "0, -1, 8"
    assert seen[-1] == "0, 16, -1"
    assert timeline.frames == [0, 16, 24]


def test_an_image_node_that_is_deleted_is_one_step_of_undo(timeline, page):
    page.change("""() => {
        const { canvas, graph } = window.app
        canvas.deselectAll()
        canvas.selectNode(graph.nodes.filter((each) => each.type === 'LoadImage')[1])
    }""")
    page.page.locator("#graph-canvas").focus()
    timeline.press("Delete")
    timeline.settle()
    assert timeline.text == "0, -1"
    assert timeline.status.startswith("Drag an image")
    timeline.undo()
    assert timeline.text == "0, 16, -1"
    assert page.node_types().count("LoadImage") == 3


def test_another_source_for_an_image_keeps_its_frame(timeline, page):
    page.change("""() => {
        const { graph } = window.app
        const [first] = graph.nodes.filter((each) => each.type === 'LoadImage')
        first.connect(0, graph.nodes.find((each) => each.type === 'InbetweenKeyframes'), 1)
    }""")
    timeline.settle()
    assert timeline.text == "0, 16, -1"


def test_the_frames_come_where_the_keys_were_put(timeline, page, server):
    for widget, value in (("frame_count", 9), ("width", 0), ("height", 0)):  # the size of the pictures
        page.set_widget(KEYFRAMES, widget, value)
    timeline.settle()
    timeline.drag(1, 2)
    assert timeline.text == "0, 2, -1"
    page.change("""() => {
        const { graph } = window.app
        const of = (type) => graph.nodes.find((node) => node.type === type)
        const save = window.LiteGraph.createNode('SaveImage')
        save.widgets.find(({ name }) => name === 'filename_prefix').value = 'timeline/frame'
        graph.add(save)
        of('InbetweenFinish').connect(0, save, 0)
    }""")
    assert page.queue()["kind"] == "execution_success"
    frames = sorted(
        (each for each in files(page.outputs(), [".png"]) if each.subfolder == "timeline"), key=lambda f: f.filename
    )
    assert len(frames) == 9
    frames_HWC = [server.image(frame) for frame in frames]
    for picture, frame in zip(PICTURES, (0, 2, 8), strict=True):
        given_HWC = server.image(OutputFile(picture, "", "input"))
        # The host has its own reader of JPEG files; other frames differ by far more.
        same = [bool((each_HWC - given_HWC).abs().max() < 8 / 255) for each_HWC in frames_HWC]
        assert same == [each == frame for each in range(9)]


def test_a_length_that_comes_through_a_link_is_known_after_the_run(page):
    workflow = json.loads(THREE_KEYFRAMES.read_text(encoding="utf-8"))
    page.load(workflow)
    for widget, value in ({"frame_count": 25} | SMALL).items():
        page.set_widget(KEYFRAMES, widget, value)
    page.set_widget("InbetweenFrameCount", "duration.seconds", 0.5)
    timeline = Timeline(page)
    page.set_widget(KEYFRAMES, "positions", "0, 3, -1")
    timeline.settle()
    assert timeline.frames == [0, 3, 24]
    assert "from a link" in timeline.status
    assert page.queue()["kind"] == "execution_success"
    timeline.settle()
    assert timeline.frames == [0, 3, 11]
    assert "from a link" not in timeline.status


@in_canvas
def test_without_the_script_the_text_does_all(browser, server, renderer):
    page = browser.another_page(renderer, server, without="**/keyframe_timeline.js")
    page.load(three_keyframes(positions="0, 3, -1", frame_count=5))
    node_id = page.node_id(KEYFRAMES)
    names = page.page.evaluate("id => window.app.graph.getNodeById(id).widgets.map(({ name }) => name)", node_id)
    assert "positions" in names
    assert "timeline" not in names
    plain = Timeline(page, node_id)
    plain.type_text(renderer, "0, 2, -1")
    assert sent_positions(page) == ["0, 2, -1"]
    assert page.queue()["kind"] == "execution_success"
    assert page.errors == []
    page.page.context.close()
