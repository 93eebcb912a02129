"""Planning frames: every timing, easing and hold, of clips and of keyframes, and what cannot be asked for."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.interpolation.frame_plan import plan_frames
from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet
from comfyui_inbetween.core.timing.easing import CURVES, apply_easing
from comfyui_inbetween.core.timing.moments import Instant
from moving_pictures import film_in_video, pan, telecined

CLIP = torch.rand(3, 4, 4, 3)


def keyframes(*frames, length=9):
    return KeyframeSet(length, tuple(Keyframe(frame, torch.full((4, 4, 3), frame / 10)) for frame in frames))


def shown(plan):
    """On the sources' own time line: 1.5 is half-way from source 1 to source 2."""
    return [instant.source + instant.time for instant in plan.instants]


def test_keyframes_as_keyframed():
    plan = plan_frames(keyframes(0, 4, 8))
    assert shown(plan) == [Fraction(frame, 4) for frame in range(9)]
    assert [float(image_HWC[0, 0, 0]) for image_HWC in plan.sources] == pytest.approx([0, 0.4, 0.8])


def test_before_the_first_and_after_the_last_keyframe_it_is_held():
    assert shown(plan_frames(keyframes(2, 4, length=7))) == [0, 0, 0, Fraction(1, 2), 1, 1, 1]


@pytest.mark.parametrize(
    ("timing", "values", "moments"),
    [
        ("multiplier", {"multiplier": 2}, [0, 0.5, 1, 1.5, 2]),
        ("frame count", {"frame_count": 4}, [0, Fraction(2, 3), Fraction(4, 3), 2]),
        ("frame rate", {"source_fps": 24.0, "target_fps": 36.0}, [0, Fraction(2, 3), Fraction(4, 3), 2, 2]),
        ("speed ramp", {"speeds": "1-2: 1/2"}, [0, 1, 1.5, 2]),
        ("times", {"times": "1/4; 1/2 3/4"}, [0, 0.25, 1, 1.5, 1.75, 2]),
    ],
)
def test_each_timing_reads_its_own_values(timing, values, moments):
    """And none of the others."""
    others = {"multiplier": 7, "frame_count": 99, "source_fps": 1.0, "target_fps": 9.0, "times": "not a number"}
    others["speeds"] = "none"
    plan = plan_frames(CLIP, timing, **{**others, **values})
    assert shown(plan) == moments
    assert torch.equal(plan.sources, CLIP)


def test_with_times_keyframes_are_taken_in_their_order():
    assert shown(plan_frames(keyframes(0, 1, 8), "times", times="1/2")) == [0, 0.5, 1, 1.5, 2]
    assert shown(plan_frames(keyframes(0, 1, 8), "multiplier", multiplier=1))[1:3] == [1, 1 + Fraction(1, 7)]


def test_easing_moves_frames_and_leaves_their_number():
    plan = plan_frames(CLIP, "multiplier", multiplier=4, easing="ease in")
    straight = [Fraction(number, 4) for number in range(9)]
    assert shown(plan) == apply_easing(straight, range(3), CURVES["ease in"])
    assert shown(plan)[1] < Fraction(1, 4)
    whole = plan_frames(CLIP, "multiplier", multiplier=4, easing="ease in", ease_over="whole length")
    assert shown(whole) == apply_easing(straight, range(3), CURVES["ease in"], "whole length")
    curve = plan_frames(CLIP, "multiplier", multiplier=4, easing="bezier", curve="0, 1, 0, 1")
    assert shown(curve) == apply_easing(straight, range(3), (0, 1, 0, 1))


def test_keyframes_ease_at_their_own_frames():
    plan = plan_frames(keyframes(0, 2, 8), easing="ease in and out")
    assert plan.instants[2] == Instant(1, Fraction(0))
    assert plan.instants[5] == Instant(1, Fraction(1, 2))  # the middle of a symmetrical curve
    assert plan.instants[3].time < Fraction(1, 6)


@pytest.mark.parametrize(
    ("asked", "fps"),
    [
        ({"timing": "multiplier", "multiplier": 4}, 100),
        ({"timing": "multiplier", "multiplier": 1}, 25),
        ({"timing": "frame count", "frame_count": 9}, 100),
        ({"timing": "frame count", "frame_count": 2}, 12.5),
        ({"timing": "frame rate", "source_fps": 24.0, "target_fps": 59.94}, 59.94),
        ({"timing": "times", "times": "1/3 1/2"}, 75),
        ({"timing": "times", "times": "1/2; 1/4 1/2 3/4"}, 75),
        ({"timing": "speed ramp", "speeds": "0-1: 0.1"}, 25),
    ],
)
def test_the_rate_of_the_result(asked, fps):
    """The one at which the motion keeps its pace; a speed ramp plays at the rate of its input."""
    assert plan_frames(CLIP, **asked, fps=25.0).fps == fps
    assert plan_frames(CLIP, **asked, fps=25.0, easing="ease in", hold=3).fps == fps


