"""Plans of results that are made frame by frame: exact counts and times, without knowing the length."""

from fractions import Fraction
from itertools import product

import pytest
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.timing.moments import Instant, locate, moments_by_rate
from comfyui_inbetween.core.timing.speed_ramp import moments_by_speed
from comfyui_inbetween.core.video.stream_plan import VIDEO_TIMINGS, plan_video
from hypothesis import given, settings
from hypothesis import strategies as st

NTSC = Fraction(1000, 1001)
RATES = [*map(Fraction, (12, 15, 16, 24, 25, 30, 48, 50, 60, 120)), 24 * NTSC, 30 * NTSC, 60 * NTSC]


class Clip:
    """The positions of a clip, as a reader learns them."""

    def __init__(self, positions, tail=Fraction(1)):
        self.positions, self.tail, self.asked = [Fraction(each) for each in positions], tail, 0

    def position(self, source):
        assert source >= self.asked, "a stream cannot go back"
        self.asked = source
        return self.positions[source] if source < len(self.positions) else None

    def end(self):
        return self.positions[-1] + self.tail


def instants(plan, clip):
    found = []
    for gap in plan.gaps(clip):
        assert gap.first == len(found)
        found += [Instant(gap.source, time) for time in gap.times]
    return found


@pytest.mark.parametrize(("source", "target"), list(product(RATES, RATES)))
def test_every_pair_of_rates_at_every_length(source, target):
    """Count and duration by formula, drift below half a frame, and the moments of the clip in memory."""
    plan = plan_video("frame rate", source, 0, target_fps=target)
    for length in (1, 2, 3, 50, 101):
        found = instants(plan, Clip(range(length)))
        assert found == locate(moments_by_rate(length, source, target), range(length))
        exact = length * target / source
        assert abs(len(found) - exact) <= Fraction(1, 2) or len(found) == (length - 1) * target // source + 1
        assert abs(len(found) / target - length / source) < max(1 / source, 1 / target)
    assert (plan.fps, plan.keeps_time) == (target, True)


@settings(max_examples=15)
@given(
    source=st.sampled_from(RATES),
    target=st.sampled_from(RATES),
    length=st.integers(1, 5000),
)
def test_frames_never_drift(source, target, length):
    plan = plan_video("frame rate", source, 0, target_fps=target)
    step = source / target
    for number, instant in enumerate(instants(plan, Clip(range(length)))):
        moment = instant.source + instant.time
        assert moment == min(number * step, length - 1)


@pytest.mark.parametrize("length", [3, 10, 57])
@pytest.mark.parametrize("text", ["0-2: 1, 2-: 0.25", "1-3: 3", "0-: 2", "0-1: 0.3, 1-2: 0.7, 2-3: 1.9"])
def test_ramps(length, text):
    plan = plan_video("speed ramp", Fraction(24), length, speeds=text)
    assert instants(plan, Clip(range(length))) == locate(moments_by_speed(length, text), range(length))
    assert plan.fps == 24


@pytest.mark.parametrize("multiplier", [1, 2, 3, 7])
def test_multiplier_covers_the_whole_clip(multiplier):
    plan = plan_video("multiplier", Fraction(24), 0, multiplier=multiplier)
    found = instants(plan, Clip(range(10)))
    assert len(found) == 10 * multiplier
    assert (plan.fps, plan.keeps_time) == (24 * multiplier, True)
    assert [each.source for each in found if each.time == 0][:9] == [*range(9)]


@pytest.mark.parametrize(
    ("slower", "fps", "count"), [(4.0, 0, 480), (2.5, 0, 300), (0.5, 0, 60), (4, 60, 1200), (1, 60, 300)]
)
def test_slow_motion(slower, fps, count):
    plan = plan_video("slow motion", Fraction(24), 0, slower=slower, result_fps=fps)
    assert len(instants(plan, Clip(range(120)))) == count
    assert plan.fps == (fps or 24)
    assert plan.keeps_time == (slower == 1)
    (sound,) = plan.sound_spans(Fraction(120))
    assert (sound.start, sound.end, float(sound.length)) == (0, 5, 5 * slower)


@pytest.mark.parametrize("seconds", [1, 2.5, 7.3, 40])
def test_duration(seconds):
    plan = plan_video("duration", Fraction(25), 100, seconds=seconds)
    assert len(instants(plan, Clip(range(100)))) == round(seconds * 25 + 1e-9)
    assert sum(each.length for each in plan.sound_spans(Fraction(100))) == Fraction(repr(seconds))


def test_variable_times_are_on_a_constant_grid():
    """A still stretch of two seconds stays two seconds long, and frames are shown at their times."""
    positions = [0, 1, 2, 3, 53, 54, 55]  # at 25 frames a second
    plan = plan_video("frame rate", Fraction(25), 0, target_fps=50)
    found = instants(plan, Clip(positions))
    assert len(found) == 112
    shown = {number: each.source for number, each in enumerate(found) if each.time == 0}
    assert shown == {0: 0, 2: 1, 4: 2, 6: 3, 106: 4, 108: 5, 110: 6, 111: 6}
    assert found[56] == Instant(3, Fraction(1, 2))


def test_sources_that_no_frame_shows_are_passed_over():
    plan = plan_video("frame rate", Fraction(120), 0, target_fps=24)
    gaps = list(plan.gaps(Clip(range(600))))
    assert [gap.source for gap in gaps] == [5 * number for number in range(120)]
    assert {gap.times for gap in gaps} == {(Fraction(0),)}


def test_sound_follows_a_ramp():
    plan = plan_video("speed ramp", Fraction(24), 96, speeds="0-24: 1, 24-48: 0.25, 48-: 1")
    spans = plan.sound_spans(Fraction(96))
    assert [(each.start, each.end, each.length) for each in spans] == [(0, 1, 1), (1, 2, 4), (2, 4, 2)]


@pytest.mark.parametrize(
    ("timing", "options", "message"),
    [
        ("frame rate", {"target_fps": 0}, "target_fps is 0"),
        ("frame rate", {"target_fps": 5000}, "target_fps is 5000; give 0.01 to 1000"),
        ("multiplier", {"multiplier": 0}, "multiplier is 0"),
        ("slow motion", {"slower": 1000}, "slower is 1000; give 0.01 to 100"),
        ("duration", {"seconds": 0}, "seconds is 0"),
        ("duration", {"seconds": 100_000}, "speed that seconds asks for"),
        ("speed ramp", {"speeds": ""}, "speeds is empty"),
        ("backward", {}, "timing is"),
    ],
)
def test_values_out_of_range(timing, options, message):
    with pytest.raises(InbetweenError, match=message):
        plan_video(timing, Fraction(24), 48, **options)


def test_all_timings_are_tested():
    assert VIDEO_TIMINGS == ("frame rate", "multiplier", "slow motion", "duration", "speed ramp")
