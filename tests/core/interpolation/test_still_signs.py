"""Subtitles, displays, bars and window frames that stand still in front of a scene that moves."""

import cv2
import numpy as np
import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.interpolation.contract import Rendered
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from comfyui_inbetween.core.interpolation.left_alone import LeavingAlone, united_mask
from comfyui_inbetween.core.interpolation.still_signs import find_still_signs
from moving_pictures import compressed, texture

pytestmark = pytest.mark.models  # sweeps over drawn clips

HEIGHT, WIDTH = 144, 224


def scene(seed, pan, time, height=HEIGHT, width=WIDTH):
    """A texture that has moved by `time` times `pan` pixels, between dark and bright."""
    wide = 0.1 + 0.8 * texture(height, width + 48, seed)
    left = 48 - round(pan * time)
    return wide[:, left : left + width].copy()


def over(picture, layer, opacity):
    return picture * (1 - opacity[..., None]) + np.asarray(layer, np.float32) * opacity[..., None]


def subtitle(picture):
    """White letters with a dark outline, anti-aliased."""
    for thickness, colour in ((5, 0.0), (2, 1.0)):
        coverage = np.zeros(picture.shape[:2], np.uint8)
        cv2.putText(coverage, "Who is there?", (24, 118), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, thickness, cv2.LINE_AA)
        picture = over(picture, [colour] * 3, coverage / 255.0)
    return picture


def blurred_subtitle(picture):
    """Soft letters, as after scaling."""
    coverage = np.zeros(picture.shape[:2], np.uint8)
    cv2.putText(coverage, "Who?", (40, 110), cv2.FONT_HERSHEY_SIMPLEX, 1.6, 255, 6, cv2.LINE_AA)
    return over(picture, [1.0, 0.9, 0.2], cv2.GaussianBlur(coverage / 255.0, (0, 0), 0.8))


def display(picture):
    """Frames, bars and a round gauge in several colours."""
    q = np.ascontiguousarray(picture)
    cv2.rectangle(q, (14, 12), (80, 28), (0.05, 0.05, 0.1), -1)
    cv2.rectangle(q, (18, 16), (60, 24), (0.9, 0.2, 0.2), -1)
    cv2.circle(q, (190, 30), 18, (0.2, 1.0, 0.4), 4)
    for left in range(20, 200, 36):
        cv2.rectangle(q, (left, 108), (left + 22, 130), (1.0, 0.9, 0.0), 3)
    return q


def bars(picture):
    q = picture.copy()
    for left in range(20, WIDTH, 60):
        q[:, left : left + 9] = 0.03
    return q


def window(picture):
    q = picture.copy()
    q[:10] = q[-10:] = q[66:76] = 0.96
    q[:, :10] = q[:, -10:] = q[:, 108:118] = 0.96
    return q


SIGNS = {
    "subtitle": (subtitle, (slice(92, 130), slice(16, 208))),
    "blurred subtitle": (blurred_subtitle, (slice(66, 124), slice(36, 190))),
    "display": (display, (slice(6, 138), slice(6, 218))),
    "bars": (bars, (slice(0, HEIGHT), slice(26, WIDTH - 26))),
    "window": (window, (slice(0, HEIGHT), slice(26, WIDTH - 26))),
}


def as_tensor(picture):
    return torch.from_numpy(np.ascontiguousarray(picture)).float()


def psnr(made, truth):
    return -10 * float((made - truth).square().mean().log10())


def half_way(draw, seed, pan, time=0.5, engine=None):
    first, truth, second = (as_tensor(draw(scene(seed, pan, each))) for each in (0, time, 1))
    return (engine or FlowInterpolator()).prepare(first, second).render([time]).frames_THWC[0], truth


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("pan", [3, 8, 14])  # 14 of 224 pixels are 40 of 640
@pytest.mark.parametrize(("draw", "box"), SIGNS.values(), ids=SIGNS)
def test_a_still_sign_stays_whole_in_front_of_a_pan(draw, box, pan, seed):
    made, truth = half_way(draw, seed, pan)
    assert psnr(made[box], truth[box]) > 33


@pytest.mark.parametrize(("seed", "pan"), [(1, 6), (2, 10)])
def test_a_sign_is_found_after_compression(seed, pan):
    frames = torch.stack([as_tensor(display(scene(seed, pan, time))) for time in (0, 0.5, 1)])
    first, truth, second = compressed(frames, crf=18)
    pair = FlowInterpolator().prepare(first, second)
    opacity_HW = pair.layers[0].opacity_11HW[0, 0]
    on_black, on_white = (display(np.full((HEIGHT, WIDTH, 3), grey, np.float32)) for grey in (0, 1))
    drawn = torch.from_numpy((on_black == on_white).all(axis=2))
    assert opacity_HW[drawn].mean() > 0.75
    assert psnr(pair.render([0.5]).frames_THWC[0], truth) > 28


@pytest.mark.parametrize("time", [0.25, 0.75])
def test_a_still_sign_at_other_times(time):
    made, truth = half_way(subtitle, 3, 24, time)
    assert psnr(made[SIGNS["subtitle"][1]], truth[SIGNS["subtitle"][1]]) > 33


