"""Real files: codecs, colour, times, rotation, fields, and what is broken in them."""

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.media.video_reader import VideoReader
from drawn_videos import drawn_pictures, write_video

LOSSLESS = {"qp": "0"}
BT709, FULL = (1, 1, 1, 1), (2, 1, 1, 1)


def read(path, **options):
    reader = VideoReader(str(path), **options)
    frames = [(frame.time, frame.picture().numpy()) for frame in reader]
    return reader, [time for time, _ in frames], [picture_HWC for _, picture_HWC in frames]


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "tags", "options", "tolerance"),
    [
        ("a.mp4", "libx264", "yuv444p", BT709, LOSSLESS, 0.015),
        ("b.mp4", "libx264", "yuv444p", FULL, LOSSLESS, 0.015),
        ("c.mp4", "libx264", "yuv444p", (1, 6, 6, 6), LOSSLESS, 0.015),
        ("d.mp4", "libx264", "yuv444p10le", (1, 9, 9, 16), LOSSLESS, 0.005),
        ("e.mp4", "libx264", "yuv444p10le", (1, 9, 9, 18), LOSSLESS, 0.005),
        ("f.mkv", "ffv1", "gbrp10le", None, {}, 0.005),
        ("g.mkv", "ffv1", "gbrp16le", None, {}, 0.0001),
        ("h.mkv", "ffv1", "bgr0", None, {}, 0.006),
        ("i.mkv", "ffv1", "yuv422p12le", BT709, {}, 0.3),
        ("j.mov", "qtrle", "rgb24", None, {}, 0.006),
        ("k.mkv", "ffv1", "gray16le", None, {}, 0.5),
    ],
)
def test_pictures_are_those_that_were_written(tmp_path, name, codec, pixel_format, tags, options, tolerance):
    pictures = drawn_pictures(4)
    path = write_video(tmp_path / name, pictures, codec, pixel_format, options=options, tags=tags)
    reader, _, read_back = read(path)
    assert (reader.info.width, reader.info.height, len(read_back)) == (64, 48, 4)
    for before_HWC, after_HWC in zip(pictures, read_back, strict=True):
        assert after_HWC.dtype == np.float32
        assert np.abs(after_HWC - before_HWC).max() < tolerance
        assert "gray" in pixel_format or np.abs((after_HWC - before_HWC).mean(axis=(0, 1))).max() < 0.004
    if tags:
        assert (reader.info.tags.matrix, reader.info.tags.primaries, reader.info.tags.transfer) == tags[1:]
        assert reader.info.tags.full_range == (tags[0] == 2)


def test_the_matrix_matters(tmp_path):
    """Read with the wrong matrix, saturated colours are visibly off: the check above would notice."""
    red_HWC = np.zeros((16, 16, 3), np.float32) + np.array([0.8, 0.1, 0.1], np.float32)
    for name, tags in (("a.mp4", BT709), ("b.mp4", (1, 6, 6, 6)), ("c.mp4", (1, 9, 9, 16))):
        path = write_video(tmp_path / name, [red_HWC] * 2, "libx264", "yuv444p", options=LOSSLESS, tags=tags)
        _, _, pictures = read(path)
        assert np.abs(pictures[0] - red_HWC).max() < 0.012


@pytest.mark.parametrize(("width", "height"), [(65, 47), (33, 48), (64, 31)])
def test_odd_sizes(tmp_path, width, height):
    pictures = drawn_pictures(3, width, height)
    path = write_video(tmp_path / "a.webm", pictures, "libvpx-vp9", "yuv420p", options={"crf": "4"}, tags=BT709)
    _, _, read_back = read(path)
    assert read_back[0].shape == (height, width, 3)
    assert np.abs(read_back[1] - pictures[1]).mean() < 0.03


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [("a.webm", "libvpx-vp9", "yuva420p"), ("b.mov", "prores_ks", "yuva444p10le"), ("c.mkv", "ffv1", "bgra")],
)
def test_alpha(tmp_path, name, codec, pixel_format):
    pictures = drawn_pictures(3, channels=4)
    reader, _, read_back = read(write_video(tmp_path / name, pictures, codec, pixel_format))
    assert reader.info.has_alpha
    assert read_back[1].shape == (48, 64, 4)
    assert np.abs(read_back[1][..., 3] - pictures[1][..., 3]).mean() < 0.02


