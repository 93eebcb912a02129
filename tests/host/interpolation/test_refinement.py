"""Refining in the host: its image memory, its progress bar, keyframes passed over."""

import pytest
import torch
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet
from example_values import moving_clip


@pytest.fixture
def interpolation(host):
    """The module under test, importable once the host is there."""
    from comfyui_inbetween.host.interpolation import run as interpolation

    return interpolation


def kept(clip, *frames):
    return KeyframeSet(len(clip), tuple(Keyframe(frame, clip[frame]) for frame in frames))


def test_keyframes_are_kept_to_the_last_bit_and_the_bar_reaches_its_end(interpolation, steps):
    import comfy.model_management as model_management

    clip = moving_clip(7)
    twice = {"which": "every other", "passes": 2}
    frames, report = interpolation.refine(clip, twice, FlowInterpolator(), keyframes=kept(clip, 0, 3, 6))
    assert frames.dtype == model_management.intermediate_dtype()
    for frame in (0, 3, 6):
        assert torch.equal(frames[frame], clip[frame])
    assert not torch.equal(frames[1], clip[1])
    assert sorted(report.changed) == [1, 2, 4, 5]
    assert report.kept == (3,)
    assert steps[-1] == (4, 4)


def test_a_bad_frame_between_keyframes_is_found_and_mended(interpolation, steps):
    clip = moving_clip(9)
    spoiled = clip.clone()
    spoiled[5] = 0.5 * spoiled[5]
    spoiled[2] = 0.5 * spoiled[2]
    worst = {"which": "worst", "score": "flicker", "count": 1}
    frames, report = interpolation.refine(spoiled, worst, FlowInterpolator(), keyframes=kept(clip, 0, 2, 8))
    assert {total for _, total in steps} == {9, 1}  # a bar for scoring, then one for the frame
    assert (frames[5] - clip[5]).abs().mean() < 0.02 < (spoiled[5] - clip[5]).abs().mean()
    assert list(report.changed) == [5]


def test_nothing_to_do_is_no_error(interpolation):
    clip = moving_clip(3)
    listed = {"which": "list", "frames": "1"}
    frames, report = interpolation.refine(clip, listed, FlowInterpolator(), keyframes=kept(clip, 0, 1, 2))
    assert torch.equal(frames, clip)
    assert report.text() == "optical flow (no model): 0 of 3 frames rebuilt.\nKeyframes left unchanged: frame 1."
