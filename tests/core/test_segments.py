"""Segments: cut and joined again, nothing lost, nothing twice."""

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.keyframes import Keyframe, KeyframeSet
from comfyui_inbetween.core.segments import MAX_SEED, cut_segments, join_segments
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


@given(st.lists(st.integers(1, 12), min_size=1, max_size=8))
def test_joined_segments_are_the_whole_time_line(gaps):
    frames = [0]
    for gap in gaps:
        frames.append(frames[-1] + gap)
    segments = cut_segments(keyframes(*frames), seeds=[0])
    clips = [torch.tensor([float(frame) for frame in s.frames]).view(-1, 1, 1, 1) for s in segments]
    assert sum(len(segment.frames) for segment in segments) == frames[-1] + 1 + len(segments) - 1
    joined = join_segments(segments, clips)
    assert joined.flatten().tolist() == [float(frame) for frame in range(frames[-1] + 1)]


def test_the_shared_frame_is_taken_from_the_earlier_clip():
    segments = cut_segments(keyframes(0, 2, 4), seeds=[0])
    joined = join_segments(segments, [torch.zeros(3, 1, 1, 3), torch.ones(3, 1, 1, 3)])
    assert joined[:, 0, 0, 0].tolist() == [0, 0, 0, 1, 1]


def test_a_clip_of_the_wrong_length_is_refused():
    segments = cut_segments(keyframes(0, 2, 4), seeds=[0])
    with pytest.raises(InbetweenError, match="segment 2 has 4 frames but needs 3"):
        join_segments(segments, [torch.zeros(3, 1, 1, 3), torch.ones(4, 1, 1, 3)])
