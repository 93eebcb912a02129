"""Optical flow: the motion of a moved texture, both ways, at any size."""

import cv2
import numpy as np
import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.flow.optical_flow import flow_both_ways, flow_length


def texture(height, width, seed=0):
    """A smooth random picture_HWC, larger than asked by 32 pixels on each side, so that it can be moved."""
    noise = np.random.default_rng(seed).random((height + 64, width + 64, 3), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return torch.from_numpy((smooth - smooth.min()) / (smooth.max() - smooth.min()))


def moved(picture_HWC, right, down):
    """The middle of a picture whose content went by (right, down) pixels, which may be fractions."""
    height, width = picture_HWC.shape[0] - 64, picture_HWC.shape[1] - 64
    matrix = np.float32([[1, 0, right - 32], [0, 1, down - 32]])
    return torch.from_numpy(cv2.warpAffine(picture_HWC.numpy(), matrix, (width, height), flags=cv2.INTER_CUBIC))


def middle(flow_2HW):
    return flow_2HW[:, 24:-24, 24:-24]


@pytest.mark.parametrize(("right", "down"), [(0.0, 0.0), (0.5, 0.0), (3.0, -2.0), (-6.4, 5.3), (11.0, 9.0)])
def test_a_moved_texture(right, down):
    picture = texture(160, 200)
    forward, backward = flow_both_ways(moved(picture, 0, 0), moved(picture, right, down))
    motion = torch.tensor([right, down]).view(2, 1, 1)
    assert (middle(forward) - motion).abs().mean() < 0.1
    assert (middle(backward) + motion).abs().mean() < 0.1


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 23), (64, 65), (16, 300), (301, 33)])
def test_any_size(height, width):
    picture = texture(height, width)
    forward, backward = flow_both_ways(moved(picture, 0, 0), moved(picture, 1, 0))
    assert forward.shape == backward.shape == (2, height, width)
    assert forward.isfinite().all()
    assert forward[0].mean() == pytest.approx(1, abs=0.3)


def test_large_frames_are_measured_smaller_and_told_in_their_own_pixels():
    picture = texture(1500, 2000, seed=3)
    forward, _ = flow_both_ways(moved(picture, 0, 0), moved(picture, 8, -4))
    assert forward.shape == (2, 1500, 2000)
    error = middle(forward) - torch.tensor([8.0, -4.0]).view(2, 1, 1)
    assert error.abs().mean() < 0.2


def test_the_same_frames_have_the_same_flow():
    picture = texture(80, 90)
    first, second = moved(picture, 0, 0), moved(picture, 2, 3)
    before = first.clone()
    once, again = flow_both_ways(first, second), flow_both_ways(first, second)
    assert torch.equal(once[0], again[0])
    assert torch.equal(once[1], again[1])
    assert torch.equal(first, before)


def test_half_precision_and_values_out_of_range():
    picture = texture(64, 64)
    first, second = moved(picture, 0, 0), moved(picture, 2, 0)
    forward, _ = flow_both_ways(first.half(), second.half())
    assert forward.dtype == torch.float32
    assert (middle(forward)[0] - 2).abs().mean() < 0.1
    wild, _ = flow_both_ways(first * 3 - 1, torch.full_like(second, torch.nan))
    assert wild.isfinite().all()


@pytest.mark.parametrize(("height", "width", "enough"), [(1, 1, "16x16"), (15, 40, "40x16"), (90, 8, "16x90")])
def test_too_small_is_told(height, width, enough):
    frame = torch.zeros(height, width, 3)
    with pytest.raises(InbetweenError, match=f"{width}x{height}.*at least {enough}"):
        flow_both_ways(frame, frame)


@pytest.mark.parametrize("leading", [(), (1,), (2, 3)])
def test_the_length_of_a_flow_in_any_layout(leading):
    flow = torch.tensor([3.0, -4.0]).view(2, 1, 1).expand(*leading, 2, 5, 6)
    assert torch.equal(flow_length(flow), torch.full((*leading, 5, 6), 5.0))
