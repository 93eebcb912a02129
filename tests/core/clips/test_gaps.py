"""Gaps between clips and in one, and what of the clips goes into the one that fills them."""

from fractions import Fraction

import pytest
import torch
from comfyui_inbetween.core.clips.gaps import (
    KnownFrames,
    MissingFrames,
    frame_at_seconds,
    frames_around,
    gap_between,
    gap_in,
    gap_of,
)
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.timing.latent_grid import LatentGrid
from hypothesis import given
from hypothesis import strategies as st


def numbered(count, height=4, width=6):
    """Frames that say which they are."""
    return (
        (torch.arange(count, dtype=torch.float32) / 1000)[:, None, None, None].expand(count, height, width, 3).clone()
    )


@pytest.mark.parametrize(
    ("gap", "context_frames", "rule", "expected"),
    [
        (3, 1, "4n+1", KnownFrames(1, 1)),
        (7, 1, "4n+1", KnownFrames(1, 1)),
        (8, 1, "4n+1", KnownFrames(1, 4)),
        (9, 1, "4n+1", KnownFrames(1, 3)),
        (1, 1, "4n+1", KnownFrames(1, 3)),
        (8, 5, "4n+1", KnownFrames(5, 4)),
        (7, 5, "4n+1", KnownFrames(5, 5)),
        (7, 9, "4n+1", KnownFrames(9, 9)),
        (8, 1, "any", KnownFrames(1, 1)),
        (8, 6, "any", KnownFrames(6, 6)),
    ],
)
def test_frames_around_a_gap(gap, context_frames, rule, expected):
    """Context frames before fill latent frames of their own; real frames after bring the length to 4n+1."""
    found = frames_around(MissingFrames(numbered(20), numbered(20), gap), context_frames, rule)
    assert found == expected
    assert rule == "any" or (found.before + gap + found.after) % 4 == 1


def test_where_the_clip_after_is_too_short_the_clip_before_gives_more():
    assert frames_around(MissingFrames(numbered(20), numbered(1), 8), 1, "4n+1") == KnownFrames(4, 1)


@given(st.sampled_from(["any", "4n+1", "8n+1", "6n+2"]), st.integers(1, 4), st.integers(1, 40))
def test_whole_latent_frames_are_known(rule, latent_frames, gap):
    """For every grid: the known beginning fills latent frames, the length follows the rule, and no more is taken."""
    grid = LatentGrid.of_rule(rule)
    context_frames = grid.frames(latent_frames)
    found = frames_around(MissingFrames(numbered(60, 1, 1), numbered(60, 1, 1), gap), context_frames, rule)
    length = found.before + gap + found.after
    assert found.before == context_frames
    assert grid.fits(length)
    assert grid.latent_frames(length) >= 2
    ending = max(context_frames - context_frames % grid.step, 1)
    assert ending <= found.after
    shorter = length - grid.step
    assert shorter < max(found.before + gap + ending, grid.frames(2))


@pytest.mark.parametrize(
    ("seconds", "fps", "frame"), [(1.0, 24.0, 24), (0.1, 30.0, 3), (0.02, 25.0, 1), (1.0, 23.976, 24)]
)
def test_frames_of_seconds(seconds, fps, frame):
    assert frame_at_seconds(seconds, fps) == frame


@pytest.mark.parametrize(
    ("given", "before", "after", "frames"),
    [
        ({"gap": "frames between two clips", "frames": 7}, 20, 12, 7),
        ({"gap": "seconds between two clips", "seconds": 0.3}, 20, 12, 8),
        ({"gap": "frames of one clip", "first": 4, "end": 9}, 4, 11, 5),
        ({"gap": "seconds of one clip", "from_seconds": 0.2, "to_seconds": 0.4}, 5, 10, 5),
    ],
)
def test_a_gap_as_it_is_chosen(given, before, after, frames):
    clips = {"clip": numbered(20), "clip_before": numbered(20), "clip_after": numbered(12)}
    gap = gap_of(clips | given, Fraction(25))
    assert (len(gap.before_THWC), len(gap.after_THWC), gap.frames) == (before, after, frames)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (
            lambda: gap_in(numbered(10), 0, 4),
            "frames 0 to 4 .* of a clip of 10; it must start at 1 or later and end at 9",
        ),
        (lambda: gap_in(numbered(10), 4, 10), "it must start at 1 or later and end at 9 or earlier"),
        (lambda: gap_in(numbered(10), 4, 4), "frames 4 to 4"),
        (lambda: gap_between(numbered(10), numbered(10), 0), "the gap is 0 frames; give 1 or more"),
        (lambda: gap_between(numbered(10), numbered(10, 8), 3), "clip_after is 6x8 but clip_before is 6x4"),
        (lambda: around(3, 4, "4n+1"), "context_frames 4 breaks the rule 4n.1; use 1 or 5"),
        (lambda: around(3, 0, "any"), "context_frames is 0; give 1 or more"),
        (lambda: around(3, 13, "4n+1"), "clip before the gap has 10 frames, but context_frames 13 needs 13; set"),
        (
            lambda: frames_around(MissingFrames(numbered(1), numbered(1), 8), 1, "4n+1"),
            "use a gap of 11 frames, or longer clips",
        ),
        (lambda: around(3, 4, "8n+1"), "context_frames 4 breaks the rule 8n.1; use 1 or 9"),
        (lambda: around(3, 8, "3n"), 'frame_rule is "3n"; use "any", or a rule such as'),
        (lambda: frame_at_seconds(-1.0, 24.0), "seconds is -1; give 0 or more"),
    ],
)
def test_what_cannot_be(make, told):
    with pytest.raises(InbetweenError, match=told) as error:
        make()
    assert "\n" not in str(error.value)


def around(gap, context_frames, rule):
    return frames_around(MissingFrames(numbered(10), numbered(10), gap), context_frames, rule)
