"""The positions text: every way to write it, and every way to get it wrong."""

import json
from itertools import pairwise

import pytest
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.positions import (
    KeyPosition,
    even_positions,
    parse_positions,
    read_positions,
    resolve_positions,
)
from hypothesis import given
from hypothesis import strategies as st


def frames(positions):
    return [position.frame for position in positions]


@pytest.mark.parametrize(
    ("images", "count", "expected"),
    [(2, 25, [0, 24]), (3, 25, [0, 12, 24]), (3, 24, [0, 12, 23]), (4, 81, [0, 27, 53, 80]), (5, 5, [0, 1, 2, 3, 4])],
)
def test_even_positions(images, count, expected):
    assert frames(even_positions(images, count)) == expected
    assert frames(read_positions("", images, count)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "0, 24, 80",
        "0 24 80",
        "0;24;-1",
        "0,24,80,",
        "  0\n24\n-1 ",
        "[0, 24, 80]",
        "[0, 24.0, -1]",
        '[{"frame": 0}, 24, -1]',
    ],
)
def test_ways_to_write_the_same(text):
    assert frames(read_positions(text, 3, 81)) == [0, 24, 80]


@pytest.mark.parametrize(
    "text", ["0, 24:0.8, 80:.5", '[0, {"frame": 24, "strength": 0.8}, {"frame": 80, "strength": 0.5}]']
)
def test_strengths(text):
    assert read_positions(text, 3, 81) == (KeyPosition(0, 1.0), KeyPosition(24, 0.8), KeyPosition(80, 0.5))


def test_the_order_is_that_of_the_images():
    assert frames(read_positions("0, -1, 24", 3, 81)) == [0, 80, 24]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0, 12, 12", "two images stand at frame 12"),
        ("0, 24, -1", "two images stand at frame 24"),
        ("0, 12, 25", r"frame 25 is outside the 25 frames; use 0 to 24, or -1 to -25 from the end"),
        ("0, 12, -26", "frame -26 is outside"),
        ("0, 24", "names 2 frames but 3 images came in"),
        ("0, x, 24", 'cannot read "x"'),
        ("0, 1.5, 24", 'cannot read "1.5"'),
        ("0 , , 12:2, 24", "strength 2; give 0 to 1"),
        ("[0, 1.5, 24]", "frame 1.5 is not a whole number; use 1 or 2"),
        ("[0, true, 24]", 'cannot read "true"'),
        ("[0, null, 24]", 'cannot read "null"'),
        ("[0, NaN, 24]", 'cannot read "NaN"'),
        ('[0, {"frame": 3, "force": 1}, 24]', "cannot read"),
        ('[0, {"frame": 3, "strength": -0.5}, 24]', "strength -0.5"),
        ("[0, 12, 24", "is not valid JSON"),
        ('{"frame": 0}', "must be a list"),
        ("[" * 100_000, "is not valid JSON"),
        ("9" * 5000, "is no frame number"),
        ("[1e300, 3, 4]", "is no frame number"),
    ],
)
def test_mistakes_are_told_in_one_line(text, message):
    with pytest.raises(InbetweenError, match=message) as error:
        read_positions(text, 3, 25)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 250
    assert str(error.value).startswith("positions")


def test_more_images_than_frames():
    with pytest.raises(InbetweenError, match="3 images do not fit into frame_count 2; use 3 frames or more"):
        read_positions("", 3, 2)


@given(st.integers(2, 60).flatmap(lambda images: st.tuples(st.just(images), st.integers(images, 2000))))
def test_even_positions_are_ends_included_distinct_and_even(case):
    images, count = case
    placed = frames(even_positions(images, count))
    assert placed[0] == 0
    assert placed[-1] == count - 1
    gaps = [after - before for before, after in pairwise(placed)]
    assert min(gaps) >= 1
    assert max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize(
    ("images", "count", "expected"),
    [(1, 2, [0]), (1, 25, [0]), (2, 25, [0, 12]), (3, 25, [0, 8, 16]), (4, 25, [0, 6, 12, 18]), (4, 5, [0, 1, 2, 3])],
)
def test_even_positions_in_a_loop_leave_the_last_frame_to_the_first_image(images, count, expected):
    assert frames(even_positions(images, count, loop=True)) == expected
    assert frames(read_positions("", images, count, loop=True)) == expected


