"""Joining parts, and what becomes of the sound."""

import io
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.video.encodings import ENCODINGS, choose_look
from comfyui_inbetween.core.video.stream_plan import SoundSpan
from comfyui_inbetween.media.assemble import SoundSource, assemble
from comfyui_inbetween.media.sound import sound_pieces, stretched
from comfyui_inbetween.media.video_reader import VideoReader
from comfyui_inbetween.media.video_writer import VideoWriter
from drawn_videos import drawn_pictures, tone_samples, write_video

FPS = Fraction(24)


def make_parts(folder, source, counts, encoding="H.264 (mp4)", fps=FPS):
    """Parts of the frames of a video, and those frames."""
    frames = [frame.picture() for frame in source]
    look = choose_look(source.info, encoding)
    parts, first = [], 0
    for number, count in enumerate(counts):
        path = str(folder / f"part_{number}.{look.encoding.extension}")
        writer = VideoWriter(path, look, source.info.width, source.info.height, fps)
        for frame_HWC in frames[first : first + count]:
            writer.write(frame_HWC)
        writer.close()
        parts.append((path, count))
        first += count
    return parts, look.encoding


def samples(path, track=0):
    with av.open(str(path)) as container:
        stream = container.streams.audio[track]
        return np.concatenate([frame.to_ndarray() for frame in container.decode(stream)], axis=1)


def pitch(samples_CS, rate=48000):
    windowed = samples_CS[0] * np.hanning(samples_CS.shape[1])
    return float(np.argmax(np.abs(np.fft.rfft(windowed))) * rate / samples_CS.shape[1])


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("counts", [(25,), (7, 1, 17)])
def test_parts_are_joined_without_a_doubled_or_lost_frame(tmp_path, encoding, counts):
    source = VideoReader(str(write_video(tmp_path / "a.mp4", drawn_pictures(25))))
    parts, chosen = make_parts(tmp_path, source, counts, encoding)
    result = str(tmp_path / f"result.{chosen.extension}")
    assert assemble(parts, result, chosen, FPS) == []
    coded = [frame.picture().numpy() for part, _ in parts for frame in VideoReader(part)]
    reader = VideoReader(result)
    joined = list(reader)
    assert len(joined) == 25
    for number, (frame, before_HWC) in enumerate(zip(joined, coded, strict=True)):
        assert np.array_equal(frame.picture().numpy(), before_HWC)
        assert frame.time == number / FPS or abs(frame.time - number / FPS) <= Fraction(1, 1000)
    assert (reader.times().rate, reader.times().constant) == (24, True)


def test_a_damaged_part_is_told(tmp_path):
    source = VideoReader(str(write_video(tmp_path / "a.mp4", drawn_pictures(10))))
    parts, chosen = make_parts(tmp_path, source, (10,))
    with pytest.raises(InbetweenError, match=r"part_0\.mp4, is damaged"):
        assemble([(parts[0][0], 11)], str(tmp_path / "result.mp4"), chosen, FPS)
    assert not [file for file in tmp_path.iterdir() if "result" in file.name]


@pytest.mark.parametrize("tones", [(440,), (440, 660)])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_kept_sound_is_the_same_to_the_sample(tmp_path, name, tones):
    path = write_video(tmp_path / name, drawn_pictures(48), tones=tones)
    source = VideoReader(str(path))
    parts, chosen = make_parts(tmp_path, source, (20, 28))
    result = tmp_path / "result.mp4"
    assert assemble(parts, str(result), chosen, FPS, SoundSource(str(path), name, Fraction(0))) == []
    for track in range(len(tones)):
        np.testing.assert_array_equal(samples(result, track), samples(path, track))
    assert len(VideoReader(str(result)).info.tracks) == len(tones)


def test_kept_sound_stays_in_place_when_the_picture_starts_late(tmp_path):
    ticks = [number + 6 for number in range(24)]
    path = write_video(tmp_path / "a.mkv", drawn_pictures(24), ticks=ticks, tones=(500,), sound_seconds=1.25)
    source = VideoReader(str(path))
    start = source.times().start
    assert float(start) == pytest.approx(0.25)
    parts, _ = make_parts(tmp_path, source, (24,))
    result = tmp_path / "result.mkv"
    assemble(parts, str(result), ENCODINGS["FFV1, lossless (mkv)"], FPS, SoundSource(str(path), "a.mkv", start))
    with av.open(str(path)) as before, av.open(str(result)) as after:
        begins = [float(next(each.decode(audio=0)).time - next(each.decode(video=0)).time) for each in (before, after)]
    assert begins[1] == pytest.approx(begins[0], abs=0.003)


