"""Which moment each new frame shows."""

import math
from fractions import Fraction
from itertools import pairwise

import pytest
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.timing.moments import (
    Instant,
    locate,
    moments_by_count,
    moments_by_multiplier,
    moments_by_rate,
    moments_by_times,
)
from hypothesis import given
from hypothesis import strategies as st


def test_multiplier():
    assert moments_by_multiplier(3, 2) == [0, Fraction(1, 2), 1, Fraction(3, 2), 2]
    assert moments_by_multiplier(3, 1) == [0, 1, 2]


def test_count():
    assert moments_by_count(3, 4) == [0, Fraction(2, 3), Fraction(4, 3), 2]
    assert moments_by_count(3, 2) == [0, 2]


def test_rate():
    """A clip of n frames lasts n / fps: its last frame is shown as long as the others."""
    assert moments_by_rate(3, 24, 48) == [0, Fraction(1, 2), 1, Fraction(3, 2), 2, Fraction(5, 2)]
    assert moments_by_rate(4, 30, 20) == [0, Fraction(3, 2), 3]
    assert moments_by_rate(3, 24, 24) == [0, 1, 2]
    assert len(moments_by_rate(4, 24, 25)) == 4  # 4.17 frames
    assert len(moments_by_rate(3, 24, 36)) == 5  # 4.5 frames: ties go up, so no sound is cut
    assert len(moments_by_rate(240, 23.976, 59.94)) == 600  # ten seconds; the ratio is exactly 5/2
    assert moments_by_rate(61, 60, 24)[-1] == 60  # 24.4 frames, but the last source frame is not left out


def test_times_of_a_chart():
    half, later = Fraction(1, 2), Fraction(3, 4)
    assert moments_by_times(3, "0.5, 0.75") == [0, half, later, 1, 1 + half, 1 + later, 2]
    assert moments_by_times(3, "1/2; 1/2 3/4") == [0, half, 1, 1 + half, 1 + later, 2]
    assert moments_by_times(4, ";0.5;") == [0, 1, 1 + half, 2, 3]
    assert moments_by_times(3, "") == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.5, 1", "1 is not between 0 and 1"),
        ("0, 0.5", "0 is not between 0 and 1"),
        ("-0.2", "-0.2 is not between 0 and 1"),
        ("0.5, 0.25", "0.25 does not come after 0.5"),
        ("0.5 0.5", "0.5 does not come after 0.5"),
        ("half", 'cannot read "half"'),
        ("1/0", 'cannot read "1/0"'),
        ("nan", 'cannot read "nan"'),
        ("0.5; 0.5", "2 lists but there are 3 gaps; give one list for all, or 3"),
    ],
)
def test_a_wrong_chart_is_one_line(text, message):
    with pytest.raises(InbetweenError, match=message) as refusal:
        moments_by_times(4, text)
    assert "\n" not in str(refusal.value)


@given(st.integers(2, 30), st.lists(st.fractions("1/1000", "999/1000"), max_size=8, unique=True).map(sorted))
def test_a_chart_gives_sources_and_its_times(length, times):
    moments = moments_by_times(length, " ".join(map(str, times)))
    assert len(moments) == length + (length - 1) * len(times)
    assert [moment % 1 for moment in moments if moment % 1] == times * (length - 1)
    assert all(first < second for first, second in pairwise(moments))


def test_locate_between_keyframes():
    assert locate([Fraction(0), Fraction(1), Fraction(2), Fraction(6)], [0, 2, 10]) == [
        Instant(0, Fraction(0)),
        Instant(0, Fraction(1, 2)),
        Instant(1, Fraction(0)),
        Instant(1, Fraction(1, 2)),
    ]


def test_before_the_first_and_after_the_last_keyframe_is_held():
    moments = [Fraction(frame) for frame in range(6)]
    assert locate(moments, [2, 4]) == [
        Instant(0, Fraction(0)),
        Instant(0, Fraction(0)),
        Instant(0, Fraction(0)),
        Instant(0, Fraction(1, 2)),
        Instant(1, Fraction(0)),
        Instant(1, Fraction(0)),
    ]


@given(st.integers(2, 200), st.integers(1, 16))
def test_multiplied_count(length, multiplier):
    moments = moments_by_multiplier(length, multiplier)
    assert len(moments) == (length - 1) * multiplier + 1
    assert (moments[0], moments[-1]) == (0, length - 1)
    assert set(range(length)) <= set(moments)


@given(st.integers(2, 200), st.integers(2, 900))
def test_counted_moments_are_even_and_hold_both_ends(length, count):
    moments = moments_by_count(length, count)
    assert len(moments) == count
    assert (moments[0], moments[-1]) == (0, length - 1)
    assert len({after - before for before, after in pairwise(moments)}) == 1


@given(st.integers(2, 200), st.decimals("0.5", 120, places=3), st.decimals("0.5", 240, places=3))
def test_a_retimed_clip_lasts_as_long_as_before(length, source, target):
    """To half a frame of the result; longer only where the last source frame would be left out."""
    moments = moments_by_rate(length, float(source), float(target))
    step, frame = Fraction(source) / Fraction(target), 1 / Fraction(target)
    lasts, lasted = len(moments) * frame, length / Fraction(source)
    before = math.floor((length - 1) / step) + 1  # as many as never go beyond the last source frame
    assert moments == [number * step for number in range(len(moments))]
    assert len(moments) >= before
    assert lasts >= lasted - frame / 2
    assert lasts <= lasted + frame / 2 or len(moments) == before


@given(st.sets(st.integers(0, 300), min_size=2, max_size=20), st.lists(st.fractions(0, 300), max_size=30))
def test_located_instants_give_the_moment_back(sources, moments):
    frames = sorted(sources)
    for moment, instant in zip(moments, locate(moments, frames), strict=True):
        assert 0 <= instant.time < 1
        start = frames[instant.source]
        if frames[0] <= moment < frames[-1]:
            assert start + instant.time * (frames[instant.source + 1] - start) == moment
        else:
            assert instant.time == 0
            assert start == (frames[0] if moment < frames[0] else frames[-1])


@pytest.mark.parametrize("rate", [0.0, -24.0, math.nan, math.inf])
def test_impossible_rates(rate):
    with pytest.raises(InbetweenError, match="source_fps is"):
        moments_by_rate(3, rate, 24)
    with pytest.raises(InbetweenError, match="target_fps is"):
        moments_by_rate(3, 24, rate)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: moments_by_multiplier(50_002, 2),
        lambda: moments_by_count(3, 100_001),
        lambda: moments_by_rate(10**6, 0.01, 1000),
    ],
)
def test_absurd_counts_are_refused_before_anything_is_made(ask):
    with pytest.raises(InbetweenError, match="at most 100000 are possible"):
        ask()


def test_impossible_counts():
    with pytest.raises(InbetweenError, match="multiplier is 0"):
        moments_by_multiplier(3, 0)
    with pytest.raises(InbetweenError, match="frame_count is 1"):
        moments_by_count(3, 1)
