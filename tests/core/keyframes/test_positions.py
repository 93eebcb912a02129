"""The positions text: every way to write it, and every way to get it wrong."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.keyframes.positions import (
    KeyPosition,
    even_positions,
    parse_positions,
    read_positions,
    resolve_positions,
)
from hypothesis import given
from hypothesis import strategies as st

CASES = json.loads(Path(__file__).with_name("positions_cases.json").read_text(encoding="utf-8"))


def frames(positions):
    return [position.frame for position in positions]


def case_id(case):
    return f"{case['text'][:40]!r}-{case['images']}-{case['frame_count']}{'-loop' if case['loop'] else ''}"


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_what_a_text_says_or_what_is_wrong_with_it(case):
    """The same table is read by the tests of the page's script."""
    given = case["text"], case["images"], case["frame_count"], case["loop"]
    if "error" in case:
        with pytest.raises(InbetweenError, match=f"^{re.escape(case['error'])}$"):
            read_positions(*given)
    else:
        assert [[position.frame, position.strength] for position in read_positions(*given)] == case["positions"]


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_mistakes_are_told_in_one_short_line(case):
    error = case.get("error", "")
    assert "\n" not in error
    assert len(error) < 250


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5000, "[" * 50_000 + "]" * 50_000])
def test_no_text_is_too_much(text):
    with pytest.raises(InbetweenError, match=r"^positions"):
        read_positions(text, 3, 25)


@given(st.integers(2, 60).flatmap(lambda images: st.tuples(st.just(images), st.integers(images, 2000))))
def test_even_positions_are_ends_included_distinct_and_even(case):
    images, count = case
    placed = frames(even_positions(images, count))
    assert placed[0] == 0
    assert placed[-1] == count - 1
    gaps = [after - before for before, after in pairwise(placed)]
    assert min(gaps) >= 1
    assert max(gaps) - min(gaps) <= 1


def test_an_empty_text_is_no_mistake_in_a_loop():
    assert resolve_positions(parse_positions(""), 25, loop=True) == ()


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
