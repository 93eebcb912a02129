"""The change of light between two frames that move: found where there is one, and only there."""

import cv2
import numpy as np
import pytest
import torch
from comfyui_inbetween.core.flow.light_search import find_light_change

HEIGHT, WIDTH = 120, 180


def picture(seed, height=HEIGHT, width=WIDTH, blurs=(1.5, 4, 12)):
    random, total = np.random.default_rng(seed), 0
    for blur in blurs:
        noise = cv2.GaussianBlur(random.standard_normal((height, width, 3)).astype(np.float32), (0, 0), blur)
        total = total + noise / noise.std()
    return torch.from_numpy((total - total.min()) / (total.max() - total.min()))


def pan(seed, pixels=6):
    """Two frames, (1, 3, H, W), whose content moves by some pixels."""
    wide = picture(seed, width=WIDTH + pixels).movedim(2, 0)[None]
    return wide[..., pixels:].contiguous(), wide[..., :-pixels].contiguous()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("gain", "offset"),
    [((0.7,) * 3, (0,) * 3), ((1.3,) * 3, (0,) * 3), ((0.75,) * 3, (0.2,) * 3), ((0.95, 0.8, 0.6), (0,) * 3)],
    ids=["fade", "rise", "lifted blacks", "coloured lamp"],
)
def test_gain_and_offset_of_a_pan(seed, gain, offset):
    first, second = pan(seed)
    gain, offset = (torch.tensor(each, dtype=torch.float32).view(1, 3, 1, 1) for each in (gain, offset))
    light = find_light_change(0.7 * first, gain * 0.7 * second + offset)
    assert light.is_uniform
    torch.testing.assert_close(light.gain_13hw, gain, rtol=0, atol=0.02)
    torch.testing.assert_close(light.offset_13hw, offset, rtol=0, atol=0.01)
    assert light.gamma_1311.eq(1).all()


@pytest.mark.parametrize("gamma", [0.65, 1.4])
def test_a_power_curve(gamma):
    first, second = pan(3)
    light = find_light_change(first, second**gamma)
    torch.testing.assert_close(light.gamma_1311, torch.full((1, 3, 1, 1), gamma), rtol=0, atol=0.05)


@pytest.mark.parametrize("seed", [4, 5])
@pytest.mark.parametrize("kind", ["gain", "offset"])
def test_a_change_that_varies_over_the_picture(seed, kind):
    first, second = pan(seed)
    across = torch.linspace(0.5, 1.0, WIDTH).expand(1, 1, HEIGHT, WIDTH)
    lit = second * across if kind == "gain" else 0.6 * second + 0.3 * across
    light = find_light_change(first, lit).at_size(HEIGHT, WIDTH)
    assert not light.is_uniform
    inside = (..., slice(10, -10), slice(10, -10))
    error = (light.undone(lit) - second)[inside].abs().mean()
    assert error < 0.012


@pytest.mark.parametrize("seed", [6, 7, 8])
def test_steady_light_is_left_alone(seed):
    first, second = pan(seed)
    assert find_light_change(first, second) is None
    assert find_light_change(first, first) is None
    first, second = first.clone(), second.clone()
    thing = picture(seed + 10, 50, 60, (1.5, 8)).movedim(2, 0)
    first[0, :, 30:80, 30:90], second[0, :, 30:80, 45:105] = thing, thing  # a thing with a motion of its own
    assert find_light_change(first, second) is None
    noise = torch.randn(2, 1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(seed)) * 0.03
    assert find_light_change(first + noise[0], second + noise[1]) is None


def test_pictures_with_nothing_in_common_have_no_change_of_light():
    first, second = (picture(seed).movedim(2, 0)[None] for seed in (20, 21))
    assert find_light_change(first, 0.6 * second) is None


def test_the_clipped_part_of_a_flash_does_not_count():
    first, second = pan(9)
    light = find_light_change(first, (2 * second).clamp(max=1))
    torch.testing.assert_close(light.gain_13hw.mean(), torch.tensor(2.0), rtol=0, atol=0.08)


def test_noise_does_not_flatten_the_gain():
    first, second = pan(10)
    noise = torch.randn(2, 1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0)) * 0.04
    light = find_light_change(first + noise[0], 0.6 * second + noise[1])
    torch.testing.assert_close(light.gain_13hw.mean(), torch.tensor(0.6), rtol=0, atol=0.02)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 40), (40, 17), (64, 333)])
def test_any_size(height, width):
    frame = picture(11, height, width).movedim(2, 0)[None]
    light = find_light_change(frame, 0.6 * frame)
    if light is not None:
        torch.testing.assert_close(light.at_size(height, width).undone(0.6 * frame), frame, rtol=0, atol=0.05)
