"""Logos that what is behind shines through."""

import cv2
import numpy as np
import pytest
import torch
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from comfyui_inbetween.core.interpolation.translucent_sign import TranslucentSign
from moving_pictures import texture

pytestmark = pytest.mark.models  # sweeps over drawn clips

HEIGHT, WIDTH = 160, 256
BOX = (slice(96, 148), slice(28, 232))


def scene(seed, pan, time):
    """A texture that has moved by `time` times `pan` pixels, between dark and bright."""
    wide = 0.05 + 0.8 * texture(HEIGHT, WIDTH + 48, seed)
    left = 48 - round(pan * time)
    return wide[:, left : left + WIDTH].copy()


def logo():
    """Which share of each pixel letters and a disc cover; anti-aliased."""
    coverage = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.putText(coverage, "NEWS 24", (34, 136), cv2.FONT_HERSHEY_SIMPLEX, 1.1, 255, 2, cv2.LINE_AA)
    cv2.circle(coverage, (208, 122), 18, 255, -1, cv2.LINE_AA)
    return coverage[..., None] / 255.0


def with_logo(picture, colour, opacity):
    cover = opacity * logo()
    return torch.from_numpy(picture * (1 - cover) + cover * np.float32(colour)).float()


def psnr(made, truth):
    return -10 * float((made - truth).square().mean().log10())


def sign_of(pair):
    return next((layer for layer in pair.layers if isinstance(layer, TranslucentSign)), None)


WHITE, BLACK, YELLOW = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1.0, 0.95, 0.25)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("pan", [4, 9, 14])
@pytest.mark.parametrize(("colour", "opacity"), [(WHITE, 0.25), (WHITE, 0.5), (BLACK, 0.5), (YELLOW, 0.6)])
def test_a_translucent_logo_stays_whole(colour, opacity, pan, seed):
    first, truth, second = (with_logo(scene(seed, pan, time), colour, opacity) for time in (0, 0.5, 1))
    pair = FlowInterpolator().prepare(first, second)
    sign = sign_of(pair)
    torch.testing.assert_close(sign.colour_1311.flatten(), torch.tensor(colour), rtol=0, atol=0.05)
    solid = torch.from_numpy(logo()[..., 0] == 1)
    assert (sign.opacity_11HW[0, 0][solid] - opacity).abs().median() < 0.05
    made = pair.render([0.5]).frames_THWC[0]
    assert psnr(made[BOX], truth[BOX]) > 34


def test_the_frames_without_the_sign_are_the_scene():
    first, second = (with_logo(scene(3, 9, time), WHITE, 0.5) for time in (0, 1))
    sign = sign_of(FlowInterpolator().prepare(first, second))
    plain = torch.from_numpy(scene(3, 9, 0))
    behind = sign.taken_off(first.movedim(2, 0)[None])[0].movedim(0, 2)
    assert psnr(behind[BOX], plain[BOX]) > 34
    again = sign.over(behind.movedim(2, 0)[None], torch.tensor(0.5))[0].movedim(0, 2)
    torch.testing.assert_close(again, first, rtol=0, atol=1e-5)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("pan", [2, 9, 20])
def test_nothing_is_found_in_a_plain_pan(pan, seed):
    first, second = (torch.from_numpy(scene(seed, pan, time)) for time in (0, 1))
    assert sign_of(FlowInterpolator().prepare(first, second)) is None


@pytest.mark.parametrize("seed", range(3))
def test_a_thing_that_moves_another_way_is_not_a_sign(seed):
    frames = [torch.from_numpy(scene(seed, 9, time)) for time in (0, 1)]
    thing = 0.4 + 0.6 * torch.from_numpy(texture(50, 60, seed + 9))
    for number, frame in enumerate(frames):
        frame[60:110, 90 - 12 * number : 150 - 12 * number] = thing
    assert sign_of(FlowInterpolator().prepare(*frames)) is None
