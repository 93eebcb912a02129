"""Sound on the time axis of frames: counts and times, against figures measured on the published code."""

from fractions import Fraction

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.sound.timing import ENCODER_RATE, at_times, feature_count, samples_for, span_of_clip
from comfyui_inbetween.core.timing.latent_grid import LatentGrid

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


@pytest.mark.parametrize("offset", [-40, -1, 0, 1, 40, 1000])
@pytest.mark.parametrize("start", [0, 1.5, 0.04])
def test_an_offset_moves_exactly(start, offset):
    """Sound that comes later is heard later: the clip begins that much earlier in the audio."""
    assert span_of_clip(9, 25, start, offset).start == Fraction(repr(start)) - Fraction(offset, 1000)


def test_a_clip_on_another_grid():
    """Two latent frames or more, whatever the model puts into one."""
    grid = LatentGrid(1, 8)
    assert span_of_clip(17, 25, grid=grid).latent_frames == 3
    assert span_of_clip(17, 25).latent_frames == 5
    with pytest.raises(InbetweenError, match="the clip has 5 frames; audio adapters need 9 or more"):
        span_of_clip(5, 25, grid=grid)


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
