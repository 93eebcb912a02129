"""The keyframe timeline in the real page, in both renderers: what a person does with it, and what becomes of it."""

import json

import pytest
from comfy_page import RENDERERS
from comfy_server import OutputFile, files
from project_paths import SAMPLE_INPUTS, WORKFLOWS
from timeline_driver import KEYFRAMES, Timeline

PICTURES = sorted(file.name for file in SAMPLE_INPUTS.glob("bunny_*.jpg"))
OTHER = {"canvas": "nodes 2.0", "nodes 2.0": "canvas"}
CONTRAST = """(element) => {
    const style = getComputedStyle(element)
    const light = (colour) => {
        const [red, green, blue] = colour.match(/[\\d.]+/g).map(Number)
        const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
        return 0.2126 * linear(red / 255) + 0.7152 * linear(green / 255) + 0.0722 * linear(blue / 255)
    }
    const [text, ground] = [light(style.color), light(style.backgroundColor)]
    return [ground, (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05)]
}"""

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


def three_keyframes(**widgets) -> dict:
    """The shipped workflow with its length in the widget: 25 frames, images at 0, 16 and the last."""
    workflow = json.loads((WORKFLOWS / "three_keyframes.json").read_text(encoding="utf-8"))
    (node,) = [node for node in workflow["nodes"] if node["type"] == KEYFRAMES]
    (length,) = [each for each in node["inputs"] if each["name"] == "frame_count"]
    link, length["link"] = length["link"], None
    workflow["links"] = [each for each in workflow["links"] if each[0] != link]
    for origin in workflow["nodes"]:
        for output in origin.get("outputs", []):
            output["links"] = [each for each in output["links"] or [] if each != link]
    values = {"frame_count": 25, "frame_rule": "any", "loop": False, "positions": "0, 16, -1"} | widgets
    kept = [each["name"] for each in node["inputs"] if "widget" in each]
    node["widgets_values"] = [values.get(name, old) for name, old in zip(kept, node["widgets_values"], strict=True)]
    return workflow


@pytest.fixture
def timeline(page) -> Timeline:
    page.load(three_keyframes())
    return Timeline(page)


def sent_positions(page) -> list[str]:
    """What the server would be sent, for every Keyframes node."""
    return [node["inputs"]["positions"] for node in page.prompt().values() if node["class_type"] == KEYFRAMES]


def test_keys_stand_at_their_frames_with_their_pictures(timeline):
    timeline.page.page.wait_for_timeout(300)
    assert timeline.frames == [0, 16, 24]
    assert timeline.pictures == [True, True, True]
    for index, frame in enumerate(timeline.frames):
        assert timeline.point(index)[0] == pytest.approx(timeline.x_of(frame), abs=1)


def test_a_key_is_dragged_to_its_frame_and_the_number_follows(timeline, page):
    timeline.drag(1, 7.3)
    assert timeline.text == "0, 7, -1"
    assert timeline.frames == [0, 7, 24]
    assert sent_positions(page) == ["0, 7, -1"]
    timeline.drag(1, 40)  # beyond the end, where the last key stands
    assert timeline.text == "0, 23, -1"
    timeline.drag(0, 11.6, shift=True)
    assert timeline.text == "10, 23, -1"
    timeline.drag(2, 5)  # past the others: the order of the images stays
    assert timeline.text == "10, 23, 5"


def test_a_key_is_dragged_by_a_finger(timeline):
    timeline.touch_drag(1, 9)
    assert timeline.text == "0, 9, -1"


def test_strength_follows_a_vertical_drag(timeline):
    timeline.drag_up(1, -30)
    assert timeline.text == "0, 16:0.7, -1"
    timeline.drag_up(1, 10)
    assert timeline.text == "0, 16:0.8, -1"
    timeline.drag_up(1, 90)
    assert timeline.text == "0, 16, -1"


def test_a_click_moves_nothing(timeline):
    timeline.page.page.mouse.click(*timeline.point(1))
    timeline.settle()
    assert timeline.text == "0, 16, -1"
    assert timeline.element.query_selector("input[aria-label=frame]").input_value() == "16"


def test_escape_takes_a_drag_back(timeline):
    mouse = timeline.page.page.mouse
    mouse.move(*timeline.point(1))
    mouse.down()
    mouse.move(timeline.x_of(5), timeline.point(1)[1])
    timeline.settle()
    assert timeline.text == "0, 5, -1"
    timeline.press("Escape")
    mouse.up()
    timeline.settle()
    assert timeline.text == "0, 16, -1"


