"""Sound in the real page, on tiny models: the shipped graphs as an artist changes them, and what the page shows."""

from playwright.sync_api import expect
from project_paths import WORKFLOWS
from sample_media import SMALL_FRAMES, SMALL_VIDEO
from small_graphs import in_canvas, open_small, whole_clip


def open_small_video(page, name):
    """A graph about a video, with a small one and few steps."""
    page.drop(WORKFLOWS / f"{name}.json")
    page.set_widget("LoadVideo", "file", SMALL_VIDEO)
    page.set_widget("BasicScheduler", "steps", 2)


@in_canvas
def test_a_clip_follows_its_sound(page, server):
    open_small(page, "audio_guided_inbetween", 9, most_steps=2)
    page.set_widget("InbetweenFrameCount", "duration", "seconds")
    page.set_widget("InbetweenFrameCount", "duration.seconds", 0.36)

    assert page.queue()["kind"] == "execution_success"

    assert len(whole_clip(page, server)) == 9
    told = page.page.get_by_text("EchoMimicV3 preview on Wan2.1 I2V: 9 frames at 25 fps use 0 to 0.36 s of the audio.")
    expect(told.first).to_be_visible()

    page.set_widget("InbetweenAudioAdapter", "offset_ms", 40)
    assert page.queue()["kind"] == "execution_success"

    expect(page.page.get_by_text("9 frames at 25 fps use -0.04 to 0.32 s of the audio.").first).to_be_visible()


@in_canvas
def test_a_segment_is_made_anew(page, server):
    open_small_video(page, "fix_talking_segment")
    page.set_widget("InbetweenClipContext", "gap.from_seconds", 0.8)
    page.set_widget("InbetweenClipContext", "gap.to_seconds", 1.08)

    assert page.queue()["kind"] == "execution_success"

    assert len(whole_clip(page, server)) == SMALL_FRAMES
    told = "A gap of 7 frames at 25 fps. The clip that fills it has 17 frames; the first 5 and the last 5 are known."
    expect(page.page.get_by_text(told).first).to_be_visible()


def test_every_choice_of_gap_and_sound_can_be_made(page):
    """Sockets and widgets of the one chosen appear, and links that fit stay."""
    page.drop(WORKFLOWS / "context_clips.json")
    shown = """() => {
        const node = window.app.graph.nodes.find((node) => node.type === 'InbetweenClipContext')
        return node.inputs.map((input) => input.name)
    }"""
    for choice, expected in (
        ("frames of one clip", {"gap.clip", "gap.first", "gap.end"}),
        ("seconds between two clips", {"gap.clip_before", "gap.clip_after", "gap.seconds"}),
        ("seconds of one clip", {"gap.clip", "gap.from_seconds", "gap.to_seconds"}),
    ):
        page.set_widget("InbetweenClipContext", "gap", choice)
        assert {name for name in page.page.evaluate(shown) if name.startswith("gap.")} == expected
    for choice, expected in (
        ("none", set()),
        ("of the gap", {"sound.audio"}),
        ("part of it", {"sound.audio", "sound.from_seconds", "sound.to_seconds"}),
    ):
        page.set_widget("InbetweenClipContext", "sound", choice)
        assert {name for name in page.page.evaluate(shown) if name.startswith("sound.")} == expected
