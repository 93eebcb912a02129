"""The timeline of one Keyframes node in the real page, used as a person uses it: with mouse, finger and keys."""

import json

from comfy_page import LOAD_MS, NEXT_FRAMES, ComfyPage
from playwright.sync_api import ElementHandle, expect
from project_paths import WORKFLOWS

KEYFRAMES = "InbetweenKeyframes"
THREE_KEYFRAMES = WORKFLOWS / "three_keyframes.json"
SMALL = {"width": 96, "height": 64}

# What the page keeps for undo and redo, and how many steps of each there are.
TRACKER = "() => window.app.extensionManager.workflow.activeWorkflow.changeTracker"
HISTORY = f"""() => {{
    const {{ undoQueue, redoQueue }} = ({TRACKER})()
    return `${{undoQueue.length}} ${{redoQueue.length}}`
}}"""

# The node may be recreated (undo) or its element moved (renderer), so it is looked up each time.
FIND = """([id, name]) => {
    const node = window.app.canvas.graph.getNodeById(id)
    return node.widgets.find((widget) => widget.name === name)
}"""
PICTURES_ARE_LOADED = f"""(given) => [...({FIND})(given).element.querySelectorAll('[role=slider] img')].every(
    (image) => image.naturalWidth > 0)"""
STANDS_STILL = f"""async (given) => {{
    let before, frames = 0
    while (frames < 15) {{
        await new Promise(requestAnimationFrame)
        const {{ x, y, width, height }} = ({FIND})(given).element.getBoundingClientRect()
        const now = [x, y, width, height].join()
        frames = width > 0 && now === before ? frames + 1 : 0
        before = now
    }}
}}"""
# A graph that has just been opened moves for some frames, and for as long a cover may lie over the page.
IS_REACHED = f"""async (given) => {{
    let before, still = 0
    for (let frame = 0; frame < 600 && still < 4; frame++) {{
        await new Promise(requestAnimationFrame)
        const element = ({FIND})(given)?.element
        const {{ x, y, width, height }} = element?.querySelector('.inbetween-ruler').getBoundingClientRect() ?? {{}}
        const reached = !element || element.contains(document.elementFromPoint(x + width / 2, y + height / 2))
        const now = [x, y, width, height].join()
        still = reached && now === before ? still + 1 : 0
        before = now
    }}
}}"""
SHOW_NODE = """([id, scale]) => {
    const { canvas } = window.app
    const [x, y] = canvas.graph.getNodeById(id).pos
    canvas.ds.scale = scale
    canvas.ds.offset = [420 / scale - x, 120 / scale - y]
    canvas.setDirty(true, true)
}"""
WIDGET_PLACE = """([id, name]) => {
    const { canvas } = window.app
    const node = canvas.graph.getNodeById(id)
    const { y } = node.widgets.find((widget) => widget.name === name)
    const [left, top] = canvas.ds.convertOffsetToCanvas([node.pos[0] + node.size[0] - 60, node.pos[1] + y + 12])
    const box = canvas.canvas.getBoundingClientRect()
    return [box.left + left, box.top + top]
}"""