def test_keys_of_the_keyboard_move_a_key(timeline):
    timeline.focus(1)
    timeline.press("ArrowRight")
    assert timeline.text == "0, 17, -1"
    timeline.press("ArrowLeft", "ArrowLeft")
    assert timeline.text == "0, 15, -1"
    timeline.press("Shift+ArrowLeft")
    assert timeline.text == "0, 10, -1"
    timeline.press("ArrowDown", "ArrowDown", "ArrowUp")
    assert timeline.text == "0, 10:0.95, -1"
    timeline.press("Home")
    assert timeline.text == "0, 1:0.95, -1"
    timeline.press("End")
    assert timeline.text == "0, 23:0.95, -1"
    timeline.press("Tab", "ArrowLeft")  # the next key jumps over this one
    assert timeline.text == "0, 23:0.95, 22"
    timeline.press("Shift+Tab", "Shift+Tab", "ArrowRight")
    assert timeline.text == "1, 23:0.95, 22"


def test_numbers_are_typed(timeline):
    timeline.focus(1)
    timeline.type_number("frame", "9")
    assert timeline.text == "0, 9, -1"
    timeline.type_number("strength", "0.55")
    assert timeline.text == "0, 9:0.55, -1"
    timeline.type_number("frame", "99")
    assert timeline.text == "0, 23:0.55, -1"
    assert timeline.element.query_selector("input[aria-label=frame]").input_value() == "23"
    timeline.type_number("fps", "12")
    assert timeline.element.query_selector(".inbetween-time").inner_text() == "1.92 s"


def test_the_typed_text_moves_the_keys(timeline, renderer):
    timeline.type_text(renderer, "0, 6:0.5, 20")
    assert timeline.frames == [0, 6, 20]
    timeline.drag(2, 22)
    assert timeline.text == "0, 6:0.5, 22"


def test_a_wrong_text_says_what_is_wrong_and_can_be_put_right(timeline, page, renderer):
    timeline.type_text(renderer, "0, 40, -1")
    message = "positions: frame 40 is outside the 25 frames; use 0 to 24, or -1 to -25 from the end."
    assert timeline.status == message
    assert [key.get_attribute("aria-invalid") for key in timeline.keys] == ["false", "true", "false"]
    refused = page.queue()
    assert refused["kind"] == "refused"
    assert message in json.dumps(refused["detail"])
    timeline.type_text(renderer, "0, forty")
    assert 'cannot read "forty"' in timeline.status
    assert timeline.frames == []
    timeline.element.query_selector("button").click()
    timeline.settle()
    assert timeline.text == ""
    assert timeline.frames == [0, 12, 24]


def test_undo_and_redo_go_step_by_step(timeline):
    timeline.drag(1, 9)
    timeline.press("ArrowRight", "ArrowUp", "ArrowDown")
    assert timeline.text == "0, 10:0.95, -1"
    timeline.undo()
    assert timeline.text == "0, 10, -1"
    assert timeline.frames == [0, 10, 24]
    timeline.undo()
    assert timeline.text == "0, 9, -1"
    timeline.undo()
    assert timeline.text == "0, 16, -1"
    timeline.redo()
    assert timeline.text == "0, 9, -1"
    assert timeline.frames == [0, 9, 24]


def test_the_length_and_the_rule_are_followed(timeline, page):
    page.set_widget(KEYFRAMES, "frame_count", 81)
    page.set_widget(KEYFRAMES, "frame_rule", "4n+1")
    timeline.settle()
    assert timeline.frames == [0, 16, 80]
    names = [each.inner_text() for each in timeline.element.query_selector_all(".inbetween-segment")]
    assert [name.split(" · ")[0] for name in names] == ["17", "65"]
    titles = [each.get_attribute("title") for each in timeline.element.query_selector_all(".inbetween-segment")]
    assert titles == ["17 frames: expert for 17", "65 frames: expert for 65"]
    timeline.focus(1)
    timeline.press("ArrowRight")
    assert "latent frame 5 of 0 to 20" in timeline.status
    timeline.press("Shift+ArrowRight")
    assert timeline.text == "0, 20, -1"


def test_a_loop_shows_its_first_image_again_at_the_end(timeline, page):
    page.set_widget(KEYFRAMES, "positions", "")
    page.set_widget(KEYFRAMES, "loop", True)
    timeline.settle()
    assert timeline.frames == [0, 8, 16]
    assert timeline.element.query_selector(".inbetween-closing").is_visible()
    timeline.drag(0, 5)
    assert timeline.text == ""
    timeline.drag(2, 24)
    assert timeline.text == "0, 8, 23"


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
    page.page.wait_for_timeout(300)
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


