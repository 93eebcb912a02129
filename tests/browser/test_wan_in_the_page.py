"""Wan in the real page, on tiny models: the shipped graphs as an artist changes them, and what the page shows."""

from comfy_server import files
from playwright.sync_api import expect
from small_graphs import in_canvas, open_small, whole_clip


def texts(page) -> list[str]:
    return sorted(text for node in page.outputs().values() for text in node.get("text", []))


@in_canvas
def test_the_expert_follows_the_length(page, server):
    open_small(page, "semfi_first_last", 9)
    for frame_count, expert in ((9, 9), (17, 17)):
        page.set_widget("InbetweenKeyframes", "frame_count", frame_count)

        assert page.queue()["kind"] == "execution_success"

        assert texts(page)[0].startswith(f"Expert for {expert} frames on a clip of {frame_count}")
        (video,) = files(page.outputs(), [".mp4"])
        assert len(server.video(video)[0]) == frame_count


@in_canvas
def test_a_mixture_on_another_wan_is_told_on_the_node(page):
    open_small(page, "semfi_first_last", 9)
    page.set_widget("UNETLoader", "unet_name", "wan2.2_i2v_high_noise_14B_fp8_scaled.safetensors")

    assert page.queue()["kind"] == "execution_success"

    told = page.page.get_by_text("the mixture was trained on Wan2.1 I2V, but the model is Wan2.2 I2V")
    expect(told.first).to_be_visible()

    page.set_widget("UNETLoader", "unet_name", "wan2.1_i2v_720p_14B_fp16.safetensors")
    assert page.queue()["kind"] == "execution_success"

    expect(told).to_have_count(0)
    chosen = page.page.get_by_text("Expert for 9 frames on a clip of 9, merged into the weights.")
    expect(chosen.first).to_be_visible()


@in_canvas
def test_only_the_segment_with_another_seed_is_made_again(page, server):
    """The saved graph, and the run, through the page."""
    open_small(page, "wan_long", 17)
    page.set_widget("InbetweenSegments", "cut.longest_segment", 9)
    page.set_widget("InbetweenSegment", "cut.longest_segment", 9)
    assert page.queue()["kind"] == "execution_success"
    first = whole_clip(page, server)

    page.set_widget("InbetweenSegments", "own_seeds", "2: 77")
    assert page.queue()["kind"] == "execution_success"

    second = whole_clip(page, server)
    assert len(first) == len(second) == 17
    changes = (first - second).abs().mean(dim=(1, 2, 3))
    assert changes[:9].max() < 0.02 < changes[9:16].max()


def test_what_is_missing_is_explained(page):
    """Without CLIP vision, on a model that sees pictures through it."""
    open_small(page, "semfi_first_last", 9)
    page.change("""() => {
        const node = window.app.graph.nodes.find((node) => node.type === 'InbetweenWanConditioning')
        node.disconnectInput(node.inputs.findIndex((input) => input.name === 'clip_vision'))
    }""")

    failed = page.queue()

    assert failed["kind"] == "execution_error"
    assert "connect clip_vision_h from Load CLIP Vision" in failed["detail"]["exception_message"]
