"""Where a clip jumps: planted jumps are found at exactly their frames, smooth clips have none."""

import cv2
import numpy as np
import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.flow.clip_motion import find_jumps, find_lost, measure_motion

HEIGHT, WIDTH, FRAMES = 72, 120, 16


def texture(seed, height=HEIGHT, width=WIDTH):
    noise = np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return torch.from_numpy((smooth - smooth.min()) / (smooth.max() - smooth.min()))


def pan(offsets, seed=1):
    """A texture seen through a window at these offsets from the left, which may be fractions."""
    wide = texture(seed, HEIGHT, WIDTH + 80).numpy()
    windows = []
    for offset in offsets:
        matrix = np.float32([[1, 0, -offset], [0, 1, 0]])
        windows.append(cv2.warpAffine(wide, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC))
    return torch.from_numpy(np.stack(windows)).clamp(0, 1)


def steady(count=FRAMES):
    return pan([2 * frame for frame in range(count)])


def test_motion_is_in_pixels_of_the_clip():
    small = measure_motion(steady())
    assert small.motion[1:] == pytest.approx([2] * (FRAMES - 1), abs=0.3)
    large = torch.nn.functional.interpolate(steady(4).movedim(3, 1), scale_factor=4, mode="bicubic").movedim(1, 3)
    assert measure_motion(large.clamp(0, 1)).motion[1:] == pytest.approx([8] * 3, abs=1.2)


@pytest.mark.parametrize(
    "clip",
    [
        steady(),
        pan([0.25 * frame**2 for frame in range(FRAMES)]),  # accelerated
        pan([40 - 40 * np.cos(np.pi * frame / (FRAMES - 1)) for frame in range(FRAMES)]),  # eased at both ends
        pan([4 * (frame // 2) for frame in range(FRAMES)]),  # on twos
        pan([6 * (frame // 3) for frame in range(FRAMES)]),  # on threes
        texture(2).expand(FRAMES, -1, -1, -1),
        torch.stack([texture(3) * (0.4 + 0.03 * frame) for frame in range(FRAMES)]),  # a fade
    ],
    ids=["steady", "accelerated", "eased", "on twos", "on threes", "still", "fade"],
)
def test_smooth_clips_have_no_jump(clip):
    measured = measure_motion(clip)
    assert measured.jumps == ()
    assert measured.report().endswith("No jumps found.")


@pytest.mark.parametrize("frame", [1, 7, 14])
def test_a_frame_of_another_colour(frame):
    clip = steady()
    clip[frame] = clip[frame] * torch.tensor([1.0, 0.8, 0.8])
    measured = measure_motion(clip)
    assert measured.jumps == (frame,)
    assert frame in measured.colour_jumps
    assert frame in measured.flicker_jumps
    assert f"Jump at frame {frame}: " in measured.report()


def test_a_frame_of_another_picture():
    clip = steady()
    clip[6] = texture(9)
    measured = measure_motion(clip)
    assert measured.jumps == (6,)
    assert 6 in measured.flicker_jumps


def test_stops_are_named_and_are_no_jumps():
    """A frame lost from a steady pan, and animation on twos."""
    clip = steady()
    clip[6] = clip[5]
    measured = measure_motion(clip)
    assert (measured.stops, measured.jumps) == ((6,), ())
    assert measured.report().splitlines()[1:] == ["Stops: frame 6 repeats the frame before.", "No jumps found."]
    assert measure_motion(pan([4 * (frame // 2) for frame in range(FRAMES)])).stops == tuple(range(1, FRAMES, 2))
    assert "Stops" not in measure_motion(steady()).report()


@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("pace", [1.5, 4])
def test_frames_lost_from_steady_motion(missing, pace):
    clip = pan([pace * (frame + missing * (frame >= 8)) for frame in range(FRAMES)])
    measured = measure_motion(clip)
    assert measured.lost == measured.motion_jumps == measured.jumps == (8,)
    assert "px (a frame seems to be missing before it)." in measured.report()


def test_a_long_step_after_a_stop_is_no_second_fault():
    clip = steady()
    clip[6] = clip[5]
    assert measure_motion(clip).lost == ()


def test_uneven_motion_has_lost_nothing():
    assert find_lost([0, 4, 4, 4, 8, 4, 4, 4]) == (4,)
    assert find_lost([0, 4, 4, 4, 12, 4, 4, 4]) == (4,)
    assert find_lost([0, 4, 4, 4, 6, 4, 4, 4]) == ()
    assert find_lost([0, 4, 5, 6, 8, 4, 5, 3]) == ()
    assert find_lost([0, 1, 2, 3, 4, 5, 6, 7, 8]) == ()
    assert find_lost([0, 0, 0, 0, 0, 0, 0]) == ()


def test_a_cut_is_one_jump_and_no_flicker():
    clip = torch.cat([steady(8), pan([2 * frame for frame in range(8)], seed=5) * 0.6])
    measured = measure_motion(clip)
    assert measured.jumps == (8,)
    assert measured.flicker_jumps == ()


def test_a_leap_in_motion():
    clip = pan([2 * frame + (14 if frame >= 9 else 0) for frame in range(FRAMES)])
    measured = measure_motion(clip)
    assert measured.jumps == (9,)
    assert measured.motion_jumps == (9,)


@pytest.mark.parametrize("count", [2, 3])
def test_the_shortest_clips(count):
    measured = measure_motion(steady(count))
    assert measured.jumps == ()
    assert len(measured.motion) == len(measured.flicker) == len(measured.colour) == count
    assert measured.motion[0] == measured.flicker[0] == measured.colour[0] == 0


def test_any_size_half_precision_and_progress():
    clip, done = torch.rand(3, 5, 400, 3).half(), []
    before = clip.clone()
    measured = measure_motion(clip, done.append)
    assert all(np.isfinite(measured.motion))
    assert done == [1, 1]
    assert torch.equal(clip, before)


def test_what_stands_out():
    assert find_jumps([0, 1, 1, 1, 9, 1, 1], 0.5) == (4,)
    assert find_jumps([0, 1, 1, 1, 2.5, 1, 1], 0.5) == ()
    assert find_jumps([0, 0, 0, 0, 0.4, 0], 0.5) == ()
    assert find_jumps([0, 0, 0, 0, 0.6, 0], 0.5) == (4,)
    assert find_jumps([0, 5], 0.5) == ()  # nothing to compare with
    assert find_jumps([0, 0, 3, 3, 0, 0, 0], 0.5) == (2, 3)  # there and back


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (torch.zeros(1, 20, 20, 3), "one frame; connect a clip of 2 or more"),
        (torch.zeros(2, 20, 20, 4), "4 channels"),
        (torch.full((2, 20, 20, 3), torch.nan), "NaN"),
    ],
)
def test_wrong_input_is_one_line(clip, message):
    with pytest.raises(InbetweenError, match=message):
        measure_motion(clip)


def test_the_dark_is_measured_as_the_light():
    bright = pan(range(0, 3 * FRAMES, 3))
    bright[5] *= 1.3
    dark = 0.04 * bright
    assert 5 in measure_motion(dark).flicker_jumps
    assert measure_motion(dark).motion == pytest.approx(measure_motion(bright).motion, abs=0.4)
