"""Flow of things that move farther than their own size, on drawn pictures; elsewhere nothing changes."""

import cv2
import numpy as np
import pytest
import torch
from comfyui_inbetween.core.flow.matching import matched_both_ways
from comfyui_inbetween.core.flow.optical_flow import flow_both_ways

HEIGHT, WIDTH = 216, 384


def texture(seed, height=HEIGHT, width=WIDTH, sigmas=(1.5, 4, 12)):
    random, picture = np.random.default_rng(seed), 0
    for sigma in sigmas:
        noise = cv2.GaussianBlur(random.standard_normal((height, width, 3)).astype(np.float32), (0, 0), sigma)
        picture = picture + noise / noise.std()
    return (picture - picture.min()) / (picture.max() - picture.min())


def disc_at(seed, left, top=80, side=72, ground=None):
    """A textured disc over a textured ground, and where the disc is."""
    picture = texture(seed).copy() if ground is None else ground.copy()
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, (left + side // 2, top + side // 2), side // 2, 1, -1)
    disc = np.zeros_like(picture)
    disc[top : top + side, left : left + side] = texture(seed + 100, side, side, (1.5, 4))
    picture[mask > 0] = disc[mask > 0]
    return torch.from_numpy(picture), mask > 0


def miss(flow_2HW, expected, where_HW):
    """Median distance of the flow in a place from what it should be, in pixels."""
    expected_211 = torch.tensor(expected, dtype=torch.float32)[:, None, None]
    return float((flow_2HW - expected_211).square().sum(0).sqrt()[torch.from_numpy(where_HW)].median())


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
@pytest.mark.parametrize("gain", [1, 0.15])
def test_a_disc_that_jumps_farther_than_its_size_is_followed_both_ways(seed, gain):
    first, there = disc_at(seed, 60)
    second, here = disc_at(seed, 172)
    forward, backward = matched_both_ways(gain * first, gain * second)
    assert miss(forward, (112, 0), there) < 1
    assert miss(backward, (-112, 0), here) < 1
    assert miss(forward, (0, 0), ~there & ~here) < 0.1
    assert miss(flow_both_ways(first, second)[0], (112, 0), there) > 20


@pytest.mark.parametrize("seed", [5, 6])
def test_what_the_coarse_flow_explains_is_left_to_it(seed):
    wide = texture(seed, HEIGHT, WIDTH + 8)
    first, second = torch.from_numpy(wide[:, 8:]), torch.from_numpy(wide[:, :-8])
    for found, usual in zip(matched_both_ways(first, second), flow_both_ways(first, second), strict=True):
        assert torch.equal(found, usual)


def test_things_that_only_come_and_go_move_nothing():
    """A disc in each frame, of different textures: no shift leads from one to the other."""
    first, there = disc_at(1, 60, ground=texture(1))
    second, _ = disc_at(2, 200, ground=texture(1))
    found, usual = matched_both_ways(first, second)[0], flow_both_ways(first, second)[0]
    assert float((found - usual).abs()[:, torch.from_numpy(~there)].mean()) < 0.5


@pytest.mark.parametrize(("height", "width"), [(16, 16), (95, 300), (97, 131), (240, 101)])
def test_any_size(height, width):
    wide = torch.from_numpy(texture(3, height, width + 4))
    forward, backward = matched_both_ways(wide[:, 4:].half(), wide[:, :-4].half())
    assert forward.shape == backward.shape == (2, height, width)
    jumped = torch.from_numpy(texture(4, height, width))
    assert torch.isfinite(matched_both_ways(wide[:, 4:], jumped)[0]).all()
