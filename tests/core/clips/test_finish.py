"""Finishing: exact count, exact keyframes, corrections that fade and ghost nothing, colours, loops."""

import numpy as np
import pytest
import torch
from comfyui_inbetween.core.clips.finish import finish_frames
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet
from comfyui_inbetween.core.pictures.colour import colour_statistics, oklab_from_srgb, srgb_from_oklab


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
    assert finished.report.splitlines()[0] == "9 frames, 2 trimmed from the end; keyframes left as generated."


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


def test_report_says_how_far_each_keyframe_was_missed_and_how_the_colour_jumps():
    report = finish_frames(frames(9), keys((0, 0.5), (8, 0.25)), "replace").report
    # Grey 0.5 has the OKLab lightness 0.59818, grey 0.25 has 0.37055.
    assert report.splitlines() == [
        "9 frames; keyframes put back.",
        "Keyframe at frame 0: difference 0.0000; colour step 0.0000.",
        "Keyframe at frame 8: difference 0.2500 before, 0.0000 after; colour step 0.2276.",
    ]
    report = finish_frames(frames(9), keys((0, 0.5), (8, 0.25)), "replace and blend", 1).report
    assert "put back, blended over 1 frames on each side." in report
    assert report.endswith("colour step 0.2276 before, 0.1172 after.")


def test_the_larger_step_of_both_sides_is_reported():
    generated = frames(9)
    generated[3] = 0.25
    report = finish_frames(generated, keys((0, 0.5), (4, 0.5), (8, 0.5)), "replace").report
    assert "Keyframe at frame 4: difference 0.0000; colour step 0.2276." in report


def test_frames_as_generated_are_not_said_to_jump():
    report = finish_frames(frames(9), keys((0, 0.5), (8, 0.25)), "off").report
    assert report.endswith("Keyframe at frame 8: difference 0.2500; colour step 0.0000.")


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
            "8 frames came in but the keyframes need 9; generate 9 frames, or set frame_count of Keyframes to 8",
        ),
        (torch.rand(9, 4, 3, 3), "the frames are 3x4 but the keyframes are 3x2"),
        (frames(9, float("nan")), "images has NaN or infinite values in 9 of 9 frames"),
        (torch.rand(0, 2, 3, 3), "images is empty"),
        (torch.rand(9, 2, 3, 2), "images has 2 channels but 3"),
    ],
)
def test_what_it_refuses(generated, message):
    with pytest.raises(InbetweenError, match=message) as error:
        finish_frames(generated, keys((0, 0.0), (8, 1.0)), "replace")
    assert "\n" not in str(error.value)


def clean_clip(count=9):
    """A scene without drift whose content changes its colour: something red comes in from the left."""
    noise_HWC = torch.rand(16, 24, 3, generator=torch.Generator().manual_seed(3))
    scene_HWC = 0.35 + 0.3 * (0.6 * noise_HWC.mean(-1, keepdim=True) + 0.4 * noise_HWC)
    clip_THWC = scene_HWC.repeat(count, 1, 1, 1)
    for frame in range(count):
        clip_THWC[frame, :, :frame] = 0.5 * clip_THWC[frame, :, :frame] + torch.tensor([0.35, 0.1, 0.1])
    return clip_THWC


def drifting(clip_THWC, shares, gain=0.8, shift=(0.1, 0.02, -0.03)):
    """The clip, each frame the given share of the way to another contrast and colour."""
    lab_THWC = oklab_from_srgb(clip_THWC)
    drifted_THWC = lab_THWC * gain + torch.tensor(shift)
    return srgb_from_oklab(torch.lerp(lab_THWC, drifted_THWC, torch.tensor(shares).view(-1, 1, 1, 1)))


def keys_of(clip_THWC, *key_frames):
    return KeyframeSet(len(clip_THWC), tuple(Keyframe(frame, clip_THWC[frame].clone()) for frame in key_frames))


