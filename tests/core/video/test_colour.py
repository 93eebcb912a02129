"""Planes of luma and chroma to RGB and back."""

import numpy as np
import pytest
from comfyui_inbetween.core.video.colour import (
    FLOAT_BITS,
    LUMA_WEIGHTS,
    Coding,
    alpha_from_plane,
    alpha_to_plane,
    planes_to_rgb,
    rgb_to_planes,
)

MATRICES = list(LUMA_WEIGHTS)


def single(*codes: int, dtype: type = np.uint8) -> list[np.ndarray]:
    return [np.array([[code]], dtype) for code in codes]


@pytest.mark.parametrize(
    ("coding", "codes", "rgb"),
    [
        (Coding("BT.601"), (235, 128, 128), (1, 1, 1)),
        (Coding("BT.601"), (16, 128, 128), (0, 0, 0)),
        (Coding("BT.601"), (81, 90, 240), (1, 0, 0)),  # red of colour bars
        (Coding("BT.709"), (63, 102, 240), (1, 0, 0)),
        (Coding("BT.601"), (41, 240, 110), (0, 0, 1)),
        (Coding("BT.709"), (173, 42, 26), (0, 1, 0)),
        (Coding("BT.2020", bits=10), (940, 512, 512), (1, 1, 1)),
        (Coding("BT.709", True), (255, 128, 128), (1, 1, 1)),
        (Coding("BT.709", True), (0, 128, 128), (0, 0, 0)),
        (Coding("RGB", True), (255, 51, 0), (1, 0.2, 0)),
        (Coding("RGB", False), (235, 16, 16), (1, 0, 0)),
    ],
)
def test_known_codes(coding, codes, rgb):
    planes = single(*codes, dtype=np.uint8 if coding.bits == 8 else np.uint16)
    assert planes_to_rgb(planes, coding)[0, 0] == pytest.approx(rgb, abs=0.006)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [*MATRICES, "RGB"])
@pytest.mark.parametrize("shrink", [(1, 1), (2, 1), (2, 2)])
def test_planes_come_back_unchanged(matrix, full_range, bits, shrink):
    """A source frame that passes through is coded as before, chroma included, at odd sizes too."""
    coding = Coding(matrix, full_range, bits)
    shrink = (1, 1) if matrix == "RGB" else shrink
    random = np.random.default_rng(bits)
    height, width = 9, 13
    small = (-(-height // shrink[1]), -(-width // shrink[0]))
    black, size = coding.luma
    grey, spread = coding.chroma
    dtype = np.uint8 if bits == 8 else np.uint16
    if matrix == "RGB":
        planes = [random.integers(black, black + size, (height, width)).astype(dtype) for _ in range(3)]
    else:  # colours that RGB can show
        planes = [random.integers(black + 0.4 * size, black + 0.6 * size, (height, width)).astype(dtype)]
        planes += [random.integers(grey - 0.15 * spread, grey + 0.15 * spread, small).astype(dtype) for _ in range(2)]
    back = rgb_to_planes(planes_to_rgb(planes, coding), coding, shrink)
    for before, after in zip(planes, back, strict=True):
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, before)


def test_values_beyond_the_range_are_clipped_but_those_of_float_planes_kept():
    assert planes_to_rgb(single(255, 128, 128), Coding("BT.709"))[0, 0].tolist() == [1, 1, 1]
    assert planes_to_rgb(single(2, 128, 128), Coding("BT.709"))[0, 0].tolist() == [0, 0, 0]
    bright = [np.full((2, 2), value, np.float32) for value in (3.5, -0.25, 0.5)]
    coding = Coding("RGB", True, FLOAT_BITS)
    picture_HWC = planes_to_rgb(bright, coding)
    assert picture_HWC[0, 0].tolist() == [3.5, -0.25, 0.5]
    for before, after in zip(bright, rgb_to_planes(picture_HWC, coding), strict=True):
        np.testing.assert_array_equal(after, before)


def test_grey_and_smooth_chroma():
    grey = planes_to_rgb([np.array([[126]], np.uint8)], Coding("RGB", False))
    assert grey[0, 0] == pytest.approx([110 / 219] * 3, abs=1e-5)
    planes = [np.full((4, 8), 126, np.uint8), *(np.array([[100, 150, 100, 150]] * 2, np.uint8) for _ in range(2))]
    hard, smooth = (planes_to_rgb(planes, Coding("BT.709"), each)[0, :, 0] for each in (False, True))
    assert np.abs(np.diff(smooth)).max() < np.abs(np.diff(hard)).max()
    assert len(set(hard.round(5))) == 2


@pytest.mark.parametrize("bits", [8, 10, 16])
def test_alpha_uses_the_full_range(bits):
    white = (1 << bits) - 1
    plane = np.array([[0, white, white // 3]], np.uint8 if bits == 8 else np.uint16)
    alpha = alpha_from_plane(plane, bits)
    assert alpha[0, :2].tolist() == [0, 1]
    np.testing.assert_array_equal(alpha_to_plane(alpha, bits), plane)
