"""Speed ramps: what a text means, which moments follow from it, and that nothing drifts."""

from fractions import Fraction
from itertools import pairwise

import pytest
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.timing.moments import moments_by_rate
from comfyui_inbetween.core.timing.speed_ramp import SpeedRange, moments_by_speed, read_speeds
from hypothesis import given
from hypothesis import strategies as st

RAMP = "0-24: 1, 24-48: 0.25, 48-: 1"


@st.composite
def ramps(draw):
    """A clip's length and ranges that cover it, each with a speed."""
    length = draw(st.integers(2, 120))
    inner = draw(st.sets(st.integers(1, length - 1), max_size=6))
    stops = [0, *sorted(inner), length]
    speeds = st.fractions(Fraction(1, 20), 20, max_denominator=60)
    return length, [SpeedRange(start, end, draw(speeds)) for start, end in pairwise(stops)]


def written(ranges):
    return ", ".join(f"{each.start}-{each.end}: {each.speed}" for each in ranges)


def shown_at(moment, ranges):
    """When a moment is shown: the sum over all ranges of the part before it, divided by the speed."""
    return sum((min(max(moment - each.start, 0), each.end - each.start) / each.speed for each in ranges), Fraction(0))


def test_the_example_of_the_tooltip():
    assert read_speeds(RAMP, 73) == [SpeedRange(0, 24, 1), SpeedRange(24, 48, Fraction(1, 4)), SpeedRange(48, 73, 1)]
    moments = moments_by_speed(73, RAMP)
    assert len(moments) == 24 + 96 + 25
    assert moments[:25] == list(range(25))
    assert moments[24:120] == [24 + Fraction(number, 4) for number in range(96)]
    assert moments[120:] == list(range(48, 73))


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("3-5: 1/2", [(0, 3, 1), (3, 5, Fraction(1, 2)), (5, 10, 1)]),
        ("0-: 2", [(0, 10, 2)]),
        ("0-10:.5", [(0, 10, Fraction(1, 2))]),
        (" 2 - 4 : 0.1;\n 8-: 3 ,", [(0, 2, 1), (2, 4, Fraction(1, 10)), (4, 8, 1), (8, 10, 3)]),
    ],
)
def test_ways_to_write_it(text, ranges):
    assert read_speeds(text, 10) == [SpeedRange(*each) for each in ranges]


@given(ramps())
def test_what_is_written_is_read(ramp):
    length, ranges = ramp
    assert read_speeds(written(ranges), length) == ranges


@given(ramps())
def test_each_frame_shows_the_moment_of_its_time_and_nothing_drifts(ramp):
    """Frame n is shown at time n exactly: a fraction left at the end of one range counts in the next."""
    length, ranges = ramp
    moments = moments_by_speed(length, written(ranges))
    assert [shown_at(moment, ranges) for moment in moments] == list(range(len(moments)))


@given(ramps())
def test_the_whole_clip_is_covered(ramp):
    length, ranges = ramp
    moments = moments_by_speed(length, written(ranges))
    duration, last_begins = (shown_at(Fraction(moment), ranges) for moment in (length, length - 1))
    assert len(moments) > last_begins
    assert len(moments) >= duration - Fraction(1, 2)
    assert len(moments) <= duration + Fraction(1, 2) or len(moments) - 1 <= last_begins


@given(st.integers(2, 200), st.fractions(Fraction(1, 20), 20, max_denominator=60))
def test_one_speed_is_a_frame_rate(length, speed):
    assert moments_by_speed(length, f"0-: {speed}") == moments_by_rate(length, speed.numerator, speed.denominator)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "speeds is empty; write ranges of frames and their speeds, such as 0-24: 1, 24-48: 0.25, 48-: 1."),
        ("0..24: 1", 'speeds: cannot read "0..24: 1"; write ranges of frames'),
        ("24: 1", 'speeds: cannot read "24: 1"'),
        ("-5-8: 1", 'speeds: cannot read "-5-8: 1"'),
        ("0-24 1", 'speeds: cannot read "0-24 1"'),
        ("0-8: 1, 30-40: 2", "speeds: 30-40 begins after the last frame; of 30 frames choose 0 to 29."),
        ("10-40: 2", "speeds: 10-40 goes past the end of 30 frames; end it at 30, or write 10-."),
        ("20-10: 2", "speeds: 20-10 runs backward; a range ends after the frame it starts with, such as 10-20."),
        ("10-10: 2", "speeds: 10-10 is empty; a range ends after the frame it starts with, such as 10-11."),
        ("0-20: 1, 15-25: 2", "speeds: 15-25 begins before 0-20 ends; end 0-20 at frame 15 or earlier."),
        ("5-: 1, 15-25: 2", "speeds: 15-25 begins before 5- ends; end 5- at frame 15 or earlier."),
        ("15-25: 2, 0-10: 1", "speeds: 0-10 begins before 15-25 ends; write them in order."),
        ("0-8: fast", 'speeds: 0-8 has the speed "fast", which is not a number above 0; write 0.25, 1/4 or 2.'),
        ("0-8: -1", 'speeds: 0-8 has the speed "-1", which is not a number above 0'),
        ("0-8: 1/0", 'speeds: 0-8 has the speed "1/0", which is not a number above 0'),
        ("0-8: 1e9", 'speeds: 0-8 has the speed "1e9", which is not a number above 0'),
        ("0-8: 0", "speeds: 0-8 has the speed 0; give 0.01 to 100, here 0.01."),
        ("0-8: 500", "speeds: 0-8 has the speed 500; give 0.01 to 100, here 100."),
    ],
)
def test_a_wrong_ramp_is_one_line(text, message):
    with pytest.raises(InbetweenError) as refusal:
        moments_by_speed(30, text)
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


def test_too_slow_to_be_meant():
    with pytest.raises(InbetweenError, match="the result would have 500000 frames; at most 100000 are possible"):
        moments_by_speed(5000, "0-: 0.01")
