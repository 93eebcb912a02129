"""Frames with alpha: carried along the motion of what is seen, without fringes, by every engine."""

import pytest
import torch
from comfyui_inbetween.core.interpolation.alpha import AnyAlpha
from comfyui_inbetween.core.interpolation.contract import Rendered
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from drawn_sprites import HEIGHT, KINDS, WIDTH, decibels, over, sprite


def render(first, second, times=(0.5,), engine=None):
    return AnyAlpha(engine or FlowInterpolator()).prepare(first, second).render(times)


def half_way(first, second, engine=None):
    return render(first, second, engine=engine).frames_THWC[0]


class CrossFade:
    """An engine of RGB that follows nothing, so that its result is known."""

    name, device, bytes_per_pixel, by_halving = "cross-fade", torch.device("cpu"), 1, False

    def prepare(self, first_HWC, second_HWC):
        assert first_HWC.shape[2] == second_HWC.shape[2] == 3
        self.frames = first_HWC, second_HWC
        return CrossFaded(first_HWC, second_HWC)


class CrossFaded:
    def __init__(self, *frames):
        self.frames = frames

    def render(self, times):
        return Rendered(torch.stack([torch.lerp(*self.frames, time) for time in times]), (0.0,) * len(times))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("far", [6, 24, 60])
def test_a_sprite_that_moves_is_whole_half_way(kind, far):
    """Farther than its own size, whatever its edge and its colours, and without a fringe of what is not seen."""
    for seed in (1, 2, 3):
        first, truth, second = (
            sprite(seed, 80 + share * far, 48 + share * 0.3 * far, kind=kind, hidden=number)
            for number, share in enumerate((-0.5, 0, 0.5))
        )
        rendered = render(first, second)
        assert decibels(rendered.frames_THWC[0], truth) > 32, (kind, far, seed)
        assert rendered.blended[0] < 0.01


@pytest.mark.parametrize("time", [0.25, 0.5, 0.75])
def test_at_any_time_it_is_at_its_place(time):
    made = render(sprite(4, 50), sprite(4, 110), [0.1, time]).frames_THWC
    assert decibels(made[1], sprite(4, 50 + 60 * time)) > 34


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_sprites_that_cross_are_each_followed(seed):
    def scene(share):
        return over(sprite(seed, 80 + 60 * share, 26, 28), sprite(seed + 10, 80 - 60 * share, 70, 28))

    assert decibels(half_way(scene(-0.5), scene(0.5)), scene(0)) > 40


def test_nothing_appears_between_sprites():
    """Between two that go different ways, motion is mixed, and what it fetches is a piece of one of them."""

    def scene(share):
        return over(sprite(1, 80 + 60 * share, 26, 28), sprite(11, 80 - 60 * share, 70, 28))

    made, truth = half_way(scene(-0.5), scene(0.5)), scene(0)
    empty_11HW = 1 - torch.nn.functional.max_pool2d(truth[None, None, ..., 3], 9, 1, padding=4)
    assert (made[..., 3] * empty_11HW[0, 0]).max() < 0.02


def test_colours_that_nobody_sees_change_nothing():
    """Noise that stands still in them would hold the sprite, and noise of another seed would tear it."""
    plain = half_way(sprite(5, 60, hidden=1), sprite(5, 100, hidden=1))
    other = half_way(sprite(5, 60, hidden=2), sprite(5, 100, hidden=3))
    assert torch.equal(plain, other)


def test_opaque_frames_equal_those_without_alpha():
    random = torch.Generator().manual_seed(1)
    first = torch.nn.functional.interpolate(torch.rand(1, 3, 12, 20, generator=random), (HEIGHT, WIDTH), mode="bicubic")
    first = first[0].movedim(0, 2).clamp(0, 1)
    second = first.roll(5, 1)
    opaque = [torch.cat([each, torch.ones(HEIGHT, WIDTH, 1)], dim=-1) for each in (first, second)]
    made = render(*opaque, [0.3, 0.5]).frames_THWC
    assert torch.equal(made[..., :3], FlowInterpolator().prepare(first, second).render([0.3, 0.5]).frames_THWC)
    assert torch.equal(made[..., 3], torch.ones(2, HEIGHT, WIDTH))


