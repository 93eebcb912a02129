"""Writing pictures: every codec, size and depth; tags; what is left on the disk after an error."""

import errno
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.video.colour import Coding
from comfyui_inbetween.core.video.encodings import ENCODINGS, choose_look
from comfyui_inbetween.core.video.info import ColourTags, VideoInfo
from comfyui_inbetween.media.errors import writing
from comfyui_inbetween.media.video_reader import VideoReader
from comfyui_inbetween.media.video_writer import VideoWriter
from drawn_videos import drawn_pictures, write_video

BT709 = ColourTags(1, 1, 1)
HDR = ColourTags(9, 16, 9)


def info(width=64, height=48, bits=8, tags=BT709, **more):
    matrix = {9: "BT.2020", 6: "BT.601"}.get(tags.matrix, "BT.709")
    coding = more.pop("coding", Coding(matrix, tags.full_range, bits))
    return VideoInfo("a.mp4", width, height, "", coding, more.pop("shrink", (2, 2)), tags, **more)


def written(folder, pictures, look, fps=Fraction(24)):
    path = str(folder / f"result.{look.encoding.extension}")
    writer = VideoWriter(path, look, pictures[0].shape[1], pictures[0].shape[0], fps)
    for picture_HWC in pictures:
        writer.write(torch.from_numpy(picture_HWC))
    writer.close()
    reader = VideoReader(path)
    return reader, [frame.picture().numpy() for frame in reader]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("size", [(64, 48), (65, 47), (66, 31)])
@pytest.mark.parametrize("alpha", [False, True])
def test_every_codec_takes_every_size(tmp_path, encoding, size, alpha):
    pictures = drawn_pictures(4, *size, channels=4 if alpha else 3)
    look = choose_look(info(*size, has_alpha=alpha), encoding)
    reader, read_back = written(tmp_path, pictures, look)
    assert (reader.info.width, reader.info.height, len(read_back)) == (*size, 4)
    assert reader.info.has_alpha == (alpha and ENCODINGS[encoding].alpha)
    assert bool(look.note) == ((alpha and not ENCODINGS[encoding].alpha) or "odd" in look.note)
    for before_HWC, after_HWC in zip(pictures, read_back, strict=True):
        assert np.abs(after_HWC[..., :3] - before_HWC[..., :3]).mean() < 0.02
        if reader.info.has_alpha:
            assert np.abs(after_HWC[..., 3] - before_HWC[..., 3]).mean() < 0.02


@pytest.mark.parametrize(
    ("encoding", "tags", "bits"),
    [
        ("H.264 (mp4)", ColourTags(1, 1, 1), 8),
        ("H.264 (mp4)", ColourTags(6, 6, 6), 8),
        ("H.264 (mp4)", ColourTags(1, 1, 1, True), 8),
        ("H.264 (mp4)", HDR, 10),
        ("H.265 (mp4)", HDR, 10),
        ("H.265 (mp4)", ColourTags(9, 18, 9), 12),
        ("AV1 (mp4)", HDR, 10),
        ("ProRes (mov)", HDR, 10),
        ("FFV1, lossless (mkv)", HDR, 12),
        ("VP9 (webm)", ColourTags(1, 1, 1), 8),
    ],
)
def test_colour_and_its_tags_are_kept(tmp_path, encoding, tags, bits):
    pictures = drawn_pictures(3)
    look = choose_look(info(bits=bits, tags=tags, pixel_aspect=Fraction(4, 3)), encoding)
    reader, read_back = written(tmp_path, pictures, look)
    assert reader.info.tags == tags
    if look.encoding.aspect:
        assert reader.info.pixel_aspect == Fraction(4, 3)
    else:
        assert "4:3" in look.note
    assert reader.info.coding.bits >= min(bits, 10)
    assert np.abs((read_back[1] - pictures[1]).mean(axis=(0, 1))).max() < 0.004
    assert np.abs(read_back[1] - pictures[1]).mean() < 0.015


