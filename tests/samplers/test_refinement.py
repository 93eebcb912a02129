"""Refining: which frames are made of which, what stays, what is told."""

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.interpolator import Rendered
from comfyui_inbetween.samplers.refinement import Refinement, every_other, listed_frames, refine_frames


class Between:
    """The weighted mean of the two frames; a cut where they differ by more than `cut`."""

    name, device, bytes_per_pixel = "mean", torch.device("cpu"), 12

    def __init__(self, cut=1e9):
        self.cut, self.prepared = cut, []

    def prepare(self, first_HWC, second_HWC):
        self.prepared.append((first_HWC[0, 0, 0].item(), second_HWC[0, 0, 0].item()))
        return Pair(first_HWC, second_HWC, (first_HWC - second_HWC).abs().max() > self.cut)


class Pair:
    def __init__(self, first_HWC, second_HWC, is_cut):
        self.first_HWC, self.second_HWC, self.is_cut = first_HWC, second_HWC, bool(is_cut)

    def render(self, times):
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
    assert every_other(8, 1) == [[1, 3, 5]]
    assert every_other(7, 3) == [[1, 3, 5], [2, 4], [1, 3, 5]]
    assert every_other(3, 2) == [[1], []]
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


def test_across_a_cut_nothing_is_made():
    values, report = refined([0, 1, 100, 101], [[1, 2]], interpolator=Between(cut=50))
    assert values == [0, 1, 100, 101]
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
        "mean: 2 of 9 frames made anew.\nChanged by so much of the range in the mean: 1 (0.5000), 3 (0.0200).\n"
        "Keyframes stay: 4.\nAttention: at a cut, so left alone: 6, 7."
    )
    assert Refinement("mean", 9, {}, (), ()).text() == "mean: 0 of 9 frames made anew."
    many = Refinement("mean", 200, dict.fromkeys(range(1, 100), 0.1), (), ()).text()
    assert many.endswith("40 (0.1000) and 59 more.")


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
        ("0", "0 cannot be made anew; of 10 frames choose 1 to 8, which have one on each side"),
        ("9", "9 cannot be made anew"),
        ("-1", "-1 cannot be made anew"),
        ("4-12", "4-12 cannot be made anew"),
    ],
)
def test_lists_that_cannot_be(text, message):
    with pytest.raises(InbetweenError, match=message):
        listed_frames(text, 10)


def test_no_pass_is_refused():
    with pytest.raises(InbetweenError, match="passes is 0; give 1 or more"):
        every_other(9, 0)
