"""What an artist does in the page, in both of its renderers."""

from comfy_server import PACK_FOLDER, files
from playwright.sync_api import expect
from project_paths import WORKFLOWS
from small_graphs import open_small

EMPTY_PLACE = (760, 650)  # of the canvas, in pixels of the page


def select(page, node_type: str) -> None:
    page.page.evaluate(
        "type => window.app.canvas.selectNode(window.app.graph.nodes.find((node) => node.type === type))", node_type
    )


def test_a_dropped_workflow_runs_with_another_frame_count(page, server):
    open_small(page, "quickstart", 9)

    assert page.queue()["kind"] == "execution_success"

    outputs = page.outputs()
    (video,) = files(outputs, [".mp4"])
    frames_THWC, _ = server.video(video)
    assert len(frames_THWC) == 9


def test_the_saved_video_brings_its_workflow_back(page, server, tmp_path):
    open_small(page, "quickstart", 7)
    before = page.prompt()  # a run adds the picture of the video as one more value
    assert page.queue()["kind"] == "execution_success"
    (video,) = files(page.outputs(), [".mp4"])
    file = tmp_path / video.filename
    file.write_bytes(server.read(video))
    page.drop(file)

    assert page.prompt() == before


def test_choosing_an_option_shows_its_inputs_and_the_count_follows(page, server):
    open_small(page, "quickstart", 3)
    page.set_widget("InbetweenInterpolate", "timing", "multiplier")
    page.set_widget("InbetweenInterpolate", "timing.multiplier", 2)
    (interpolate,) = [node for node in page.prompt().values() if node["class_type"] == "InbetweenInterpolate"]
    assert interpolate["inputs"]["timing.multiplier"] == 2
    page.change("""() => {
        const of = (type) => window.app.graph.nodes.find((node) => node.type === type)
        of('InbetweenInterpolate').connect(0, of('CreateVideo'), 0)
    }""")

    assert page.queue()["kind"] == "execution_success"

    (video,) = files(page.outputs(), [".mp4"])
    assert len(server.video(video)[0]) == 5


def test_an_invalid_value_is_explained(page):
    page.drop(WORKFLOWS / "quickstart.json")
    page.set_widget("InbetweenKeyframes", "positions", "0, 0")

    refused = page.queue()

    assert refused["kind"] == "refused"
    (node,) = refused["detail"].values()
    assert node["class_type"] == "InbetweenKeyframes"
    page.page.get_by_text("View details").first.click()
    page.page.get_by_label("Info for Keyframes - positions").click()
    explanation = page.page.get_by_text("two images are at frame 0; give each its own frame.")
    expect(explanation.first).to_be_visible()


def test_a_failed_run_is_explained(page):
    """One picture instead of the frames of an engine goes into Finish Frames."""
    open_small(page, "quickstart", 3)
    page.change("""() => {
        const of = (type) => window.app.graph.nodes.find((node) => node.type === type)
        of('LoadImage').connect(0, of('InbetweenFinish'), 0)
    }""")

    failed = page.queue()

    assert failed["kind"] == "execution_error"
    message = failed["detail"]["exception_message"].strip()
    assert "\n" not in message
    assert "frame_count" in message
    assert failed["detail"]["node_type"] == "InbetweenFinish"
    page.page.get_by_text("View details").first.click()
    shown = page.page.get_by_text("inbetween.InbetweenError: 1 frames came in but the keyframes need 3; generate")
    expect(shown.first).to_be_visible()


def test_help_of_a_node_opens_with_its_picture(page):
    page.drop(WORKFLOWS / "quickstart.json")
    select(page, "InbetweenKeyframes")
    with page.page.expect_response(f"**/extensions/{PACK_FOLDER}/docs/InbetweenKeyframes/en.md") as answer:
        page.page.get_by_label("Node Info").first.click()
    assert answer.value.status == 200
    picture = page.page.locator(f"img[src*='{PACK_FOLDER}/docs/InbetweenKeyframes/']").first
    picture.wait_for()
    page.page.wait_for_function("picture => picture.naturalWidth > 100", arg=picture.element_handle())


def test_a_node_is_found_and_added_by_search(page):
    page.change("() => window.app.graph.clear()")
    search = page.open_search(*EMPTY_PLACE)
    page.page.keyboard.type("first last frame", delay=20)
    search.get_by_role("option").filter(has_text="Place images at frames on a timeline").click()
    page.page.mouse.click(EMPTY_PLACE[0], EMPTY_PLACE[1] - 200)
    assert page.node_types() == ["InbetweenKeyframes"]


def test_a_graph_with_a_model_file_runs_and_without_it_says_where_to_get_it(page, server):
    open_small(page, "pervfi_interpolate", 3)
    assert page.queue()["kind"] == "execution_success"
    (video,) = files(page.outputs(), [".mp4"])
    assert len(server.video(video)[0]) == 3

    page.set_widget("InbetweenInterpolatorLoader", "interpolator", "lost.pth")
    refused = page.queue()

    assert refused["kind"] == "refused"
    page.page.get_by_text("View details").first.click()
    page.page.get_by_label("Info for Load Interpolator - interpolator").click()
    explanation = page.page.get_by_text('there is no "lost.pth" in models/frame_interpolation; put v00.pth or vb.pth')
    expect(explanation.first).to_be_visible()


def test_the_page_of_the_next_test_is_put_back(page, browser, server, renderer):
    """Not loaded anew: whatever this test left can be taken away."""
    open_small(page, "quickstart", 3)
    page.page.locator("#graph-canvas").focus()
    page.page.keyboard.press("Control+a")
    page.page.keyboard.press("Control+c")
    page.page.evaluate("() => window.app.extensionManager.setting.set('Comfy.ColorPalette', 'light')")
    page.page.get_by_label("Workflows (w)").first.click()
    page.page.get_by_label("Settings").first.click()
    page.page.get_by_role("dialog").wait_for()

    assert browser.page(renderer, server) is page

    assert page.node_types() == []
    assert page.page.get_by_role("dialog").count() == 0
    assert page.page.evaluate("() => window.app.extensionManager.setting.get('Comfy.ColorPalette')") == "dark"


def test_no_other_machine_is_asked(page, server):
    """Not even by another name of this one."""
    reached = "address => fetch(address, { mode: 'no-cors' }).then(() => true, () => false)"
    assert page.page.evaluate(reached, server.url)
    assert not page.page.evaluate(reached, server.url.replace("127.0.0.1", "localhost"))


def test_frames_are_refined_in_the_page(page, server):
    """The weight-free interpolator refines, too; an option shows its inputs."""
    open_small(page, "refine", 5)
    page.set_widget("InbetweenRefine", "which", "list")
    page.set_widget("InbetweenRefine", "which.frames", "2")
    page.change("""() => {
        const [free] = window.app.graph.nodes.filter((node) => node.type === 'InbetweenInterpolatorLoader')
        const refine = window.app.graph.nodes.find((node) => node.type === 'InbetweenRefine')
        free.connect(0, refine, 0)
    }""")
    assert page.queue()["kind"] == "execution_success"
    (report,) = [text for node in page.outputs().values() for text in node.get("text", [])]
    assert "1 of 5 frames rebuilt" in report
    assert " 2 (0." in report