def test_sound_in_memory_and_a_codec_that_the_container_lacks(tmp_path):
    path = write_video(tmp_path / "a.mkv", drawn_pictures(24), tones=(440, 600), sound_codec="pcm_s16le")
    source = io.BytesIO(path.read_bytes())
    parts, chosen = make_parts(tmp_path, VideoReader(source), (24,))
    result = tmp_path / "result.mp4"
    notes = assemble(parts, str(result), chosen, FPS, SoundSource(source, "a.mkv", Fraction(0)))
    assert notes == ["track 1 of the sound is coded as aac", "track 2 of the sound is coded as aac"]
    for track, tone in enumerate((440, 600)):
        read_back = samples(result, track)
        assert pitch(read_back) == pytest.approx(tone, abs=3)
        assert abs(read_back.shape[1] - 48000) <= 2048


@pytest.mark.parametrize("slower", [Fraction(4), Fraction(5, 2), Fraction(1, 3)])
def test_stretched_sound_keeps_its_pitch_and_its_exact_length(slower):
    tone = tone_samples(440, 2)
    span = SoundSpan(Fraction(0), Fraction(2), 2 * slower)
    played = np.concatenate(list(stretched(np.split(tone, 60, axis=1), [span], 48000, "stereo")), axis=1)
    assert played.shape == (2, round(96000 * slower))
    assert pitch(played[:, : played.shape[1] * 9 // 10]) == pytest.approx(440, abs=4)
    loudness = np.abs(played[0]).reshape(10, -1).max(axis=1)
    assert all(after > before for before, after in pairwise(loudness[:-1])), "it swells"


def test_a_ramp_stretches_each_range_and_ends_it_at_its_sample():
    tone = tone_samples(440, 3)
    spans = [SoundSpan(Fraction(each), Fraction(each + 1), Fraction(length)) for each, length in enumerate((1, 4, 1))]
    played = np.concatenate(list(stretched(iter([tone]), spans, 48000, "stereo")), axis=1)
    assert played.shape[1] == 6 * 48000
    np.testing.assert_array_equal(played[:, :48000], tone[:, :48000])
    np.testing.assert_array_equal(played[:, 5 * 48000 :], tone[:, 96000:])


def test_sound_that_ends_early_is_filled_with_silence():
    span = SoundSpan(Fraction(0), Fraction(2), Fraction(4))
    played = np.concatenate(list(stretched(iter([tone_samples(440, 1)]), [span], 48000, "stereo")), axis=1)
    assert played.shape[1] == 4 * 48000
    assert np.abs(played[:, 110_000:]).max() == 0


def test_a_part_of_the_sound(tmp_path):
    path = write_video(tmp_path / "a.mkv", drawn_pictures(48), tones=(440,), sound_codec="pcm_s16le")
    whole = samples(path)
    pieces = np.concatenate([*sound_pieces(str(path), 0, Fraction(1, 2), Fraction(3, 2), "a.mkv")], axis=1)
    expected = whole.reshape(-1, 2).T[:, 24000:72000] / 32768 if whole.shape[0] == 1 else whole[:, 24000:72000]
    np.testing.assert_allclose(pieces, expected, atol=1e-6)


def test_slow_motion_with_sound_in_a_file(tmp_path):
    path = write_video(tmp_path / "a.mp4", drawn_pictures(24), tones=(440,))
    parts, chosen = make_parts(tmp_path, VideoReader(str(path)), (24,), fps=Fraction(12))
    result = tmp_path / "result.mp4"
    sound = SoundSource(str(path), "a.mp4", Fraction(0), None, [SoundSpan(Fraction(0), Fraction(1), Fraction(2))])
    notes = assemble(parts, str(result), chosen, Fraction(12), sound)
    assert notes == ["track 1 of the sound is coded as aac"]
    read_back = samples(result)
    assert pitch(read_back) == pytest.approx(440, abs=4)
    assert abs(read_back.shape[1] / 48000 - 2) <= 1 / 12


def test_frames_written_are_those_read_before_the_encoder(tmp_path):
    """Nothing between decoder and encoder changes a picture."""
    source = VideoReader(str(write_video(tmp_path / "a.mkv", drawn_pictures(6), "ffv1", tags=(1, 1, 1, 1))))
    parts, chosen = make_parts(tmp_path, source, (2, 4), "FFV1, lossless (mkv)")
    assemble(parts, str(tmp_path / "result.mkv"), chosen, FPS)
    for before, after in zip(source, VideoReader(str(tmp_path / "result.mkv")), strict=True):
        assert torch.equal(before.picture(), after.picture())
