"""Cuts in a sequence: found or listed, and what is shown there."""

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.interpolation.cuts import CutPair, CutRule, cut_rule, parse_cuts
from comfyui_inbetween.core.interpolation.frame_plan import plan_frames
from drawn_scenes import octaves, power_law
from example_values import keyframes, moving_clip
from numpy.random import default_rng

CPU = torch.device("cpu")
HEIGHT, WIDTH = 72, 128


def pan(seed, step, count=3):
    """A clip that moves by `step` pixels a frame over a picture, at any fraction of a frame by `shot(time)`."""
    wide = torch.from_numpy(power_law(default_rng(seed), HEIGHT, WIDTH + 80))
    return lambda time: wide[:, round(40 + step * time) : round(40 + step * time) + WIDTH]


def psnr(first, second):
    return -10 * torch.log10((first - second).square().mean()).item()


def two_shots(step=8):
    """Four frames with a cut in the middle, and both shots by time: the cut lies between the times 1 and 2."""
    first, second = pan(1, step), pan(2, -step)
    return torch.stack([first(0), first(1), second(2), second(3)]), first, second


def test_cuts_are_found_where_they_are():
    clip, _, _ = two_shots()
    assert [CutRule().is_cut(clip, source) for source in range(3)] == [False, True, False]
    assert not CutRule(threshold=0).is_cut(clip, 1)
    assert CutRule(threshold=0, listed=frozenset({2})).is_cut(clip, 2)


def test_the_nearer_frame_is_held():
    first_HWC, second_HWC = (torch.from_numpy(octaves(default_rng(seed), 48, 64)) for seed in (0, 1))
    rendered = CutPair(first_HWC, second_HWC).render([0.25, 0.5, 0.75])
    assert torch.equal(rendered.frames_THWC, torch.stack([first_HWC, first_HWC, second_HWC]))
    assert rendered.blended == (0.0, 0.0, 0.0)


def test_a_cross_fade_follows_time():
    clip, _, _ = two_shots()
    made = CutRule(at_cut="cross-fade").pair(clip, 1, CPU).render([0.25, 0.5])
    torch.testing.assert_close(made.frames_THWC, torch.stack([clip[1].lerp(clip[2], time) for time in (0.25, 0.5)]))


@pytest.mark.parametrize("step", [8, -4])
def test_each_shot_carries_its_motion_on(step):
    clip, first, second = two_shots(step)
    made = CutRule(at_cut="carry on").pair(clip, 1, CPU).render([0.25, 0.5, 0.75]).frames_THWC
    held = CutRule().pair(clip, 1, CPU).render([0.25, 0.5, 0.75]).frames_THWC
    inner = slice(20, -20)  # what comes in from outside the frame is not known
    for number, truth in enumerate((first(1.25), first(1.5), second(1.75))):
        assert psnr(made[number][:, inner], truth[:, inner]) > 34
        assert psnr(made[number][:, inner], truth[:, inner]) > psnr(held[number][:, inner], truth[:, inner]) + 8


def test_motion_is_carried_on_by_the_spacing_of_keyframes():
    """The gap before the cut is twice as long as that at the cut, so motion over the latter is half as long."""
    clip, first, _ = two_shots(8)
    made = CutRule(at_cut="carry on", positions=(0, 8, 12, 20)).pair(clip, 1, CPU).render([0.5]).frames_THWC[0]
    truth = first(1.25)
    assert psnr(made[:, 20:-20], truth[:, 20:-20]) > 34


def test_without_motion_of_its_own_a_frame_is_held():
    clip, _, second = two_shots()
    rule = CutRule(at_cut="carry on")
    at_the_start = rule.pair(clip[1:], 0, CPU).render([0.4, 0.75]).frames_THWC
    assert torch.equal(at_the_start[0], clip[1])
    assert psnr(at_the_start[1][:, 20:-20], second(1.75)[:, 20:-20]) > 34
    other = torch.from_numpy(octaves(default_rng(9), HEIGHT, WIDTH))
    after_a_cut = rule.pair(torch.stack([other, *clip[1:]]), 1, CPU).render([0.4]).frames_THWC
    assert torch.equal(after_a_cut[0], clip[1])
    unrelated = CutRule(0, frozenset({1}), "carry on").pair(torch.stack([other, *clip[1:]]), 1, CPU)
    assert torch.equal(unrelated.render([0.4]).frames_THWC[0], clip[1])  # no flow leads from one to the other


def test_light_above_one_is_kept():
    clip, _, _ = two_shots()
    bright = clip + (clip > 0.8) * 3
    for at_cut in ("hold", "cross-fade", "carry on"):
        made = CutRule(0, frozenset({1}), at_cut).pair(bright, 1, CPU).render([0.2]).frames_THWC
        assert 2 < made.max() <= bright.max()


def test_small_frames_have_no_motion_to_carry_on():
    with pytest.raises(InbetweenError, match="16x16"):
        CutRule(listed=frozenset({0}), at_cut="carry on").pair(torch.rand(2, 8, 8, 3), 0, CPU)


def test_a_list_names_the_first_frames_of_shots():
    assert parse_cuts("", range(9)) == frozenset()
    assert parse_cuts(" 1, 5 8", range(9)) == {0, 4, 7}
    assert parse_cuts("4 8", (0, 4, 8)) == {0, 1}
    assert parse_cuts("5, 6", (0, 4, 8)) == {1}  # between two keyframes


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0", "no shot can begin with frame 0; give 1 to 8"),
        ("9", "no shot can begin with frame 9; give 1 to 8"),
        ("4, x", 'cannot read "x"'),
        ("-3", 'cannot read "-3"'),
        ("2.5", 'cannot read "2.5"'),
        ("1" * 30, "cannot read"),
    ],
)
def test_what_is_wrong_in_a_list_is_named(text, says):
    with pytest.raises(InbetweenError, match=says):
        parse_cuts(text, range(9))


def test_a_rule_from_what_a_user_wrote():
    rule = cut_rule(plan_frames(keyframes(9)).positions, 0.3, "8", "cross-fade")
    assert (rule.threshold, rule.listed, rule.at_cut) == (0.3, {1}, "cross-fade")
    assert list(plan_frames(moving_clip(3), "multiplier").positions) == [0, 1, 2]
    with pytest.raises(InbetweenError, match=r"cut_threshold is 1\.5; give 0 to 1"):
        cut_rule(range(3), 1.5)
    with pytest.raises(InbetweenError, match="at_cut"):
        cut_rule(range(3), at_cut="jump")