def test_the_inside_of_a_sign_is_exact():
    made, truth = half_way(display, 1, 24)
    assert torch.equal(made[18:23, 24:56], truth[18:23, 24:56])


def test_a_sign_keeps_its_light_while_the_scene_fades():
    first, truth, second = (as_tensor(subtitle(scene(1, 12, time) * (1 - 0.4 * time))) for time in (0, 0.5, 1))
    made = FlowInterpolator().prepare(first, second).render([0.5]).frames_THWC[0]
    box = SIGNS["subtitle"][1]
    assert psnr(made[box], truth[box]) > 33


def found(first, second, flow=8.0):
    planes = [as_tensor(each).movedim(2, 0)[None] for each in (first, second)]
    return find_still_signs(*planes, torch.full((1, 2, *first.shape[:2]), flow))


def test_what_is_found_is_the_sign_and_not_beside_it():
    sign = found(display(scene(1, 12, 0)), display(scene(1, 12, 1)))[0, 0].numpy()
    on_black, on_white = (display(np.full((HEIGHT, WIDTH, 3), grey, np.float32)) for grey in (0, 1))
    drawn = (on_black == on_white).all(axis=2)
    assert (sign & ~drawn).sum() == 0
    assert (sign & drawn).sum() > 0.95 * drawn.sum()


def test_nothing_is_found_where_nothing_stands_still():
    for seed in range(4):
        for pan in (3, 12, 30):
            assert found(scene(seed, pan, 0), scene(seed, pan, 1)) is None


def test_nothing_is_found_where_a_thing_passes_a_flat_ground():
    frames = [np.full((HEIGHT, WIDTH, 3), 0.6, np.float32) for _ in range(2)]
    for number, frame in enumerate(frames):
        cv2.circle(frame, (60 + 50 * number, 70), 25, (0.2, 0.3, 0.9), -1)
    assert found(*frames) is None


def test_nothing_is_lifted_where_nothing_moves_behind():
    assert found(subtitle(scene(1, 4, 0)), subtitle(scene(1, 4, 1)), flow=0.2) is None


def test_pictures_without_signs_have_no_layer():
    first, second = (as_tensor(scene(2, 12, time)) for time in (0, 1))
    assert FlowInterpolator().prepare(first, second).layers == ()


class CrossFade:
    """An engine that fades."""

    name, device, by_halving, bytes_per_pixel = "fade", torch.device("cpu"), False, 1

    def prepare(self, first_HWC, second_HWC):
        class Pair:
            def render(self, times):
                frames = [torch.lerp(first_HWC, second_HWC, time) for time in times]
                return Rendered(torch.stack(frames), (1.0,) * len(times))

        return Pair()


def faint(picture):
    """A drawing that no rule finds: it takes on some of what is behind it."""
    mask = np.zeros(picture.shape[:2], np.float32)
    cv2.circle(mask, (110, 70), 30, 1.0, -1)
    return over(picture, [0.5, 0.5, 0.5], 0.8 * mask), mask


@pytest.mark.parametrize("engine", [FlowInterpolator(), CrossFade()], ids=lambda engine: engine.name)
def test_what_is_under_the_mask_is_left_as_it_is(engine):
    (first, mask), (truth, _), (second, _) = (faint(scene(1, 24, time)) for time in (0, 0.5, 1))
    first, truth, second, mask = map(as_tensor, (first, truth, second, mask))
    pair = LeavingAlone(engine, mask[None, None]).prepare(first, second)
    for time, made in zip((0.25, 0.5), pair.render([0.25, 0.5]).frames_THWC, strict=True):
        torch.testing.assert_close(made[mask == 1], torch.lerp(first, second, time)[mask == 1], rtol=0, atol=2e-6)
    if engine.name != "fade":
        assert psnr(made[mask == 0], truth[mask == 0]) > 33
        unmasked = engine.prepare(first, second).render([0.5]).frames_THWC[0]
        assert psnr(made, truth) > psnr(unmasked, truth) + 1


def test_an_empty_mask_changes_nothing():
    first, second = (as_tensor(scene(1, 12, time)) for time in (0, 1))
    for engine in (FlowInterpolator(), CrossFade()):
        left = LeavingAlone(engine, torch.zeros(1, 1, HEIGHT, WIDTH)).prepare(first, second).render([0.5])
        assert torch.equal(left.frames_THWC, engine.prepare(first, second).render([0.5]).frames_THWC)


def test_masks_are_united_and_brought_to_the_size_of_the_frames():
    masks = torch.zeros(2, 8, 12)
    masks[0, :4], masks[1, :, :6] = 1, 0.5
    united = united_mask(masks, 16, 24)
    assert united.shape == (1, 1, 16, 24)
    assert united[0, 0, 2, 20] == 1
    assert united[0, 0, 14, 2] == 0.5
    assert united[0, 0, 14, 22] == 0


@pytest.mark.parametrize("mask", [torch.zeros(1, 8, 8, 3), torch.zeros(0, 8, 8), torch.full((8, 8), 2.0)])
def test_what_is_not_a_mask_is_refused(mask):
    with pytest.raises(InbetweenError, match="still_mask"):
        united_mask(mask, 8, 8)
