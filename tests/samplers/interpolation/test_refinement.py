"""Refining: which frames are made of which, what stays, what is told."""

import pytest
import torch
from comfyui_inbetween.core.interpolation.contract import Rendered
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from comfyui_inbetween.core.interpolation.frame_choice import every_other
from comfyui_inbetween.core.interpolation.grained import AS_RENDERED, KEEP
from comfyui_inbetween.samplers.interpolation.refinement import Refinement, refine_frames
from drawn_pairs import draw_pair
from drawn_scenes import octaves
from grainy_clips import grain_of, grainy_pan


class Between:
    """The weighted mean of the two frames."""

    name, device, bytes_per_pixel = "mean", torch.device("cpu"), 12

    def __init__(self, by_halving=False):
        self.by_halving, self.prepared, self.rendered = by_halving, [], []

    def prepare(self, first_HWC, second_HWC):
        self.prepared.append((first_HWC[0, 0, 0].item(), second_HWC[0, 0, 0].item()))
        return Pair(self, first_HWC, second_HWC)


class Pair:
    def __init__(self, owner, first_HWC, second_HWC):
        self.owner, self.first_HWC, self.second_HWC = owner, first_HWC, second_HWC

    def render(self, times):
        self.owner.rendered.append(list(times))
        made = [torch.lerp(self.first_HWC, self.second_HWC, time) for time in times]
        return Rendered(torch.stack(made), (0.0,) * len(times))


def refined(values, passes, strength=1.0, keyframes=(), interpolator=None, **options):
    frames = torch.tensor([float(value) for value in values]).view(-1, 1, 1, 1).expand(-1, 2, 2, 3).contiguous()
    before, result = frames.clone(), torch.empty_like(frames)
    report = refine_frames(frames, passes, interpolator or Between(), strength, keyframes, result, **options)
    assert torch.equal(frames, before)
    return result[:, 0, 0, 0].tolist(), report


def test_a_frame_is_made_of_those_beside_it():
    values, report = refined([0, 9, 2, 3, 4], [[1]])
    assert values == [0, 1, 2, 3, 4]
    assert report.changed == {1: 8.0}


def test_neighbours_are_made_of_the_good_frames_around_them():
    values, _ = refined([0, 9, 9, 9, 4, 5], [[1, 2, 3]])
    assert values == [0, 1, 2, 3, 4, 5]


def test_strength_mixes():
    assert refined([0, 9, 2], [[1]], strength=0.25)[0] == [0, 7, 2]
    assert refined([0, 9, 2], [[1]], strength=0.0)[0] == [0, 9, 2]


def test_passes_take_turns_and_build_on_each_other():
    values, report = refined([0, 8, 0, 8, 0], every_other(5, 2))
    assert values == [0, 0, 0, 0, 0]
    assert report.changed == {1: 8.0, 2: 0.0, 3: 8.0}
    values, _ = refined([0, 0, 8, 0, 0, 0, 0], every_other(7, 2))
    assert values == [0, 4, 4, 4, 2, 0, 0]


def test_keyframes_stay_and_serve_as_neighbours():
    values, report = refined([0, 9, 5, 9, 9, 10], [[1, 2, 3, 4]], keyframes=[0, 2, 5])
    assert values[2] == 5
    assert values == pytest.approx([0, 2.5, 5, 20 / 3, 25 / 3, 10])
    assert report.kept == (2,)


@pytest.mark.parametrize("dress", ["plain", "letterbox", "HUD", "night"])
def test_across_a_cut_nothing_is_made(dress):
    cut = draw_pair([octaves], "hard", dress, 1)
    first, second = (torch.from_numpy(frame) for frame in (cut.first_HWC, cut.second_HWC))
    frames = torch.stack([first, first, second, second])
    result, interpolator = torch.empty_like(frames), Between()
    report = refine_frames(frames, [[1, 2]], interpolator, 1.0, (), result)
    assert torch.equal(result, frames)
    assert interpolator.prepared == []
    assert report.cut == (1, 2)
    assert report.changed == {}


