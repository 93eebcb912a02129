"""Frame arithmetic against numbers worked out by hand, and its laws."""

import math
from fractions import Fraction

import pytest
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.timing.frame_counts import (
    FRAME_RULES,
    ROUNDINGS,
    audio_seconds,
    check_frame_count,
    count_frames,
    exact,
)
from comfyui_inbetween.core.timing.latent_grid import LatentGrid
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("seconds", "fps", "rule", "rounding", "frames"),
    [
        (3, 24, "any", "nearest", 72),
        (5, 16, "4n+1", "nearest", 81),  # 80 lies between 77 and 81
        (5, 16, "4n+1", "down", 77),
        (5, 16, "4n+1", "up", 81),
        (0.1, 30, "any", "up", 3),  # 3.0000000000000004 in floating point
        (1, 23.976, "any", "up", 24),
        (1, 23.976, "any", "down", 23),
        (2.5, 1, "any", "nearest", 3),  # ties go up
        (0, 24, "4n+1", "nearest", 1),
        (7, 1, "4n+1", "nearest", 9),  # half-way between 5 and 9
        (5, 24, "8n+1", "nearest", 121),  # 120 lies between 113 and 121
        (1, 24, "6n+2", "down", 20),
        (Fraction(1001, 30000), 30, "any", "up", 2),
    ],
)
def test_frames_of_a_duration(seconds, fps, rule, rounding, frames):
    assert count_frames(seconds, fps, rule, rounding).frame_count == frames


def test_report_says_how_the_count_came_about():
    assert count_frames(5, 16, "4n+1").report == (
        "5 s at 16 fps: 81 frames (from 80, rule 4n+1, rounding nearest), lasting 5.0625 s."
    )
    assert count_frames(3, 24).report == "3 s at 24 fps: 72 frames (exact), lasting 3 s."


@given(
    st.decimals(0, 100, places=3),
    st.decimals("0.01", 240, places=3),
    st.sampled_from([*FRAME_RULES, "6n+2"]),
    st.sampled_from(ROUNDINGS),
)
def test_the_count_is_valid_and_on_the_right_side(seconds, fps, rule, rounding):
    wanted = Fraction(seconds) * Fraction(fps)
    count = count_frames(float(seconds), float(fps), rule, rounding).frame_count
    grid = LatentGrid.of_rule(rule)
    assert grid.fits(count)
    if rounding == "up":
        assert count >= wanted
        assert count - grid.step < wanted or count == grid.first
    elif rounding == "down":
        assert count <= max(wanted, grid.first)
        assert count + grid.step > wanted
    else:
        assert abs(count - wanted) <= Fraction(grid.step, 2) or count == grid.first


def test_a_count_that_breaks_the_rule_names_the_nearest():
    check_frame_count(81, "4n+1")
    with pytest.raises(InbetweenError, match=r"frame_count 82 breaks the rule 4n\+1; use 81 or 85\."):
        check_frame_count(82, "4n+1")
    with pytest.raises(InbetweenError, match=r"frame_count is 1; at least 2"):
        check_frame_count(1)
    with pytest.raises(InbetweenError, match=r"frame_count is 1000000000; at most 100000"):
        check_frame_count(10**9)
    with pytest.raises(InbetweenError, match=r"frame_count 100 breaks the rule 8n\+1; use 97 or 105\."):
        check_frame_count(100, "8n+1")


@pytest.mark.parametrize("fps", [0, 0.0, -1, math.nan, math.inf])
def test_an_impossible_rate_is_refused(fps):
    with pytest.raises(InbetweenError, match=r"^fps is .*; give a number above 0\.$"):
        count_frames(1, fps)


@pytest.mark.parametrize("seconds", [-0.1, math.nan, math.inf])
def test_an_impossible_duration_is_refused(seconds):
    with pytest.raises(InbetweenError, match=r"^seconds is .*; give 0 or more\.$"):
        count_frames(seconds, 24)


def test_numbers_are_taken_as_typed():
    assert exact(23.976, "fps") == Fraction(23976, 1000)
    assert exact(24, "fps") == 24


def test_audio_is_measured_exactly():
    assert audio_seconds(44100 * 3 + 1, 44100) == 3 + Fraction(1, 44100)
    with pytest.raises(InbetweenError, match="audio is empty"):
        audio_seconds(0, 44100)
    with pytest.raises(InbetweenError, match="sample rate of 0"):
        audio_seconds(10, 0)
