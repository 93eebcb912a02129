"""The picture of sound and frames: everything stands where its time is."""

from fractions import Fraction

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.sound.timing import span_of_clip
from comfyui_inbetween.core.sound.waveforms import Sound
from comfyui_inbetween.core.sound.windows import CentredWindows, NeighbourWindows
from comfyui_inbetween.core.timing.latent_grid import LatentGrid
from comfyui_inbetween.core.views.audio_view import HEARD, audio_view, describe_audio
from comfyui_inbetween.core.views.contact_sheet import KEYFRAME
from comfyui_inbetween.core.views.motion_plot import CURVE, PANEL

WIDTH, HEIGHT = 1440, 620
LEFT, RIGHT = 20, WIDTH - 20


def column_of(seconds, clip_seconds=1.0):
    return round(LEFT + seconds / clip_seconds * (RIGHT - LEFT))


def columns_with(picture, colour, rows):
    top, bottom = (round(HEIGHT * row) for row in rows)
    found = (picture[0, top:bottom] * 255).round().int() == torch.tensor(colour)
    return found.all(dim=-1).any(dim=0).nonzero().flatten().tolist()


def test_sound_of_less_than_a_sample_is_drawn_as_none():
    """A rate of one sample a second, of which none is in the clip."""
    picture = audio_view(Sound(torch.ones(1, 9), 1), span_of_clip(5, 25, 2.1), [], width=WIDTH, height=HEIGHT)
    assert columns_with(picture, CURVE, (0.08, 0.41)) == []


def click_at(seconds, rate=16000, length=3.0):
    wave = torch.zeros(1, int(length * rate))
    wave[0, int(seconds * rate)] = 1
    return Sound(wave, rate)


@pytest.mark.parametrize("start", [0.0, 0.5])
def test_a_click_is_drawn_at_its_time(start):
    picture = audio_view(click_at(start + 0.6), span_of_clip(25, 25, start), [], width=WIDTH, height=HEIGHT)
    assert picture.shape == (1, HEIGHT, WIDTH, 3)
    high = columns_with(picture, CURVE, (0.09, 0.2))  # above the middle only the click reaches
    assert high
    assert all(abs(column - column_of(0.6)) <= 1 for column in high)


def test_keyframes_are_drawn_at_their_frames():
    picture = audio_view(click_at(0.1), span_of_clip(25, 25), [], keyframes=(0, 10), width=WIDTH, height=HEIGHT)
    columns = columns_with(picture, KEYFRAME, (0.56, 0.59))
    assert min(columns) == column_of(0)
    assert max(columns) == column_of(11 / 25) - 1
    assert all(not column_of(1 / 25) <= column < column_of(10 / 25) for column in columns)


def test_what_latent_frames_hear_is_drawn_at_its_time():
    picture = audio_view(click_at(0.1), span_of_clip(25, 25), [(0.25, 0.5)], width=WIDTH, height=HEIGHT)
    columns = columns_with(picture, HEARD, (0.75, 0.98))
    assert [min(columns), max(columns)] == [column_of(0.25), column_of(0.5)]


def test_the_report_says_what_is_heard_and_what_is_missing():
    audio = {"waveform": torch.zeros(1, 1, 16000), "sample_rate": 16000}
    audio["waveform"][0, 0, :8000] = 0.5
    picture, report = describe_audio(
        audio, span_of_clip(25, 25, 0.25), NeighbourWindows(), "an adapter", (0, 24), (640, 400)
    )
    assert picture.shape == (1, 400, 640, 3)
    assert report.splitlines() == [
        "25 frames at 25 fps, 7 latent frames for an adapter, starting at 0.25 s of the audio.",
        "Warning: the audio is 0.25 s shorter than the clip; the rest is silent.",
    ]
    with pytest.raises(InbetweenError, match=r"frame_count 24 breaks the rule 4n\+1; use 21 or 25"):
        describe_audio(audio, span_of_clip(24, 25), NeighbourWindows(), "an adapter", (), (640, 400))


def test_latent_frames_are_drawn_as_the_grid_packs_them():
    """On a grid of 1 and 8 the shade changes after frame 0 and then at every eighth frame."""
    span = span_of_clip(25, 25, grid=LatentGrid(1, 8))
    picture = audio_view(click_at(0.1), span, [], width=WIDTH, height=HEIGHT)
    columns = columns_with(picture, PANEL, (0.725, 0.74))
    assert [columns[0], columns[-1]] == [column_of(1 / 25), column_of(25 / 25) - 1]
    assert column_of(8 / 25) in columns
    assert column_of(10 / 25) not in columns


@pytest.mark.parametrize(("frames", "fps", "width"), [(5, 60, 480), (81, 16, 900), (1001, 25, 1400)])
def test_any_length_can_be_drawn(frames, fps, width):
    span = span_of_clip(frames, fps)
    stretches = CentredWindows().stretches(span)
    picture = audio_view(click_at(0.01, length=0.05), span, stretches, range(frames), width=width, height=10)
    assert picture.shape == (1, 360, width, 3)
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert Fraction(frames, fps) == span.seconds
