"""The weight-free engine: motion followed, nearer frame first, nothing invented where there is no motion to find."""

from time import process_time

import cv2
import numpy as np
import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator

HEIGHT, WIDTH = 96, 128


def texture(seed=0, height=HEIGHT, width=WIDTH, blur=2.0):
    noise = np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), blur)
    return torch.from_numpy((smooth - smooth.min()) / (smooth.max() - smooth.min()))


def with_square(left, top=30, side=36, seed=0):
    """A still textured ground with a square of another texture on it."""
    frame = 0.5 * texture(seed)
    frame[top : top + side, left : left + side] = 0.5 + 0.5 * texture(seed + 1)[:side, :side]
    return frame


def render(first, second, times=(0.5,)):
    return FlowInterpolator().prepare(first, second).render(times)


def error(frame, truth):
    return (frame - truth).abs().mean().item()


def test_a_moving_square_is_in_the_middle_and_far_better_than_a_cross_fade():
    first, truth, second = with_square(30), with_square(36), with_square(42)
    made = render(first, second).frames_THWC[0]
    assert error(made, truth) < 0.25 * error((first + second) / 2, truth)


@pytest.mark.parametrize("time", [0.25, 0.5, 0.75])
def test_any_time(time):
    first, truth, second = with_square(24), with_square(24 + round(16 * time)), with_square(40)
    made = render(first, second, [time]).frames_THWC[0]
    assert error(made, truth) < 0.35 * error(torch.lerp(first, second, time), truth)


def test_times_are_independent_of_each_other():
    first, second = with_square(30), with_square(40)
    pair = FlowInterpolator().prepare(first, second)
    together = pair.render([0.2, 0.5, 0.9])
    assert together.frames_THWC.shape == (3, HEIGHT, WIDTH, 3)
    for number, time in enumerate([0.2, 0.5, 0.9]):
        alone = pair.render([time])
        torch.testing.assert_close(alone.frames_THWC[0], together.frames_THWC[number], rtol=0, atol=1e-5)
        assert alone.blended[0] == pytest.approx(together.blended[number], abs=1e-5)


def test_still_frames_stay_exactly():
    frame = texture(4)
    made = render(frame, frame, [0.1, 0.5, 0.8])
    assert torch.equal(made.frames_THWC, frame.expand(3, -1, -1, -1))
    assert made.blended == (0, 0, 0)


def test_a_still_ground_is_not_touched_by_a_moving_thing():
    first, second = with_square(70), with_square(76)
    made = render(first, second).frames_THWC[0]
    assert error(made[:, :40], first[:, :40]) < 1e-3


def test_backwards_is_the_same_film_backwards():
    first, second = with_square(30), with_square(42)
    forwards = render(first, second, [0.25, 0.5]).frames_THWC
    backwards = render(second, first, [0.75, 0.5]).frames_THWC
    assert error(forwards, backwards) < 0.002


def test_the_frame_that_shows_a_place_gives_its_content():
    """Ground that the square uncovers is seen in the second frame only: no ghost of the square may remain on it."""
    first, second = with_square(40, side=40), with_square(64, side=40)
    truth = with_square(52, side=40)
    made = render(first, second).frames_THWC[0]
    uncovered = slice(42, 51)
    ghost = (first + second) / 2
    rows = slice(34, 66)
    assert error(made[rows, uncovered], truth[rows, uncovered]) < 0.4 * error(
        ghost[rows, uncovered], truth[rows, uncovered]
    )


def test_what_only_one_frame_covers_comes_from_that_frame():
    """In a pan each frame has a strip at one edge that the other does not show."""
    errors = torch.zeros(2)
    for seed in (11, 12, 13):
        wide = texture(seed, HEIGHT, WIDTH + 12)
        first, truth, second = wide[:, :-12], wide[:, 6:-6], wide[:, 12:]
        made = render(first, second).frames_THWC[0]
        for strip in (slice(0, 6), slice(-6, None)):
            for method, frame in enumerate((made, (first + second) / 2)):
                errors[method] += error(frame[8:-8, strip], truth[8:-8, strip])
    assert errors[0] < 0.26 * errors[1]


def test_where_the_frames_disagree_the_nearer_one_prevails():
    """A spot that appears on a moving texture has no counterpart; at a tenth of the way hardly any of it may show."""
    wide = texture(7, HEIGHT, WIDTH + 8)
    first, second = wide[:, 8:].clone(), wide[:, :-8].clone()
    second[44:52, 60:68] = 1.0
    early = render(first, second, [0.1]).frames_THWC[0]
    plain = render(first, wide[:, :-8].clone(), [0.1]).frames_THWC[0]
    spot = (early - plain).abs()[40:56, 50:70].max().item()
    assert spot < 0.5 * 0.1  # a time-weighted average would show a tenth of it


@pytest.mark.parametrize("gain", [0.4, 0.7])
def test_a_change_of_light_is_cross_faded(gain):
    frame = texture(3, blur=6)
    pair = FlowInterpolator().prepare(frame, gain * frame)
    made = pair.render([0.5]).frames_THWC[0]
    assert error(made, (1 + gain) / 2 * frame) < 0.02


def test_a_part_without_motion_is_cross_faded_and_reported():
    """The left half moves, the right half becomes something else."""
    wide = texture(5, HEIGHT, WIDTH + 6)
    first, second = wide[:, 6:].clone(), wide[:, :-6].clone()
    first[:, 64:], second[:, 64:] = texture(8, HEIGHT, 64, blur=1.0), texture(9, HEIGHT, 64, blur=1.0)
    made = render(first, second)
    assert 0.2 < made.blended[0] < 0.6
    faded = ((first + second) / 2)[16:-16, 88:-8]
    assert error(made.frames_THWC[0][16:-16, 88:-8], faded) < 0.5 * error(first[16:-16, 88:-8], faded)
    assert error(made.frames_THWC[0][:, 8:48], wide[:, 3:-3][:, 8:48]) < 0.01


def test_motion_that_is_followed_is_not_reported():
    made = render(with_square(30), with_square(36), [0.25, 0.75])
    assert len(made.blended) == 2
    assert max(made.blended) < 0.02


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 23), (50, 301)])
def test_any_size_and_type(height, width):
    picture = texture(6, height, width + 2)
    first, second = picture[:, 2:].half(), picture[:, :-2].half()
    made = render(first, second).frames_THWC
    assert made.shape == (1, height, width, 3)
    assert made.dtype == torch.float32
    assert made.is_contiguous()
    assert 0 <= made.min() <= made.max() <= 1


def test_pictures_too_small_are_told():
    with pytest.raises(InbetweenError, match="1x1"):
        FlowInterpolator().prepare(torch.zeros(1, 1, 3), torch.zeros(1, 1, 3))


@pytest.mark.parametrize("seed", [0, 1])
def test_fast_takes_less_time_and_follows_motion_too(seed):
    wide = texture(seed, 360, 656, blur=3.0)
    first, truth, second = (wide[:, start : start + 640] for start in (0, 8, 16))
    engine = FlowInterpolator()
    cost, made = {}, {}
    for speed in ("best", "fast"):
        interpolator = engine.start({"speed": speed, "temperature": 0.3}, 360, 640)
        began = process_time()
        made[speed] = interpolator.prepare(first, second).render([0.5]).frames_THWC[0]
        cost[speed] = process_time() - began
    assert cost["fast"] < 0.8 * cost["best"]
    assert error(made["fast"][:, 16:-16], truth[:, 16:-16]) < 0.01
    assert not torch.equal(made["fast"], made["best"])
