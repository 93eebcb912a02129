"""Easing and holding: ends are exact, and order and number are kept."""

from fractions import Fraction
from itertools import pairwise

import pytest
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.timing.easing import CURVES, apply_easing, apply_hold, ease, parse_bezier
from hypothesis import given
from hypothesis import strategies as st

unit = st.floats(0, 1)
curves = st.tuples(unit, unit, unit, unit)
times = st.fractions(0, 1, max_denominator=1000)
stops = st.lists(st.integers(0, 200), min_size=2, max_size=6, unique=True).map(sorted)


def every_frame(positions):
    return [Fraction(frame) for frame in range(positions[0], positions[-1] + 1)]


@pytest.mark.parametrize(
    ("name", "quarter", "half"),
    [("linear", 0.25, 0.5), ("ease in", 0.093465, 0.315357), ("ease in and out", 0.129162, 0.5)],
)
def test_the_curves_of_css(name, quarter, half):
    """Values as browsers compute them for cubic-bezier(0.42, 0, 1, 1) and (0.42, 0, 0.58, 1)."""
    assert float(ease(Fraction(1, 4), CURVES[name])) == pytest.approx(quarter, abs=1e-5)
    assert float(ease(Fraction(1, 2), CURVES[name])) == pytest.approx(half, abs=1e-5)


def test_ease_out_mirrors_ease_in():
    for number in range(11):
        time = Fraction(number, 10)
        assert float(ease(time, CURVES["ease out"]) + ease(1 - time, CURVES["ease in"])) == pytest.approx(1, abs=1e-6)


@given(curves)
def test_ends_are_exact(curve):
    assert ease(Fraction(0), curve) == 0
    assert ease(Fraction(1), curve) == 1


@given(curves, times, times)
def test_it_stays_inside_and_never_runs_backwards(curve, first, second):
    low, high = sorted((first, second))
    assert 0 <= ease(low, curve) <= ease(high, curve) + Fraction(1, 10**6) <= 1 + Fraction(1, 10**6)


@given(times, unit, unit)
def test_a_straight_curve_changes_nothing(time, first, second):
    assert ease(time, (first, first, second, second)) == time


@given(stops, curves)
def test_easing_each_gap_leaves_sources_at_their_frames(positions, curve):
    moments = every_frame(positions)
    moved = apply_easing(moments, positions, curve)
    assert len(moved) == len(moments)
    assert all(now == before for now, before in zip(moved, moments, strict=True) if before in positions)
    assert all(first <= second + Fraction(1, 1000) for first, second in pairwise(moved))


def test_each_gap_and_whole_length():
    moments = [Fraction(number, 2) for number in range(5)]
    slow = float(ease(Fraction(1, 2), CURVES["ease in"]))
    each = [float(moment) for moment in apply_easing(moments, [0, 1, 2], CURVES["ease in"])]
    assert each == pytest.approx([0, slow, 1, 1 + slow, 2])
    whole = [float(moment) for moment in apply_easing(moments, [0, 1, 2], CURVES["ease in"], "whole length")]
    quarters = [float(ease(Fraction(number, 4), CURVES["ease in"])) for number in range(5)]
    assert whole == pytest.approx([2 * quarter for quarter in quarters])


def test_what_lies_outside_the_sources_stays():
    moments = [Fraction(frame) for frame in range(6)]
    assert apply_easing(moments, [2, 4], CURVES["ease in"])[0:2] == [0, 1]
    assert apply_easing(moments, [2, 4], CURVES["ease in"])[5] == 5


def test_on_twos():
    moments = [Fraction(frame) for frame in range(8)]
    assert apply_hold(moments, [0, 5], 2) == [0, 0, 2, 2, 4, 5, 5, 7]
    assert apply_hold(moments, [0], 3) == [0, 0, 0, 3, 3, 3, 6, 6]
    assert apply_hold(moments, [0, 5], 1) == moments


@given(stops, st.integers(1, 7))
def test_holding_keeps_sources_and_count(positions, frames):
    moments = every_frame(positions)
    shown = apply_hold(moments, positions, frames)
    assert len(shown) == len(moments)
    assert all(now == before for now, before in zip(shown, moments, strict=True) if before in positions)
    assert all(0 <= before - now < frames for now, before in zip(shown, moments, strict=True))


def test_holding_for_no_frame_is_refused():
    with pytest.raises(InbetweenError, match="hold is 0; give 1"):
        apply_hold([Fraction(0)], [0], 0)


def test_reading_a_curve():
    assert parse_bezier("0.42, 0, 0.58, 1") == CURVES["ease in and out"]
    assert parse_bezier(" .42 0\n.58 1 ") == CURVES["ease in and out"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "curve has 0 numbers"),
        ("0, 0, 1", "curve has 3 numbers"),
        ("a b c d", 'cannot read "a b c d"'),
        ("0.3, -0.5, 0.6, 1", "y1 is -0.5, which gives times outside 0..1"),
        ("0.3, 0, 0.6, 1.4", "y2 is 1.4, which gives times outside 0..1"),
        ("nan, 0, 1, 1", "x1 is nan"),
    ],
)
def test_a_wrong_curve_is_one_line(text, message):
    with pytest.raises(InbetweenError, match=message) as refusal:
        parse_bezier(text)
    assert "\n" not in str(refusal.value)
    assert "0.42, 0, 0.58, 1" in str(refusal.value)
