"""Where a picture repeats itself."""

import cv2
import numpy as np
import pytest
from comfyui_inbetween.core.flow.self_similarity import repeated_areas

HEIGHT, WIDTH = 180, 260


def ground(seed):
    noise = cv2.GaussianBlur(np.random.default_rng(seed).random((HEIGHT, WIDTH), np.float32), (0, 0), 2)
    return ((noise - noise.min()) / (noise.max() - noise.min()) * 255).astype(np.uint8)


def fence(period, tilt=0.0):
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    return (127 + 90 * np.clip(3 * np.sin((x + tilt * y) * 2 * np.pi / period), -1, 1)).astype(np.uint8)


@pytest.mark.parametrize("period", [8, 12, 17.5, 25, 40])
@pytest.mark.parametrize("tilt", [0.0, 0.5])
def test_a_fence(period, tilt):
    picture = fence(period, tilt)
    (area,) = repeated_areas(picture, np.roll(picture, 4, 1))
    across = (area.period[0] + tilt * area.period[1]) / period  # in periods across the slats
    assert abs(across) > 0.8
    assert across == pytest.approx(round(across), abs=0.15)
    assert area.mask_HW.mean() > 0.9


@pytest.mark.parametrize("seed", [0, 1])
def test_only_where_it_repeats(seed):
    picture = ground(seed)
    part = (slice(40, 140), slice(20, 150))
    picture[part] = fence(14)[part]
    (area,) = repeated_areas(picture, np.roll(picture, 3, 1))
    inside = np.zeros(picture.shape, bool)
    inside[part] = True
    assert area.mask_HW[inside].mean() > 0.9
    assert area.mask_HW[~inside].mean() < 0.1


@pytest.mark.parametrize("seed", range(5))
def test_nothing_repeats(seed):
    picture = ground(seed)
    picture[:, 100:104] = 0
    picture[60:62] = 255
    assert repeated_areas(picture, np.roll(picture, 3, 1)) == []


def test_what_stands_still_is_not_looked_at():
    assert repeated_areas(fence(12), fence(12)) == []


@pytest.mark.parametrize("size", [(64, 64), (70, 500), (81, 83)])
def test_small_frames(size):
    picture = fence(12)
    picture = cv2.resize(picture, size[::-1]) if size[1] > WIDTH else picture[: size[0], : size[1]]
    repeated_areas(picture, np.roll(picture, 3, 1))  # no size fails


def test_an_area_moves_with_its_motion():
    picture = ground(0)
    picture[40:140, 60:190] = fence(14)[40:140, 60:190]
    (area,) = repeated_areas(picture, np.roll(picture, 3, 1))
    moved = area.moved(np.array([[1, 0, 20], [0, 1, 10]], np.float32))
    assert np.array_equal(moved.mask_HW[60:170, 60:220], area.mask_HW[50:160, 40:200])
