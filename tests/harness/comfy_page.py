"""The real page in headless Chromium, used as a person uses it."""

import base64
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from comfy_server import ComfyServer
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect, sync_playwright

RENDERERS = {"canvas": False, "nodes 2.0": True}
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# No network of its own, no GPU, and no sandbox: tests run as root in containers. The page asks other sites for sizes of
# missing models and the like; tests must not.
CHROMIUM_FLAGS = (
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--no-proxy-server",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
FILE_TYPES = {".json": "application/json", ".mp4": "video/mp4", ".jpg": "image/jpeg"}
# So long that only a page that hangs gets there, however busy the machine is.
LOAD_MS = 240_000
RUN_MS = 1_200_000
OPEN_MS = 10_000
DRAFT_MS = 1500  # the page keeps a draft of what is open some time after each change

# Stored on the server before the page is opened: otherwise a tutorial or a dialog covers the graph.
QUIET_SETTINGS = {
    "Comfy.TutorialCompleted": True,
    "Comfy.Workflow.ShowMissingModelsWarning": False,
    "Comfy.Notification.ShowVersionUpdates": False,
    "Comfy.ConfirmClear": False,
    "Comfy.Minimap.Visible": False,
}

PAGE_IS_READY = """() => window.app?.graph && window.app.extensionManager && window.LiteGraph
    && Object.keys(window.LiteGraph.registered_node_types).length > 100
    && !document.querySelector('#splash-loader, .p-blockui-mask')"""

# Dialogs, and the cover of the page while it opens a file, go when their animation ends, which on a busy machine
# without a screen is sometimes never told; without animations they go at once.
NO_ANIMATION = "*, ::before, ::after { animation: none !important; transition: none !important; }"

# How deep a draft is wrapped into texts depends on the version of the page: without the backslashes it is all the same.
DRAFT_IS_KEPT = r"""() => {
    const plain = (text) => text.replaceAll('\\', '')
    const drafts = Object.entries(localStorage).filter(([key]) => /draft|^workflow/i.test(key))
    const values = window.app.graph.serialize().nodes.map((node) => plain(JSON.stringify(node.widgets_values ?? [])))
    return drafts.some(([, text]) => values.every((value) => plain(text).includes(value)))
}"""

# Autogrow and other dynamic inputs follow a change in the next frame that is drawn.
NEXT_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"

DROP_FILE = """({ base64, name, type }) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File([bytes], name, { type }))
    const target = document.querySelector('#graph-canvas')
    const { left, top, width, height } = target.getBoundingClientRect()
    const place = { clientX: left + width / 2, clientY: top + height / 2 }
    for (const kind of ['dragenter', 'dragover', 'drop'])
        target.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer, ...place }))
}"""

# The end is `executing` with null: `execution_success` comes before the server has written its history.
QUEUE = """async () => {
    const { api } = window.app
    const heard = {}
    window.verdict = null
    for (const kind of ['execution_success', 'execution_error', 'execution_interrupted'])
        api.addEventListener(kind, ({ detail }) => Object.assign(heard, { kind, detail }), { once: true })
    api.addEventListener('executing', function end({ detail }) {
        if (detail !== null) return
        api.removeEventListener('executing', end)
        window.verdict = heard
    })
    return await window.app.queuePrompt(0, 1)
}"""


class ComfyPage:
    """One open page; `errors` are those that no script caught."""

    def __init__(self, page: Page, server: ComfyServer) -> None:
        self.page = page
        self.server = server
        self.errors: list[str] = []
        page.set_default_timeout(LOAD_MS)
        expect.set_options(timeout=LOAD_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, renderer: str) -> None:
        """Loads the page with one of RENDERERS."""
        settings = QUIET_SETTINGS | {"Comfy.VueNodes.Enabled": RENDERERS[renderer]}
        assert self.server.post("/settings", settings).ok
        self.page.goto(self.server.url, wait_until="domcontentloaded")
        self._wait_until_ready()
        assert self.page.evaluate("() => window.LiteGraph.vueNodesMode") == RENDERERS[renderer]

    def reload(self) -> None:
        """Loads the page anew, which opens what was open, changes that were not saved included."""
        before = len(self.node_types())
        self.page.wait_for_timeout(DRAFT_MS)  # earlier there may be a draft of other values
        self.page.wait_for_function(DRAFT_IS_KEPT, timeout=LOAD_MS)
        self.page.reload(wait_until="domcontentloaded")
        self._wait_until_ready()
        self.page.wait_for_function("before => window.app.graph.nodes.length === before", arg=before, timeout=LOAD_MS)
        self.page.evaluate(NEXT_FRAMES)

    def _wait_until_ready(self) -> None:
        self.page.add_style_tag(content=NO_ANIMATION)
        self.page.wait_for_function(PAGE_IS_READY, timeout=LOAD_MS)

    def load(self, workflow: dict) -> None:
        """Opens a workflow through the page's own loader."""
        self.page.evaluate("workflow => window.app.loadGraphData(workflow)", workflow)
        self.page.evaluate(NEXT_FRAMES)

    def double_click(self, x: float, y: float, opened: Locator) -> None:
        """Double-clicks on the canvas until something has opened.

        A busy page can take a double-click for two single ones, as if the user were slow.
        """
        for _ in range(LOAD_MS // OPEN_MS):
            self.page.mouse.dblclick(x, y, delay=40)
            try:
                return opened.wait_for(timeout=OPEN_MS)
            except TimeoutError:
                continue
        opened.wait_for()

    def open_search(self, x: float, y: float) -> Locator:
        """Opens the search for nodes on an empty place of the canvas."""
        search = self.page.get_by_role("search")
        self.double_click(x, y, search)
        return search

    def drop(self, file: Path) -> None:
        """Drops a file on the canvas and waits until its graph is there."""
        self.page.evaluate("() => window.app.graph.clear()")
        self.drop_more(file)

    def drop_more(self, file: Path) -> None:
        """Drops a file on the canvas and waits until there are more nodes than before; a picture becomes Load Image."""
        before = len(self.node_types())
        content = base64.b64encode(file.read_bytes()).decode()
        self.page.evaluate(DROP_FILE, {"base64": content, "name": file.name, "type": FILE_TYPES[file.suffix]})
        self.page.wait_for_function("before => window.app.graph.nodes.length > before", arg=before, timeout=LOAD_MS)
        self.page.evaluate(NEXT_FRAMES)

    def prompt(self) -> dict:
        """What the page would queue."""
        prompt = self.page.evaluate("async () => (await window.app.graphToPrompt()).output")
        for node in prompt.values():
            node["inputs"].pop("video-preview", None)  # which old pages take for a value
        return prompt

    def saved(self) -> dict:
        """What the page would save."""
        return self.page.evaluate("() => window.app.graph.serialize()")

    def node_id(self, node_type: str) -> int | str:
        """The id of the only node of a type in the graph that is open."""
        (found,) = self.page.evaluate(
            "type => window.app.canvas.graph.nodes.filter((node) => node.type === type).map((node) => node.id)",
            node_type,
        )
        return found

    def node_types(self) -> list[str]:
        """The types of the nodes of the graph."""
        return self.page.evaluate("() => window.app.graph.nodes.map((node) => node.type)")

    def change(self, script: str) -> None:
        """Changes the graph by a JavaScript function without arguments, and lets the page follow."""
        self.page.evaluate(script)
        self.page.evaluate(NEXT_FRAMES)

    def set_widget(self, node_type: str, widget: str, value: object) -> None:
        """Sets a widget as its own editor does, callbacks included."""
        self.page.evaluate(
            """([type, name, value]) => {
                const node = window.app.graph.nodes.find((each) => each.type === type)
                const widget = node.widgets.find((each) => each.name === name)
                widget.value = value
                widget.callback?.(value, window.app.canvas, node)
            }""",
            [node_type, widget, value],
        )

    def set_values(self, prompt: dict) -> None:
        """Sets the widgets that hold another value than in a prompt, as their own editors do."""
        now = self.prompt()
        changes = [
            [node, name, value]
            for node, about in prompt.items()
            for name, value in about["inputs"].items()
            if not isinstance(value, list) and now[node]["inputs"].get(name) != value
        ]
        self.page.evaluate(
            """(changes) => {
                for (const [id, name, value] of changes) {
                    const node = window.app.graph.getNodeById(Number(id))
                    const widget = node.widgets.find((each) => each.name === name)
                    widget.value = value
                    widget.callback?.(value, window.app.canvas, node)
                }
            }""",
            changes,
        )
        self.page.evaluate(NEXT_FRAMES)

    def queue(self) -> dict:
        """
        Queues the graph as the Run button does, and waits for the end.

        Returns:
            {"kind": "execution_success" or "execution_error" or ..., "detail": the message of the server}, or
            {"kind": "refused", "detail": the errors by node id that the page shows}.
        """
        if not self.page.evaluate(QUEUE):
            return {"kind": "refused", "detail": self.page.evaluate("() => window.app.lastNodeErrors")}
        self.page.wait_for_function("() => window.verdict", timeout=RUN_MS)
        return self.page.evaluate("() => window.verdict")

    def outputs(self) -> dict[str, dict]:
        """What each output node reported in the last run, by node id."""
        history = self.server.get("/history", max_items="1").json()
        return next(iter(history.values()))["outputs"]


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Chromium without a window; CHROMIUM names its file if it is not on the path."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), headless=True, args=list(CHROMIUM_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def _chromium() -> str:
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if not found:
        raise LookupError(
            "the page tests need Chromium: install it (Debian: apt-get install chromium) or set CHROMIUM."
        )
    return found