def test_positions_in_a_loop_name_the_images_only():
    assert frames(read_positions("0, 24:0.5", 2, 81, loop=True)) == [0, 24]
    assert frames(read_positions("12, 0, -2", 3, 25, loop=True)) == [12, 0, 23]
    assert read_positions("0", 1, 25, loop=True) == (KeyPosition(0),)
    assert frames(read_positions("3, -1", 2, 25)) == [3, 24]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "0, 12, -1",
            "^positions: in a loop the last frame, 24, holds the image of frame 0 again; use 0 to 23, or switch off "
            r"loop\.$",
        ),
        ("0, 24, 12", "in a loop the last frame, 24"),
        ("3, 12, 9", "begins and ends with the image at frame 0, but the first stands at 3; put an image at frame 0"),
        ("0, 24", "names 2 frames but 3 images"),
    ],
)
def test_mistakes_in_a_loop(text, message):
    with pytest.raises(InbetweenError, match=message) as error:
        read_positions(text, 3, 25, loop=True)
    assert "\n" not in str(error.value)


def test_an_empty_text_is_no_mistake_in_a_loop():
    assert resolve_positions(parse_positions(""), 25, loop=True) == ()


def test_more_images_than_a_loop_has_frames():
    with pytest.raises(InbetweenError, match=r"3 images do not fit into a loop of frame_count 3, .*; use 4 frames or"):
        read_positions("", 3, 3, loop=True)


@given(st.integers(1, 60).flatmap(lambda images: st.tuples(st.just(images), st.integers(images + 1, 2000))))
def test_even_positions_in_a_loop_are_even_across_the_wrap_around(case):
    images, count = case
    placed = frames(even_positions(images, count, loop=True))
    assert len(placed) == images
    assert placed[0] == 0
    gaps = [after - before for before, after in pairwise([*placed, count - 1])]
    assert min(gaps) >= 1
    assert max(gaps) - min(gaps) <= 1
    assert all(abs(frame - number * (count - 1) / images) <= 0.5 for number, frame in enumerate(placed))


@given(st.lists(st.integers(-30, 30), max_size=6), st.integers(2, 30))
def test_positions_in_a_loop_keep_the_last_frame_free_or_are_refused(entries, count):
    text = ", ".join(map(str, entries))
    try:
        placed = frames(read_positions(text, len(entries) or 1, count, loop=True))
    except InbetweenError:
        placed = [0]
        own = [frame % count for frame in entries if -count <= frame < count]
        assert len(set(own)) < len(entries) or count - 1 in own or 0 not in own
    assert 0 in placed
    assert count - 1 not in placed


@given(st.lists(st.tuples(st.integers(-99, 99), st.integers(0, 100)), min_size=1, max_size=12))
def test_list_and_json_are_read_alike(entries):
    as_list = ", ".join(f"{frame}:{strength / 100}" for frame, strength in entries)
    as_json = json.dumps([{"frame": frame, "strength": strength / 100} for frame, strength in entries])
    expected = tuple(KeyPosition(frame, strength / 100) for frame, strength in entries)
    assert parse_positions(as_list) == parse_positions(as_json) == expected


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_in_one_line(text):
    try:
        placed, complaint = read_positions(text, 3, 25), ""
    except InbetweenError as error:
        placed, complaint = even_positions(3, 25), str(error)
    assert "\n" not in complaint
    assert len({position.frame for position in placed}) == 3
    assert all(0 <= position.frame < 25 for position in placed)