def test_gif_keeps_its_times(tmp_path):
    path = write_video(tmp_path / "a.gif", drawn_pictures(5), "gif", "rgb8", rate=20)
    reader, times, pictures = read(path)
    assert times == [Fraction(number, 20) for number in range(5)]
    assert reader.times().rate == 20
    assert pictures[0].shape[:2] == (48, 64)


def test_frames_come_in_the_order_of_their_times_with_b_frames(tmp_path):
    pictures = drawn_pictures(30)
    path = write_video(tmp_path / "a.mp4", pictures, options={"bf": "3", "crf": "10", "x264-params": "b-adapt=0"})
    with av.open(str(path)) as container:
        shown = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert shown != sorted(shown), "the file has B-frames"
    reader, times, read_back = read(path)
    assert times == [Fraction(number, 24) for number in range(30)]
    assert [int(np.argmin([np.abs(each - before).mean() for before in pictures])) for each in read_back] == [*range(30)]
    assert (reader.times().count, reader.problems) == (30, [])


@pytest.mark.parametrize(("name", "shift"), [("a.mkv", 0), ("a.ts", 10_000)])
def test_variable_times_are_those_of_the_file(tmp_path, name, shift):
    ticks = [each + shift for each in (0, 40, 80, 160, 320, 360)]
    path = write_video(
        tmp_path / name,
        drawn_pictures(6),
        ticks=ticks,
        tick=Fraction(1, 1000),
        options={"bf": "0"},
        rate=25,
        container_options={"avoid_negative_ts": "disabled"},
    )
    reader, times, _ = read(path)
    assert [round(1000 * float(after - before)) for before, after in pairwise(times)] == [40, 40, 80, 160, 40]
    found = reader.times()
    assert (found.constant, found.rate, found.start) == (False, 25, times[0])


def test_frames_before_the_start_of_an_edit_list_are_left_out(tmp_path):
    ticks = [-40, 0, 40, 80, 120]
    options = {"avoid_negative_ts": "disabled"}
    path = write_video(
        tmp_path / "a.mp4",
        drawn_pictures(5),
        ticks=ticks,
        tick=Fraction(1, 1000),
        options={"bf": "0"},
        rate=25,
        container_options=options,
    )
    reader, times, _ = read(path)
    assert len(times) == reader.times().count
    assert times[-1] - times[0] == (len(times) - 1) * Fraction(1, 25)
    assert reader.times().start == times[0]


