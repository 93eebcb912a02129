"""The sound of a gap as it is chosen."""

from fractions import Fraction

import pytest
import torch
from comfyui_inbetween.core.clips.gap_sound import GapSound, gap_sound_of
from comfyui_inbetween.core.clips.gaps import gap_between
from comfyui_inbetween.core.errors import InbetweenError

FPS = Fraction(10)


@pytest.fixture
def gap():
    """Three frames after eight: from 0.8 to 1.1 s."""
    return gap_between(torch.zeros(8, 1, 1, 3), torch.zeros(5, 1, 1, 3), 3)


def chosen(gap, **given):
    return gap_sound_of({"audio": {"waveform": torch.ones(1, 2, 300), "sample_rate": 100}, **given}, gap, FPS)


def test_where_the_gap_lies_in_the_sound(gap):
    whole, alone = chosen(gap, sound="of the whole"), chosen(gap, sound="of the gap")
    part = chosen(gap, sound="part of it", from_seconds=0.1, to_seconds=0.4)
    assert [each.gap_start for each in (whole, alone, part)] == [Fraction(8, 10), 0, Fraction(1, 10)]
    assert [each.whole for each in (whole, alone, part)] == [True, False, False]
    assert [each.ends_with_gap for each in (whole, alone, part)] == [False, True, False]
    assert [each.gap_seconds for each in (whole, alone, part)] == [None, None, Fraction(3, 10)]
    assert all(isinstance(each, GapSound) and each.sound.seconds == 3 for each in (whole, alone, part))


def test_no_sound_is_none(gap):
    assert gap_sound_of({"sound": "none"}, gap, FPS) is None


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ({"from_seconds": -1.0, "to_seconds": 1.0}, "^from_seconds is -1; give 0 or more"),
        ({"from_seconds": 0.0, "to_seconds": float("inf")}, "^to_seconds is inf; give 0 or more"),
    ],
)
def test_a_time_that_there_is_not(gap, times, message):
    with pytest.raises(InbetweenError, match=message):
        chosen(gap, sound="part of it", **times)
