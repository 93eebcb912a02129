"""Recursive interpolation: only half-way is ever asked, and every frame is there."""

from fractions import Fraction

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.interpolation.contract import Rendered
from comfyui_inbetween.core.interpolation.cuts import CutRule
from comfyui_inbetween.core.timing.moments import locate, moments_by_multiplier
from comfyui_inbetween.samplers.interpolation.frame_interpolation import interpolate_frames
from comfyui_inbetween.samplers.interpolation.halving import check_halvable


class Doubling:
    """Half-way between a and b it makes 2 a b / (a + b): not linear, so order and depth show."""

    name, device, bytes_per_pixel = "harmonic", torch.device("cpu"), 12

    def __init__(self, by_halving=False):
        self.asked, self.by_halving = [], by_halving

    def prepare(self, first_HWC, second_HWC):
        return Pair(self, first_HWC, second_HWC)


class Pair:
    def __init__(self, owner, first_HWC, second_HWC):
        self.owner, self.first_HWC, self.second_HWC = owner, first_HWC, second_HWC

    def render(self, times):
        self.owner.asked.append(list(times))
        made = [2 * self.first_HWC * self.second_HWC / (self.first_HWC + self.second_HWC) for _ in times]
        return Rendered(torch.stack(made), (0.1,) * len(times))


def run(multiplier, values=(1.0, 2.0), interpolator=None, recursive=True, **options):
    return at(moments_by_multiplier(len(values), multiplier), values, interpolator, recursive=recursive, **options)


def at(moments, values=(1.0, 2.0), interpolator=None, **options):
    sources = torch.tensor(values).view(-1, 1, 1, 1).expand(-1, 2, 2, 3)
    instants = locate(moments, range(len(values)))
    result = torch.empty(len(instants), 2, 2, 3)
    report = interpolate_frames(sources, instants, interpolator or Doubling(), result, **options)
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
    values, _ = at([Fraction(0), Fraction(3, 8), Fraction(1)], interpolator=interpolator, recursive=True)
    assert len(interpolator.asked) == 3
    half = harmonic(1, 2)
    assert values[1] == pytest.approx(harmonic(harmonic(1, half), half))


def test_progress_counts_every_frame():
    done = []
    run(4, (1.0, 2.0, 5.0), on_frames=done.append)
    assert sum(done) == 9


def test_a_cut_is_not_halved():
    interpolator = Doubling()
    values, report = run(4, interpolator=interpolator, batch=8, cuts=CutRule(listed=frozenset({0})))
    assert values == [1, 1, 1, 2, 2]
    assert interpolator.asked == []
    assert report.pairs[0].is_cut


@pytest.mark.parametrize("multiplier", [3, 6, 10])
def test_other_times_are_refused_before_anything_is_made(multiplier):
    interpolator = Doubling()
    with pytest.raises(InbetweenError, match=rf"needed at 1/{multiplier} of a gap; set method to direct, or use a mul"):
        run(multiplier, interpolator=interpolator)
    assert interpolator.asked == []


def test_more_halvings_than_anyone_needs_are_refused():
    check_halvable([Fraction(1, 64), Fraction(0), Fraction(63, 64)])
    with pytest.raises(InbetweenError, match="at 1/128 of a gap"):
        check_halvable([Fraction(1, 128)])


# Engines that were published to halve do so unasked


def test_an_engine_for_halving_halves_whatever_the_method():
    interpolator = Doubling(by_halving=True)
    values, report = run(8, (1.0, 2.0, 5.0), interpolator, recursive=False, batch=8)
    assert values == run(8, (1.0, 2.0, 5.0))[0]
    assert {time for times in interpolator.asked for time in times} == {0.5}
    assert "trained" not in report.text()
    assert run(8, (1.0, 2.0, 5.0), recursive=False)[0] != values


def test_what_halving_does_not_reach_is_made_at_its_time_and_told():
    interpolator = Doubling(by_halving=True)
    _, report = run(3, (1.0, 2.0, 5.0), interpolator, recursive=False, batch=8)
    assert interpolator.asked == [[pytest.approx(1 / 3), pytest.approx(2 / 3)]] * 2
    assert [pair.untrained for pair in report.pairs.values()] == [2, 2]
    assert report.text().splitlines()[-1] == (
        "Warning: harmonic was trained only for the frame half-way, so 4 at other times may be worse, between "
        "frames 0 and 1 (1-2 of the result); 1 and 2 (4-5 of the result); halving reaches 1/2, 1/4, 3/8 and so "
        "on, as with a multiplier of 2, 4, 8, 16, 32 or 64."
    )


def test_the_frames_of_a_gap_are_all_made_one_way():
    """A mixture would jump from one to the other. 1/2 is half-way either way, and counts as trained."""
    interpolator = Doubling(by_halving=True)
    moments = [Fraction(1, 4), Fraction(1, 3), Fraction(1, 2), Fraction(5, 4)]
    _, report = at(moments, (1.0, 2.0, 5.0), interpolator, batch=8)
    assert interpolator.asked == [[0.25, pytest.approx(1 / 3), 0.5], [0.5], [0.5]]
    assert [pair.untrained for pair in report.pairs.values()] == [2, 0]


def test_a_cut_needs_no_training():
    cuts = CutRule(listed=frozenset({0}))
    _, report = run(3, interpolator=Doubling(by_halving=True), recursive=False, cuts=cuts)
    assert report.pairs[0].untrained == 0
    assert "trained" not in report.text()


def test_recursive_stays_strict_for_such_an_engine():
    with pytest.raises(InbetweenError, match="needed at 1/3 of a gap; set method to direct"):
        run(3, interpolator=Doubling(by_halving=True))
