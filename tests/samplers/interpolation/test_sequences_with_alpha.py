"""Sequences with alpha: sources stay to the bit, cuts and still pairs are right, and frames are rebuilt."""

from fractions import Fraction

import pytest
import torch
from comfyui_inbetween.core.interpolation.cuts import CutRule
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from comfyui_inbetween.core.interpolation.frame_plan import plan_frames
from comfyui_inbetween.core.keyframes.keyframe_set import keyframes_of
from comfyui_inbetween.core.timing.moments import Instant
from comfyui_inbetween.samplers.interpolation.frame_interpolation import interpolate_frames
from comfyui_inbetween.samplers.interpolation.refinement import refine_frames
from drawn_sprites import decibels, sprite

STEPS = 0, Fraction(1, 4), Fraction(1, 2), Fraction(3, 4)


def made(sources, cuts=None, recursive=False):
    instants = [Instant(source, time) for source in range(len(sources) - 1) for time in map(Fraction, STEPS)]
    result = torch.empty(len(instants), *sources[0].shape)
    rule = CutRule() if cuts is None else cuts
    return result, interpolate_frames(sources, instants, FlowInterpolator(), result, recursive=recursive, cuts=rule)


def clip(seed, places):
    return torch.stack([sprite(seed, x, hidden=number) for number, x in enumerate(places)])


@pytest.mark.parametrize("recursive", [False, True])
def test_a_clip_of_a_sprite(recursive):
    sources = clip(1, (30, 90, 130))
    result, report = made(sources, recursive=recursive)
    assert torch.equal(result[::4], sources[:2])
    assert [pair.is_cut for pair in report.pairs.values()] == [False, False]
    for frame, x in enumerate((30, 45, 60, 75, 90, 100, 110, 120)):
        assert decibels(result[frame], sprite(1, x)) > 30


def test_frames_that_look_the_same_are_still_whatever_they_hide():
    _, report = made(clip(2, (60, 60, 90)))
    assert [pair.is_still for pair in report.pairs.values()] == [True, False]


@pytest.mark.parametrize("at_cut", ["hold", "cross-fade", "carry on"])
def test_at_a_cut(at_cut):
    """A sprite on the left that moves right, then another one; the cut is known."""
    sources = torch.cat([clip(3, (30, 42)), clip(4, (110, 122))])
    result, report = made(sources, CutRule(listed=frozenset({1}), at_cut=at_cut))
    assert report.pairs[1].is_cut
    early = result[5]
    if at_cut == "hold":
        assert torch.equal(early, sources[1])
    elif at_cut == "carry on":
        assert decibels(early, sprite(3, 45)) > 30
    else:
        seen = early[..., 3] > 0.05
        alpha = torch.lerp(sources[1][..., 3], sources[2][..., 3], 0.25)
        torch.testing.assert_close(early[..., 3], alpha, rtol=0, atol=1e-5)
        premultiplied = [each[..., :3] * each[..., 3:] for each in (*sources[1:3], early)]
        torch.testing.assert_close(
            premultiplied[2][seen], torch.lerp(*premultiplied[:2], 0.25)[seen], rtol=0, atol=1e-4
        )


def test_a_spoilt_frame_is_rebuilt_with_its_alpha():
    good = clip(5, (40, 50, 60, 70, 80))
    spoilt = good.clone()
    spoilt[2, ..., 3] *= 0.5
    result = torch.empty_like(spoilt)
    report = refine_frames(spoilt, [[2]], FlowInterpolator(), 1.0, (), result)
    assert decibels(result[2], good[2]) > 34
    assert torch.equal(result[[0, 1, 3, 4]], spoilt[[0, 1, 3, 4]])
    assert report.changed[2] > 0.01
    refine_frames(spoilt, [[2]], FlowInterpolator(), 0.5, (), result)
    torch.testing.assert_close(result[2, 48, 60, 3], torch.tensor(0.75), rtol=0, atol=0.01)


def test_copies_are_found_in_what_is_seen():
    places = [30, 38, 46, 54, 54, 70, 78, 86, 94]
    frames = clip(6, places)
    assert "frame 4 repeats" in plan_frames(frames, "multiplier").note
    assert "frame 4 repeats" in plan_frames(frames[..., :3], "multiplier", transparency_THW=1 - frames[..., 3]).note
    replaced = plan_frames(frames, "multiplier", copies="keep time")
    assert replaced.numbers == [0, 1, 2, 3, 5, 6, 7, 8]


def test_what_a_plan_gives_back():
    frames = clip(7, (30, 60))
    apart = plan_frames(frames[..., :3], "multiplier", transparency_THW=1 - frames[..., 3])
    assert (apart.channels, apart.sources[1].shape[2]) == (3, 4)
    torch.testing.assert_close(apart.sources[1], frames[1])
    assert plan_frames(frames, "multiplier").channels == 4
    assert plan_frames(keyframes_of(list(frames), "", 5)).channels == 4
    masks = {"transparency_THW": 1 - frames[..., 3]}
    assert plan_frames(keyframes_of(list(frames[..., :3]), "", 5, **masks)).channels == 3
    assert plan_frames(frames[..., :3], "multiplier").sources[0].shape[2] == 3
