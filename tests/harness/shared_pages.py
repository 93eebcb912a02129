"""Chromium with one page for each renderer, shared by all tests, because loading one takes longer than most tests."""

from contextlib import ExitStack
from dataclasses import dataclass

from comfy_page import NEXT_FRAMES, ComfyPage, open_browser
from comfy_server import ComfyServer
from playwright.sync_api import Browser, Error, ViewportSize

VIEWPORT: ViewportSize = {"width": 1600, "height": 1000}
EMPTY_PLACE = (800, 700)  # of the canvas, in pixels of the page: nothing is under the mouse there

# What a test can leave in a page: settings, which are stored on the server; what the browser stores; open files, with
# what can be undone; panels, dialogs, menus and messages; what hangs on the pointer; view and selection; errors of a
# run. The page itself stores drafts and which files are open, what follows from them, and where its bar of buttons is.
STATE = r"""() => {
    const { app } = window
    const { setting, sidebarTab, workflow, lastNodeErrors, lastExecutionError } = app.extensionManager
    const { activeWorkflow, openWorkflows } = workflow
    const { undoQueue, redoQueue } = activeWorkflow.changeTracker
    const kept = (storage) =>
        Object.entries(storage).filter(([key]) => !/Workflow|FeatureUsage|MenuPosition|clientId/i.test(key)).sort()
    const shown = (element) => element.checkVisibility() && element.getBoundingClientRect().height > 0
    const roles = ['dialog', 'menu', 'search', 'alert'].map((role) => `[role=${role}]`)
    const over = [...roles, '.p-toast-message', '.graphdialog', '.litecontextmenu'].join()
    const { state, pointer, last_mouse_dragging } = app.canvas
    return JSON.stringify({
        settings: Object.keys(setting.settings).sort().map((id) => [id, setting.get(id)]),
        stored: [kept(localStorage), kept(sessionStorage)],
        files: [openWorkflows.length, activeWorkflow.isModified, undoQueue.length, redoQueue.length],
        graph: [app.graph.nodes.length, app.canvas.graph === app.graph, app.canvas.selectedItems.size],
        pointer: [{ ...state, hoveringOver: 0 }, !!last_mouse_dragging, pointer.isDown],
        view: [app.canvas.ds.scale, ...app.canvas.ds.offset],
        renderer: window.LiteGraph.vueNodesMode,
        panel: sidebarTab.activeSidebarTabId,
        over: [...document.querySelectorAll(over)].filter(shown).map((each) => each.className),
        body: [...document.body.children].filter(shown).map((each) => `${each.tagName} ${each.className}`),
        focus: document.activeElement.tagName,
        errors: [lastNodeErrors, lastExecutionError],
        title: document.title.replace(/ \(\d+\)/, ''),
    })
}"""

PUT_BACK = r"""async (before) => {
    const { app } = window
    const { command, setting, sidebarTab, toast, workflow } = app.extensionManager
    const { panel, settings, view } = JSON.parse(before)
    document.activeElement.blur()
    toast.removeAll()
    for (const tooltip of document.querySelectorAll('.p-tooltip')) tooltip.remove() // of what is no longer there
    sidebarTab.activeSidebarTabId = panel
    for (const [id, value] of settings)
        if (JSON.stringify(setting.get(id)) !== JSON.stringify(value)) await setting.set(id, value)
    app.canvas.setGraph(app.rootGraph)
    app.canvas.last_mouse_dragging = false // which only a button that goes up over the canvas ends
    await command.execute('Comfy.NewBlankWorkflow')
    for (const file of [...workflow.openWorkflows])
        if (file.path !== workflow.activeWorkflow.path) await workflow.closeWorkflow(file)
    for (const key of Object.keys(localStorage)) if (/clipboard/.test(key)) localStorage.removeItem(key)
    ;[app.canvas.ds.scale, ...app.canvas.ds.offset] = view
    app.canvas.setDirty(true, true)
}"""


@dataclass(frozen=True)
class SharedPage:
    """A page with an empty graph, and its state then."""

    page: ComfyPage
    state: str


class SharedPages:
    """Opens the browser, and each page in it, when they are first asked for."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._browser: Browser | None = None
        self._pages: dict[str, SharedPage] = {}

    def page(self, renderer: str, server: ComfyServer) -> ComfyPage:
        """
        The page with the renderer of a name of RENDERERS, with an empty graph, as if it had just been opened.

        It is the one of the test before, put back; if a trace of that test is left, another one.
        """
        shared = self._pages.pop(renderer, None)
        if shared is None or not _is_put_back(shared):
            if shared:
                shared.page.page.context.close()
            page = self.another_page(renderer, server)
            _put_back(page, page.page.evaluate(STATE))
            shared = SharedPage(page, page.page.evaluate(STATE))
        self._pages[renderer] = shared
        return shared.page

    def another_page(self, renderer: str, server: ComfyServer, without: str | None = None) -> ComfyPage:
        """A page of its own, without the files of an address pattern; whoever asks for it closes its context."""
        if self._browser is None:
            self._browser = self._open.enter_context(open_browser())
        page = ComfyPage(self._browser.new_context(viewport=VIEWPORT).new_page(), server)
        if without:
            page.page.route(without, lambda route: route.abort())
        page.open(renderer)
        return page

    def close(self) -> None:
        """Closes all of it; what is asked for later is opened anew."""
        self._pages.clear()
        self._browser = None
        self._open.close()


def _put_back(page: ComfyPage, state: str) -> None:
    page.page.keyboard.press("Escape")  # a node that hangs on the pointer
    page.page.mouse.move(*EMPTY_PLACE)
    page.page.evaluate(PUT_BACK, state)
    page.page.evaluate(NEXT_FRAMES)


def _is_put_back(shared: SharedPage) -> bool:
    """Puts a page back and says whether nothing of what happened in it is left."""
    try:
        _put_back(shared.page, shared.state)
        return shared.page.page.evaluate(STATE) == shared.state
    except Error:
        return False
