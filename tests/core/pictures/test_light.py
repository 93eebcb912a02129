"""A change of light: undone, put back along time, on a grid, clipped alike."""

import pytest
import torch
from comfyui_inbetween.core.pictures.light import CLIPPED, LightChange, may_clip, steady


def picture(seed=0, low=0.05, high=0.95):
    return low + (high - low) * torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(seed))


def change(gain=(0.7, 0.8, 1.2), offset=(0.1, 0.0, -0.05), gamma=(1.0, 1.0, 1.0)):
    return LightChange(*(torch.tensor(each, dtype=torch.float32).view(1, 3, 1, 1) for each in (gain, offset, gamma)))


WAVES = torch.arange(105.0).view(1, 3, 5, 7).sin().abs()
CHANGES = {
    "gain": change(offset=(0, 0, 0)),
    "gain and offset": change(),
    "power": change(offset=(0, 0, 0), gamma=(0.8, 1.25, 1.0)),
    "grid": LightChange(0.5 + WAVES, WAVES / 4, torch.ones(1, 3, 1, 1)).at_size(24, 32),
}


@pytest.mark.parametrize("light", CHANGES.values(), ids=CHANGES)
def test_what_is_put_back_at_the_end_is_undone(light):
    first = picture()
    second = light.put_back(first, 1.0)
    assert (second - first).abs().mean() > 0.01
    torch.testing.assert_close(light.undone(second), first, rtol=0, atol=1e-5)


@pytest.mark.parametrize("light", CHANGES.values(), ids=CHANGES)
def test_nothing_is_put_back_at_the_start(light):
    torch.testing.assert_close(light.put_back(picture(), 0.0), picture(), rtol=0, atol=1e-6)


def test_gain_and_offset_follow_a_straight_line():
    first, times = picture(), torch.tensor([0.25, 0.5, 0.75])[:, None, None, None]
    made = change().put_back(first, times)
    torch.testing.assert_close(made, torch.lerp(first, change().put_back(first, 1.0), times), rtol=0, atol=1e-6)


def test_an_exponent_goes_from_one_to_its_value():
    light = change((1, 1, 1), (0, 0, 0), (2.0, 2.0, 2.0))
    torch.testing.assert_close(light.put_back(picture(), 0.5), picture() ** 1.5)


def test_values_below_zero_and_above_one_keep_their_sign():
    light = change(offset=(0, 0, 0), gamma=(0.5, 2.0, 1.0))
    wild = 8 * picture() - 4
    made = light.undone(light.put_back(wild, 1.0))
    assert made.isfinite().all()
    torch.testing.assert_close(made, wild, rtol=1e-4, atol=1e-5)


def test_a_grid_is_smooth_and_lies_over_the_whole_picture():
    across_w = torch.linspace(0.5, 1.0, 8)
    gain = across_w.expand(1, 3, 4, 8)
    light = LightChange(gain, torch.zeros_like(gain), torch.ones(1, 3, 1, 1))
    assert not light.is_uniform
    gain_W = light.at_size(48, 96).gain_13hw[0, 0, 20]
    assert gain_W.diff().min() > -1e-3
    assert gain_W[6] == pytest.approx(0.5, abs=0.01)  # the middle of the first cell
    assert gain_W[90] == pytest.approx(1.0, abs=0.01)
    assert steady().at_size(48, 96).gain_13hw.shape == (1, 3, 1, 1)


def test_what_one_frame_clips_is_clipped_in_both():
    first = picture()
    light = change((2.0, 2.0, 2.0), (0, 0, 0))
    second = light.put_back(first, 1.0).clamp(max=1)
    assert may_clip(second)
    shown_first, shown_second = light.clipped_alike(first, second)
    torch.testing.assert_close(shown_first, shown_second, rtol=0, atol=1e-5)
    assert shown_first.max() == pytest.approx(CLIPPED / 2)
    bright = 3 * second  # linear light has no end at 1
    assert not may_clip(bright)
    torch.testing.assert_close(light.clipped_alike(first, bright)[0], first)
