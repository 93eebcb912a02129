"""The weight-free engine in changing light, in the dark, in fog, and in linear light."""

import cv2
import numpy as np
import pytest
import torch
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from comfyui_inbetween.core.interpolation.same_light import SameLight

pytestmark = pytest.mark.models  # sweeps over many drawn clips

HEIGHT, WIDTH, PAN = 136, 200, 6


def moving(seed, time, blurs=(1.5, 4, 12, 40)):
    """A texture that has moved by `time` times PAN pixels."""
    random, total = np.random.default_rng(seed), 0
    for blur in blurs:
        noise = cv2.GaussianBlur(random.standard_normal((HEIGHT, WIDTH + PAN, 3)).astype(np.float32), (0, 0), blur)
        total = total + noise / noise.std()
    wide = torch.from_numpy((total - total.min()) / (total.max() - total.min()))
    left = PAN - round(PAN * time)
    return wide[:, left : left + WIDTH].clone()


def psnr(made, truth, brightened=1.0):
    return -10 * float(((made - truth) * brightened).square().mean().log10())


def between(light, seed, time=0.5):
    """What the engine makes at a time of a pan, and the truth; light(frame, time) is the light."""
    first, truth, second = (light(moving(seed, each), each) for each in (0.0, time, 1.0))
    rendered = FlowInterpolator().prepare(first, second).render([time])
    return rendered.frames_THWC[0], truth, rendered.blended[0]


ACROSS = torch.linspace(0.5, 1.1, WIDTH)[:, None]
DOWN = torch.linspace(1.0, 0.55, HEIGHT)[:, None, None]
LIGHTS = {
    "fade": lambda frame, time: frame * (1 - 0.3 * time),
    "steep fade": lambda frame, time: frame * (1 - 0.5 * time),
    "flicker up": lambda frame, time: 0.7 * frame * (1 + 0.35 * time),
    "coloured lamp": lambda frame, time: frame * (1 - time * torch.tensor([0.1, 0.2, 0.4])),
    "lifted blacks": lambda frame, time: frame * (1 - 0.25 * time) + 0.2 * time,
    "gamma": lambda frame, time: frame ** (1 + 0.3 * time),
    "flash": lambda frame, time: (frame * (1 + 0.4 * time)).clamp(max=1),
    "shade across": lambda frame, time: frame * torch.lerp(torch.ones_like(ACROSS), ACROSS, time),
    "shade down": lambda frame, time: frame * torch.lerp(torch.ones_like(DOWN), DOWN, time),
}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("light", LIGHTS.values(), ids=LIGHTS)
def test_motion_is_followed_while_light_changes(light, seed):
    made, truth, blended = between(light, seed)
    inside = (slice(8, -8), slice(8, -8))
    assert psnr(made[inside], truth[inside]) > 47
    assert blended < 0.02


@pytest.mark.parametrize("time", [1 / 3, 2 / 3])
def test_light_is_put_back_at_its_time(time):
    made, truth, _ = between(LIGHTS["steep fade"], 3, time)
    assert psnr(made[8:-8, 8:-8], truth[8:-8, 8:-8]) > 47


def test_a_fade_without_motion_stays_exact_and_is_not_reported():
    frame = moving(4, 0)
    rendered = FlowInterpolator().prepare(frame, 0.6 * frame).render([0.25, 0.5])
    for made, share in zip(rendered.frames_THWC, (0.9, 0.8), strict=True):
        assert psnr(made, share * frame) > 60
    assert max(rendered.blended) < 0.02


def test_a_sign_that_does_not_fade_with_the_picture_keeps_its_light():
    first, second = moving(5, 0), 0.5 * moving(5, 1)
    first[50:80, 60:120] = second[50:80, 60:120] = 0.9
    made = FlowInterpolator().prepare(first, second).render([0.5]).frames_THWC[0]
    assert (made[58:72, 70:110] - 0.9).abs().max() < 0.06


@pytest.mark.parametrize("seed", [6, 7])
def test_steady_frames_are_handed_on_as_they_are(seed):
    first, second = (moving(seed, time).movedim(2, 0)[None] for time in (0, 1))
    frames = SameLight.of(first, second)
    assert frames.light is None
    assert frames.first_13HW is first
    assert frames.second_13HW is second
    assert frames.contrast() == 1
    assert frames.limits == (0, 1)


