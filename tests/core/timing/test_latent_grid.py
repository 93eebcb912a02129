"""Which frames share a latent frame."""

import json

import pytest
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.timing.latent_grid import LatentGrid
from hypothesis import given
from hypothesis import strategies as st
from project_paths import TESTS

CASES = json.loads((TESTS / "core" / "timing" / "latent_grid_cases.json").read_text(encoding="utf-8"))
GRIDS = st.integers(1, 12).flatmap(lambda step: st.builds(LatentGrid, st.integers(1, step), st.just(step)))


@pytest.mark.parametrize(
    ("rule", "grid", "counts"),
    [
        ("any", LatentGrid(1, 1), [1, 2, 3, 4]),
        ("4n+1", LatentGrid(1, 4), [1, 5, 9, 13]),
        ("8n+1", LatentGrid(1, 8), [1, 9, 17, 25]),
        ("6n+2", LatentGrid(2, 6), [2, 8, 14, 20]),
    ],
)
def test_a_rule_is_a_grid(rule, grid, counts):
    assert LatentGrid.of_rule(rule) == grid
    assert grid.rule == rule
    assert [count for count in range(counts[-1] + 1) if grid.fits(count)] == counts
    assert [grid.frames(number) for number in (1, 2, 3, 4)] == counts


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["rule"])
def test_cases(case):
    """The page reads the same table, in tests/web/latent_grid.test.mjs."""
    if case["grid"] is None:
        with pytest.raises(InbetweenError, match=r'^frame_rule is "[^"\n]*"; use "any", or a rule such as "4n\+1"\.$'):
            LatentGrid.of_rule(case["rule"])
        return
    grid = LatentGrid.of_rule(case["rule"])
    assert [grid.first, grid.step] == case["grid"]
    for length, count in case["counts"]:
        assert grid.neighbours(length)[1] == count
    for frame, latent_frame in case["places"]:
        assert grid.place_of(frame)[0] == latent_frame


@pytest.mark.parametrize(("first", "step"), [(0, 4), (5, 4), (-1, -1)])
def test_a_grid_that_cannot_be(first, step):
    with pytest.raises(InbetweenError, match="needs 1 <= first <= step"):
        LatentGrid(first, step)


def test_the_nearest_counts_of_wan():
    grid = LatentGrid(1, 4)
    assert [grid.neighbours(count) for count in (0, 1, 2, 5, 6, 81, 83)] == [
        *((1, 1), (1, 1), (1, 5), (5, 5), (5, 9), (81, 81), (81, 85))
    ]


@given(GRIDS, st.integers(1, 300))
def test_every_frame_has_one_place(grid, frame_count):
    """The latent frames divide the frames between them, in order, and places count along them."""
    latent_frames = grid.latent_frames(frame_count)
    held = [frame for latent_frame in range(latent_frames) for frame in grid.frames_of(latent_frame)]
    assert held == list(range(grid.frames(latent_frames)))
    assert held[-1] >= frame_count - 1
    assert latent_frames == 1 or grid.frames(latent_frames - 1) < frame_count
    for latent_frame in range(latent_frames):
        places = [grid.place_of(frame) for frame in grid.frames_of(latent_frame)]
        assert places == [(latent_frame, slot) for slot in range(len(places))]


@given(GRIDS, st.integers(0, 300))
def test_the_nearest_counts_enclose(grid, frame_count):
    below, above = grid.neighbours(frame_count)
    assert grid.fits(below)
    assert grid.fits(above)
    assert below <= max(frame_count, grid.first) <= above
    assert above - below in (0, grid.step)
