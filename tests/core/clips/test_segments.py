"""Segments: cut and joined again, nothing lost, nothing twice."""

from itertools import pairwise

import pytest
import torch
from comfyui_inbetween.core.clips.join import join_clips
from comfyui_inbetween.core.clips.segments import (
    MAX_SEED,
    check_step_split,
    counted_seeds,
    cut_segments,
    describe,
    keyframes_with_context,
    one_segment,
    part_of,
    plan_segments,
    prompt_lines,
    segment_ranges,
    with_context,
    with_own_seeds,
)
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet
from hypothesis import given
from hypothesis import strategies as st


def keyframes(*frames, count=None):
    keys = tuple(Keyframe(frame, torch.full((2, 2, 3), frame / 1000), 0.5) for frame in frames)
    return KeyframeSet(count or frames[-1] + 1, keys)


def test_segments_share_their_end_frames():
    first, second = cut_segments(keyframes(0, 8, 20), seeds=[7], prompts=["walk", "jump"])
    assert (first.frames, second.frames) == (range(0, 9), range(8, 21))
    assert (first.seed, second.seed) == (7, 8)
    assert (first.prompt, second.prompt) == ("walk", "jump")
    assert first.keyframes.frame_count == 9
    assert second.keyframes.frame_count == 13
    assert second.keyframes.frames == (0, 12)
    assert second.keyframes.keyframes[0].image_HWC is first.keyframes.keyframes[1].image_HWC
    assert second.keyframes.keyframes[0].strength == 0.5


def test_segments_are_described_in_one_line():
    first, second = cut_segments(keyframes(0, 8, 20), seeds=[7, 9])
    assert describe([first, second]) == "2 segments: frames 0 to 8 (seed 7), 8 to 20 (seed 9)."
    assert describe([first]).startswith("1 segment: ")


def test_seeds_one_for_each_or_counted_up_and_around():
    assert [segment.seed for segment in cut_segments(keyframes(0, 4, 8), seeds=[5, 5])] == [5, 5]
    assert [segment.seed for segment in cut_segments(keyframes(0, 4, 8), seeds=[MAX_SEED])] == [MAX_SEED, 0]


@pytest.mark.parametrize(
    ("keys", "seeds", "prompts", "message"),
    [
        (keyframes(1, 8), [0], [""], "one at frame 0 and one at frame 8"),
        (keyframes(0, 8, count=12), [0], [""], "one at frame 0 and one at frame 11"),
        (keyframes(0, 4, 8), [0, 1, 2], [""], "3 seeds for 2 segments; give one for all, or 2"),
        (keyframes(0, 4, 8), [], [""], "0 seeds for 2"),
        (keyframes(0, 4, 8), [0], ["a", "b", "c"], "3 prompts for 2 segments"),
        (keyframes(0, 4, 8), [-1], [""], "the seed -1 is out of range"),
        (keyframes(0, 4, 8), [0, 2**64], [""], "is out of range"),
    ],
)
def test_what_cannot_be_cut(keys, seeds, prompts, message):
    with pytest.raises(InbetweenError, match=message):
        cut_segments(keys, seeds, prompts)


@given(st.lists(st.integers(1, 12), min_size=2, max_size=8))
def test_joined_segments_are_the_whole_time_line(gaps):
    frames = [0]
    for gap in gaps:
        frames.append(frames[-1] + gap)
    segments = cut_segments(keyframes(*frames), seeds=[0])
    clips = [torch.tensor([frame / 100 for frame in s.frames]).view(-1, 1, 1, 1).expand(-1, 2, 2, 3) for s in segments]
    assert sum(len(segment.frames) for segment in segments) == frames[-1] + 1 + len(segments) - 1
    joined_THWC = join_clips(clips, overlap=1, seam="cut", match_colour="off").frames_THWC
    assert joined_THWC[:, 0, 0, 0].tolist() == pytest.approx([frame / 100 for frame in range(frames[-1] + 1)])


# ------------------------------------------------------------------------------------- few segments


@pytest.mark.parametrize(
    ("frames", "longest", "expected"),
    [
        ((0, 8, 16, 32), None, [range(0, 9), range(8, 17), range(16, 33)]),
        ((0, 8, 16, 32), 17, [range(0, 17), range(16, 33)]),
        ((0, 8, 16, 32), 33, [range(0, 33)]),
        ((0, 8, 16, 32), 32, [range(0, 17), range(16, 33)]),
        ((0, 40, 80, 120, 160), 81, [range(0, 81), range(80, 161)]),
        ((0, 80, 161), 82, [range(0, 81), range(80, 162)]),
    ],
)
def test_as_few_segments_as_fit(frames, longest, expected):
    assert list(segment_ranges(keyframes(*frames), longest)) == expected


@given(st.lists(st.integers(1, 12), min_size=1, max_size=12), st.integers(13, 40))
def test_segments_share_ends_and_stay_within_the_limit(gaps, longest):
    frames = [0]
    for gap in gaps:
        frames.append(frames[-1] + gap)
    ranges = segment_ranges(keyframes(*frames), longest)
    assert ranges[0].start == 0
    assert ranges[-1].stop == frames[-1] + 1
    for before, after in pairwise(ranges):
        assert after.start == before.stop - 1
        assert after.start in frames
        further = frames[frames.index(before.stop - 1) + 1]
        assert further - before.start + 1 > longest  # one keyframe more would not have fitted
    assert all(len(each) <= longest for each in ranges)


def test_keyframes_too_far_apart_are_told():
    with pytest.raises(
        InbetweenError, match="frames 8 to 90 are 83 frames, but a segment may have 81; add a keyframe between"
    ):
        segment_ranges(keyframes(0, 8, 90), 81)