def test_matched_frames_have_the_keyframes_statistics_at_the_keyframes():
    generated = drifting(clean_clip(), [0.5, 1, 1, 1, 1, 1, 1, 1, 0.6])
    keyframes = keys_of(clean_clip(), 0, 4, 8)
    matched = finish_frames(generated, keyframes, "off", match_colour=True).frames_THWC
    for keyframe in keyframes.keyframes:
        own, wanted = colour_statistics([matched[keyframe.frame]]), colour_statistics([keyframe.image_HWC])
        assert own.mean_3 == pytest.approx(wanted.mean_3, abs=1e-4)
        assert own.covariance_33 == pytest.approx(wanted.covariance_33, abs=2e-5)
        before = colour_statistics([generated[keyframe.frame]])
        assert np.abs(before.mean_3 - wanted.mean_3).max() > 0.01


@pytest.mark.parametrize(
    ("key_frames", "shares"),
    [
        ((0, 8), [1.0] * 9),  # the same everywhere
        ((2, 6), [1.0] * 9),  # before the first and after the last keyframe too
        ((0, 4, 8), [0.0] * 9),
    ],
)
def test_a_steady_drift_is_undone_in_every_frame_and_the_content_keeps_its_colours(key_frames, shares):
    matched = finish_frames(
        drifting(clean_clip(), shares), keys_of(clean_clip(), *key_frames), "off", match_colour=True
    ).frames_THWC
    assert (matched - clean_clip()).abs().max() < 3e-3


def test_a_drift_that_grows_is_undone_as_it_grows():
    generated = drifting(clean_clip(), [frame / 8 for frame in range(9)], gain=1.0)
    matched = finish_frames(generated, keys_of(clean_clip(), 0, 8), "off", match_colour=True).frames_THWC
    assert (matched - clean_clip()).abs().max() < 3e-3
    assert (generated - clean_clip())[4].abs().mean() > 0.02


def test_the_correction_changes_smoothly_between_keyframes():
    still = clean_clip()[[4] * 9]
    keyframes = KeyframeSet(9, (Keyframe(0, drifting(still, [1.0] * 9)[0]), Keyframe(8, still[8])))
    matched = finish_frames(still, keyframes, "off", match_colour=True).frames_THWC
    lightness = oklab_from_srgb(matched)[..., 0].mean((1, 2)).tolist()
    first = oklab_from_srgb(keyframes.keyframes[0].image_HWC)[..., 0].mean().item()
    assert abs(first - lightness[8]) > 0.01
    assert lightness == pytest.approx(np.linspace(first, lightness[8], 9), abs=1e-4)


def test_where_nothing_drifts_every_bit_stays():
    clip = clean_clip()
    for put_back in ("off", "replace", "replace and blend"):
        finished = finish_frames(clip, keys_of(clip, 0, 4, 8), put_back, 3, match_colour=True).frames_THWC
        assert torch.equal(finished, clip)


def test_what_is_blended_is_what_matching_left():
    """Colours are matched first: a drift of colour alone leaves the blend nothing to spread."""
    generated, keyframes = drifting(clean_clip(), [1.0] * 9), keys_of(clean_clip(), 0, 8)
    matched = finish_frames(generated, keyframes, "off", match_colour=True).frames_THWC
    blended = finish_frames(generated, keyframes, "replace and blend", 3, match_colour=True).frames_THWC
    assert (blended - matched).abs().max() < 3e-3
    assert torch.equal(blended[8], clean_clip()[8])


def test_report_on_matched_colours():
    generated, keyframes = drifting(clean_clip(), [1.0] * 9), keys_of(clean_clip(), 0, 8)
    lines = finish_frames(generated, keyframes, "replace", match_colour=True).report.splitlines()
    assert lines[0] == "9 frames; colours matched; keyframes put back."
    before, after = (float(word.split()[0]) for word in lines[1].split("colour step ")[1].split(", "))
    assert before > 0.02 > 0.005 > after


def test_report_names_keyframes_that_cannot_be_matched_fully():
    flat = finish_frames(frames(9), keys((0, 0.5), (8, 0.25)), "replace", match_colour=True).report.splitlines()
    assert not flat[1].endswith("matched.")
    assert flat[2].endswith("; the picture is flat, so only its mean colour is matched.")
    faint = drifting(clean_clip(), [1.0] * 9, gain=0.1)
    limited = finish_frames(faint, keys_of(clean_clip(), 0, 8), "replace", match_colour=True).report
    assert limited.endswith("; the contrast differs too much to be matched fully.")


