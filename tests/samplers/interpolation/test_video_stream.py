"""Frames rendered from a stream equal those rendered in memory, to the bit."""

from fractions import Fraction

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.interpolation.cuts import CutRule
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from comfyui_inbetween.core.interpolation.frame_plan import plan_frames
from comfyui_inbetween.core.video.frame_window import FrameWindow, PlacedFrame
from comfyui_inbetween.core.video.stream_plan import plan_video
from comfyui_inbetween.samplers.interpolation.frame_interpolation import interpolate_frames
from comfyui_inbetween.samplers.interpolation.video_stream import render_stream
from drawn_videos import drawn_pictures


def clip(*shots):
    return torch.stack(
        [torch.from_numpy(each) for count, seed in shots for each in drawn_pictures(count, 64, 48, seed)]
    )


def window(frames_THWC, alive=None):
    def load(frame_HWC):
        picture_HWC = frame_HWC.clone()
        if alive is not None:
            alive.append(picture_HWC)
        return picture_HWC

    return FrameWindow(
        PlacedFrame(Fraction(number), lambda frame_HWC=frame_HWC: load(frame_HWC))
        for number, frame_HWC in enumerate(frames_THWC)
    )


def streamed(frames_THWC, plan, cuts, **options):
    written = []
    gaps = list(render_stream(window(frames_THWC), plan, FlowInterpolator(), written.append, cuts=cuts, **options))
    return torch.stack(written), gaps


TIMINGS = [
    ("frame rate", {"source_fps": 24.0, "target_fps": 60.0}, {"target_fps": 60}),
    ("frame rate", {"source_fps": 24.0, "target_fps": 10.0}, {"target_fps": 10}),
    ("speed ramp", {"speeds": "0-2: 1, 2-4: 0.3"}, {"speeds": "0-2: 1, 2-4: 0.3"}),
]


@pytest.mark.parametrize("at_cut", ["hold", "cross-fade", "carry on"])
@pytest.mark.parametrize(("timing", "in_memory", "of_video"), TIMINGS)
def test_streamed_frames_equal_those_in_memory(timing, in_memory, of_video, at_cut):
    frames_THWC = clip((4, 1), (3, 2))
    frames_THWC[6] = frames_THWC[5]  # a still pair
    planned = plan_frames(frames_THWC, timing, **in_memory)
    rule = CutRule(0.0, frozenset({3}), at_cut, planned.positions)
    whole_THWC = torch.empty((len(planned.instants), *frames_THWC.shape[1:]))
    report = interpolate_frames(planned.sources, planned.instants, FlowInterpolator(), whole_THWC, cuts=rule)
    plan = plan_video(timing, Fraction(24), len(frames_THWC), **of_video)
    result_THWC, gaps = streamed(frames_THWC, plan, rule)
    assert torch.equal(result_THWC, whole_THWC)
    told = {gap.gap.source: gap.report for gap in gaps if gap.report}
    assert told == {
        source: pair for source, pair in report.pairs.items() if pair.is_cut or pair.is_still or pair.blended >= 0.05
    }


def test_halved_frames_come_in_order():
    frames_THWC = clip((3, 4))
    plan = plan_video("multiplier", Fraction(24), 0, multiplier=4)
    planned = plan_frames(frames_THWC, "frame rate", source_fps=24.0, target_fps=96.0)
    whole_THWC = torch.empty((len(planned.instants), *frames_THWC.shape[1:]))
    interpolate_frames(planned.sources, planned.instants, FlowInterpolator(), whole_THWC, recursive=True)
    result_THWC, _ = streamed(frames_THWC, plan, CutRule(0.0), recursive=True)
    assert torch.equal(result_THWC, whole_THWC)
    with pytest.raises(InbetweenError, match="halving"):
        streamed(frames_THWC, plan_video("multiplier", Fraction(24), 0, multiplier=3), CutRule(0.0), recursive=True)


def test_sources_are_passed_on_unchanged():
    frames_THWC = clip((4, 3))
    result_THWC, _ = streamed(frames_THWC, plan_video("multiplier", Fraction(24), 0, multiplier=2), CutRule(0.0))
    assert torch.equal(result_THWC[::2], frames_THWC)


@pytest.mark.parametrize("first", [2, 6, 10])
def test_going_on_in_the_middle_gives_the_same_frames(first):
    frames_THWC = clip((4, 1), (3, 2))
    plan = plan_video("multiplier", Fraction(24), 0, multiplier=2)
    rule = CutRule(0.0, frozenset({3}), "carry on")
    whole_THWC, _ = streamed(frames_THWC, plan, rule)
    rest_THWC, gaps = streamed(frames_THWC, plan, rule, first=first)
    assert torch.equal(rest_THWC, whole_THWC[first:])
    assert gaps[0].gap.first == first


def test_only_the_neighbours_of_a_gap_are_in_memory():
    frames_THWC = torch.rand(40, 8, 8, 3)
    seen = window(frames_THWC)
    plan = plan_video("frame rate", Fraction(24), 0, target_fps=24)
    for gap in plan.gaps(seen):
        assert len(seen._kept) <= 6
        assert torch.equal(seen[gap.source], frames_THWC[gap.source])


def test_pictures_that_are_not_shown_are_never_made():
    made = []
    seen = window(torch.rand(40, 48, 48, 3), made)
    plan = plan_video("frame rate", Fraction(24), 0, target_fps=4)
    list(render_stream(seen, plan, FlowInterpolator(), lambda _: None))
    assert len(made) == 7