def test_a_segment_has_its_inner_keyframes():
    whole = keyframes(0, 4, 8, 12, 20)
    part = part_of(whole, range(4, 13))
    assert (part.frame_count, part.frames) == (9, (0, 4, 8))
    assert part.keyframes[1].image_HWC is whole.keyframes[2].image_HWC
    (only,) = cut_segments(whole, [0], longest=81)
    assert only.keyframes.frames == whole.frames


# ------------------------------------------------------------------------------------- seeds of single segments


@pytest.mark.parametrize("text", ["2: 77", " 2 :77 ,", "2:5,2: 77"])
def test_own_seeds(text):
    assert with_own_seeds(counted_seeds(5, 3), text) == [5, 77, 7]


@pytest.mark.parametrize("text", ["", " ", ","])
def test_no_own_seeds(text):
    assert with_own_seeds([1, 2], text) == [1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("77", 'own_seeds: cannot read "77"; write segment and seed such as 2: 77, 5: 3, or leave it empty'),
        ("2: -1", 'cannot read "2: -1"'),
        ("0: 1", "there is no segment 0; use 1 to 3"),
        ("4: 1", "there is no segment 4"),
        (f"1: {2**64}", "the seed 18446744073709551616 is out of range"),
    ],
)
def test_own_seeds_that_cannot_be(text, message):
    with pytest.raises(InbetweenError, match=message):
        with_own_seeds([1, 2, 3], text)


# ------------------------------------------------------------------------------------- context


def test_a_segment_begins_with_the_frames_before_it():
    """The last of them is its own first keyframe, as it was given."""
    before = torch.arange(9.0).view(9, 1, 1, 1).expand(9, 2, 2, 3) / 10
    part = with_context(keyframes(0, 4, 8), before, 5)
    assert part.frame_count == 13
    assert part.frames == (0, 1, 2, 3, 4, 8, 12)
    shown = [each.image_HWC.mean().item() for each in part.keyframes]
    assert shown == pytest.approx([0.4, 0.5, 0.6, 0.7, 0.0, 0.004, 0.008])
    assert part.keyframes[0].image_HWC.data_ptr() != before[4].data_ptr()  # the clip before need not be kept
    assert with_context(keyframes(0, 8), before, 1).frames == (0, 8)


def test_context_that_cannot_be():
    with pytest.raises(InbetweenError, match="the clip before has 3 frames, but context_frames is 5"):
        with_context(keyframes(0, 8), torch.zeros(3, 2, 2, 3), 5)
    with pytest.raises(InbetweenError, match="the clip before is 4x2 but the keyframes are 2x2"):
        with_context(keyframes(0, 8), torch.zeros(9, 2, 4, 3), 5)


def test_context_is_checked_before_any_frame_is_made():
    """Each segment is as long as it will be with frames of the one before; the third one's come from a longer clip."""
    segments = cut_segments(keyframes(0, 4, 8, 16), seeds=[0])
    assert [each.frame_count for each in keyframes_with_context(segments, 5)] == [5, 9, 13]
    assert [each.frame_count for each in keyframes_with_context(segments, 1)] == [5, 5, 9]
    seen = keyframes_with_context(segments, 9)
    assert next(seen).frame_count == 5
    with pytest.raises(InbetweenError, match="the clip before has 5 frames, but context_frames is 9"):
        next(seen)


def test_one_segment_and_which_it_is():
    part, report = one_segment(keyframes(0, 8, 20), 2)
    assert (part.frames, report) == ((0, 12), "Segment 2 of 2: frames 8 to 20 (13 frames).")
    assert one_segment(keyframes(0, 8, 20), 1, longest=81)[0].frames == (0, 8, 20)
    carried, report = one_segment(keyframes(0, 8, 20), 2, None, torch.zeros(9, 2, 2, 3), 5)
    assert carried.frame_count == 17
    assert report.endswith("(13 frames), after 4 frames of the previous segment.")


@pytest.mark.parametrize("number", [-1, 0, 3])
def test_a_segment_that_is_not_there(number):
    with pytest.raises(InbetweenError, match=f"segment is {number}, but there are 2; give 1 to 2"):
        one_segment(keyframes(0, 8, 20), number)


# ------------------------------------------------------------------------------------- plans


def test_a_plan_has_seeds_and_prompts_as_they_are_written():
    plan = plan_segments(keyframes(0, 4, 8, 12), MAX_SEED, "2: 77", "a\nb\nc")
    assert [(each.seed, each.prompt) for each in plan] == [(MAX_SEED, "a"), (77, "b"), (1, "c")]
    assert [each.frames for each in plan_segments(keyframes(0, 4, 8, 12), 0, longest=9)] == [range(0, 9), range(8, 13)]
    with pytest.raises(InbetweenError, match="the seed -1 is out of range"):
        plan_segments(keyframes(0, 4), -1)


def test_two_models_share_the_steps():
    check_step_split(3, 4)
    with pytest.raises(
        InbetweenError, match="high_noise_steps is 4 of 4 steps, which leaves none for model_low; give 3"
    ):
        check_step_split(4, 4)


# ------------------------------------------------------------------------------------- prompts, and too many segments


@pytest.mark.parametrize(
    ("text", "prompts"), [("", [""]), (" \n", [""]), ("a cat", ["a cat"]), ("a cat \n\n  a dog\n", ["a cat", "a dog"])]
)
def test_prompts_are_lines(text, prompts):
    assert prompt_lines(text) == prompts


def test_too_many_segments_are_told_before_they_are_made():
    """Join Clips takes 50."""
    many = keyframes(*range(0, 53 * 4, 4))
    with pytest.raises(InbetweenError, match="the keyframes give 52 segments, but at most 50 can be joined"):
        segment_ranges(many)
    assert len(segment_ranges(many, 9)) == 26
