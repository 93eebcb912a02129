"""What becomes of copies: which frames stay, when they show, and what the report says."""

from fractions import Fraction

import pytest
import torch
from comfyui_inbetween.core.clips.copies import Copies
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.interpolation.copy_plan import clip_clock, copied_per_cycle, copies_note


def clip(length):
    """Frame k holds the value k."""
    return torch.arange(float(length)).view(-1, 1, 1, 1).expand(-1, 2, 2, 3)


def found(length, frames, **more):
    return Copies(length, dict.fromkeys(frames, 0.1), likeness=(0.1,) * length, **more)


def clock(copies, choice):
    made = clip_clock(clip(copies.length), copies, choice)
    assert [int(source_HWC[0, 0, 0]) for source_HWC in made.sources] == list(made.numbers)
    return made


def test_keep_takes_every_frame():
    made = clock(found(6, [1, 3]), "keep")
    assert list(made.positions) == list(made.numbers) == list(range(6))
    assert (made.length, made.rate) == (6, 1)


def test_keep_time_leaves_drawings_where_they_first_appear():
    made = clock(found(8, [1, 3, 5, 7]), "keep time")
    assert list(made.positions) == list(made.numbers) == [0, 2, 4, 6]
    assert (made.length, made.rate) == (8, 1)
    assert made.sources[1].data_ptr() != 0
    whole = clip(8).contiguous()
    view = clip_clock(whole, found(8, [1]), "keep time").sources[1]
    assert view.untyped_storage().data_ptr() == whole.untyped_storage().data_ptr()  # no frame is copied in memory


def test_a_copy_before_a_cut_keeps_the_cut_in_its_place():
    made = clock(found(8, [1, 2, 3, 5, 7], cuts=(4,)), "keep time")
    assert made.numbers == [0, 3, 4, 6]


def test_a_resting_drawing_leaves_as_long_before_the_next_as_the_others():
    """On twos: the next drawing comes at 9, so the one that rested from 1 on is left at 7. On ones nothing changes."""
    assert clock(found(13, [10, 12], rests=((2, 8),)), "keep time").numbers == [*range(8), 9, 11]
    assert clock(found(13, [], rests=((2, 8),)), "keep time").numbers == list(range(13))


def test_spread_is_even_from_end_to_end():
    made = clock(found(10, [4, 9]), "spread")
    assert made.numbers == [0, 1, 2, 3, 5, 6, 7, 8]
    assert made.positions == [Fraction(9, 7) * number for number in range(8)]
    assert (made.length, made.rate) == (10, 1)


def test_spread_leaves_cuts_in_place():
    made = clock(found(12, [1, 5, 7, 9, 10, 11], cuts=(4, 8)), "spread")
    assert made.numbers == [0, 2, 3, 4, 6, 8, 11]
    assert made.positions == [0, Fraction(3, 2), 3, 4, 7, 8, 11]


def test_pulldown_leaves_out_one_of_five():
    made = clock(found(25, [3, 8, 13, 18, 23]), "undo 3:2 pulldown")
    assert made.numbers == [frame for frame in range(25) if frame % 5 != 3]
    assert list(made.positions) == list(range(20))
    assert (made.length, made.rate) == (20, Fraction(4, 5))


def test_pulldown_of_twice_the_rate_leaves_out_three_of_five():
    made = clock(found(25, [frame for frame in range(25) if frame % 5 in (1, 3, 4)]), "undo 3:2 pulldown")
    assert made.numbers == [frame for frame in range(25) if frame % 5 in (0, 2)]
    assert made.rate == Fraction(2, 5)


def test_pulldown_goes_on_where_nothing_moves():
    """From frame 15 to 29 nothing is seen, and still four frames of five are left."""
    made = clock(found(40, [3, 8, 13, 33, 38]), "undo 3:2 pulldown")
    assert made.numbers == [frame for frame in range(40) if frame % 5 != 3]


def test_pulldown_whose_pattern_shifts_at_an_edit():
    copies = [3, 8, 13, 18, 21, 26, 31, 36]
    made = clock(found(40, copies), "undo 3:2 pulldown")
    assert made.length == 32
    assert not set(made.numbers) & set(copies)


@pytest.mark.parametrize("held", [2, 3, 4])
def test_animation_is_not_pulldown(held):
    copies = found(40, [frame for frame in range(40) if frame % held])
    assert copied_per_cycle(copies) == 0
    with pytest.raises(InbetweenError, match='copies is "undo 3:2 pulldown" but no frames repeat in every cycle of f'):
        clock(copies, "undo 3:2 pulldown")


def test_two_lost_frames_are_not_pulldown():
    assert copied_per_cycle(found(24, [7, 15])) == copied_per_cycle(found(24, [7, 12])) == 0
    assert copied_per_cycle(found(24, [])) == 0


def test_an_unknown_choice_names_those_there_are():
    with pytest.raises(InbetweenError, match='copies is "drop"; choose keep, keep time, spread, undo 3:2 pulldown'):
        clock(found(4, []), "drop")


@pytest.mark.parametrize(
    ("copies", "choice", "note"),
    [
        (found(24, []), "keep", ""),
        (found(24, []), "spread", "No frame repeats the frame before, so every frame is used."),
        (
            found(24, [7, 15]),
            "keep",
            'frames 7 and 15 repeat the frame before, so motion stops there; for even motion set copies to "keep time" '
            'or "spread".',
        ),
        (found(24, [7]), "keep time", "Frame 7 repeats the frame before and is replaced."),
        (found(24, [7, 15]), "keep time", "Frames 7 and 15 repeat the frame before and are replaced."),
        (
            found(24, [7, 15]),
            "spread",
            "Frames 7 and 15 repeat the frame before and are left out; the others are spaced evenly.",
        ),
        (
            found(20, [3, 8, 13, 18]),
            "undo 3:2 pulldown",
            "3:2 pulldown undone: 16 of 20 frames are left, at 4/5 of the frame rate, without frames 3, 8, 13 and 18.",
        ),
    ],
)
def test_reports_name_the_copies(copies, choice, note):
    assert copies_note(copies, choice, clock(copies, choice)) == note


def test_the_report_advises_to_undo_pulldown():
    copies = found(20, [3, 8, 13, 18])
    assert 'set copies to "undo 3:2 pulldown".' in copies_note(copies, "keep", clock(copies, "keep"))
