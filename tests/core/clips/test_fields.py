"""3:2 pull-down in fields: combed frames are found and woven again, and no others are touched."""

import numpy as np
import pytest
import torch
from comfyui_inbetween.core.clips.copies import find_copies
from comfyui_inbetween.core.clips.fields import WovenFrames, match_fields
from moving_pictures import compressed, disc, noisy, pan, telecined

FILMS = {"pan": pan(6.0 * np.arange(18), 3), "disc": disc(30 + 6 * np.arange(18), 4)}
COUNT = 20


@pytest.fixture(params=FILMS)
def film(request):
    return FILMS[request.param]


@pytest.mark.parametrize("own_rows", [0, 1])
@pytest.mark.parametrize("start", range(5))
def test_film_is_woven_again(film, own_rows, start):
    clip, shown = telecined(film, COUNT, start, own_rows)
    woven = match_fields(clip)
    assert woven.woven == {frame for frame in range(1, COUNT) if shown[frame][0] != shown[frame][1]}
    assert woven.own_rows == own_rows
    for frame in range(1, COUNT):
        assert torch.equal(woven[frame], film[min(shown[frame])])


@pytest.mark.parametrize("state", [compressed, lambda clip: noisy(clip, 0.02)], ids=["H.264", "grain"])
def test_after_compression_and_under_grain(film, state):
    clip, shown = telecined(film, COUNT, 0, 0)
    woven = match_fields(state(clip))
    assert woven.woven == {frame for frame in range(1, COUNT) if shown[frame][0] != shown[frame][1]}
    assert find_copies(woven).frames == woven.repeats == (2, 7, 12, 17)


@pytest.mark.parametrize("state", [lambda clip: clip, compressed, lambda clip: noisy(clip, 0.02)])
def test_what_was_never_combed_is_left_alone(film, state):
    assert match_fields(state(film)).woven == frozenset()


def test_video_in_true_fields_is_left_alone(film):
    """Every field shows a moment of its own, so nothing can be woven."""
    clip = film[:-1].clone()
    clip[:, 1::2] = film[1:, 1::2]
    assert match_fields(clip).woven == frozenset()


def test_frames_are_woven_when_read_and_the_clip_is_left_alone():
    clip = torch.rand(4, 6, 5, 3)
    before = clip.clone()
    woven = WovenFrames(clip, frozenset({2}), own_rows=1)
    assert woven[1].data_ptr() == clip[1].data_ptr()
    assert torch.equal(woven[2][1::2], clip[2][1::2])
    assert torch.equal(woven[2][0::2], clip[1][0::2])
    assert torch.equal(woven[-2], woven[2])
    assert len(woven[1:3]) == 2
    assert torch.equal(clip, before)
    with pytest.raises(IndexError):
        woven[4]


@pytest.mark.parametrize("shape", [(3, 2, 40, 3), (1, 20, 20, 3), (3, 5, 1, 3)])
def test_any_size(shape):
    done = []
    assert match_fields(torch.rand(shape).half(), done.append).woven == frozenset()
    assert sum(done) == shape[0]
