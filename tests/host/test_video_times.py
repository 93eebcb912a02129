"""Reading the times of real files, and what Join Clips says about them."""

from fractions import Fraction

import av
import numpy as np
import pytest
import torch

ALTERNATING = (1, 2)  # thirtieths of a second, in turn
EVEN = (1,)


def write_video(path, steps, rate=30, count=24, ticks=512):
    """A small video whose frames last, in turn, this many times 1 / rate. Some frames depend on later ones."""
    tick = Fraction(1, rate * ticks)
    with av.open(str(path), "w") as made:
        stream = made.add_stream("libx264", rate=rate, options={"bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        stream.codec_context.time_base = tick
        shown = 0
        for number in range(count):
            grey_HWC = np.full((32, 32, 3), 40 + 6 * number, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(grey_HWC, format="rgb24")
            frame.pts, frame.time_base = shown * ticks, tick
            shown += steps[number % len(steps)]
            made.mux(stream.encode(frame))
        made.mux(stream.encode())
    return str(path)


@pytest.fixture
def join(host):
    """Joins two clips and returns the frames, the rate and the report."""
    from comfyui_inbetween.nodes.clips.join import InbetweenJoin

    def run(*clips):
        given = {"overlap": 0, "seam": "cut", "match_colour": {"match_colour": "off"}, "fps": 24.0}
        clips = {f"clip{number}": clip for number, clip in enumerate(clips)}
        return InbetweenJoin.EXECUTE_CHECKED(clips=clips, **given).args

    return run


@pytest.fixture
def video(host, tmp_path):
    """Writes a video and loads it as the host does."""
    from comfy_api.latest import InputImpl

    def make(steps, name="made.mp4", **options):
        file = write_video(tmp_path / name, steps, options.pop("rate", 30))
        return InputImpl.VideoFromFile(file, **options)

    return make


@pytest.mark.parametrize("name", ["made.mp4", "made.mkv", "made.mov"])
def test_times_are_read_from_every_container(video, name):
    from comfyui_inbetween.host.video_times import uneven_times_of

    assert uneven_times_of(video(EVEN, name)) is None
    found = uneven_times_of(video(ALTERNATING, name))
    assert found.description.startswith("frames last 33 to 67 ms, 20.")
    assert float(found.steady) == pytest.approx(30, rel=0.02)


def test_only_the_part_that_is_used_counts(video):
    from comfyui_inbetween.host.video_times import uneven_times_of

    steps = (1,) * 15 + (2,) * 9
    assert uneven_times_of(video(steps)) is not None
    assert uneven_times_of(video(steps, duration=0.5)) is None
    assert uneven_times_of(video(steps, start_time=0.55)) is None
    assert uneven_times_of(video(steps, start_time=0.2, duration=0.6)) is not None


def test_videos_of_frames_are_even(host):
    from comfy_api.latest import InputImpl, Types
    from comfyui_inbetween.host.video_times import uneven_times_of

    frames = Types.VideoComponents(torch.zeros(4, 32, 32, 3), Fraction(30))
    assert uneven_times_of(InputImpl.VideoFromComponents(frames)) is None


def test_join_names_variable_rate_instead_of_a_strange_one(video, join):
    with pytest.raises(ValueError, match="variable") as refusal:
        join(video(ALTERNATING, "a.mp4"), video(EVEN, "b.mp4"))
    assert str(refusal.value) == (
        "clips 1 and 2 have different frame rates; clip 1 has a variable frame rate (frames last 33 to 67 ms, "
        "20.29 fps on average), but joined frames all last equally long, so its motion becomes uneven; first "
        "convert it to a constant rate, as with ffmpeg -i old.mp4 -vf fps=30 new.mp4."
    )


def test_join_warns_where_rates_do_not_clash(video, join):
    frames, _, report = join(torch.zeros(3, 32, 32, 3), video(ALTERNATING))
    assert len(frames) == 27
    assert "\nWarning: clip 2 has a variable frame rate (frames last 33 to 67 ms, 20.29 fps on average)" in report
    assert "variable" not in join(torch.zeros(3, 32, 32, 3), video(EVEN))[2]


def test_rates_that_clash_without_being_variable(video, join):
    with pytest.raises(
        ValueError, match="clip 2 has 15 fps but clip 1 has 30; convert them to one rate with Interpolate"
    ):
        join(video(EVEN, "a.mp4"), video(EVEN, "b.mp4", rate=15))
