"""Cuts are found whatever both shots share, and however dark or flat they are; motion and light are none.

`benchmarks/cuts.py` measures the same on many more pairs.
"""

import numpy as np
import pytest
import torch
from comfyui_inbetween.core.flow.consistency import is_cut_between, is_same_scene
from comfyui_inbetween.core.flow.scene_likeness import Blank, coarse_picture, likeness_of, measure
from drawn_pairs import CHANGES, CUTS, DRESSES, draw_pair
from drawn_scenes import HELD_OUT, line_art, octaves, power_law, streets

pytestmark = pytest.mark.models  # sweeps over many drawn clips


def cut_in(pair):
    return is_cut_between(torch.from_numpy(pair.first_HWC), torch.from_numpy(pair.second_HWC))


def picture(seed=1):
    """Blobs and specks of shape (90, 160, 3)."""
    return torch.from_numpy(octaves(np.random.default_rng(seed), 90, 160))


@pytest.mark.parametrize("draw", [octaves, power_law, streets])
@pytest.mark.parametrize("dress", DRESSES)
def test_a_cut_is_found_and_a_pan_is_none_under_anything_on_top(dress, draw):
    assert cut_in(draw_pair([draw], "hard", dress, 3))
    assert not cut_in(draw_pair([draw], "pan", dress, 3))


@pytest.mark.parametrize("dress", ["plain", "letterbox"])
@pytest.mark.parametrize("change", CHANGES)
def test_motion_and_light_are_no_cut(change, dress):
    assert not cut_in(draw_pair([power_law], change, dress, 5))


@pytest.mark.parametrize("change", CUTS)
def test_every_kind_of_cut_is_found(change):
    for name, draw in HELD_OUT.items():
        assert cut_in(draw_pair([draw], change, "pillarbox", 7)), name


@pytest.mark.parametrize("light", [1.0, 0.1, 0.02])
def test_the_dark_is_judged_as_the_bright(light):
    scene, moved = (draw_pair([line_art], change, "plain", 2) for change in ("hard", "pan"))
    for pair, is_cut in ((scene, True), (moved, False)):
        first, second = (torch.from_numpy(frame) * light for frame in (pair.first_HWC, pair.second_HWC))
        assert is_cut_between(first, second) == is_cut


def test_equal_frames_and_tiny_differences_need_no_flow():
    frame = coarse_picture(picture())
    assert measure(frame, frame) is None
    assert measure(frame, frame + np.float32(0.5 / 255)) is None
    assert likeness_of(frame, frame) == 1


@pytest.mark.parametrize("grain", [0, 0.01])
def test_something_small_that_turns_into_something_else_on_still_ground_is_no_cut(grain):
    """All that changes finds no match, but most of the scene is as it was."""
    first, second = picture(1), picture(1)
    second[20:70, 50:110] = picture(2)[20:70, 50:110]
    generator = torch.Generator().manual_seed(0)
    first, second = (frame + grain * torch.randn(frame.shape, generator=generator) for frame in (first, second))
    assert not is_cut_between(first, second)


def test_the_threshold():
    first, second = picture(), picture(2)
    assert is_cut_between(first, second)
    assert not is_cut_between(first, second, 0)
    pan = draw_pair([power_law], "wide pan", "plain", 3)
    frames = torch.from_numpy(pan.first_HWC), torch.from_numpy(pan.second_HWC)
    assert [is_cut_between(*frames, threshold) for threshold in (0.5, 1)] == [False, True]


def test_a_fade_from_black_is_no_cut_and_a_jump_from_black_is_one():
    bright, black = picture(), torch.zeros(90, 160, 3)
    assert isinstance(measure(coarse_picture(black), coarse_picture(bright)), Blank)
    for frames in ((black, bright), (bright, black)):
        assert is_cut_between(*frames)
        assert not is_cut_between(*(0.15 * frame for frame in frames))
        assert not is_same_scene(*(0.15 * frame for frame in frames))  # black has no colours to match
    assert not is_cut_between(black, black + 0.7)
    assert is_same_scene(black, black + 0.7)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (16, 16), (17, 640), (700, 40), (33, 33)])
def test_every_size(size):
    generator = torch.Generator().manual_seed(0)
    first, second = torch.rand(2, *size, 3, generator=generator)
    if size != (17, 640):  # noise in a strip finds itself again somewhere
        assert is_cut_between(first, second) == (min(size) >= 16)
    assert not is_cut_between(first, 0.8 * first)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_type_and_bad_values(dtype):
    first, second = picture(), picture(2)
    first[3, 3], second[4, 4] = float("nan"), float("inf")
    before = first.clone()
    assert is_cut_between(first.to(dtype), second.to(dtype))
    assert not is_cut_between(first.to(dtype), first.to(dtype) * 0.7)
    assert torch.equal(first.nan_to_num(), before.nan_to_num())


def test_large_frames_are_judged_as_small_ones():
    pair = draw_pair([octaves], "pan", "letterbox", 4)
    for other, is_cut in ((pair.second_HWC, False), (pair.second_HWC[::-1].copy(), True)):
        frames = [
            torch.from_numpy(frame).repeat_interleave(4, 0).repeat_interleave(4, 1) for frame in (pair.first_HWC, other)
        ]
        assert is_cut_between(*frames) == is_cut
