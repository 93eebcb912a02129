"""The mask of lost motion over a sequence, and the worst part of a frame."""

import pytest
import torch
from comfyui_inbetween.core.interpolation.cuts import CutRule
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from comfyui_inbetween.core.interpolation.lost import LostMask, worst_part
from comfyui_inbetween.core.timing.moments import locate, moments_by_multiplier
from comfyui_inbetween.samplers.interpolation.frame_interpolation import interpolate_frames


def noise(seed, height=48, width=64):
    return torch.rand(height, width, 3, generator=torch.Generator().manual_seed(seed))


def run(sources, multiplier=4, **options):
    instants = locate(moments_by_multiplier(len(sources), multiplier), range(len(sources)))
    result, lost = torch.empty(len(instants), *sources[0].shape), LostMask()
    report = interpolate_frames(sources, instants, FlowInterpolator(), result, lost=lost, **options)
    return lost.frames(len(instants), *sources[0].shape[:2], torch.device("cpu")), report


@pytest.mark.parametrize("at_cut", ["hold", "cross-fade", "carry on"])
def test_a_cut_is_lost_as_a_whole_and_frames_of_the_input_are_not(at_cut):
    first, second = noise(1), noise(2)
    lost_THW, _ = run([first, first, second], cuts=CutRule(listed=frozenset({1}), at_cut=at_cut))
    assert lost_THW.dtype == torch.float32
    assert lost_THW.mean(dim=(1, 2)).tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 0]


@pytest.mark.parametrize("recursive", [False, True])
def test_an_area_that_is_lost_is_white_in_its_own_frames(recursive):
    first = torch.nn.functional.interpolate(noise(3)[None].movedim(3, 1), size=(96, 128), mode="bicubic")
    first = first.clamp(0, 1)[0].movedim(0, 2)
    second = first.clone()
    second[:, 64:] = 1 - second[:, 64:].flip(0)
    lost_THW, report = run([first, second, second], recursive=recursive, cuts=CutRule(0.0))
    assert lost_THW[1:4, 16:-16, 96:].mean(dim=(1, 2)).min() > 0.5
    assert lost_THW[:, :, :40].max() == 0
    assert lost_THW[4:].max() == 0
    assert report.pairs[0].worst[0] > 0.5
    assert report.pairs[0].worst[1][0] >= 64


def test_the_worst_part_is_found_where_it_is():
    lost_HW = torch.zeros(120, 200)
    lost_HW[70:90, 150:170] = 0.9
    lost_HW[10:14, 10:14] = 1
    share, (x, y) = worst_part(lost_HW)
    assert share == pytest.approx(0.9, abs=0.01)
    assert abs(x - 160) <= 5
    assert abs(y - 80) <= 5
    assert worst_part(torch.ones(8, 9))[0] == 1