@pytest.mark.parametrize(
    ("pixel_format", "codec", "name"),
    [
        ("yuv420p", "ffv1", "a.mkv"),
        ("yuv420p10le", "ffv1", "a.mkv"),
        ("yuv422p", "ffv1", "a.mkv"),
        ("yuv444p12le", "ffv1", "a.mkv"),
        ("bgr0", "ffv1", "a.mkv"),
        ("yuva420p", "ffv1", "a.mkv"),
    ],
)
def test_a_lossless_copy_has_the_frames_of_its_source(tmp_path, pixel_format, codec, name):
    pictures = drawn_pictures(3, 66, 48, channels=4 if "yuva" in pixel_format else 3)
    source = VideoReader(str(write_video(tmp_path / name, pictures, codec, pixel_format, tags=(1, 1, 1, 1))))
    frames = [frame.picture().numpy() for frame in source]
    _, read_back = written(tmp_path, frames, choose_look(source.info, "FFV1, lossless (mkv)"))
    for before_HWC, after_HWC in zip(frames, read_back, strict=True):
        assert np.abs(after_HWC - before_HWC).max() < 1e-6 + (0.0005 if pixel_format == "bgr0" else 0)


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(60), Fraction(25, 2)])
def test_times_are_exact(tmp_path, fps):
    pictures = drawn_pictures(30)
    reader, _ = written(tmp_path, pictures, choose_look(info()), fps)
    assert [frame.time for frame in reader] == [number / fps for number in range(30)]
    assert (reader.times().rate, reader.times().constant) == (fps, True)


def test_quality_follows_the_crf(tmp_path):
    sizes = []
    for crf in (0, 20, 45):
        look = choose_look(info(256, 192), crf=crf)
        written(tmp_path, drawn_pictures(5, 256, 192), look)
        sizes.append((tmp_path / "result.mp4").stat().st_size)
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": "XviD"}, "codec is"),
        ({"crf": 99}, "crf is 99; give 0 to 51"),
        ({"bit_depth": "12"}, "bit_depth is"),
    ],
)
def test_choices_that_do_not_exist(options, message):
    with pytest.raises(InbetweenError, match=message):
        choose_look(info(), **options)


def test_hdr_is_never_squeezed_into_eight_bits():
    with pytest.raises(InbetweenError, match="HDR"):
        choose_look(info(bits=10, tags=HDR), bit_depth="8")
    assert choose_look(info(bits=10)).pixel_format == "yuv420p10le"
    assert choose_look(info(bits=10), bit_depth="8").pixel_format == "yuv420p"
    assert choose_look(info(bits=8), bit_depth="10").pixel_format == "yuv420p10le"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_same_pictures_are_coded_the_same_in_every_run(tmp_path, encoding):
    """Otherwise a run that goes on would not make the file of one that was not stopped."""
    pictures, first = drawn_pictures(30), None
    for _ in range(4):
        _, read_back = written(tmp_path, pictures, choose_look(info(), encoding))
        first = read_back if first is None else first
        assert all(np.array_equal(*pair) for pair in zip(first, read_back, strict=True))


def test_what_is_not_finished_has_no_name_and_can_be_removed(tmp_path):
    path = tmp_path / "result.mp4"
    writer = VideoWriter(str(path), choose_look(info()), 64, 48, Fraction(24))
    writer.write(torch.from_numpy(drawn_pictures(1)[0]))
    assert not path.exists()
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InbetweenError, match=r"result\.mp4 cannot be written into the folder missing"):
        VideoWriter(str(tmp_path / "missing" / "result.mp4"), choose_look(info()), 64, 48, Fraction(24))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), r"no space left for a\.mp4"),
        (av.error.ArgumentError(22, "Invalid argument"), r"a\.mp4 cannot be written \(Invalid argument\)"),
        (PermissionError(errno.EACCES, "denied"), "allow writing there"),
    ],
)
def test_errors_of_the_disk_are_one_line(error, message):
    with pytest.raises(InbetweenError, match=message), writing("/folder/a.mp4"):
        raise error
