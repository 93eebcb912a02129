"""Sound on the time axis of frames: counts, windows, times, against figures measured on the published code."""

from fractions import Fraction

import pytest
import torch
from comfyui_inbetween.core.audio_timing import (
    ENCODER_RATE,
    at_times,
    centred_windows,
    delays,
    feature_count,
    neighbour_windows,
    samples_for,
    span_of_clip,
)
from comfyui_inbetween.core.errors import InbetweenError

# Features that wav2vec2 makes of the time of n frames, as measured: FantasyTalking at 23 frames a second, others at 25.
MEASURED = {23: {5: 10, 9: 19, 17: 36, 81: 175}, 25: {5: 9, 9: 17, 81: 161}}


@pytest.mark.parametrize(("fps", "frames"), [(fps, frames) for fps, counts in MEASURED.items() for frames in counts])
def test_features_of_a_clip(fps, frames):
    assert feature_count(span_of_clip(frames, fps).encoder_samples) == MEASURED[fps][frames]


@pytest.mark.parametrize("fps", [16, 23.976, 24, 25, 29.97, 30, 50])
@pytest.mark.parametrize("frames", [5, 9, 81, 241])
def test_the_last_feature_lies_within_the_clip(fps, frames):
    """Half-open: no feature hears what comes after the last frame, and another one would."""
    samples = span_of_clip(frames, fps).encoder_samples
    count = feature_count(samples)
    assert samples_for(count) <= samples < samples_for(count + 1)
    assert samples == int(Fraction(repr(fps)) ** -1 * frames * ENCODER_RATE)


@pytest.mark.parametrize(
    ("features", "frames", "slots", "last"),
    [
        (161, 81, 15, 149),  # StableAvatar's training
        (167, 81, 17, 153),  # its inference, which hears 84 frames
        (162, 81, 17, 149),  # EchoMimicV3's preview
        (175, 81, 17, 161),  # FantasyTalking
        (9, 5, 15, 0),
    ],
)
def test_centred_windows(features, frames, slots, last):
    """Windows of a length of their own for each number of features; those at the ends lack some."""
    windows = centred_windows(features, frames)
    assert windows.indices_FW.shape == windows.heard_FW.shape == ((frames - 1) // 4 + 1, slots)
    heard = [row[mask].tolist() for row, mask in zip(windows.indices_FW, windows.heard_FW, strict=True)]
    assert [heard[0][0], heard[1][0], heard[-1][0]] == [0, 0, last]
    assert heard[-1][-1] == features - 1
    for row, mask in zip(heard, windows.heard_FW, strict=True):
        assert row == list(range(row[0], row[0] + len(row)))
        assert mask.tolist() == [True] * len(row) + [False] * (slots - len(row))  # what there is comes first
    assert all(mask.all() for mask in windows.heard_FW[2:-2])


def test_windows_of_latent_frames_follow_four_frames_of_time():
    """In the middle of the clip, windows are centred on the time of their four frames, to two features."""
    windows = centred_windows(161, 81)
    middle = delays(windows, Fraction(25))[3:-3].mean(dim=1)
    assert middle.abs().max() < 2 / 50 * 25 / 4
    steps = windows.indices_FW[4:-3, 0] - windows.indices_FW[3:-4, 0]
    assert set(steps.tolist()) <= {7, 8}


def test_delays_are_in_latent_frames():
    """The middle of latent frame 1, frames 1 to 4, is 3 frames after the beginning; feature 5 is heard at 0.1125 s."""
    windows = centred_windows(161, 81)
    at = windows.indices_FW[1].tolist().index(5)
    assert delays(windows, Fraction(25))[1, at].item() == pytest.approx((0.1125 * 25 - 3) / 4, abs=1e-6)
    assert delays(windows, Fraction(25))[0, 0].item() == pytest.approx((0.0125 * 25 - 0.5) / 4, abs=1e-6)


def test_neighbour_windows():
    windows = neighbour_windows(13)
    assert windows.indices_FW[0, :5].tolist() == [0, 0, 0, 1, 2]
    assert windows.heard_FW[0].tolist() == [True] * 5 + [False] * 3
    assert windows.indices_FW[1].tolist() == [0, 0, 1, 2, 3, 4, 5, 6]
    assert windows.indices_FW[2].tolist() == [3, 4, 5, 6, 7, 8, 9, 10]
    assert windows.indices_FW[3].tolist() == [7, 8, 9, 10, 11, 12, 12, 12]
    assert windows.heard_FW[1:].all()


@pytest.mark.parametrize("offset", [-40, -1, 0, 1, 40, 1000])
@pytest.mark.parametrize("start", [0, 1.5, 0.04])
def test_an_offset_moves_exactly(start, offset):
    """Sound that comes later is heard later: the clip begins that much earlier in the audio."""
    assert span_of_clip(9, 25, start, offset).start == Fraction(repr(start)) - Fraction(offset, 1000)


def test_times_between_features():
    features = torch.arange(5.0)[:, None] * torch.tensor([[1.0, 10.0]])
    found = at_times(features, torch.tensor([-1.0, 0.0, 0.25, 3.5, 4.0, 9.0]))
    assert found[:, 0].tolist() == [0.0, 0.0, 0.25, 3.5, 4.0, 4.0]
    assert torch.equal(found[:, 1], 10 * found[:, 0])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((1, 25), "the clip has 1 frame; audio adapters need 5 or more"),
        ((9, 0), "fps is 0; give a number above 0"),
        ((9, float("nan")), "fps is nan"),
        ((9, 25, -1), "start_seconds is -1; give 0 or more"),
        ((9, 25, 0, float("inf")), "offset_ms is inf"),
    ],
)
def test_times_that_there_are_not(arguments, told):
    with pytest.raises(InbetweenError, match=told):
        span_of_clip(*arguments)
