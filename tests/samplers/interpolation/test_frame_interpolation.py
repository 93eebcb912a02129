"""Running an interpolator over a sequence: which pairs, which times, what is copied, what is reported."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.interpolation.contract import Rendered
from comfyui_inbetween.core.interpolation.cuts import CutRule
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from comfyui_inbetween.core.interpolation.frame_plan import plan_frames
from comfyui_inbetween.core.interpolation.grained import AS_RENDERED, KEEP
from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet
from comfyui_inbetween.core.timing.easing import apply_hold
from comfyui_inbetween.core.timing.moments import Instant, locate, moments_by_multiplier, moments_by_rate
from comfyui_inbetween.samplers.interpolation.frame_interpolation import (
    InterpolationReport,
    PairReport,
    interpolate_frames,
)
from grainy_clips import grain_of, grainy_pan
from hypothesis import given
from hypothesis import strategies as st


class CrossFade:
    """The simplest interpolator. Notes what it was asked; runs out of memory above `most` times at once."""

    name = "cross-fade"
    device = torch.device("cpu")
    bytes_per_pixel = 12
    by_halving = False

    def __init__(self, most=1000):
        self.most, self.prepared, self.rendered = most, [], []

    def prepare(self, first_HWC, second_HWC):
        self.prepared.append((first_HWC, second_HWC))
        return CrossFadePair(self, first_HWC, second_HWC)


class CrossFadePair:
    def __init__(self, owner, first_HWC, second_HWC):
        self.owner, self.first_HWC, self.second_HWC = owner, first_HWC, second_HWC

    def render(self, times):
        if len(times) > self.owner.most:
            raise torch.OutOfMemoryError
        self.owner.rendered.append(len(times))
        frames_THWC = torch.stack([torch.lerp(self.first_HWC, self.second_HWC, time) for time in times])
        return Rendered(frames_THWC, tuple(times))


def ramp(count):
    """Frame k holds the value k everywhere."""
    return torch.arange(float(count)).view(-1, 1, 1, 1).expand(-1, 2, 3, 3).contiguous()


def run(sources, moments, interpolator=None, positions=None, **options):
    instants = locate(moments, positions or range(len(sources)))
    result = torch.full((len(instants), 2, 3, 3), -1.0)
    report = interpolate_frames(sources, instants, interpolator or CrossFade(), result, **options)
    return result[:, 0, 0, 0].tolist(), report


def test_every_frame_shows_its_moment():
    assert run(ramp(4), moments_by_multiplier(4, 4))[0] == [number / 4 for number in range(13)]
    assert run(ramp(4), moments_by_rate(4, 2, 5))[0] == pytest.approx([*(0.4 * n for n in range(8)), 3, 3])


def test_source_frames_are_copied_and_each_pair_is_prepared_once():
    interpolator = CrossFade()
    sources = ramp(3)
    values, _ = run(sources, moments_by_multiplier(3, 3), interpolator, batch=1)
    assert values[::3] == [0, 1, 2]
    assert [(int(a[0, 0, 0]), int(b[0, 0, 0])) for a, b in interpolator.prepared] == [(0, 1), (1, 2)]


def test_pairs_without_a_frame_between_are_not_prepared():
    interpolator = CrossFade()
    values, report = run(ramp(5), moments_by_multiplier(5, 1), interpolator)
    assert values == [0, 1, 2, 3, 4]
    assert interpolator.prepared == []
    assert report.pairs == {}


def test_keyframes_as_a_list_with_held_ends():
    sources = [torch.full((2, 3, 3), 10.0), torch.full((2, 3, 3), 20.0)]
    moments = [Fraction(frame) for frame in range(6)]
    assert run(sources, moments, positions=[1, 3])[0] == [10, 10, 15, 20, 20, 20]


def test_batches_hold_as_many_times_as_allowed():
    interpolator = CrossFade()
    run(ramp(2), moments_by_multiplier(2, 8), interpolator, batch=3)
    assert interpolator.rendered == [3, 3, 1]


def test_running_out_of_memory_halves_the_batch_for_good():
    interpolator = CrossFade(most=2)
    values, _ = run(ramp(3), moments_by_multiplier(3, 6), interpolator, batch=8)
    assert values == pytest.approx([number / 6 for number in range(13)])
    assert interpolator.rendered == [2, 2, 1, 2, 2, 1]


def test_running_out_of_memory_with_one_frame_is_an_error():
    with pytest.raises(torch.OutOfMemoryError):
        run(ramp(2), moments_by_multiplier(2, 2), CrossFade(most=0))


def test_progress_adds_up_and_can_stop_the_work():
    done = []
    run(ramp(3), moments_by_multiplier(3, 4), on_frames=done.append, batch=2)
    assert sum(done) == 9
    interpolator = CrossFade()

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(ramp(3), moments_by_multiplier(3, 4), interpolator, on_frames=stop)
    assert interpolator.prepared == []


def test_half_precision_results_and_inputs_left_alone():
    sources = ramp(3)
    instants = locate(moments_by_multiplier(3, 2), range(3))
    result = torch.empty((5, 2, 3, 3), dtype=torch.float16)
    interpolate_frames(sources, instants, CrossFade(), result)
    assert result[:, 0, 0, 0].tolist() == [0, 0.5, 1, 1.5, 2]
    assert torch.equal(sources, ramp(3))


def test_a_result_of_the_wrong_length_is_refused():
    with pytest.raises(InbetweenError, match="2 frames are planned but the result has 3"):
        interpolate_frames(ramp(2), [Instant(0, Fraction(0))] * 2, CrossFade(), torch.empty(3, 2, 3, 3))


def test_a_held_picture_is_made_once():
    interpolator = CrossFade()
    moments = apply_hold(moments_by_multiplier(3, 6), range(3), 2)
    values, report = run(ramp(3), moments, interpolator, batch=8)
    assert values == pytest.approx([float(moment) for moment in moments])
    assert interpolator.rendered == [2, 2]
    assert report.frame_count == 13


def test_between_two_equal_pictures_nothing_is_made():
    sources = torch.ones(3, 2, 3, 3)
    sources[2] = 2
    interpolator = CrossFade()
    values, report = run(sources, moments_by_multiplier(3, 4), interpolator)
    assert values == [1, 1, 1, 1, 1, 1.25, 1.5, 1.75, 2]
    assert len(interpolator.prepared) == 1
    assert report.pairs[0] == PairReport(is_still=True, frames=(1, 3))
    assert report.text().startswith(
        "cross-fade: 9 frames from 3.\nWarning: same picture between frames 0 and 1 (1-3 of the result), so nothing "
        "moves; for motion there, rebuild the second one first with Refine Frames."
    )


def test_a_pair_s_cross_faded_area_is_the_mean_over_its_frames():
    _, report = run(ramp(2), moments_by_multiplier(2, 8), batch=3)
    assert report.pairs == {0: PairReport(is_cut=False, blended=0.5, frames=(1, 7))}


PAIRS = {
    0: PairReport(is_cut=False, blended=0.01, frames=(1, 1)),
    1: PairReport(is_cut=True, blended=0.0, frames=(3, 3)),
    2: PairReport(is_cut=False, blended=0.2, frames=(5, 5)),
    3: PairReport(is_cut=False, blended=0.5, frames=(7, 8)),
}


def test_the_report_on_a_clip_names_its_frames_and_those_of_the_result():
    assert InterpolationReport("flow", 5, 10, PAIRS).text().splitlines() == [
        "flow: 10 frames from 5.",
        "Warning: cut between frames 1 and 2 (3 of the result), so the nearer frame is held; if this is not a change "
        "of scene, generate these frames with a video model (Engine Advice names one).",
        "Warning: no motion found between frames 3 and 4 (50% of the area, 7-8 of the result); 2 and 3 (20% of the "
        "area, 5 of the result), so these areas are cross-faded; use PerVFI.",
    ]
    many = {source: PairReport(is_cut=True, frames=(2 * source + 1, 2 * source + 1)) for source in range(20)}
    assert "; 5 and 6 (11 of the result); and 14 more, so" in InterpolationReport("flow", 21, 41, many).text()


def test_the_report_on_keyframes_names_their_frames_and_where_one_is_missing():
    """Frames of the result have the same numbers, so they are not named twice."""
    frames = (0, 2, 8, 20, 30)
    pairs = {source: replace(PAIRS[source], frames=(frames[source] + 1, frames[source + 1] - 1)) for source in PAIRS}
    report = InterpolationReport("flow", 5, 31, pairs)
    assert report.text(frames).splitlines()[1:] == [
        "Warning: cut between frames 2 and 8, so the nearer frame is held; add a keyframe near frame 5, or generate "
        "these frames with a video model (Engine Advice names one).",
        "Warning: no motion found between frames 20 and 30 (50% of the area); 8 and 20 (20% of the area), so these "
        "areas are cross-faded; add keyframes near frames 14, 25, or use PerVFI.",
    ]


def test_the_advice_fits_the_engine_and_the_gap():
    pervfi = InterpolationReport("PerVFI v00 with RAFT", 5, 10, PAIRS).text()
    assert pervfi.endswith("cross-faded; use a video model (Engine Advice names one).")
    close = InterpolationReport("flow", 2, 5, {0: PairReport(blended=0.3, frames=(1, 3))}).text((4, 5))
    assert close.endswith(
        "between frames 4 and 5 (30% of the area, 1-3 of the result), so these areas are cross-faded; use PerVFI."
    )
    numbered = InterpolationReport("flow", 5, 9, {1: PairReport(is_still=True, frames=(3, 3))}).text(
        None, [0, 2, 4, 6, 8]
    )
    assert "same picture between frames 2 and 4, so nothing moves" in numbered
    still = InterpolationReport("flow", 2, 5, {0: PairReport(is_still=True, frames=(1, 3))}).text((0, 4))
    assert still.endswith(
        "same picture between frames 0 and 4, so nothing moves; for motion there, use two different keyframes."
    )


def test_what_is_lost_in_a_small_part_is_reported_with_its_place():
    pairs = {
        0: PairReport(blended=0.01, frames=(1, 1), worst=(0.65, (40, 30))),
        1: PairReport(blended=0.02, frames=(3, 3), worst=(0.9, (200, 8))),
        2: PairReport(blended=0.3, frames=(5, 5), worst=(1.0, (5, 5))),  # named with its area
        3: PairReport(is_cut=True, frames=(7, 7), worst=(1.0, (5, 5))),
        4: PairReport(blended=0.01, frames=(9, 9), worst=(0.2, (5, 5)), lost_things=((12, 34), (56, 78))),
        5: PairReport(blended=0.01, frames=(11, 11), lost_lines=(7, 9)),
    }
    report = InterpolationReport("flow", 7, 13, pairs)
    assert report.text().splitlines()[3:] == [
        "Warning: no motion found in a small part of the picture between frames 1 and 2 (around x 200, y 8, 3 of the "
        "result); 0 and 1 (around x 40, y 30, 1 of the result), so these areas are cross-faded; use PerVFI.",
        "Warning: thin lines are lost between frames 5 and 6 (around x 7, y 9, 11 of the result); use PerVFI.",
        "Warning: small things are in only one of two frames between frames 4 and 5 (around x 12, y 34; x 56, y 78, "
        "9 of the result), so they fade out and in; choose what to show with when_lost.",
    ]
    held = replace(report, when_lost="hold").text()
    assert "cross-faded" not in held
    assert held.count("so the nearer frame is held there") == 2
    assert "add a keyframe near frame 15, or use PerVFI" in InterpolationReport("flow", 2, 21, {0: pairs[0]}).text(
        (10, 20)
    )


@given(
    st.sets(st.integers(0, 60), min_size=2, max_size=7).map(sorted),
    st.sampled_from([("as keyframed", {}), ("multiplier", {"multiplier": 3}), ("frame count", {"frame_count": 17})]),
)
def test_the_frames_named_are_those_that_were_made(frames, timing):
    """Every in-between of the result lies within the range that the report gives for its two sources."""
    images = [torch.full((2, 3, 3), float(frame)) for frame in frames]
    keyframes = KeyframeSet(61, tuple(map(Keyframe, frames, images)), images_checked=True)
    plan = plan_frames(keyframes, timing[0], **timing[1])
    result = torch.empty(len(plan.instants), 2, 3, 3)
    pairs = interpolate_frames(plan.sources, plan.instants, CrossFade(), result).pairs
    between = {}
    for frame, instant in enumerate(plan.instants):
        if instant.time:
            between.setdefault(instant.source, []).append(frame)
    assert {source: pair.frames for source, pair in pairs.items()} == {
        source: (made[0], made[-1]) for source, made in between.items()
    }


def test_a_listed_cut_is_held_and_the_engine_is_not_asked():
    interpolator, cuts = CrossFade(), CutRule(listed=frozenset({1}))
    values, report = run(ramp(4), moments_by_multiplier(4, 4), interpolator, cuts=cuts)
    assert values == [0, 0.25, 0.5, 0.75, 1, 1, 1, 2, 2, 2.25, 2.5, 2.75, 3]
    assert len(interpolator.prepared) == 2
    assert [source for source, pair in report.pairs.items() if pair.is_cut] == [1]


def test_a_listed_cut_is_cross_faded_without_a_word_about_lost_motion():
    cuts = CutRule(listed=frozenset({0}), at_cut="cross-fade")
    values, report = run(ramp(2), moments_by_multiplier(2, 4), cuts=cuts)
    assert values == [0, 0.25, 0.5, 0.75, 1]
    assert report.pairs[0].blended == 0


@pytest.mark.parametrize("recursive", [False, True])
def test_grain_is_kept_unless_frames_are_wanted_as_rendered(recursive):
    frames_THWC = grainy_pan(2)
    instants = [Instant(0, Fraction(step, 4)) for step in range(4)]
    spread = {}
    for grain in (KEEP, AS_RENDERED):
        result_THWC = torch.empty(4, *frames_THWC.shape[1:])
        interpolate_frames(frames_THWC, instants, FlowInterpolator(), result_THWC, recursive=recursive, grain=grain)
        spread[grain] = [grain_of(frame_HWC) for frame_HWC in result_THWC]
    assert spread[KEEP] == pytest.approx([spread[KEEP][0]] * 4, rel=0.1)
    assert max(spread[AS_RENDERED][1:]) < 0.85 * spread[KEEP][0]
