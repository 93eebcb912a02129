"""In-betweens have the grain of the frames they come from, and clean clips stay as they are."""

import cv2
import numpy as np
import pytest
import torch
from comfyui_inbetween.core.interpolation.contract import Rendered
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from comfyui_inbetween.core.interpolation.grained import AS_RENDERED, KEEP, Grained, with_grain

HEIGHT, WIDTH = 144, 192


def scene(seed, shift=0.0, fine=0.15):
    """Patches of colour with soft and with sharp edges, moved to the right."""
    random, picture = np.random.default_rng(seed), 0
    for sigma, weight in ((1.5, fine), (6, 0.7), (20, 1.0)):
        noise = cv2.GaussianBlur(random.standard_normal((HEIGHT, WIDTH + 32, 3), dtype=np.float32), (0, 0), sigma)
        picture = picture + weight * noise / noise.std()
    picture = np.clip(0.5 + 0.13 * picture, 0.05, 0.95)
    move = np.float32([[1, 0, shift - 16], [0, 1, 0]])
    return cv2.warpAffine(picture, move, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC).clip(0, 1)


def grain(seed, sigma, size=0.0, coloured=False):
    noise = np.random.default_rng(seed).standard_normal((HEIGHT, WIDTH, 3), dtype=np.float32)
    if not coloured:
        noise = noise[:, :, :1].repeat(3, axis=2)
    if size:
        noise = cv2.GaussianBlur(noise, (0, 0), size)
    return sigma * noise / noise.std()


def pair(seed, sigma, shift=5.0, **kind):
    first, second = scene(seed), scene(seed, shift)
    return [
        torch.from_numpy((each + grain(100 * seed + number, sigma, **kind)).clip(0, 1))
        for number, each in enumerate((first, second))
    ]


def kept(first, second, times=(0.5,), engine=None):
    return Grained(engine or FlowInterpolator()).prepare(first, second).render(times).frames_THWC


def detail(frame_HWC, sigma=1.5):
    picture = frame_HWC.numpy()
    return picture - cv2.GaussianBlur(picture, (0, 0), sigma)


def ratio(made_HWC, first, second, sigma=1.5):
    return float(
        detail(made_HWC, sigma).std() / np.sqrt((detail(first, sigma).var() + detail(second, sigma).var()) / 2)
    )


class Softening:
    """An engine that removes all grain, as a network may: the truth, at any time."""

    name, device, bytes_per_pixel, by_halving = "softening", torch.device("cpu"), 0, False

    def __init__(self, truth):
        self.truth = truth

    def prepare(self, first_HWC, second_HWC):
        return self

    def render(self, times):
        return Rendered(self.truth.expand(len(times), -1, -1, -1).clone(), (0.0,) * len(times))


@pytest.mark.parametrize("sigma", [0.01, 0.03, 0.06])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_fine_detail_is_as_strong_as_in_the_frames_given(seed, sigma):
    first, second = pair(seed, sigma)
    for made in kept(first, second, (0.25, 0.5, 0.8)):
        assert 0.93 < ratio(made, first, second) < 1.06
    plain = FlowInterpolator().prepare(first, second).render([0.5]).frames_THWC[0]
    assert ratio(plain, first, second) < 0.9


@pytest.mark.parametrize("shift", [0.0, 2.0, 7.5])
def test_whether_the_frames_move_or_not(shift):
    first, second = pair(4, 0.03, shift)
    assert 0.93 < ratio(kept(first, second)[0], first, second) < 1.06


@pytest.mark.parametrize("seed", [1, 2])
def test_an_engine_that_removes_all_grain_gets_it_back(seed):
    first, second = pair(seed, 0.04)
    engine = Softening(torch.from_numpy(scene(seed, 2.5)))
    made = kept(first, second, engine=engine)[0]
    assert ratio(engine.truth, first, second) < 0.4
    assert 0.93 < ratio(made, first, second) < 1.06


@pytest.mark.parametrize("size", [1.0, 2.0])
def test_coarse_grain_stays_coarse(size):
    first, second = pair(5, 0.04, size=size)
    made = kept(first, second)[0]
    for sigma in (1, 2, 4):
        assert 0.9 < ratio(made, first, second, sigma) < 1.1


@pytest.mark.parametrize("coloured", [False, True])
def test_colour(coloured):
    first, second = pair(6, 0.05, coloured=coloured)
    truth = torch.from_numpy(scene(6, 2.5))
    made = detail(kept(first, second, engine=Softening(truth))[0] - truth)
    between_channels = np.corrcoef(made[..., 0].ravel(), made[..., 2].ravel())[0, 1]
    assert abs(between_channels - (0 if coloured else 1)) < 0.1


def test_grain_is_as_strong_in_shadows_and_in_highlights_as_it_was():
    clean = [scene(7, shift, fine=0.0) for shift in (0, 2.5, 5)]
    first, second = (
        torch.from_numpy((each + (1.3 - each) * grain(number, 0.04)).clip(0, 1))
        for number, each in enumerate((clean[0], clean[2]))
    )
    made = kept(first, second, engine=Softening(torch.from_numpy(clean[1])))[0]
    luma_first, luma_made = (each.mean(axis=2) for each in clean[:2])
    shadows = detail(made)[luma_made < 0.4].std(), detail(first)[luma_first < 0.4].std()
    highlights = detail(made)[luma_made > 0.6].std(), detail(first)[luma_first > 0.6].std()
    assert shadows[0] == pytest.approx(shadows[1], rel=0.1)
    assert highlights[0] == pytest.approx(highlights[1], rel=0.1)
    assert shadows[1] > 1.3 * highlights[1]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("fine", [0.0, 0.15, 0.5])
