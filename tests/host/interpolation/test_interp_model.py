"""The host's own node Run Frame Interpolation Model takes our engines."""

import pytest
import torch
from drawn_pairs import draw_pair
from drawn_scenes import octaves
from example_engines import pervfi_engine
from example_values import moving_clip

pytestmark = pytest.mark.models


@pytest.fixture
def run(host):
    """The host's node, and ours on the same frames."""
    from comfy_extras.nodes_frame_interpolation import FrameInterpolate
    from comfyui_inbetween.core.timing.moments import locate, moments_by_multiplier
    from comfyui_inbetween.host.interpolation.interp_model import as_interp_model
    from comfyui_inbetween.host.interpolation.run import interpolate

    def both(engine, clip, multiplier):
        instants = locate(moments_by_multiplier(len(clip), multiplier), range(len(clip)))
        with torch.inference_mode():
            theirs = FrameInterpolate.execute(as_interp_model(engine), clip, multiplier).result[0]
            return theirs, interpolate(clip, instants, engine)[0]

    return both


def engines():
    from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator

    return {"weight-free": FlowInterpolator(), "v00": pervfi_engine("v00"), "vb": pervfi_engine("vb")}


@pytest.mark.parametrize("name", ["weight-free", "v00", "vb"])
def test_it_makes_the_frames_that_ours_makes(run, name):
    """Of a size that the networks pad."""
    theirs, ours = run(engines()[name], moving_clip(3, 44, 61), 3)
    assert theirs.shape == ours.shape == (7, 44, 61, 3)
    assert torch.equal(theirs[::3], moving_clip(3, 44, 61))
    torch.testing.assert_close(theirs, ours, rtol=0, atol=2e-5)


def test_when_memory_is_short_it_goes_on_with_fewer_at_once(run, monkeypatch):
    from comfyui_inbetween.networks.interpolation.pervfi import interpolator

    original = interpolator.PerVFIPair._render

    def scarce(self, pair, times, parts):
        if len(times) > 1:
            raise torch.OutOfMemoryError
        return original(self, pair, times, parts)

    monkeypatch.setattr(interpolator.PerVFIPair, "_render", scarce)
    theirs, ours = run(pervfi_engine(), moving_clip(2, 32, 48), 4)
    torch.testing.assert_close(theirs, ours, rtol=0, atol=2e-5)


def test_at_a_cut_the_nearer_frame_is_held_here_too(run):
    """The contract has no inputs for cuts, so they are found."""
    pair = draw_pair([octaves], "hard", "letterbox", 1)
    clip = torch.stack([torch.from_numpy(frame[::3, ::3].copy()) for frame in (pair.first_HWC, pair.second_HWC)])
    theirs, ours = run(engines()["weight-free"], clip, 4)
    assert torch.equal(theirs, clip[[0, 0, 0, 1, 1]])
    assert torch.equal(ours, theirs)