def test_the_rate_of_keyframes_goes_by_their_timeline():
    placed = keyframes(1, 2, 7)
    assert plan_frames(placed, fps=12.0).fps == 12
    assert plan_frames(placed, "multiplier", multiplier=3, fps=12.0).fps == 36
    assert plan_frames(placed, "frame count", frame_count=5, fps=12.0).fps == 6
    assert plan_frames(placed, "times", times="1/2", fps=12.0).fps == 12 * 4 / 6  # five frames from frame 1 to frame 7


def test_rates_of_film_stay_exact():
    assert plan_frames(CLIP, "multiplier", multiplier=2, fps=23.976).fps == 47.952


def test_keyframes_at_another_rate_last_as_long_and_stay_exact():
    """Ends too: the last keyframe is held for the duration of its frame."""
    plan = plan_frames(keyframes(0, 4, 8), "frame rate", source_fps=24.0, target_fps=60.0)
    assert len(plan.instants) == 23  # 9 / 24 s are 22.5 frames
    assert [shown(plan).index(source) for source in range(3)] == [0, 10, 20]
    assert shown(plan)[20:] == [2, 2, 2]


def test_a_speed_ramp_of_keyframes_goes_by_their_frames():
    plan = plan_frames(keyframes(0, 4, 8), "speed ramp", speeds="4-8: 0.5")
    assert shown(plan)[:5] == [Fraction(frame, 4) for frame in range(5)]
    assert shown(plan)[5:] == [1 + Fraction(number, 8) for number in range(1, 9)]


def test_the_frames_of_keyframes_are_known():
    assert plan_frames(keyframes(0, 4, 8)).keyframes == (0, 4, 8)
    assert plan_frames(CLIP, "multiplier").keyframes is None


def test_hold_repeats_pictures_after_easing():
    plan = plan_frames(CLIP, "multiplier", multiplier=4, hold=2, easing="ease in")
    easy = shown(plan_frames(CLIP, "multiplier", multiplier=4, easing="ease in"))
    assert shown(plan) == [easy[0], easy[0], easy[2], easy[2], easy[4], easy[4], easy[6], easy[6], easy[8]]


@pytest.mark.parametrize(
    ("frames", "asked", "message"),
    [
        (CLIP, {}, 'timing "as keyframed" needs keyframes; for a clip choose multiplier, frame count'),
        (CLIP[:1], {"timing": "multiplier"}, "frames has one frame; connect a clip of 2 or more, or keyframes"),
        (CLIP[0], {"timing": "multiplier"}, r"frames has the shape \(4, 4, 3\)"),
        (CLIP, {"timing": "multiplier", "multiplier": 0}, "multiplier is 0"),
        (CLIP, {"timing": "frame count", "frame_count": 1}, "frame_count is 1"),
        (CLIP, {"timing": "frame rate", "target_fps": float("nan")}, "target_fps is nan"),
        (CLIP, {"timing": "times", "times": "2"}, "times: 2 is not between 0 and 1"),
        (CLIP, {"timing": "speed ramp", "speeds": "0-9: 1"}, "speeds: 0-9 goes past the end of 3 frames"),
        (CLIP, {"timing": "multiplier", "fps": 0.0}, "fps is 0; give a number above 0"),
        (CLIP, {"timing": "multiplier", "easing": "bezier", "curve": "1"}, "curve has 1 numbers"),
        (CLIP, {"timing": "multiplier", "hold": 0}, "hold is 0"),
        (keyframes(0, 8), {"easing": "ease in", "ease_over": "whole length"}, "would move the keyframes off their fr"),
    ],
)
def test_what_cannot_be_planned(frames, asked, message):
    with pytest.raises(InbetweenError, match=message):
        plan_frames(frames, **asked)


# copies

