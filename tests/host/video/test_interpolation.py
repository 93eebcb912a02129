"""Whole videos through the host: frames, sound, going on after a stop, and what is told."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.interpolation.cuts import cut_rule
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from comfyui_inbetween.core.interpolation.frame_plan import plan_frames
from comfyui_inbetween.media.video_reader import VideoReader
from comfyui_inbetween.samplers.interpolation.frame_interpolation import interpolate_frames
from drawn_videos import drawn_pictures, write_video

LOSSLESS = "FFV1, lossless (mkv)"


@pytest.fixture
def folders(host, tmp_path, monkeypatch):
    """The host's output and temporary folders, empty."""
    import folder_paths

    for name in ("output", "temp"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(folder_paths, f"{name}_directory", str(tmp_path / name))
    return tmp_path


@pytest.fixture
def interpolated(folders):
    """Interpolates a video; gives the reader of the result, its pictures and the report."""
    from comfy_api.latest import InputImpl
    from comfyui_inbetween.host.video.interpolation import VideoRequest, interpolate_video

    def run(video, **request):
        if not hasattr(video, "get_components"):
            video = InputImpl.VideoFromFile(str(video))
        options = {"encoding": LOSSLESS, **request}
        result = interpolate_video(video, FlowInterpolator(), VideoRequest(**options), {})
        reader = VideoReader(result.video.get_stream_source())
        return reader, [frame.picture() for frame in reader], result

    return run


def in_memory(path, **options):
    """The frames that Interpolate Frames makes of a clip."""
    frames_THWC = torch.stack([frame.picture() for frame in VideoReader(str(path))])
    plan = plan_frames(frames_THWC, **options)
    whole_THWC = torch.empty((len(plan.instants), *frames_THWC.shape[1:]))
    rule = cut_rule(plan.positions, cuts="")
    interpolate_frames(plan.sources, plan.instants, FlowInterpolator(), whole_THWC, cuts=rule)
    return whole_THWC, plan


def lossless(path, pictures, **options):
    """A video whose chroma has full size, so that the codec changes nothing that can be seen in 8 bits."""
    return write_video(path, pictures, "ffv1", "yuv444p", tags=(1, 1, 1, 1), **options)


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        ({"timing_options": {"target_fps": 60}}, {"timing": "frame rate", "target_fps": 60.0}),
        (
            {"timing": "speed ramp", "timing_options": {"speeds": "0-3: 1, 3-6: 0.5"}},
            {"timing": "speed ramp", "speeds": "0-3: 1, 3-6: 0.5"},
        ),
        (
            {"timing_options": {"target_fps": 48}, "copies": "keep time"},
            {"timing": "frame rate", "target_fps": 48.0, "copies": "keep time"},
        ),
        (
            {"timing_options": {"target_fps": 48}, "copies": "spread"},
            {"timing": "frame rate", "target_fps": 48.0, "copies": "spread"},
        ),
    ],
)
def test_frames_equal_those_in_memory(interpolated, tmp_path, request_, options):
    """Up to the rounding of the lossless codec to 8 bits."""
    pictures = drawn_pictures(9)
    if "copies" in request_:
        pictures = [pictures[number // 2] for number in range(18)]
    path = lossless(tmp_path / "a.mkv", pictures)
    expected_THWC, plan = in_memory(path, **options)
    reader, frames, result = interpolated(path, **request_)
    assert len(frames) == len(expected_THWC)
    assert float(result.fps) == plan.fps
    assert (torch.stack(frames) - expected_THWC).abs().max() < 0.008
    assert (reader.times().rate, reader.times().constant) == (result.fps, True)


def test_sources_come_back_as_they_were_decoded(interpolated, tmp_path):
    path = write_video(tmp_path / "a.mp4", drawn_pictures(6), tags=(1, 1, 1, 1))
    _, frames, _ = interpolated(path, timing="multiplier", timing_options={"multiplier": 2})
    for before, after in zip(VideoReader(str(path)), frames[::2], strict=True):
        assert torch.equal(before.picture(), after)


def test_the_report(interpolated, folders, tmp_path):
    pictures = [*drawn_pictures(4), *(1 - picture_HWC[::-1] for picture_HWC in drawn_pictures(4, seed=5))]
    path = lossless(tmp_path / "film.mkv", pictures)
    _, _, result = interpolated(path, timing_options={"target_fps": 48})
    lines = result.report.splitlines()
    assert lines[0].endswith("16 frames from 8. 24 to 48 fps, 0.33 s.")
    assert lines[1] == "film.mkv: 64x48, 8 bit, BT.709; written as FFV1, lossless (mkv)."
    assert not list((folders / "output" / "unfinished_videos").iterdir())


def test_sound_is_kept_stretched_or_dropped(interpolated, tmp_path):
    path = write_video(tmp_path / "a.mp4", drawn_pictures(24), tones=(440,))
    slow = {"timing": "slow motion", "timing_options": {"slower": 2.0}, "encoding": "H.264 (mp4)"}
    for request, seconds in (
        ({"encoding": "H.264 (mp4)"}, 1),
        (slow, 2),
        ({**slow, "sound": "keep"}, 1),
        ({**slow, "sound": "drop"}, None),
    ):
        _, frames, result = interpolated(path, **request)
        components = result.video.get_components()
        if seconds is None:
            assert components.audio is None
            continue
        assert components.audio["waveform"].shape[-1] / 48000 == pytest.approx(seconds, abs=0.03)
        if request.get("sound") != "keep":
            assert len(frames) / result.fps == seconds


def test_a_video_made_of_frames(interpolated, tmp_path):
    from comfy_api.latest import InputImpl, Types

    frames_THWC = torch.from_numpy(np.stack(drawn_pictures(12)))
    audio = {"waveform": torch.zeros(1, 2, 24000) + 0.25, "sample_rate": 24000}
    video = InputImpl.VideoFromComponents(Types.VideoComponents(frames_THWC, Fraction(12), audio))
    _, frames, result = interpolated(video, timing="multiplier", timing_options={"multiplier": 2})
    assert len(frames) == 24
    assert (torch.stack(frames[::2]) - frames_THWC).abs().mean() < 0.01
    found = result.video.get_components().audio
    assert found["waveform"].shape[-1] == 24000
    assert found["waveform"].mean() == pytest.approx(0.25, abs=0.001)


def test_a_trimmed_video(interpolated, tmp_path):
    from comfy_api.latest import InputImpl

    path = write_video(tmp_path / "a.mp4", drawn_pictures(48), tones=(440,))
    video = InputImpl.VideoFromFile(str(path), start_time=1.0, duration=0.5)
    _, frames, result = interpolated(video, timing_options={"target_fps": 48})
    assert len(frames) == 24
    assert result.video.get_components().audio["waveform"].shape[-1] / 48000 == pytest.approx(0.5, abs=0.03)


def test_variable_frame_rate_becomes_constant(interpolated, tmp_path):
    ticks = [0, 40, 80, 400, 440, 480]
    path = lossless(tmp_path / "a.mkv", drawn_pictures(6), ticks=ticks, tick=Fraction(1, 1000), rate=25)
    _, frames, result = interpolated(path, timing_options={"target_fps": 25})
    assert len(frames) == 13
    assert "true times" in result.report
    sources = [frame.picture() for frame in VideoReader(str(path))]
    for place, number in ((0, 0), (1, 1), (2, 2), (10, 3), (11, 4), (12, 5)):
        assert torch.equal(frames[place], sources[number])
    assert not torch.equal(frames[6], sources[2])


# ---------------------------------------------------------------------------------------------- going on after a stop


class StoppedError(Exception):
    """Stands for Interrupt."""


class StoppingEngine(FlowInterpolator):
    """The engine, until it has rendered a number of pairs."""

    def __init__(self, left):
        super().__init__()
        self.left = left
        self.name = FlowInterpolator.name

    def start(self, settings, height, width):
        return self

    def prepare(self, first_HWC, second_HWC):
        if self.left == 0:
            raise StoppedError
        self.left -= 1
        return super().prepare(first_HWC, second_HWC)


@pytest.fixture
def stoppable(folders, monkeypatch):
    """Runs an interpolation with an engine that may stop; gives the pictures of the result."""
    from comfy_api.latest import InputImpl
    from comfyui_inbetween.host.video import fingerprint as prints
    from comfyui_inbetween.host.video.interpolation import VideoRequest, interpolate_video

    monkeypatch.setattr(prints, "_add_weights", lambda digest, engine: None)  # the engine's count of pairs is not one

    def run(path, left=-1, **request):
        options = {"encoding": LOSSLESS, "timing_options": {"target_fps": 30}, **request}
        engine = StoppingEngine(left)
        result = interpolate_video(InputImpl.VideoFromFile(str(path)), engine, VideoRequest(**options), {})
        reader = VideoReader(result.video.get_stream_source())
        return [frame.picture() for frame in reader], result.report, -1 - engine.left

    return run


def test_a_stopped_run_goes_on_where_it_was(stoppable, folders, tmp_path):
    path = write_video(tmp_path / "a.mp4", drawn_pictures(60), rate=10, tones=(440,))
    whole, report, pairs = stoppable(path)
    assert "earlier run" not in report
    for left, finished in ((1, 0), (25, 1), (25, 2)):
        with pytest.raises(StoppedError):
            stoppable(path, left)
        parts = list((folders / "output" / "unfinished_videos").glob("*/part_*"))
        assert len(parts) == finished
        assert not [part for part in parts if "unfinished" in part.name]
    frames, report, rest = stoppable(path)
    assert "The first 120 frames were finished by an earlier run." in report
    assert rest < pairs / 2
    assert len(frames) == len(whole)
    assert all(torch.equal(*pair) for pair in zip(frames, whole, strict=True))


@pytest.mark.parametrize("change", ["setting", "input", "codec"])
def test_a_change_never_uses_old_parts(stoppable, tmp_path, change):
    path = write_video(tmp_path / "a.mp4", drawn_pictures(40), rate=10)
    with pytest.raises(StoppedError):
        stoppable(path, 30)
    request = {}
    if change == "setting":
        request = {"timing_options": {"target_fps": 31}}
    elif change == "codec":
        request = {"encoding": "H.264 (mp4)"}
    else:
        write_video(path, drawn_pictures(40, seed=9), rate=10)
    _, report, pairs = stoppable(path, **request)
    assert "earlier run" not in report
    assert pairs == 39


def test_a_damaged_part_is_made_again(stoppable, folders, tmp_path):
    path = write_video(tmp_path / "a.mp4", drawn_pictures(60), rate=10)
    whole, _, _ = stoppable(path)
    with pytest.raises(StoppedError):
        stoppable(path, 45)
    _, second = sorted((folders / "output" / "unfinished_videos").glob("*/part_*"))
    second.write_bytes(second.read_bytes()[:-10])
    frames, report, _ = stoppable(path)
    assert "The first 60 frames" in report
    assert all(torch.equal(*pair) for pair in zip(frames, whole, strict=True))


# ---------------------------------------------------------------------------------------------- bad input


def test_one_frame(interpolated, tmp_path):
    with pytest.raises(InbetweenError, match=r"a\.mkv has one frame"):
        interpolated(lossless(tmp_path / "a.mkv", drawn_pictures(1)))


def test_copies_need_a_constant_rate(interpolated, tmp_path):
    ticks = [0, 40, 80, 400, 440, 480]
    path = lossless(tmp_path / "a.mkv", drawn_pictures(6), ticks=ticks, tick=Fraction(1, 1000), rate=25)
    with pytest.raises(InbetweenError, match='choose "keep time"'):
        interpolated(path, copies="spread")


def test_a_full_disk_is_told_before_any_work(interpolated, tmp_path, monkeypatch):
    import shutil

    real = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: real(path)._replace(free=1000))
    with pytest.raises(
        InbetweenError, match=r"rest of the video needs about \d+ kB on the disk of output, where 1 kB are free"
    ):
        interpolated(lossless(tmp_path / "a.mkv", drawn_pictures(4)))


def test_a_broken_tail_is_told_and_the_rest_made(interpolated, tmp_path):
    path = write_video(
        tmp_path / "a.mp4", drawn_pictures(60), options={"crf": "1"}, container_options={"movflags": "faststart"}
    )
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    _, frames, result = interpolated(path, timing_options={"target_fps": 48})
    assert 40 < len(frames) < 120
    assert "promises 60 frames" in result.report


def test_alpha_and_odd_sizes_are_told(interpolated, tmp_path):
    path = write_video(tmp_path / "a.mov", drawn_pictures(4, 65, 47, channels=4), "qtrle", "argb")
    reader, _, result = interpolated(path, encoding="H.264 (mp4)")
    assert (reader.info.width, reader.info.height) == (65, 47)
    assert "opacity of the video is left out" in result.report
    assert "odd size" in result.report


def test_progress_text(host):
    from comfyui_inbetween.host.video.progress import progress_text

    assert progress_text(240, 1000, 240, 20) == "240 of 1000 frames, 12 frames/s, 1:03 left"
    assert progress_text(5, 100_000, 1, 1) == "5 of 100000 frames, 1 frames/s, 27:46:35 left"
    assert progress_text(0, 10, 0, 0) == "0 of 10 frames"
