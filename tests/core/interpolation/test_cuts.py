"""The cut test for engines without flow: the verdict of those with flow, quickly where nothing is cut."""

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.flow.consistency import is_cut_between
from comfyui_inbetween.core.interpolation.cuts import CutPair
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from example_values import moving_clip


def noise(seed, height=48, width=64):
    """Blobs of a few pixels: two of them have no layout in common."""
    coarse = torch.rand(1, 3, height // 8, width // 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")[0].movedim(0, 2)


def pairs():
    clip, still = moving_clip(5), noise(0)
    return {
        "motion": (clip[0], clip[1]),
        "fast motion": (clip[0], clip[4]),
        "the same": (still, still),
        "cut": (still, noise(1)),
        "cut to the clip": (clip[0], noise(2)),
        "darker": (still, 0.5 * still),
        "mirrored": (clip[0], clip[0].flip(1)),
        "to black": (clip[0], torch.zeros_like(clip[0])),
        "to grey noise": (clip[0], 0.5 + 0.02 * noise(3)),
    }


@pytest.mark.parametrize("name", pairs())
def test_the_verdict_is_that_of_the_weight_free_engine(name):
    first_HWC, second_HWC = pairs()[name]
    for frames in ((first_HWC, second_HWC), (second_HWC, first_HWC)):
        assert is_cut_between(*frames) == FlowInterpolator().prepare(*frames).is_cut


def test_there_are_cuts_and_pairs_that_are_none():
    verdicts = {name: is_cut_between(*frames) for name, frames in pairs().items()}
    assert verdicts["cut"]
    assert verdicts["cut to the clip"]
    assert not verdicts["motion"]
    assert not verdicts["fast motion"]
    assert not verdicts["darker"]


def test_flow_is_found_only_where_the_layout_differs():
    """Frames too small for flow tell whether any was looked for."""
    first_HWC, second_HWC = noise(0, 8, 64), noise(1, 8, 64)
    assert not is_cut_between(first_HWC, 0.5 * first_HWC)
    assert not is_cut_between(first_HWC, first_HWC + 0.02)
    with pytest.raises(InbetweenError, match="optical flow needs 16x16 or more"):
        is_cut_between(first_HWC, second_HWC)


def test_the_nearer_frame_is_held():
    first_HWC, second_HWC = noise(0), noise(1)
    pair = CutPair(first_HWC, second_HWC)
    rendered = pair.render([0.25, 0.5, 0.75])
    assert pair.is_cut
    assert torch.equal(rendered.frames_THWC, torch.stack([first_HWC, first_HWC, second_HWC]))
    assert rendered.blended == (0.0, 0.0, 0.0)