def test_rotation_and_anamorphic_pixels(tmp_path):
    pictures = drawn_pictures(2)
    path = write_video(
        tmp_path / "a.mp4",
        pictures,
        pixel_format="yuv444p",
        options=LOSSLESS,
        tags=BT709,
        aspect=Fraction(4, 3),
        rotation=90,
    )
    reader, _, read_back = read(path)
    assert (reader.info.width, reader.info.height) == (48, 64)
    assert reader.info.pixel_aspect == Fraction(3, 4)
    assert reader.info.rotation in (90, 270)
    assert np.abs(read_back[0] - np.rot90(pictures[0], reader.info.rotation // 90)).max() < 0.015
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).rotation % 360 == reader.info.rotation


def interlaced(path, count=8):
    """Each frame holds the odd rows of one picture and the even rows of the next."""
    fields = drawn_pictures(2 * count)
    frames = [fields[2 * number].copy() for number in range(count)]
    for number, frame_HWC in enumerate(frames):
        frame_HWC[::2] = fields[2 * number + 1][::2]
    options = {"flags": "+ildct+ilme", "x264-params": "bff=1", "crf": "1"}
    return write_video(path, frames, pixel_format="yuv422p", options=options, tags=BT709, rate=25), fields


def test_fields(tmp_path):
    path, fields = interlaced(tmp_path / "a.mp4")
    reader, _, combed = read(path)
    assert reader.info.interlaced
    reader, times, whole = read(path, deinterlace="one frame per frame")
    assert len(whole) == 8
    assert not reader.info.interlaced
    reader, times, double = read(path, deinterlace="one frame per field")
    assert times == [Fraction(number, 50) for number in range(16)]
    assert (reader.times().rate, reader.times().count) == (50, 16)
    middle = slice(2, -2)
    assert np.abs(whole[4] - fields[8])[middle].mean() < np.abs(combed[4] - fields[8])[middle].mean() * 0.7
    for number in (6, 7):
        off = [np.abs(double[number] - each)[middle].mean() for each in fields]
        assert int(np.argmin(off)) == number


def test_a_part_of_the_video(tmp_path):
    pictures = drawn_pictures(48)
    path = write_video(tmp_path / "a.mp4", pictures, options={"crf": "8", "g": "12"})
    reader, times, read_back = read(path, start=1.0, duration=0.5)
    assert times == [1 + Fraction(number, 24) for number in range(12)]
    assert np.abs(read_back[0] - pictures[24]).mean() < 0.02
    assert (reader.times().start, reader.times().count) == (1, 12)


def test_twice_the_same(tmp_path):
    reader = VideoReader(str(write_video(tmp_path / "a.mp4", drawn_pictures(10))))
    first, second = ([frame.picture().numpy() for frame in reader] for _ in range(2))
    assert all(np.array_equal(*pair) for pair in zip(first, second, strict=True))


# ---------------------------------------------------------------------------------------------- what is broken


def test_a_broken_tail_is_told_and_the_rest_kept(tmp_path):
    whole = write_video(tmp_path / "whole.mp4", drawn_pictures(60), options={"movflags": "faststart", "crf": "1"})
    with av.open(str(whole)) as source, av.open(str(tmp_path / "a.mp4"), "w", options={"movflags": "faststart"}) as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    path = tmp_path / "a.mp4"
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    reader, times, _ = read(path)
    assert 20 < len(times) < 60
    assert any("promises 60 frames" in problem for problem in reader.problems)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty or breaks off|cannot be read"),
        (b"not a video" * 500, "cannot be read"),
        (None, "does not exist"),
    ],
)
def test_not_a_video(tmp_path, content, message):
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InbetweenError, match=message) as raised:
        VideoReader(str(path))
    assert "a.mp4" in str(raised.value)
    assert str(tmp_path) not in str(raised.value)


def test_a_file_cut_off_before_its_index(tmp_path):
    path = write_video(tmp_path / "a.mp4", drawn_pictures(20))
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(InbetweenError, match=r"a\.mp4 cannot be read"):
        VideoReader(str(path))


def test_only_sound(tmp_path):
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 4800), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(InbetweenError, match="contains only sound"):
        VideoReader(str(path))


def test_damaged_frames_are_told(tmp_path):
    path = write_video(tmp_path / "a.mkv", drawn_pictures(40, 128, 96), options={"crf": "1", "g": "100"})
    data = bytearray(path.read_bytes())
    random = np.random.default_rng(1)
    for place in range(len(data) // 2, len(data) * 3 // 4, 97):
        data[place] = int(random.integers(256))
    path.write_bytes(data)
    _, times, _ = read(path)
    assert len(times) > 20
    assert all(after > before for before, after in pairwise(times))


def test_a_change_of_size_is_one_line(tmp_path):
    names = []
    for number, (width, height) in enumerate(((64, 48), (80, 48))):
        path = tmp_path / f"{number}.ts"
        names.append(write_video(path, drawn_pictures(8, width, height), "mpeg2video", options={"bf": "0"}))
    joined = tmp_path / "a.ts"
    joined.write_bytes(b"".join(name.read_bytes() for name in names))
    with pytest.raises(InbetweenError, match="change from 64x48 to 80x48"):
        read(joined)