def test_progress_counts_and_can_stop():
    done = []
    refined(range(9), every_other(9, 2), on_frames=done.append)
    assert sum(done) == 7
    interpolator = Between()

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refined(range(9), every_other(9, 1), interpolator=interpolator, on_frames=stop)
    assert interpolator.prepared == []


def test_half_precision_results():
    frames = torch.rand(3, 4, 4, 3)
    result = torch.empty(3, 4, 4, 3, dtype=torch.float16)
    refine_frames(frames, [[1]], Between(), 1.0, (), result)
    assert torch.equal(result[0], frames[0].half())
    torch.testing.assert_close(result[1].float(), frames[::2].half().float().mean(dim=0), rtol=0, atol=1e-3)


def test_the_report_names_frames_and_amounts():
    report = Refinement("mean", 9, {3: 0.02, 1: 0.5}, (4,), (6, 7))
    assert report.text() == (
        "mean: 2 of 9 frames rebuilt.\nMean change, 0 to 1: frames 1 (0.5000), 3 (0.0200).\n"
        "Keyframes left unchanged: frame 4.\nWarning: left unchanged because of a cut beside them: frames 6-7; leave "
        "them out, or generate them with a video model (Engine Advice names one)."
    )
    assert Refinement("mean", 9, {}, (), ()).text() == "mean: 0 of 9 frames rebuilt."
    many = Refinement("mean", 200, dict.fromkeys(range(1, 100), 0.1), (), ()).text()
    assert many.endswith("40 (0.1000) and 59 more.")


# Engines that were published to halve


def test_three_in_a_row_are_halved():
    interpolator = Between(by_halving=True)
    values, report = refined([0, 9, 9, 9, 4, 5], [[1, 2, 3]], interpolator=interpolator)
    assert values == [0, 1, 2, 3, 4, 5]
    assert interpolator.rendered == [[0.5]] * 3
    assert report.untrained == ()


def test_two_in_a_row_are_made_at_their_times_and_told():
    interpolator = Between(by_halving=True)
    values, report = refined([0, 9, 9, 3, 9, 5], [[1, 2, 4]], interpolator=interpolator)
    assert values == pytest.approx([0, 1, 2, 3, 4, 5])
    assert interpolator.rendered == [[pytest.approx(1 / 3)], [pytest.approx(2 / 3)], [0.5]]
    assert report.untrained == (1, 2)
    assert report.text().endswith(
        "Warning: mean was trained only for the frame half-way, so these may be worse: frames 1-2; choose 1, 3 or 7 "
        "frames in a row, or every other."
    )
    assert refined([0, 9, 9, 3], [[1, 2]])[1].untrained == ()


def test_lights_above_one_are_rebuilt_as_bright():
    clip = 0.4 * torch.rand(24, 40, 3, generator=torch.Generator().manual_seed(0)).expand(3, -1, -1, -1).clone()
    for frame in range(3):
        clip[frame, 8:16, 10 + 2 * frame : 20 + 2 * frame] = 6.0
    result = torch.empty_like(clip)
    refine_frames(clip, [[1]], FlowInterpolator(), 1.0, (), result)
    assert result[1].max() > 5.5
    assert (result[1] - clip[1]).abs().mean() < 0.15


def test_rebuilt_frames_keep_the_grain_of_their_neighbours_unless_they_are_wanted_as_rendered():
    frames_THWC = grainy_pan(5)
    spread = {}
    for grain in (KEEP, AS_RENDERED):
        result_THWC = torch.empty_like(frames_THWC)
        refine_frames(frames_THWC, [[1, 3]], FlowInterpolator(), 1.0, [], result_THWC, grain=grain)
        spread[grain] = [grain_of(result_THWC[frame]) for frame in (1, 3)]
    assert spread[KEEP] == pytest.approx([grain_of(frames_THWC[0])] * 2, rel=0.1)
    assert max(spread[AS_RENDERED]) < 0.85 * grain_of(frames_THWC[0])
