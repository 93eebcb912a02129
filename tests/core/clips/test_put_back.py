"""Keyframes put back where the engine put things elsewhere: they move there, and nothing is seen twice."""

import math
import re

import pytest
import torch
from comfyui_inbetween.core.clips.finish import finish_frames
from comfyui_inbetween.core.clips.put_back import Correction
from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet
from torch.nn import functional

HEIGHT, WIDTH, STEP = 96, 128, 2.0  # of the frames, and how far the clip pans from one to the next


def ground(seed):
    generator = torch.Generator().manual_seed(seed)
    octaves = (
        functional.interpolate(
            torch.rand(1, 3, side, 2 * side, generator=generator), (200, 400), mode="bicubic", align_corners=True
        )
        for side in (6, 20, 60)
    )
    return sum(octaves).sub(0.6).div(2).clamp(0, 1)


def view(ground_13HW, x, y):
    """A window of the ground that has moved by (x, y)."""
    columns = (torch.arange(WIDTH) + 40 + x) * 2 / (ground_13HW.shape[3] - 1) - 1
    rows = (torch.arange(HEIGHT) + 40 + y) * 2 / (ground_13HW.shape[2] - 1) - 1
    grid_1HW2 = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)[None]
    return (
        functional.grid_sample(ground_13HW, grid_1HW2, mode="bicubic", align_corners=True)[0].movedim(0, 2).clamp(0, 1)
    )


def psnr(first, second):
    inside = (slice(16, -16), slice(16, -16))
    return -10 * math.log10(float((first[inside] - second[inside]).square().mean()))


def pan(seed, missed=0.0, gain=1.0):
    """Seven frames. The engine missed the keyframe at 2 by some pixels and in brightness, and hit the other one."""
    picture = ground(seed)
    generated = torch.stack([view(picture, STEP * frame, missed) * gain for frame in range(7)])
    keys = (Keyframe(2, view(picture, STEP * 2, 0)), Keyframe(6, generated[6].clone()))
    return picture, generated, KeyframeSet(7, keys)


@pytest.mark.parametrize("missed", [1, 3, 8])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_neighbours_move_half_way_to_where_the_keyframe_is(seed, missed):
    picture, generated, keyframes = pan(seed, missed)
    finished = finish_frames(generated, keyframes, "replace and blend", 1)
    for frame in (1, 3):
        assert psnr(finished.frames_THWC[frame], view(picture, STEP * frame, missed / 2)) > 50
    assert torch.equal(finished.frames_THWC[2], keyframes.keyframes[0].image_HWC)
    moved = re.search(r"; content moved by ([\d.]+) pixels on average to fit\.$", finished.report.splitlines()[1])
    assert float(moved[1]) == pytest.approx(missed, abs=0.2)


def test_brightness_fades_while_things_move():
    picture, generated, keyframes = pan(4, 4, gain=0.8)
    finished = finish_frames(generated, keyframes, "replace and blend", 1).frames_THWC
    for frame in (1, 3):
        assert psnr(finished[frame], 0.9 * view(picture, STEP * frame, 2)) > 42


@pytest.mark.parametrize("grain", [0.0, 0.02])
def test_a_small_thing_moves_alone(grain):
    """However little of the picture it covers, and under grain of the engine's."""
    still, thing = view(ground(9), 0, 0), ground(10)
    centre = torch.tensor([HEIGHT / 2, WIDTH / 2])

    def picture(x, noise=0.0):
        rows, columns = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
        cover_HW1 = (12 - torch.hypot(rows - centre[0], columns - centre[1] - x)).clamp(0, 1)[..., None]
        shown = torch.lerp(still, view(thing, -x, 0), cover_HW1)
        return (shown + noise * torch.randn(shown.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)

    generated = torch.stack([picture(4, grain)] * 7)
    keyframes = KeyframeSet(7, (Keyframe(2, picture(0)), Keyframe(6, generated[6].clone())))
    finished = finish_frames(generated, keyframes, "replace and blend", 1).frames_THWC
    added = (generated[1] + 0.5 * (picture(0) - generated[2])).clamp(0, 1)
    box = (slice(32, 64), slice(44, 84))
    half_way = picture(2)
    assert (finished[1][box] - half_way[box]).square().mean() < 0.5 * (added[box] - half_way[box]).square().mean()


def test_a_difference_of_colour_alone_is_added_as_it_is():
    _, generated, keyframes = pan(5, 0, gain=0.8)
    finished = finish_frames(generated, keyframes, "replace and blend", 1)
    error = keyframes.keyframes[0].image_HWC - generated[2]
    assert torch.equal(finished.frames_THWC[3], generated[3].add(error, alpha=0.5).clamp(0, 1))
    assert "moved" not in finished.report


def test_another_picture_is_warned_of():
    generated, keyframes = pan(6)[1], pan(7)[2]
    report = finish_frames(generated, keyframes, "replace and blend", 1).report
    assert "Warning: the generated frame shows something other than the keyframe" in report
    assert "Warning" not in finish_frames(generated, keyframes, "replace").report


def test_half_precision():
    _, generated, keyframes = pan(8, 3)
    correction = Correction.of(generated[2].half(), keyframes.keyframes[0].image_HWC.half())
    assert correction.moved_12HW is not None
    assert correction.applied(generated[1].half(), 0.5).dtype == torch.float16
