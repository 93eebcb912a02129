"""Whether two pictures show the same scene: layout counts, light and small motion do not."""

import cv2
import numpy as np
import pytest
import torch
from comfyui_inbetween.core.pictures.scene_similarity import layout_correlation


def picture(seed, height=96, width=128):
    noise = np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 9)
    return torch.from_numpy((smooth - smooth.min()) / (smooth.max() - smooth.min()))


def test_one_scene_in_any_light_and_a_little_moved():
    frame = picture(1)
    assert layout_correlation(frame, frame) == pytest.approx(1, abs=1e-5)
    assert layout_correlation(frame, 0.3 * frame + 0.4) == pytest.approx(1, abs=1e-5)
    assert layout_correlation(frame, frame.roll(3, dims=1)) > 0.9


def test_two_scenes():
    assert abs(layout_correlation(picture(1), picture(2))) < 0.5
    assert layout_correlation(picture(1), 1 - picture(1)) == pytest.approx(-1, abs=1e-5)


def test_flat_pictures():
    black, white = torch.zeros(20, 30, 3), torch.ones(20, 30, 3)
    assert layout_correlation(black, white) == 1
    assert layout_correlation(black, picture(1, 20, 30)) == 0


def test_the_smallest_picture_and_half_precision():
    assert layout_correlation(torch.rand(1, 1, 3), torch.rand(1, 1, 3)) == 1
    frame = picture(3)
    assert layout_correlation(frame.half(), frame.half()) == pytest.approx(1, abs=1e-3)
