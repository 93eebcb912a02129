"""Reports name frames in one way: numbers from 0, runs as ranges that inputs take."""

import pytest
from comfyui_inbetween.core.interpolation.frame_choice import listed_frames
from comfyui_inbetween.core.reports import frame_list, headline, missing_keyframes, report_text
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ([3], "frame 3"),
        ([4, 3], "frames 3-4"),
        ([14, 3, 8, 9, 10, 11, 9], "frames 3, 8-11, 14"),
        (range(0, 30, 2), "frames 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22 and 3 more"),
    ],
)
def test_frames_by_their_numbers(frames, text):
    assert frame_list(frames) == text


@given(st.sets(st.integers(1, 98), min_size=1))
def test_a_list_can_be_pasted_into_refine_frames(frames):
    assert listed_frames(frame_list(frames, most=100).split(" ", 1)[1], 100) == sorted(frames)


@given(st.sets(st.integers(0, 400), min_size=1), st.integers(1, 12))
def test_no_frame_is_lost_from_a_shortened_list(frames, most):
    entries, *more = frame_list(frames, most).split(" ", 1)[1].split(" and ")
    named = [entry.split("-") for entry in entries.split(", ")]
    assert len(named) <= most
    counted = sum(int(entry[-1]) - int(entry[0]) + 1 for entry in named)
    assert counted + (int(more[0].removesuffix(" more")) if more else 0) == len(frames)


def test_where_a_keyframe_would_help():
    assert missing_keyframes([(0, 18)]) == "a keyframe near frame 9"
    assert missing_keyframes([(18, 25), (0, 2)]) == "keyframes near frames 1, 21"
    assert missing_keyframes([(18, 25), (4, 5)]) == "a keyframe near frame 21"
    assert missing_keyframes([(4, 5)]) == ""
    assert missing_keyframes([(0, 2), (10, 12), (20, 22), (30, 32)]) == "keyframes near frames 1, 11, 21"


def test_warnings_come_last_and_stay_in_the_headline():
    report = report_text(["first", "second"], ["third"])
    assert report == "first\nsecond\nWarning: third"
    assert headline(report) == "first\nWarning: third"