def test_another_source_for_an_image_keeps_its_frame(timeline, page):
    page.change("""() => {
        const { graph } = window.app
        const [first] = graph.nodes.filter((each) => each.type === 'LoadImage')
        first.connect(0, graph.nodes.find((each) => each.type === 'InbetweenKeyframes'), 1)
    }""")
    timeline.settle()
    assert timeline.text == "0, 16, -1"


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
    copy = Timeline(page, next(each for each in ids if each != timeline.node_id))
    assert copy.text == "0, 5, -1"
    assert copy.frames == [0, 5, 24]
    copy.drag(1, 20)
    assert copy.text == "0, 20, -1"
    timeline.show()
    assert timeline.text == "0, 5, -1"
    timeline.drag(1, 9)
    assert sorted(sent_positions(page)) in (["0, 9, -1"], ["0, 20, -1", "0, 9, -1"])
    assert copy.text == "0, 20, -1"


def test_in_a_subgraph(timeline, page):
    page.change("""() => {
        const { canvas } = window.app
        const node = canvas.graph.nodes.find((each) => each.type === 'InbetweenKeyframes')
        const { node: outer } = canvas.graph.convertToSubgraph(new Set([node]))
        canvas.openSubgraph(outer.subgraph, outer)
    }""")
    inner = Timeline(page)
    page.page.wait_for_timeout(300)
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


def test_the_renderer_is_switched_while_the_page_is_open(timeline, page, renderer):
    switch = "vue => window.app.extensionManager.setting.set('Comfy.VueNodes.Enabled', vue)"
    for each, frame in ((OTHER[renderer], 7), (renderer, 20)):
        page.page.evaluate(switch, RENDERERS[each])
        page.page.wait_for_function("vue => window.LiteGraph.vueNodesMode === vue", arg=RENDERERS[each])
        timeline.show()
        page.page.wait_for_timeout(300)
        assert timeline.element.is_visible()
        timeline.drag(1, frame)
        assert timeline.text == f"0, {frame}, -1"


@pytest.mark.parametrize("scale", [0.4, 1.7])
def test_zoomed(timeline, scale):
    timeline.show(scale)
    timeline.drag(1, 7)
    assert timeline.text == "0, 7, -1"
    timeline.drag_up(1, -30 * scale)
    assert timeline.text == "0, 7:0.7, -1"


def test_narrow_and_wide(timeline, page):
    for width in (230, 900):
        page.change(f"""() => {{
            const node = window.app.graph.nodes.find((each) => each.type === 'InbetweenKeyframes')
            node.setSize([{width}, node.size[1]])
            window.app.canvas.setDirty(true, true)
        }}""")
        timeline.show()
        box = timeline.element.bounding_box()
        assert box["width"] < width
        assert timeline.element.evaluate("element => element.scrollWidth <= element.clientWidth")
        spread = timeline.element.query_selector("button").bounding_box()
        assert spread["x"] + spread["width"] <= box["x"] + box["width"]
        timeline.drag(1, 12)
        assert timeline.text == "0, 12, -1"
        timeline.drag(1, 16)


@pytest.mark.parametrize("palette", ["dark", "light"])
def test_in_the_colours_of_the_theme(timeline, page, palette):
    page.page.evaluate("name => window.app.extensionManager.setting.set('Comfy.ColorPalette', name)", palette)
    page.page.wait_for_timeout(300)
    ground, contrast = timeline.element.evaluate(CONTRAST)
    page.page.evaluate("() => window.app.extensionManager.setting.set('Comfy.ColorPalette', 'dark')")
    assert contrast > 4.5
    assert (ground > 0.5) == (palette == "light")


def test_what_a_screen_reader_says(timeline):
    key = timeline.page.page.get_by_role("slider", name="Keyframe 2 of 3")
    assert key.get_attribute("aria-valuetext") == "frame 16, 0.67 s, strength 1"
    assert key.get_attribute("aria-valuemax") == "24"
    assert "one frame" in timeline.page.page.locator(f"#{key.get_attribute('aria-describedby')}").text_content()
    assert timeline.page.page.get_by_role("group", name="Keyframe timeline").count() == 1


def test_the_frames_come_where_the_keys_were_put(timeline, page, server):
    page.set_widget(KEYFRAMES, "frame_count", 9)
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
    workflow = json.loads((WORKFLOWS / "three_keyframes.json").read_text(encoding="utf-8"))
    page.load(workflow)
    page.set_widget(KEYFRAMES, "frame_count", 25)
    page.set_widget("InbetweenFrameCount", "duration.seconds", 0.5)
    timeline = Timeline(page)
    page.set_widget(KEYFRAMES, "positions", "0, 3, -1")
    timeline.settle()
    assert timeline.frames == [0, 3, 24]
    assert "through a link" in timeline.status
    assert page.queue()["kind"] == "execution_success"
    timeline.settle()
    assert timeline.frames == [0, 3, 11]
    assert "through a link" not in timeline.status


def test_without_the_script_the_text_does_all(open_page, renderer):
    page = open_page(renderer, without="**/keyframe_timeline.js")
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