@pytest.mark.parametrize("bits", [None, 8])
def test_clean_frames_stay_the_same_to_the_bit(seed, fine, bits):
    first, second = (torch.from_numpy(scene(seed, shift, fine)) for shift in (0, 4.5))
    if bits:
        first, second = (first * 255).round() / 255, (second * 255).round() / 255
    plain = FlowInterpolator().prepare(first, second).render([0.3, 0.5]).frames_THWC
    assert torch.equal(kept(first, second, (0.3, 0.5)), plain)


def half_colours(frame):
    """A frame after its colours were halved in size, as in most video files."""
    coded = cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb)
    small = cv2.resize(coded[..., 1:], (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    coded[..., 1:] = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    return torch.from_numpy(cv2.cvtColor(coded, cv2.COLOR_YCrCb2RGB).clip(0, 1))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_colours_of_half_the_size_are_not_taken_for_grain(seed):
    first, second = (half_colours(scene(seed, shift, 0.6)) for shift in (0, 5.5))
    assert not torch.equal(first, torch.from_numpy(scene(seed, 0, 0.6)))
    plain = FlowInterpolator().prepare(first, second).render([0.5]).frames_THWC
    assert torch.equal(kept(first, second), plain)


def drawing(shift, turn):
    """Flat shapes with outlines that move different ways."""
    canvas = np.full((4 * HEIGHT, 4 * WIDTH, 3), 230, dtype=np.uint8)
    for number, x in enumerate((120, 330, 560)):
        centre = int(x + 4 * shift * (number - 1)), int(280 + 8 * shift * (number % 2))
        for colour, thick in (((90 + 50 * number, 200 - 40 * number, 120), -1), ((20, 20, 20), 8)):
            cv2.ellipse(canvas, centre, (90, 50), 30 * number + turn, 0, 360, colour, thick)
    return torch.from_numpy(cv2.resize(canvas, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32) / 255)


def test_drawn_flats_and_lines_get_no_grain_even_where_motion_is_not_found():
    first, second = drawing(0, 0), drawing(6, 40)
    plain = FlowInterpolator().prepare(first, second).render([0.5]).frames_THWC
    assert torch.equal(kept(first, second), plain)


def test_clean_texture_that_cannot_be_followed_gets_no_grain():
    first, second = (torch.from_numpy(scene(seed, 0.0, 1.0)) for seed in (5, 5))
    second[:, : WIDTH // 2] = torch.from_numpy(scene(6, 0.0, 1.0))[:, : WIDTH // 2]  # half of it shows something else
    second = second.roll(2, 1)
    plain = FlowInterpolator().prepare(first, second).render([0.5]).frames_THWC
    assert torch.equal(kept(first, second), plain)


def test_frames_with_alpha_are_left_as_rendered():
    """Colours that are not seen are no grain."""
    first, second = pair(13, 0.05)
    alpha = torch.rand(1, HEIGHT, WIDTH, 1, generator=torch.Generator().manual_seed(0))
    rendered = torch.cat([torch.from_numpy(scene(13, 2.5)), alpha[0]], dim=2)
    with_alpha = [torch.cat([each, alpha[0]], dim=2) for each in (first, second)]
    assert torch.equal(
        kept(*with_alpha, engine=Softening(rendered))[0],
        Softening(rendered).prepare(*with_alpha).render([0.5]).frames_THWC[0],
    )


def test_bars_and_signs_in_front_of_grain_stay_clean():
    first, second = pair(8, 0.05)
    for frame in (first, second):
        frame[:24], frame[-24:] = 0, 0
        frame[60:80, 40:120] = 0.8
    plain = FlowInterpolator().prepare(first, second).render([0.5]).frames_THWC[0]
    made = kept(first, second)[0]
    for rows, columns in (
        (slice(0, 24), slice(None)),
        (slice(-24, None), slice(None)),
        (slice(60, 80), slice(40, 120)),
    ):
        assert torch.equal(made[rows, columns], plain[rows, columns])
    assert 0.93 < ratio(made[28:56], first[28:56], second[28:56]) < 1.07


def test_in_the_dark():
    first, second = (0.1 * each for each in pair(9, 0.04))
    assert 0.93 < ratio(kept(first, second)[0], first, second) < 1.06


def test_over_a_fade():
    first, second = pair(10, 0.04)
    second = 0.6 * second
    made = kept(first, second)[0]
    between = (detail(first).std() + detail(second).std()) / 2
    assert detail(made).std() == pytest.approx(between, rel=0.08)


def test_the_same_frames_give_the_same_grain_alone_or_together_and_each_time_its_own():
    first, second = pair(11, 0.04)
    engine = Softening(torch.from_numpy(scene(11, 2.5)))
    together = kept(first, second, (0.25, 0.5), engine)
    assert torch.equal(together[1:], kept(first, second, (0.5,), engine))
    one, other = (detail(each - engine.truth).ravel() for each in together)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.1
    of_the_next = kept(second, first, (0.5,), engine)[0]
    assert abs(np.corrcoef(other, detail(of_the_next - engine.truth).ravel())[0, 1]) < 0.1


def test_values_stay_within_the_limits_of_the_frames_given():
    first, second = pair(12, 0.06)
    made = kept(first, second)
    assert made.min() >= 0
    assert made.max() <= 1
    bright = kept(3 * first, 3 * second)
    assert 1.5 < bright.max() <= 3 * max(first.max(), second.max()) + 1e-5


def test_as_rendered_leaves_the_engine_as_it_is():
    engine = FlowInterpolator()
    assert with_grain(engine, AS_RENDERED) is engine
    assert with_grain(engine, KEEP) is not engine
