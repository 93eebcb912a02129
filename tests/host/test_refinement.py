"""Refining in the host: its image memory, its progress bar, keyframes passed over."""

import pytest
import torch
from comfyui_inbetween.core.flow_interpolator import FlowInterpolator
from comfyui_inbetween.core.interpolator import RenderSettings
from example_values import moving_clip


@pytest.fixture
def refinement(host):
    """The module under test, importable once the host is there."""
    from comfyui_inbetween.host import refinement

    return refinement


def test_keyframes_are_kept_to_the_last_bit_and_the_bar_reaches_its_end(refinement, steps):
    import comfy.model_management as model_management

    clip = moving_clip(7)
    passes = [[1, 3, 5], [2, 4]]
    frames, report = refinement.refine(clip, passes, FlowInterpolator(), RenderSettings(), 1.0, (0, 3, 6))
    assert frames.dtype == model_management.intermediate_dtype()
    for frame in (0, 3, 6):
        assert torch.equal(frames[frame], clip[frame])
    assert not torch.equal(frames[1], clip[1])
    assert sorted(report.changed) == [1, 2, 4, 5]
    assert report.kept == (3,)
    assert steps[-1] == (4, 4)


def test_a_bad_frame_between_keyframes_is_found_and_mended(refinement, steps):
    clip = moving_clip(9)
    spoiled = clip.clone()
    spoiled[5] = 0.5 * spoiled[5]
    spoiled[2] = 0.5 * spoiled[2]
    assert refinement.find_worst(spoiled, "flicker", 1, ()) in ([2], [5])
    assert refinement.find_worst(spoiled, "flicker", 1, (0, 2, 8)) == [5]
    assert steps[-1][0] <= steps[-1][1] == 9
    frames, report = refinement.refine(spoiled, [[5]], FlowInterpolator(), RenderSettings(), 1.0, (0, 2, 8))
    assert (frames[5] - clip[5]).abs().mean() < 0.02 < (spoiled[5] - clip[5]).abs().mean()
    assert list(report.changed) == [5]


def test_nothing_to_do_is_no_error(refinement):
    clip = moving_clip(3)
    frames, report = refinement.refine(clip, [[1]], FlowInterpolator(), RenderSettings(), 1.0, (0, 1, 2))
    assert torch.equal(frames, clip)
    assert report.text() == "optical flow (no model): 0 of 3 frames made anew.\nKeyframes stay: 1."