class Timeline:
    """The timeline of the Keyframes node with a given id, of the graph that is open."""

    def __init__(self, page: ComfyPage, node_id: int | str | None = None) -> None:
        self.page = page
        self.node_id = page.node_id(KEYFRAMES) if node_id is None else node_id
        self.show()

    def show(self, scale: float = 1.0) -> None:
        """Moves the view so that the node is seen, zoomed, and waits until the mouse reaches its timeline, if any."""
        self.page.page.evaluate(SHOW_NODE, [self.node_id, scale])
        self.page.page.evaluate(IS_REACHED, [self.node_id, "timeline"])

    def settle(self) -> None:
        """Lets the page follow: the timeline is drawn in the next frame, its place in the one after."""
        for _ in range(2):
            self.page.page.evaluate(NEXT_FRAMES)

    def wait_for_pictures(self) -> None:
        """Until every picture of a key is loaded."""
        given = [self.node_id, "timeline"]
        self.page.page.wait_for_function(PICTURES_ARE_LOADED, arg=given, timeout=LOAD_MS)

    def wait_until_still(self) -> None:
        """Until it is on the page and has not moved for some frames."""
        self.page.page.evaluate(STANDS_STILL, [self.node_id, "timeline"])

    @property
    def element(self) -> ElementHandle:
        found = self.page.page.evaluate_handle(f"(given) => ({FIND})(given).element", [self.node_id, "timeline"])
        return found.as_element()

    @property
    def text(self) -> str:
        """The positions text, which is the value."""
        return self.page.page.evaluate(f"(given) => ({FIND})(given).value", [self.node_id, "positions"])

    @property
    def keys(self) -> list[ElementHandle]:
        """The keys in the order of the images."""
        return self.element.query_selector_all("[role=slider]")

    @property
    def frames(self) -> list[int]:
        """Where the keys are shown."""
        return [int(key.get_attribute("aria-valuenow")) for key in self.keys]

    @property
    def pictures(self) -> list[bool]:
        """Whether each key shows its picture."""
        return [key.query_selector("img").evaluate("image => image.naturalWidth > 0") for key in self.keys]

    @property
    def status(self) -> str:
        return self.element.query_selector("[role=status]").inner_text()

    def point(self, index: int) -> tuple[float, float]:
        """The middle of a key's picture, on the page."""
        box = self.keys[index].bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 3

    def x_of(self, frame: float) -> float:
        """Where a frame is on the page."""
        ruler = self.element.query_selector(".inbetween-ruler").bounding_box()
        last = int(self.element.query_selector("input").get_attribute("max"))
        return ruler["x"] + ruler["width"] * frame / last

    def drag(self, index: int, frame: float, shift: bool = False) -> None:
        """Drags a key sideways with the mouse."""
        x, y = self.point(index)
        mouse = self.page.page.mouse
        mouse.move(x, y)
        mouse.down()
        if shift:
            self.page.page.keyboard.down("Shift")
        mouse.move((x + self.x_of(frame)) / 2, y + 3)
        mouse.move(self.x_of(frame), y + 3)
        mouse.up()
        if shift:
            self.page.page.keyboard.up("Shift")
        self.settle()

    def drag_up(self, index: int, pixels: float) -> None:
        """Drags a key upwards; down if negative."""
        x, y = self.point(index)
        mouse = self.page.page.mouse
        mouse.move(x, y)
        mouse.down()
        mouse.move(x + 2, y - pixels / 2)
        mouse.move(x + 2, y - pixels)
        mouse.up()
        self.settle()

    def touch_drag(self, index: int, frame: float) -> None:
        """Drags a key sideways with a finger."""
        x, y = self.point(index)
        session = self.page.page.context.new_cdp_session(self.page.page)
        touch = [("touchStart", x), ("touchMove", (x + self.x_of(frame)) / 2), ("touchMove", self.x_of(frame))]
        for kind, at in touch:
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": at, "y": y}]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        session.detach()
        self.settle()

    def focus(self, index: int) -> None:
        self.keys[index].focus()

    def press(self, *keys: str) -> None:
        """Keys of the keyboard, one after the other."""
        for key in keys:
            self.page.page.keyboard.press(key)
            self.settle()

    def type_number(self, name: str, value: str) -> None:
        """Types into one of the timeline's number fields."""
        field = self.element.query_selector(f"input[aria-label={name}]")
        field.fill(value)
        field.press("Enter")
        self.settle()

    def type_text(self, renderer: str, text: str) -> None:
        """Types the positions text into its own widget."""
        page = self.page.page
        if renderer == "canvas":
            field = page.locator(".graphdialog input")
            self.page.double_click(*page.evaluate(WIDGET_PLACE, [self.node_id, "positions"]), field)
        else:
            node = page.locator(f"[data-node-id='{self.node_id}']")
            field = node.get_by_role("textbox", name="positions")
        expect(field).to_be_visible()
        field.fill(text)
        field.press("Enter")
        self.settle()

    def undo(self, times: int = 1) -> None:
        for _ in range(times):
            self._through_history("z")

    def redo(self) -> None:
        self._through_history("y")

    def _through_history(self, key: str) -> None:
        """Press the key with Control, held for some frames as by a person, and wait until the page has gone there.

        The page takes a key down in the next frame. Where Control or the key is up before that, it looks for changes as
        well, and in Nodes 2.0 finds heights that it gave other nodes after the last step: one step of its own more.
        """
        page, keyboard = self.page.page, self.page.page.keyboard
        before = page.evaluate(HISTORY)
        keyboard.down("Control")
        self.settle()
        keyboard.down(key)
        page.wait_for_function(
            f"(before) => (({HISTORY})() !== before) && !({TRACKER})()._restoringState", arg=before, timeout=LOAD_MS
        )
        self.settle()
        keyboard.up(key)
        keyboard.up("Control")
        self.settle()


def three_keyframes(**widgets) -> dict:
    """The shipped workflow, small, with its length in the widget: 25 frames, images at 0, 16 and the last."""
    workflow = json.loads(THREE_KEYFRAMES.read_text(encoding="utf-8"))
    (node,) = [node for node in workflow["nodes"] if node["type"] == KEYFRAMES]
    (length,) = [each for each in node["inputs"] if each["name"] == "frame_count"]
    link, length["link"] = length["link"], None
    workflow["links"] = [each for each in workflow["links"] if each[0] != link]
    for origin in workflow["nodes"]:
        for output in origin.get("outputs", []):
            output["links"] = [each for each in output["links"] or [] if each != link]
    values = {"frame_count": 25, "frame_rule": "any", "loop": False, "positions": "0, 16, -1"} | SMALL | widgets
    kept = [each["name"] for each in node["inputs"] if "widget" in each]
    node["widgets_values"] = [values.get(name, old) for name, old in zip(kept, node["widgets_values"], strict=True)]
    return workflow


def sent_positions(page: ComfyPage) -> list[str]:
    """What the server would be sent, for every Keyframes node."""
    return [node["inputs"]["positions"] for node in page.prompt().values() if node["class_type"] == KEYFRAMES]