def test_frames_without_alpha_are_passed_on():
    first, second = torch.rand(2, 32, 32, 3)
    engine = CrossFade()
    assert half_way(first, second, engine).shape == (32, 32, 3)
    assert engine.frames[0] is first
    assert engine.frames[1] is second


def test_alpha_that_stands_still_stays_while_the_picture_moves():
    """A vignette, behind which a picture pans."""
    rows, columns = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    alpha = (1.5 - torch.hypot(rows - HEIGHT / 2, columns - WIDTH / 2) / 40).clamp(0, 1)
    noise = torch.rand(1, 3, 16, 32, generator=torch.Generator().manual_seed(2))
    wide = torch.nn.functional.interpolate(noise, (HEIGHT, 2 * WIDTH), mode="bicubic")[0].movedim(0, 2).clamp(0, 1)
    first, truth, second = (torch.cat([wide[:, x : x + WIDTH], alpha[..., None]], dim=-1) for x in (0, 6, 12))
    made = half_way(first, second)
    assert torch.equal(made[..., 3], alpha)
    assert decibels(made, truth) > 36


def test_a_fade_of_the_light_on_a_sprite_is_followed():
    dimmed = torch.tensor([0.6, 0.6, 0.6, 1])
    first, truth, second = sprite(6, 68, kind="soft"), sprite(6, 80, kind="soft"), sprite(6, 92, kind="soft")
    truth[..., :3] *= 0.8
    assert decibels(half_way(first, second * dimmed), truth) > 40


def test_a_sprite_that_fades_out_while_it_moves():
    first, truth, second = (sprite(seed, x) for seed, x in ((7, 68), (7, 80), (7, 92)))
    second[..., 3] *= 0.4
    truth[..., 3] *= 0.7
    assert decibels(half_way(first, second), truth) > 30


def test_values_above_1_are_kept():
    first, truth, second = (sprite(8, x, kind="soft") for x in (68, 80, 92))
    bright = torch.tensor([3.0, 3, 3, 1])
    made = half_way(first * bright, second * bright)
    assert made[..., :3].max() > 2.5
    assert made[..., 3].max() <= 1
    assert decibels(made / bright, truth) > 34


def test_what_is_not_seen_gets_the_colours_around():
    """So a picture that is scaled or blurred later gets no dark fringe."""
    flat = sprite(9, 60, hidden=1)
    flat[..., :3] = torch.where(flat[..., 3:] > 0, torch.tensor([0.9, 0.2, 0.1]), flat[..., :3])
    made = half_way(flat, flat.roll(20, 1))
    near_HW = torch.nn.functional.max_pool2d(made[None, None, ..., 3], 7, 1, padding=3)[0, 0] > 0.5
    torch.testing.assert_close(
        made[near_HW][:, :3], torch.tensor([0.9, 0.2, 0.1]).expand(int(near_HW.sum()), 3), rtol=0, atol=0.02
    )


@pytest.mark.parametrize("kind", ["hard", "half", "soft"])
def test_engines_of_rgb_create_alpha_too(kind):
    """A cross-fade of colours and alpha, premultiplied, is known exactly."""
    first, second = sprite(10, 60, kind=kind, hidden=1), sprite(10, 80, kind=kind, hidden=2)
    made = render(first, second, [0.25], CrossFade()).frames_THWC[0]
    alpha = torch.lerp(first[..., 3], second[..., 3], 0.25)
    colours = torch.lerp(first[..., :3] * first[..., 3:], second[..., :3] * second[..., 3:], 0.25)
    torch.testing.assert_close(made[..., 3], alpha, rtol=0, atol=1e-5)
    torch.testing.assert_close(made[..., :3] * made[..., 3:], colours, rtol=0, atol=1e-3)


def test_frames_stay_as_they_were():
    first, second = sprite(1, 60), sprite(1, 80)
    before = first.clone(), second.clone()
    half_way(first, second)
    half_way(first, second, CrossFade())
    assert torch.equal(first, before[0])
    assert torch.equal(second, before[1])
