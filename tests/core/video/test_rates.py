"""Standard frame rates, and constant and variable times."""

from fractions import Fraction

import numpy as np
import pytest
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.video.rates import USUAL_RATES, frame_times, rate_text, standard_rate

MILLISECOND, MPEG = Fraction(1, 1000), Fraction(1, 90_000)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (24, Fraction(24)),
        (23.976, Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (29.97, Fraction(30000, 1001)),
        (47.952, Fraction(48000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (119.88, Fraction(120000, 1001)),
        (60.0, Fraction(60)),
        (12.5, Fraction(25, 2)),
        (23.5, Fraction(47, 2)),
        (59.9, Fraction(599, 10)),
        (Fraction(2997, 100), Fraction(2997, 100)),
    ],
)
def test_a_typed_rate_means_the_exact_one(typed, meant):
    assert standard_rate(typed) == meant


def test_no_rate():
    with pytest.raises(InbetweenError, match="fps is 0"):
        standard_rate(0)


def test_rate_text():
    assert [rate_text(rate) for rate in (Fraction(24), Fraction(24000, 1001), Fraction(60000, 1001))] == [
        "24",
        "23.976",
        "59.94",
    ]


@pytest.mark.parametrize("tick", [MILLISECOND, MPEG, Fraction(1, 12_800)])
@pytest.mark.parametrize("rate", [Fraction(12), Fraction(25, 2), *USUAL_RATES])
@pytest.mark.parametrize("count", [2, 3, 50, 5000])
def test_constant_rates_are_found_whatever_the_ticks(rate, tick, count):
    ticks = [round(number / rate / tick) + 7 for number in range(count)]
    found = frame_times(ticks, tick, (rate,))
    assert (found.constant, found.rate, found.count) == (True, rate, count)
    assert found.end == found.start + count / rate
    assert [found.position(each * tick) for each in ticks] == list(range(count))


def test_a_wrong_rate_in_the_file_is_not_believed():
    ticks = [round(number * 1000 / 24) for number in range(200)]
    for named in ((Fraction(25),), (Fraction(24000, 1001),), (Fraction(90_000),), ()):
        found = frame_times(ticks, MILLISECOND, named)
        assert (found.rate, found.constant) == (24, True)


def test_jitter_is_constant_and_lost_frames_are_not():
    random = np.random.default_rng(3)
    ticks = [round(number * 1000 / 30 + random.uniform(-3, 3)) for number in range(300)]
    found = frame_times(ticks, MILLISECOND, (Fraction(30),))
    assert (found.constant, found.rate) == (True, 30)
    assert [found.position(each * MILLISECOND) for each in ticks] == list(range(300))
    kept = [round(number * 1000 / 30) for number in range(300) if number not in (7, 8, 100)]
    lost = frame_times(kept, MILLISECOND, (Fraction(30),))
    assert not lost.constant
    assert lost.rate == 30
    assert float(lost.position(kept[7] * MILLISECOND)) == pytest.approx(9, abs=0.05)


def test_variable_rate_and_order_do_not_matter():
    ticks = [0, 40, 80, 200, 240, 280, 400, 440]
    found = frame_times(ticks[::-1], MILLISECOND, (Fraction(8, 1),), last=40)
    assert (found.constant, found.rate, found.end) == (False, 25, Fraction(48, 100))
    assert found.position(Fraction(1, 5)) == 5


def test_one_frame():
    assert frame_times([33], MILLISECOND, (Fraction(30),)).rate == 30
    assert frame_times([0], MILLISECOND, (), 40).rate == 25
    assert frame_times([0], MILLISECOND).end > 0
