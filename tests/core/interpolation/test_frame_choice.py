"""Choosing the frames to be made anew: by turns, by a list, by a score."""

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.interpolation.frame_choice import choose_frames, every_other, listed_frames
from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet
from example_values import moving_clip

# choose_frames


def spoiled_clip():
    """Nine frames, of which 2 and, worse, 5 are too dark."""
    clip = moving_clip(9)
    clip[2] *= 0.6
    clip[5] *= 0.4
    return clip


def kept(*frames, length=9):
    return KeyframeSet(length, tuple(Keyframe(frame, torch.zeros(48, 64, 3)) for frame in frames))


def test_frames_are_chosen_in_three_ways():
    clip = moving_clip(9)
    assert choose_frames(clip) == [[1, 3, 5, 7]]
    assert choose_frames(clip, which="every other", passes=2) == [[1, 3, 5, 7], [2, 4, 6]]
    assert choose_frames(clip, which="list", frames="2, 4-5") == [[2, 4, 5]]
    assert choose_frames(spoiled_clip(), which="worst", score="flicker", count=1) == [[5]]


def test_keyframes_are_never_among_the_worst_but_may_be_listed():
    """A list is the user's word; that keyframes stay is seen to when frames are made."""
    assert choose_frames(spoiled_clip(), kept(0, 5, 8), "worst", score="flicker", count=1) == [[2]]
    assert choose_frames(spoiled_clip(), kept(0, 5, 8), "list", frames="5") == [[5]]


def test_scoring_is_told_and_nothing_else():
    totals, done = [], []

    def progress(total):
        totals.append(total)
        return done.append

    choose_frames(moving_clip(9), which="list", frames="1", progress=progress)
    assert totals == []
    choose_frames(moving_clip(9), which="worst", score="blur", progress=progress)
    assert totals == [9]
    assert 0 < sum(done) <= 9


@pytest.mark.parametrize(
    ("clip", "keyframes", "message"),
    [
        (moving_clip(2), None, "images has 2 frames; to rebuild some of them, connect 3 or more"),
        (moving_clip(4), kept(0, 4, length=5), "4 frames came in but the keyframes are for 5; connect the keyframes"),
        (torch.zeros(48, 64, 3), None, r"images has the shape \(48, 64, 3\)"),
        (torch.full((3, 48, 64, 3), torch.nan), None, "images has NaN"),
    ],
)
def test_clips_that_cannot_be_refined(clip, keyframes, message):
    for which in ("every other", "list", "worst"):
        with pytest.raises(InbetweenError, match=message):
            choose_frames(clip, keyframes, which)


# every_other


def test_passes_take_turns():
    assert every_other(8, 1) == [[1, 3, 5]]
    assert every_other(7, 3) == [[1, 3, 5], [2, 4], [1, 3, 5]]
    assert every_other(3, 2) == [[1], []]


# listed_frames


@pytest.mark.parametrize(
    ("text", "frames"),
    [("3", [3]), ("1, 5 3", [1, 3, 5]), ("2-4,4", [2, 3, 4]), ("-2", [8]), ("-4--2", [6, 7, 8]), ("7--3", [7])],
)
def test_lists_are_read(text, frames):
    assert listed_frames(text, 10) == frames


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "frames is empty; write frame numbers such as 3, 8-11, -2"),
        ("x", 'frames: cannot read "x"; write frame numbers'),
        ("3-", 'cannot read "3-"'),
        ("-", 'cannot read "-"'),
        ("1.5", 'cannot read "1.5"'),
        ("1_0", 'cannot read "1_0"'),
        ("9" * 5000, 'cannot read "99999999999999999999"'),
        ("5-3", '"5-3" runs backward'),
        ("0", "0 cannot be rebuilt; choose from frames 1 to 8, which have a neighbour on each side"),
        ("9", "9 cannot be rebuilt"),
        ("-1", "-1 cannot be rebuilt"),
        ("4-12", "4-12 cannot be rebuilt"),
    ],
)
def test_lists_that_cannot_be(text, message):
    with pytest.raises(InbetweenError, match=message):
        listed_frames(text, 10)


def test_no_pass_is_refused():
    with pytest.raises(InbetweenError, match="passes is 0; give 1 or more"):
        every_other(9, 0)