def test_colours_of_half_precision_frames_are_matched():
    generated = drifting(clean_clip(), [1.0] * 9).half()
    matched = finish_frames(generated, keys_of(clean_clip(), 0, 8), "off", match_colour=True).frames_THWC
    assert matched.dtype == torch.float16
    assert (matched.float() - clean_clip()).abs().max() < 6e-3


def looped(count=9):
    picture = clean_clip()[0]
    return KeyframeSet(
        count, (Keyframe(0, picture), Keyframe(4, clean_clip()[4]), Keyframe(count - 1, picture.clone()))
    )


def test_a_loop_leaves_out_the_last_frame_and_nothing_else():
    generated = torch.rand(10, 16, 24, 3)
    whole = finish_frames(generated, looped(), "replace and blend", 2, match_colour=True).frames_THWC
    finished = finish_frames(generated, looped(), "replace and blend", 2, match_colour=True, loop=True)
    assert torch.equal(finished.frames_THWC, whole[:8])
    assert finished.report.startswith(
        "8 frames, 1 trimmed from the end, frame 8 dropped because it repeats frame 0 in a loop; colours matched;"
    )


def test_both_sides_of_the_wrap_around_are_corrected():
    generated = frames(9)
    finished = finish_frames(generated, keys((0, 0.8), (4, 0.5), (8, 0.8)), "replace and blend", 2, loop=True)
    assert first_pixel(finished) == [0.8, 0.7, 0.6, 0.5, 0.5, 0.5, 0.6, 0.7]
    drifted = drifting(clean_clip()[[0, 1, 2, 3, 4, 3, 2, 1, 0]], [0.2, 1, 1, 1, 1, 1, 1, 1, 0.9])
    matched = finish_frames(drifted, looped(), "off", match_colour=True, loop=True).frames_THWC
    whole = finish_frames(drifted, looped(), "off", match_colour=True).frames_THWC
    assert torch.equal(matched, whole[:8])


def test_in_a_loop_the_step_at_the_end_is_the_one_to_frame_0():
    generated = frames(9)
    generated[0] = 0.25
    lines = finish_frames(generated, keys((0, 0.5), (8, 0.5)), "off", loop=True).report.splitlines()
    assert (
        lines[2]
        == "Keyframe at frame 8: difference 0.0000 before, 0.2500 after; colour step 0.0000 before, 0.2276 after."
    )


@pytest.mark.parametrize(
    ("keyframes", "message"),
    [
        (
            keys((0, 0.5), (8, 0.4)),
            "^a loop must end with the picture it starts with, but the keyframes at frames 0 and 8 differ; "
            r"switch on loop in Keyframes, or switch it off here\.$",
        ),
        (keys((0, 0.5), (7, 0.5)), "frame 0 and at the last frame, 8, but there is none at frame 8; switch on loop in"),
        (keys((1, 0.5), (8, 0.5)), "there is none at frame 0; switch on loop in Keyframes"),
    ],
)
def test_a_loop_that_does_not_close(keyframes, message):
    with pytest.raises(InbetweenError, match=message) as error:
        finish_frames(frames(9), keyframes, "replace", loop=True)
    assert "\n" not in str(error.value)
    finish_frames(frames(9), keyframes, "replace")


def test_progress_counts_the_frames_whose_colours_are_matched():
    done = []
    finish_frames(torch.rand(11, 2, 3, 3), keys((0, 0.0), (8, 1.0)), match_colour=True, on_frames=done.append)
    assert sum(done) == 9


def test_values_beyond_the_range_are_kept_when_keyframes_are_put_back():
    keyframes = keys((0, 5.0), (8, -0.5))
    generated = torch.cat([frames(5, 4.6), frames(4, -0.4)])
    values = first_pixel(finish_frames(generated, keyframes, "replace and blend", 1))
    assert values[:3] == pytest.approx([5.0, 4.8, 4.6])
    assert values[-3:] == pytest.approx([-0.4, -0.45, -0.5])
