"""SVD in the real page, on tiny models: the shipped graphs as an artist changes them, and what the page shows."""

from playwright.sync_api import expect
from small_graphs import in_canvas, open_small, whole_clip

CHANGE = "svd_reverse_motion_with_attnflip_change.safetensors"


@in_canvas
def test_nodes_show_what_is_done(page, server):
    """How many evaluations there are, what deserves attention, and which file was read."""
    open_small(page, "generative_inbetweening", 5, most_steps=2)

    assert page.queue()["kind"] == "execution_success"

    expect(page.page.get_by_text("3 evaluations in 2 steps").first).to_be_visible()

    page.set_widget("InbetweenSVDConditioning", "motion_bucket", 100)
    assert page.queue()["kind"] == "execution_success"

    told = page.page.get_by_text("5 frames are far from the lengths that the models were trained on")
    expect(told.first).to_be_visible()
    assert len(whole_clip(page, server)) == 5

    page.set_widget("InbetweenRenoiseSampler", "repeats", 0)
    page.set_widget("InbetweenReverseMotionLoader", "source", "change alone")
    page.set_widget("InbetweenReverseMotionLoader", "source.file", CHANGE)
    assert page.queue()["kind"] == "execution_success"

    expect(page.page.get_by_text("2 evaluations in 2 steps").first).to_be_visible()
    expect(page.page.get_by_text(f"{CHANGE}: changes of 16 layers.").first).to_be_visible()


@in_canvas
def test_without_reverse_motion_the_node_says_what_to_do(page):
    open_small(page, "generative_inbetweening", 5, most_steps=2)
    page.change("""() => {
        const node = window.app.graph.nodes.find((node) => node.type === 'InbetweenDualDirectionGuider')
        node.disconnectInput(node.inputs.findIndex((input) => input.name === 'reverse_motion'))
    }""")

    failed = page.queue()

    assert failed["kind"] == "execution_error"
    assert failed["detail"]["node_type"] == "InbetweenDualDirectionGuider"
    assert 'set method to "rotation only"' in failed["detail"]["exception_message"]

    page.set_widget("InbetweenDualDirectionGuider", "method", "rotation only")
    assert page.queue()["kind"] == "execution_success"
