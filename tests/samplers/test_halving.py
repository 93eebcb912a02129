"""Recursive interpolation: only half-way is ever asked, and every frame is there."""

from fractions import Fraction

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.interpolator import Rendered
from comfyui_inbetween.core.timing import locate, moments_by_multiplier
from comfyui_inbetween.samplers.frame_interpolation import interpolate_frames
from comfyui_inbetween.samplers.halving import check_halvable


class Doubling:
    """Half-way between a and b it makes 2 a b / (a + b): not linear, so order and depth show."""

    name, device, bytes_per_pixel = "harmonic", torch.device("cpu"), 12

    def __init__(self, cut=False):
        self.asked, self.cut = [], cut

    def prepare(self, first_HWC, second_HWC):
        return Pair(self, first_HWC, second_HWC)


class Pair:
    def __init__(self, owner, first_HWC, second_HWC):
        self.owner, self.first_HWC, self.second_HWC, self.is_cut = owner, first_HWC, second_HWC, owner.cut

    def render(self, times):
        self.owner.asked.append(list(times))
        made = [2 * self.first_HWC * self.second_HWC / (self.first_HWC + self.second_HWC) for _ in times]
        return Rendered(torch.stack(made), (0.1,) * len(times))


def run(multiplier, values=(1.0, 2.0), interpolator=None, **options):
    sources = torch.tensor(values).view(-1, 1, 1, 1).expand(-1, 2, 2, 3)
    instants = locate(moments_by_multiplier(len(values), multiplier), range(len(values)))
    result = torch.empty(len(instants), 2, 2, 3)
    report = interpolate_frames(sources, instants, interpolator or Doubling(), result, recursive=True, **options)
    return result[:, 0, 0, 0].tolist(), report


def harmonic(a, b):
    return 2 * a * b / (a + b)


def test_every_frame_is_half_way_between_two():
    values, report = run(8, (1.0, 2.0, 5.0))
    for start, first, last in ((0, 1.0, 2.0), (8, 2.0, 5.0)):
        assert values[start] == first
        assert values[start + 4] == pytest.approx(harmonic(first, last))
        assert values[start + 2] == pytest.approx(harmonic(first, values[start + 4]))
        assert values[start + 6] == pytest.approx(harmonic(values[start + 4], last))
        assert values[start + 5] == pytest.approx(harmonic(values[start + 4], values[start + 6]))
    assert report.pairs[0].blended == pytest.approx(0.1)


def test_only_half_way_is_asked_and_only_what_is_needed():
    interpolator = Doubling()
    run(4, interpolator=interpolator)
    assert interpolator.asked == [[0.5]] * 3
    interpolator = Doubling()
    sources = torch.tensor([1.0, 2.0]).view(-1, 1, 1, 1).expand(-1, 2, 2, 3)
    instants = locate([Fraction(0), Fraction(3, 8), Fraction(1)], range(2))
    result = torch.empty(3, 2, 2, 3)
    interpolate_frames(sources, instants, interpolator, result, recursive=True)
    assert len(interpolator.asked) == 3
    half = harmonic(1, 2)
    assert result[1, 0, 0, 0].item() == pytest.approx(harmonic(harmonic(1, half), half))


def test_progress_counts_every_frame():
    done = []
    run(4, (1.0, 2.0, 5.0), on_frames=done.append)
    assert sum(done) == 9


def test_a_cut_is_not_halved():
    interpolator = Doubling(cut=True)
    _, report = run(4, interpolator=interpolator, batch=8)
    assert interpolator.asked == [[0.25, 0.5, 0.75]]
    assert report.pairs[0].is_cut


@pytest.mark.parametrize("multiplier", [3, 6, 10])
def test_other_times_are_refused_before_anything_is_made(multiplier):
    interpolator = Doubling()
    with pytest.raises(InbetweenError, match=rf"wanted at 1/{multiplier} of a gap; choose the method direct, or a mul"):
        run(multiplier, interpolator=interpolator)
    assert interpolator.asked == []


def test_more_halvings_than_anyone_needs_are_refused():
    check_halvable([Fraction(1, 64), Fraction(0), Fraction(63, 64)])
    with pytest.raises(InbetweenError, match="at 1/128 of a gap"):
        check_halvable([Fraction(1, 128)])