@pytest.mark.parametrize("seed", [8, 9])
@pytest.mark.parametrize(
    ("gain", "offset", "steps"),
    [(0.1, 0, 0), (0.1, 0, 255), (0.02, 0, 0), (0.02, 0, 1023), (0.06, 0.82, 0), (0.06, 0.82, 1023)],
    ids=["dark", "dark, 8 bits", "very dark", "very dark, 10 bits", "fog", "fog, 10 bits"],
)
def test_the_dark_and_the_flat_move_as_the_bright(gain, offset, steps, seed):
    def dim(frame, _):
        frame = offset + gain * frame
        return (frame * steps).round() / steps if steps else frame

    bright, truth, _ = between(lambda frame, _: frame, seed)
    made, dim_truth, blended = between(dim, seed)
    rounding = 20 if steps else 0
    assert psnr(made, dim_truth, 1 / gain) > min(psnr(bright, truth) - 3, 47 - rounding)
    assert blended < 0.02
    first, second = (dim(moving(seed, time), 0) for time in (0, 1))
    assert psnr(made, dim_truth) > psnr((first + second) / 2, dim_truth) + 6


def test_faint_detail_moves_before_a_broad_gradient():
    broad = torch.linspace(0.3, 0.9, HEIGHT)[:, None, None]
    made, truth, _ = between(lambda frame, _: ((broad + 0.05 * (frame - 0.5)) * 1023).round() / 1023, 10)
    assert psnr(made, truth, 20) > 42


def test_what_cannot_be_followed_is_reported_in_the_dark_as_in_the_light():
    first, second = moving(11, 0), moving(11, 1)
    second[:, 100:] = moving(12, 0)[:, 100:]
    reported = [
        FlowInterpolator().prepare(gain * first, gain * second).render([0.5]).blended[0] for gain in (1.0, 0.1, 0.02)
    ]
    assert reported[0] > 0.15
    assert reported == pytest.approx([reported[0]] * 3, abs=0.12)


def test_noise_in_the_dark_is_not_reported_as_lost_motion():
    noise = 0.005 * torch.randn(2, HEIGHT, WIDTH, 3, generator=torch.Generator().manual_seed(0))
    frame = 0.1 * moving(13, 0)
    pair = FlowInterpolator().prepare((frame + noise[0]).clamp(0, 1), (frame + noise[1]).clamp(0, 1))
    assert pair.render([0.5]).blended[0] < 0.05


def glowing(seed, time, peak):
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    glow = peak * torch.exp(-((y - 60) ** 2 + (x - 80 - PAN * time) ** 2) / 300)
    return 0.5 * moving(seed, time) + glow[..., None]


@pytest.mark.parametrize("peak", [4.0, 60.0])
def test_lights_above_one_stay_bright(peak):
    first, truth, second = (glowing(14, time, peak) for time in (0, 0.5, 1))
    made = FlowInterpolator().prepare(first, second).render([0.5]).frames_THWC[0]
    assert made.max() == pytest.approx(float(truth.max()), rel=0.05)
    assert made.mean() == pytest.approx(float(truth.mean()), rel=0.01)
    assert psnr(made, truth, 1 / peak) > 40


def test_a_hard_lamp_has_no_dark_ring():
    first, second = 0.5 * moving(15, 0) + 0.1, 0.5 * moving(15, 1) + 0.1
    first[50:70, 60:80] = second[50:70, 67:87] = 40.0
    made = FlowInterpolator().prepare(first, second).render([0.4]).frames_THWC[0]
    assert made.max() > 35
    assert made.min() >= min(first.min(), second.min()) - 1e-4


def test_values_below_zero_are_kept():
    first, truth, second = (moving(16, time) - 0.5 for time in (0, 0.5, 1))
    made = FlowInterpolator().prepare(first, second).render([0.5]).frames_THWC[0]
    assert made.min() < -0.3
    assert psnr(made, truth) > 45


@pytest.mark.parametrize("light", LIGHTS.values(), ids=LIGHTS)
def test_frames_in_range_stay_in_range(light):
    made, _, _ = between(light, 17)
    assert 0 <= made.min() <= made.max() <= 1


@pytest.mark.parametrize("left", [0.05, 0.01])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_fade_to_almost_black_is_followed_both_ways(left, backwards):
    first, truth, second = (moving(18, time) * (1 - (1 - left) * time) for time in (0.0, 0.5, 1.0))
    if backwards:
        first, second = second, first
    made = FlowInterpolator().prepare(first, second).render([0.5]).frames_THWC[0]
    assert psnr(made[8:-8, 8:-8], truth[8:-8, 8:-8]) > 47
