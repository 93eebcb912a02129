"""Contact sheets: which frames, where, and how they are marked."""

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.views.contact_sheet import KEYFRAME, choose_frames, contact_sheet
from hypothesis import given
from hypothesis import strategies as st


def grey(count, height=32, width=64):
    """Frame k is evenly k / count grey."""
    return (torch.arange(count) / count).view(-1, 1, 1, 1).expand(-1, height, width, 3)


def count_colour(sheet, colour):
    return ((sheet * 255).round() == torch.tensor(colour)).all(-1).sum().item()


def test_every_frame_stands_in_its_cell():
    sheet = contact_sheet(grey(6), columns=3, thumbnail_width=64)
    assert sheet.shape == (1, 2 * (32 + 12 + 20), 3 * (64 + 12), 3)
    for frame in range(6):
        row, column = divmod(frame, 3)
        cell = sheet[0, row * 64 + 6 : row * 64 + 38, column * 76 + 6 : column * 76 + 70]
        assert (cell - frame / 6).abs().max() < 1 / 255


def test_only_keyframes_are_marked():
    plain = contact_sheet(grey(6), columns=3, thumbnail_width=64)
    marked = contact_sheet(grey(6), keyframes=[0, 5], columns=3, thumbnail_width=64)
    assert count_colour(plain, KEYFRAME) == 0
    assert count_colour(marked[:, :64, :76], KEYFRAME) > 200
    assert count_colour(marked[:, 64:, 152:], KEYFRAME) > 200
    assert count_colour(marked[:, :64, 76:], KEYFRAME) == 0


def test_numbers_are_drawn():
    sheet = contact_sheet(grey(2), columns=2, thumbnail_width=64)
    captions = sheet[0, 38:, :76], sheet[0, 38:, 76:]
    assert all((caption > 0.7).any() for caption in captions)
    assert not torch.equal(*captions)


def test_long_clips_are_thinned_out_but_keep_ends_and_keyframes():
    assert choose_frames(10, 20) == list(range(10))
    chosen = choose_frames(1000, 12, always=[333, 777])
    assert len(chosen) == 12
    assert {0, 333, 777, 999} <= set(chosen)


@given(st.integers(1, 400), st.integers(2, 64), st.sets(st.integers(0, 399), max_size=90))
def test_chosen_frames_are_as_many_as_fit_and_ascending(count, most, always):
    always = {frame for frame in always if frame < count}
    chosen = choose_frames(count, most, always)
    assert len(chosen) == min(count, most)
    assert chosen == sorted(set(chosen))
    assert 0 <= chosen[0] <= chosen[-1] < count
    if len(always | {0, count - 1}) <= most:
        assert always <= set(chosen)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 300), (2160, 3840), (640, 32)])
def test_any_size_of_frame(height, width):
    sheet = contact_sheet(torch.rand(3, height, width, 3), thumbnail_width=48)
    assert torch.isfinite(sheet).all()
    assert sheet.min() >= 0
    assert sheet.max() <= 1


def test_columns_are_chosen_for_a_screen():
    sheet = contact_sheet(grey(25, 36, 64), thumbnail_width=64)
    assert 1.2 < sheet.shape[2] / sheet.shape[1] < 2.6


def test_too_large_a_sheet_is_refused():
    with pytest.raises(InbetweenError, match="more than 16384 on a side; lower thumbnail_width"):
        contact_sheet(grey(64), columns=1, thumbnail_width=2048)