TWOS = pan(8.0 * (np.arange(12) // 2))
FILM = pan(8.0 * np.arange(16))
TELECINED = film_in_video(FILM, 20)
CHOICES = ("keep", "keep time", "spread", "undo 3:2 pulldown")


def moments_of(plan):
    """What each frame of the result shows, in frame numbers of the clip."""
    numbers = [*plan.numbers, plan.numbers[-1]]
    return [
        numbers[each.source] + each.time * (numbers[each.source + 1] - numbers[each.source]) for each in plan.instants
    ]


def test_by_default_copies_are_named_and_kept():
    plan = plan_frames(TWOS, "multiplier")
    assert torch.equal(plan.sources, TWOS)
    assert shown(plan) == [Fraction(number, 2) for number in range(23)]
    assert plan.note.startswith("frames 1, 3, 5, 7, 9 and 11 repeat the frame before, so motion stops there;")
    text = plan.described("head\nWarning: other.")
    assert text.splitlines() == ["head", f"Warning: {plan.note}", "Warning: other."]


def test_keep_time_moves_at_one_pace_between_drawings():
    plan = plan_frames(TWOS, "multiplier", copies="keep time")
    assert moments_of(plan) == [min(Fraction(number, 2), Fraction(10)) for number in range(23)]
    note = "Frames 1, 3, 5, 7, 9 and 11 repeat the frame before and are replaced."
    assert plan.described("head\nWarning: other.").splitlines() == ["head", note, "Warning: other."]


def test_spread_fills_the_whole_length():
    plan = plan_frames(TWOS, "multiplier", copies="spread")
    assert shown(plan) == [Fraction(5, 22) * number for number in range(23)]


@pytest.mark.parametrize(
    ("values", "film_values"),
    [
        ({"timing": "multiplier", "multiplier": 3}, {}),
        ({"timing": "frame count", "frame_count": 41}, {}),
        ({"timing": "times", "times": "1/3"}, {}),
        ({"timing": "frame rate", "source_fps": 29.97, "target_fps": 60.0}, {"source_fps": 23.976}),
    ],
)
def test_pulldown_undone_is_the_film(values, film_values):
    plan = plan_frames(TELECINED, **values, copies="undo 3:2 pulldown")
    assert torch.equal(torch.stack(list(plan.sources)), FILM)
    assert plan.instants == plan_frames(FILM, **{**values, **film_values}).instants


@pytest.mark.parametrize("start", range(5))
@pytest.mark.parametrize("per_five", [4, 2])
def test_pulldown_undone_wherever_the_clip_begins(start, per_five):
    video = film_in_video(FILM, 26 if per_five == 2 else 19, per_five, start)
    undone = torch.stack(list(plan_frames(video, "multiplier", copies="undo 3:2 pulldown").sources))
    assert torch.equal(undone, FILM[: len(undone)])
    assert torch.equal(undone[-1], video[-1])


def test_pulldown_in_fields_is_undone():
    video, shown_film = telecined(FILM, 18)
    plan = plan_frames(video, "multiplier", copies="undo 3:2 pulldown")
    assert torch.equal(torch.stack(list(plan.sources)), FILM[: min(shown_film[-1]) + 1])
    assert plan.note == (
        "3:2 pulldown undone: 14 of 18 frames are left, at 4/5 of the frame rate, without frames 2, 7, 12 and 17. 7 "
        "combed frames were put together again from their fields."
    )


@pytest.mark.parametrize("choice", ["keep time", "spread"])
def test_frame_rate_and_times_with_copies(choice):
    """The rate counts the whole clip; a chart counts the gaps between drawings."""
    rate = {"timing": "frame rate", "source_fps": 12.0, "target_fps": 30.0}
    assert len(plan_frames(TWOS, **rate, copies=choice).instants) == len(plan_frames(TWOS, **rate).instants)
    chart = plan_frames(TWOS, "times", times="1/2", copies=choice)
    assert shown(chart) == [Fraction(number, 2) for number in range(11)]


def test_easing_and_hold_with_copies():
    values = shown(plan_frames(TWOS, "multiplier", easing="ease in", hold=2, copies="keep time"))
    assert values[0:20:4] == [0, 1, 2, 3, 4]  # drawings keep their frames
    assert values[0] == values[1] < values[2] == values[3] < Fraction(1, 2)


@pytest.mark.parametrize("choice", CHOICES)
def test_keyframes_are_used_as_they_are(choice):
    same = KeyframeSet(9, tuple(Keyframe(frame, torch.full((16, 16, 3), 0.5)) for frame in (0, 4, 8)))
    plan = plan_frames(same, copies=choice)
    assert plan.instants == plan_frames(same).instants
    assert (plan.note, plan.numbers, len(plan.sources)) == ("", None, 3)


def test_the_search_for_copies_can_be_watched():
    totals, done = [], []

    def progress(total):
        totals.append(total)
        return done.append

    plan_frames(TWOS, "multiplier", progress=progress)
    assert totals == [12]
    assert sum(done) == 12


def test_the_rate_of_the_result_with_copies():
    """Replaced or spread, the clip lasts as long; undone, the film has four fifths of the rate."""
    for choice in ("keep", "keep time", "spread"):
        assert plan_frames(TWOS, "multiplier", fps=30.0, copies=choice).fps == 60
    undone = {"fps": 30.0, "copies": "undo 3:2 pulldown"}
    assert plan_frames(TELECINED, "multiplier", multiplier=1, **undone).fps == 24
    assert plan_frames(TELECINED, "speed ramp", speeds="0-: 1", **undone).fps == 24
