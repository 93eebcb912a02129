"""Frames that repeat the frame before: found in whatever state they are, and nothing else is taken for them."""

import weakref

import numpy as np
import pytest
import torch
from comfyui_inbetween.core.clips import copies as module
from comfyui_inbetween.core.clips.copies import find_copies, numbers_text, repeats_text
from comfyui_inbetween.core.errors import InbetweenError
from moving_pictures import compressed, disc, film_in_video, noisy, pan, with_copies

pytestmark = pytest.mark.models  # sweeps over many drawn clips

STEADY = np.arange(20)
STATES = {
    "exact": lambda clip: clip,
    "noise": lambda clip: (noisy(clip, 1 / 255) * 255).round() / 255,
    "grain": lambda clip: noisy(clip, 0.03),
    "H.264": compressed,
    "H.264, coarse": lambda clip: compressed(clip, 30),
    "H.264 of grain": lambda clip: compressed(noisy(clip, 0.02)),
}


@pytest.fixture(params=STATES)
def state(request):
    return STATES[request.param]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_lost_frames_in_a_pan(state, seed):
    clip = state(with_copies(pan(6.0 * STEADY, seed), [7, 15]))
    assert find_copies(clip).frames == (7, 15)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("held", [2, 3, 4])
def test_animation_on_twos_threes_and_fours(state, seed, held):
    clip = state(disc(30 + 9 * (np.arange(24) // held), seed))
    assert find_copies(clip).frames == tuple(frame for frame in range(24) if frame % held)


@pytest.mark.parametrize(("per_five", "start"), [(4, 0), (4, 3), (2, 0), (2, 1)])
def test_pulldown(per_five, start):
    film = pan(5.0 * np.arange(22), seed=3)
    clip = film_in_video(film, 22, per_five, start)
    shown = [(frame + start) * per_five // 5 for frame in range(22)]
    expected = tuple(frame for frame in range(1, 22) if shown[frame] == shown[frame - 1])
    assert find_copies(clip).frames == expected
    assert find_copies(compressed(clip)).frames == expected


@pytest.mark.parametrize("light", [lambda clip: clip * 0.1, lambda clip: clip * 0.02, lambda clip: 0.85 + clip * 0.05])
def test_the_dark_and_the_fog(light):
    """What counts is the change around, not a threshold."""
    assert find_copies(light(with_copies(pan(6.0 * STEADY), [7, 15]))).frames == (7, 15)
    assert find_copies(light(disc(30 + 9 * (STEADY // 2)))).frames == tuple(range(1, 20, 2))


def test_a_copy_is_seen_under_a_fade():
    clip = with_copies(pan(6.0 * STEADY), [7, 15]) * torch.linspace(1, 0.6, 20)[:, None, None, None]
    assert find_copies(clip).frames == (7, 15)


def test_slow_motion():
    assert find_copies(compressed(with_copies(pan(0.8 * STEADY), [7, 15]), 18)).frames == (7, 15)


STILL = np.zeros(20)
SWING = 90 + 50 * np.cos((STEADY - 9.5) * 0.25)  # frames 9 and 10 are the same picture, at the turning point


@pytest.mark.parametrize(
    "clip",
    [
        pan(6.0 * STEADY),
        pan(0.5 * STEADY),
        pan(STILL),
        disc(SWING),
        pan(0.3 * SWING),
        pan(np.concatenate([STILL[:6], 5.0 * np.arange(1, 9), np.full(6, 40.0)])),  # rests, goes, rests
        pan(np.cumsum([0, 8, 6, 3, 1, 0, 1, 3, 6, 8, 8, 8])),  # eases to a stop and on
        torch.cat([pan(STILL[:8], 1), pan(STILL[:8], 2)]),  # a cut between two stills
        torch.cat([pan(STILL[:3], 1), pan(STILL[:3], 2), pan(STILL[:3], 3), pan(STILL[:3], 4)]),  # a slide show
        pan(STILL) * torch.linspace(1, 0.4, 20)[:, None, None, None],  # a fade
    ],
    ids=["pan", "slow", "still", "pendulum", "sway", "rests", "eases", "stills", "slides", "fade"],
)
def test_what_is_not_a_copy(clip, state):
    assert find_copies(state(clip)).frames == ()


@pytest.mark.parametrize("seed", range(4))
def test_a_shaking_camera(seed):
    random = np.random.default_rng(seed)
    assert find_copies(pan(random.normal(0, 3, 20), seed, random.normal(0, 3, 20))).frames == ()


def test_cuts_and_rests_are_found():
    twos = disc(30 + 9 * (np.arange(8) // 2))
    rest = disc([90] * 7 + [99, 99, 108, 108])
    found = find_copies(torch.cat([twos, pan(6.0 * np.arange(6), 5), rest]))
    assert found.frames == (1, 3, 5, 7, 22, 24)
    assert found.cuts == (8, 14)
    assert found.rests == ((15, 20),)


def test_hidden_motion_is_larger_where_more_moves():
    found = find_copies(with_copies(pan(np.cumsum([0] + [1] * 9 + [8] * 10)), [5, 15]))
    assert found.frames == (5, 15)
    assert found.hidden[15] > 1.5 * found.hidden[5]


def test_memory_does_not_grow_with_the_clip(monkeypatch):
    """Every frame is read once, and only a few are kept."""
    kept, most = [], []
    measured = module._measured

    def counted(frame_HWC):
        small_HWC = measured(frame_HWC)
        kept.append(weakref.ref(small_HWC))
        most.append(sum(each() is not None for each in kept))
        return small_HWC

    monkeypatch.setattr(module, "_measured", counted)
    find_copies(with_copies(pan(2.0 * np.arange(40)), [9, 20]))
    assert len(kept) == 40
    assert max(most) <= 8


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_shortest_clips_and_other_types(count):
    clip = pan(np.zeros(count)).half()
    found = find_copies(clip)
    assert (found.frames, found.length, len(found.likeness)) == ((), count, count)
    done = []
    assert find_copies(torch.rand(3, 5, 70, 3), done.append).frames == ()
    assert sum(done) == 3


def test_wrong_input_is_one_line():
    with pytest.raises(InbetweenError, match="frames has NaN"):
        find_copies(torch.full((3, 20, 20, 3), torch.nan), name="frames")


def test_copies_in_words():
    assert repeats_text([7]) == "frame 7 repeats the frame before"
    assert repeats_text([7, 15]) == "frames 7 and 15 repeat the frame before"
    assert numbers_text(range(12)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 11"
    assert numbers_text(range(13)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 1 more"
