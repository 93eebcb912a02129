"""Finishing: exact count, exact keyframes, corrections that fade and ghost nothing."""

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.finish import finish_frames
from comfyui_inbetween.core.keyframes import Keyframe, KeyframeSet


def frames(count, value=0.5):
    return torch.full((count, 2, 3, 3), value)


def keys(*placed, count=9):
    return KeyframeSet(count, tuple(Keyframe(frame, torch.full((2, 3, 3), value)) for frame, value in placed))


def first_pixel(finished):
    return [round(value, 4) for value in finished.frames_THWC[:, 0, 0, 0].tolist()]


def test_replace_sets_keyframes_bit_by_bit_and_nothing_else():
    generated = torch.rand(9, 2, 3, 3)
    keyframes = KeyframeSet(9, tuple(Keyframe(frame, torch.rand(2, 3, 3)) for frame in (0, 4, 8)))
    finished = finish_frames(generated, keyframes, "replace").frames_THWC
    for keyframe in keyframes.keyframes:
        assert torch.equal(finished[keyframe.frame], keyframe.image_HWC)
    for frame in (1, 2, 3, 5, 6, 7):
        assert torch.equal(finished[frame], generated[frame])


def test_off_only_trims():
    generated = torch.rand(11, 2, 3, 3)
    finished = finish_frames(generated, keys((0, 0.0), (8, 1.0)), "off")
    assert torch.equal(finished.frames_THWC, generated[:9])
    assert finished.report == "9 frames, 2 trimmed from the end; keyframes left as generated."


def test_blend_fades_the_correction_out_linearly():
    finished = finish_frames(frames(9), keys((0, 0.8), (8, 0.2)), "replace and blend", 2)
    assert first_pixel(finished) == [0.8, 0.7, 0.6, 0.5, 0.5, 0.5, 0.4, 0.3, 0.2]


def test_blend_goes_to_both_sides_and_overlapping_corrections_add_up():
    finished = finish_frames(frames(5), keys((0, 0.8), (4, 0.8), count=5), "replace and blend", 3)
    assert first_pixel(finished) == [0.8, 0.8, 0.8, 0.8, 0.8]
    finished = finish_frames(frames(9), keys((0, 0.5), (4, 0.8), (8, 0.5)), "replace and blend", 1)
    assert first_pixel(finished) == [0.5, 0.5, 0.5, 0.65, 0.8, 0.65, 0.5, 0.5, 0.5]


def test_blend_stops_short_of_the_next_keyframe():
    finished = finish_frames(frames(9), keys((0, 0.9), (1, 0.1), (8, 0.5)), "replace and blend", 4)
    assert first_pixel(finished)[:2] == [0.9, 0.1]
    assert first_pixel(finished)[2] == pytest.approx(0.5 - 0.4 * 4 / 5)


def test_blend_changes_nothing_where_the_engine_hit_the_keyframe():
    generated = torch.rand(9, 2, 3, 3)
    keyframes = KeyframeSet(9, (Keyframe(0, generated[0].clone()), Keyframe(8, generated[8].clone())))
    assert torch.equal(finish_frames(generated, keyframes, "replace and blend", 3).frames_THWC, generated)


def test_blend_stays_in_range():
    finished = finish_frames(frames(9, 0.9), keys((0, 0.0), (4, 1.0), (8, 1.0)), "replace and blend", 3)
    assert 0.0 <= finished.frames_THWC.min() <= finished.frames_THWC.max() <= 1.0
    finished = finish_frames(frames(9, 0.1), keys((0, 1.0), (8, 0.0)), "replace and blend", 3)
    assert finished.frames_THWC.min() >= 0.0


def test_report_says_how_far_each_keyframe_was_missed():
    report = finish_frames(frames(9), keys((0, 0.5), (8, 0.25)), "replace").report
    assert report == "9 frames; keyframes put back at (mean difference before): 0 (0.0000), 8 (0.2500)."


def test_half_precision_frames_stay_half():
    finished = finish_frames(frames(9).half(), keys((0, 0.0), (8, 1.0)), "replace and blend", 2).frames_THWC
    assert finished.dtype == torch.float16
    assert finished[8].min() == 1.0


def test_inputs_are_not_written_to():
    generated, keyframes = frames(9), keys((0, 0.0), (8, 1.0))
    finish_frames(generated, keyframes, "replace and blend", 3)
    assert torch.equal(generated, frames(9))


@pytest.mark.parametrize(
    ("generated", "message"),
    [
        (
            frames(8),
            "8 frames came in but the keyframes need 9; let the engine make 9, or set frame_count of Keyframes to 8",
        ),
        (torch.rand(9, 4, 3, 3), "the frames are 3x4 but the keyframes 3x2"),
        (frames(9, float("nan")), "images holds NaN or infinite values in 9 of 9 frames"),
        (torch.rand(0, 2, 3, 3), "images is empty"),
        (torch.rand(9, 2, 3, 4), "images has 4 channels but 3"),
    ],
)
def test_what_it_refuses(generated, message):
    with pytest.raises(InbetweenError, match=message) as error:
        finish_frames(generated, keys((0, 0.0), (8, 1.0)), "replace")
    assert "\n" not in str(error.value)
