"""Videos of variable frame rate are told apart from those whose times are only rounded."""

from fractions import Fraction

import pytest
from comfyui_inbetween.core.timing.frame_times import UnevenTimes, uneven_times
from hypothesis import given
from hypothesis import strategies as st

RATES = [
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(50),
    Fraction(60),
    Fraction(8),
]
TICKS = [Fraction(1, 1000), Fraction(1, 90000), Fraction(1, 12800), Fraction(1, 100)]  # Matroska, MPEG, MP4, GIF


def on_grid(times, tick):
    """Times as a file has them."""
    return [round(time / tick) * tick for time in times]


@given(st.sampled_from(RATES), st.sampled_from(TICKS), st.integers(1, 200), st.fractions(0, 100), st.randoms())
def test_a_constant_rate_is_even_however_its_times_are_rounded(rate, tick, count, start, random):
    times = on_grid([start + number / rate for number in range(count)], tick)
    random.shuffle(times)  # as packets come, with frames that depend on later ones
    assert uneven_times(times, tick) is None


@given(
    st.sampled_from(RATES),
    st.sampled_from(TICKS[:3]),
    st.lists(st.sampled_from([1, 1, 1, 2, 3]), min_size=4, max_size=60).filter(lambda steps: len(set(steps)) > 1),
)
def test_frames_that_are_left_out_make_it_uneven(rate, tick, steps):
    times = [Fraction(0)]
    for step in steps:
        times.append(times[-1] + step / rate)
    found = uneven_times(on_grid(times, tick), tick)
    assert found is not None
    assert found.shortest == pytest.approx(float(min(steps) / rate), abs=2 * float(tick))
    assert found.longest == pytest.approx(float(max(steps) / rate), abs=2 * float(tick))
    assert found.average == pytest.approx(float(len(steps) * rate / sum(steps)), rel=0.02)


def test_small_shifts_are_even_and_large_ones_are_not():
    """A phone's clock wavers by a few per cent."""
    wavering = [Fraction(number, 30) + Fraction(number % 3, 600) for number in range(30)]
    assert uneven_times(wavering, Fraction(1, 90000)) is None
    one_late = [
        *(Fraction(number, 30) for number in range(20)),
        *(Fraction(number + 1, 30) for number in range(20, 40)),
    ]
    assert uneven_times(one_late, Fraction(1, 90000)) == UnevenTimes(
        Fraction(1, 30), Fraction(2, 30), Fraction(39 * 30, 40), Fraction(30)
    )


def test_what_an_artist_reads():
    alternating = [Fraction(number // 2, 10) + number % 2 * Fraction(1, 30) for number in range(40)]
    found = uneven_times(alternating, Fraction(1, 15360))
    assert found.description == "frames last 33 to 67 ms, 20.17 fps on average"
    assert found.conversion == "ffmpeg -i old.mp4 -vf fps=30 new.mp4"


def test_too_few_frames_to_say():
    assert uneven_times([], Fraction(1, 1000)) is None
    assert uneven_times([Fraction(0), Fraction(1)], Fraction(1, 1000)) is None
