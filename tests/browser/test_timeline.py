"""The keyframe timeline in the real page, in both renderers: what a person does with it and sees of it."""

import json

import pytest
from comfy_page import LOAD_MS
from timeline_driver import KEYFRAMES, sent_positions

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

# Colours change by a transition.
THEME_IS_THERE = f"""([element, light]) => ({CONTRAST})(element)[0] > 0.5 === light
    && !document.getAnimations().some((each) => each instanceof CSSTransition)"""


def test_keys_stand_at_their_frames_with_their_pictures(timeline):
    timeline.wait_for_pictures()
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
    timeline.drag(1, 13)  # what is seen belongs to the node that undo and redo have recreated
    assert timeline.text == "0, 13, -1"
    assert timeline.page.page.locator(".inbetween-timeline").count() == 1


def test_the_length_and_the_rule_are_followed(timeline, page):
    page.set_widget(KEYFRAMES, "frame_count", 81)
    page.set_widget(KEYFRAMES, "frame_rule", "4n+1")
    timeline.settle()
    assert timeline.frames == [0, 16, 80]
    names = [each.inner_text() for each in timeline.element.query_selector_all(".inbetween-segment")]
    assert [name.split(" \u00b7 ")[0] for name in names] == ["17", "65"]
    titles = [each.get_attribute("title") for each in timeline.element.query_selector_all(".inbetween-segment")]
    assert titles == ["17 frames: expert for 17", "65 frames: expert for 65"]
    timeline.focus(1)
    timeline.press("ArrowRight")
    assert "Latent frame 5 (last: 20)" in timeline.status
    timeline.press("Shift+ArrowRight")
    assert timeline.text == "0, 20, -1"
    page.set_widget(KEYFRAMES, "frame_rule", "8n+1")
    timeline.settle()
    titles = [each.get_attribute("title") for each in timeline.element.query_selector_all(".inbetween-segment")]
    assert titles == [
        "21 frames: within the 257 that LTX-Video was trained for",
        "61 frames: within the 257 that LTX-Video was trained for",
    ]
    timeline.focus(1)
    assert "Latent frame 3 (last: 10)" in timeline.status
    timeline.press("Shift+ArrowLeft")
    assert timeline.text == "0, 16, -1"


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


@pytest.mark.parametrize("scale", [0.4, 1.7])
def test_zoomed(timeline, scale):
    timeline.show(scale)
    timeline.drag(1, 7)
    assert timeline.text == "0, 7, -1"
    timeline.drag_up(1, -30 * scale)
    assert timeline.text == "0, 7:0.7, -1"


def test_the_wheel_and_the_middle_button_work_as_beside_it(timeline, page):
    view = "() => [window.app.canvas.ds.scale, ...window.app.canvas.ds.offset]"
    mouse = page.page.mouse
    mouse.move(timeline.x_of(8), timeline.point(0)[1])
    before = page.page.evaluate(view)
    mouse.wheel(0, -120)
    page.page.wait_for_function(f"before => ({view})()[0] > before", arg=before[0], timeout=LOAD_MS)
    timeline.show()
    before = page.page.evaluate(view)
    mouse.down(button="middle")
    mouse.move(timeline.x_of(8) + 60, timeline.point(0)[1] + 40, steps=3)
    mouse.up(button="middle")
    timeline.settle()
    after = page.page.evaluate(view)
    assert after[0] == before[0]
    assert after[1:] != before[1:]
    assert timeline.text == "0, 16, -1"


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


def test_the_side_panel_leaves_it_in_the_node(timeline, page, renderer):
    page.page.evaluate("id => window.app.canvas.selectNode(window.app.graph.getNodeById(id))", timeline.node_id)
    panel = page.page.get_by_test_id("properties-panel")
    if not panel.is_visible():
        page.page.get_by_label("Toggle properties panel").first.click()
    panel.wait_for()
    timeline.settle()
    width = page.page.evaluate("id => window.app.graph.getNodeById(id).size[0]", timeline.node_id)
    assert timeline.element.bounding_box()["width"] == pytest.approx(width, abs=30)
    assert panel.locator(".inbetween-timeline").count() == 0
    timeline.drag(1, 7)
    assert timeline.text == "0, 7, -1"


@pytest.mark.parametrize("palette", ["dark", "light"])
def test_in_the_colours_of_the_theme(timeline, page, palette):
    page.page.evaluate("name => window.app.extensionManager.setting.set('Comfy.ColorPalette', name)", palette)
    page.page.wait_for_function(THEME_IS_THERE, arg=[timeline.element, palette == "light"], timeout=LOAD_MS)
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
