"""Small and thin things: followed as one piece where both frames show them, else faded or held whole, and reported."""

import math

import cv2
import numpy as np
import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator

HEIGHT, WIDTH = 160, 256


def ground(seed, textured=True):
    if not textured:
        return np.full((HEIGHT, WIDTH, 3), 0.3 + 0.3 * np.random.default_rng(seed).random(3))
    random, picture = np.random.default_rng(seed), 0
    for sigma in (1.5, 4, 12):
        noise = cv2.GaussianBlur(random.standard_normal((HEIGHT, WIDTH, 3)), (0, 0), sigma)
        picture = picture + noise / noise.std()
    return 0.15 + 0.5 * (picture - picture.min()) / np.ptp(picture)


def drawn(picture, draw):
    canvas = np.ascontiguousarray((picture * 255).round().astype(np.uint8))
    draw(canvas)
    return torch.from_numpy(canvas.astype(np.float32) / 255)


def at(*points):
    return [tuple(round(16 * value) for value in point) for point in points]


def with_ball(picture, x, y, size, colour=(250, 240, 60)):
    return drawn(picture, lambda canvas: cv2.circle(canvas, *at((x, y)), round(8 * size), colour, -1, cv2.LINE_AA, 4))


def with_arm(picture, degrees, width=3):
    """A body of lines with an arm that turns about the shoulder."""
    angle = math.radians(degrees)
    elbow = 100 + 45 * math.cos(angle), 60 + 45 * math.sin(angle)
    hand = elbow[0] + 40 * math.cos(angle + 0.3), elbow[1] + 40 * math.sin(angle + 0.3)

    def draw(canvas):
        for start, end in (((100, 50), (100, 120)), ((100, 120), (80, 150)), ((100, 60), elbow), (elbow, hand)):
            cv2.line(canvas, *at(start, end), (20, 20, 30), width, cv2.LINE_AA, 4)
        cv2.circle(canvas, *at(hand), 5 * 16, (20, 20, 30), 2, cv2.LINE_AA, 4)

    return drawn(picture, draw)


def render(first, second, times=(0.5,), when_lost="fade"):
    interpolator = FlowInterpolator().start({"when_lost": when_lost}, HEIGHT, WIDTH)
    return interpolator.prepare(first, second).render(times)


def psnr_around(made, truth, first, second):
    """PSNR where any of the frames differ, and around it."""
    moves = ((first - truth).abs().amax(dim=2) + (second - truth).abs().amax(dim=2)).numpy() > 0.1
    near = torch.from_numpy(cv2.dilate(moves.astype(np.uint8), np.ones((9, 9), np.uint8))) > 0
    return -10 * math.log10(((made - truth)[near] ** 2).mean().item())


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("size", "jump"), [(8, 30), (10, 60), (18, 40)])
def test_a_ball_that_jumps_over_texture_is_followed_whole(size, jump, seed):
    picture = ground(seed)
    first, quarter, truth, second = (with_ball(picture, 90 + jump * t, 70 + 12 * t, size) for t in (0, 0.25, 0.5, 1))
    made = render(first, second, (0.25, 0.5))
    assert psnr_around(made.frames_THWC[1], truth, first, second) > 35
    assert psnr_around(made.frames_THWC[0], quarter, first, second) > 35
    assert made.blended == (0, 0)
    assert not made.lost_THW.any()


def test_several_balls_keep_their_own_ways():
    picture, random = ground(3), np.random.default_rng(3)
    colours = [(250, 250, 250), (250, 30, 30), (30, 60, 250)]
    starts = [(50, 40), (60, 110), (190, 75)]
    ways = [random.choice([-1, 1], 2) * (32, 14) for _ in starts]

    def frame(time):
        made = picture
        for (x, y), way, colour in zip(starts, ways, colours, strict=True):
            made = with_ball(made, x + way[0] * time, y + way[1] * time, 11, colour).numpy()
        return torch.from_numpy(made)

    made = render(frame(0), frame(1)).frames_THWC[0]
    assert psnr_around(made, frame(0.5), frame(0), frame(1)) > 33


@pytest.mark.parametrize("textured", [False, True])
@pytest.mark.parametrize("degrees", [12, 25, 40])
def test_an_arm_of_lines_swings_along_its_arc(degrees, textured):
    picture = ground(4) if textured else np.ones((HEIGHT, WIDTH, 3))
    first, truth, second = (with_arm(picture, -10 + degrees * t) for t in (0, 0.5, 1))
    made = render(first, second).frames_THWC[0]
    assert psnr_around(made, truth, first, second) > 22
    ink = [(frame.mean(dim=2) < 0.15).sum().item() for frame in (made, truth)]
    assert ink[0] > 0.8 * ink[1]  # not dust


def test_streaks_that_could_each_be_another_move_as_most_of_them_do():
    random, picture = np.random.default_rng(5), ground(5)
    starts = random.uniform((20, 10), (WIDTH - 30, HEIGHT - 60), (24, 2))

    def frame(time):
        def draw(canvas):
            for x, y in starts + np.array([8, 30]) * time:
                cv2.line(canvas, *at((x, y), (x + 4, y + 15)), (235, 235, 240), 1, cv2.LINE_AA, 4)

        return drawn(picture, draw)

    made = render(frame(0), frame(1)).frames_THWC[0]
    faded = (frame(0) + frame(1)) / 2
    assert psnr_around(made, frame(0.5), frame(0), frame(1)) > psnr_around(faded, frame(0.5), frame(0), frame(1)) + 5


def test_what_the_flow_follows_stays_to_the_bit():
    """A ball that moves less than its size, and a pan."""
    picture = ground(6, textured=False)
    pair = FlowInterpolator().prepare(with_ball(picture, 90, 70, 20), with_ball(picture, 96, 72, 20))
    assert pair.things is None
    wide = torch.from_numpy(cv2.resize(ground(7), (WIDTH + 20, HEIGHT)).astype(np.float32))
    assert FlowInterpolator().prepare(wide[:, 20:], wide[:, :-20]).things is None


@pytest.mark.parametrize("seed", [8, 9])
@pytest.mark.parametrize("gain", [1.0, 0.15])
def test_a_dark_ball_is_followed_as_well(seed, gain):
    picture = ground(seed)
    first, truth, second = (gain * with_ball(picture, 90 + 36 * t, 70, 10) for t in (0, 0.5, 1))
    made = render(first, second).frames_THWC[0]
    assert psnr_around(made / gain, truth / gain, first / gain, second / gain) > 33


def test_in_a_fade_the_ball_is_followed_and_fades_along():
    picture = ground(10)
    first, truth, second = ((1 - 0.4 * t) * with_ball(picture, 90 + 36 * t, 70, 12) for t in (0, 0.5, 1))
    made = render(first, second).frames_THWC[0]
    assert psnr_around(made, truth, first, second) > 33


# What only one frame shows


def ball_that_goes(seed=11, x=120, y=75, size=12):
    picture = ground(seed)
    empty = drawn(picture, lambda canvas: None)
    return with_ball(picture, x, y, size), empty


def test_a_thing_that_only_one_frame_shows_fades_whole_where_it_stands():
    first, second = ball_that_goes()
    made = render(first, second, (0.2, 0.5, 0.8))
    shown = ((made.frames_THWC - second) / (first - second).clamp(min=0.05))[:, 71:80, 116:125]  # well inside
    for share, now_HW3 in zip((0.9, 0.5, 0.1), shown, strict=True):
        assert now_HW3.median().item() == pytest.approx(share, abs=0.05)
    assert torch.equal(made.lost_THW[1] > 0.5, made.lost_THW[0] > 0.5)
    assert made.lost_THW[0, 75, 120] == 1
    assert made.lost_THW[0, 30:50].max() == 0
    (place,) = made.lost_things
    assert math.dist(place, (120, 75)) < 2
    late = render(second, first, (0.2,))
    assert (late.frames_THWC[0] - second)[71:80, 116:125].abs().max() < 0.15


@pytest.mark.parametrize("when_lost", ["hold", "nearest"])
def test_a_held_thing_stands_whole_up_to_half_way(when_lost):
    first, second = ball_that_goes(12)
    for pair, shown in (((first, second), (True, True, False)), ((second, first), (False, False, True))):
        made = render(*pair, (0.2, 0.5, 0.7), when_lost)
        for frame, is_shown in zip(made.frames_THWC, shown, strict=True):
            expected = first if is_shown else second
            assert (frame - expected).abs()[65:86, 110:131].max() < 0.02


def pan_with_ball(step=12):
    """A pan; the ball stands on the ground of the first frame and is gone in the second."""
    wide = cv2.resize(ground(13), (WIDTH + step, HEIGHT))
    first = with_ball(wide[:, :-step], 120, 75, 14)
    return first, drawn(wide[:, step:], lambda canvas: None), step


def test_nearest_moves_the_thing_with_the_ground_and_hold_does_not():
    first, second, step = pan_with_ball()
    yellow = {}
    for when_lost in ("hold", "nearest"):
        frame = render(first, second, (0.5,), when_lost).frames_THWC[0]
        columns = ((frame[..., 0] > 0.8) & (frame[..., 2] < 0.4)).nonzero()[:, 1].float()
        yellow[when_lost] = columns.mean().item()
    assert yellow["hold"] == pytest.approx(120, abs=1)
    assert yellow["nearest"] == pytest.approx(120 - step / 2, abs=1)


def areas():
    """The left half moves, the right half becomes something else."""
    wide = cv2.resize(ground(14), (WIDTH + 6, HEIGHT))
    first, second = wide[:, 6:].copy(), wide[:, :-6].copy()
    first[:, 128:], second[:, 128:] = ground(15)[:, 128:], ground(16)[:, 128:]
    return torch.from_numpy(first).float(), torch.from_numpy(second).float()


def test_an_area_that_is_lost_is_faded_held_or_moved_and_white_in_the_mask():
    first, second = areas()
    inside = slice(24, -24), slice(152, -24)
    made = {when: render(first, second, (0.4, 0.6), when) for when in ("fade", "hold", "nearest")}
    for rendered in made.values():
        assert rendered.lost_THW[:, inside[0], inside[1]].mean() > 0.4
        assert rendered.lost_THW[:, 24:-24, 16:96].max() == 0
    held, faded = made["hold"].frames_THWC, made["fade"].frames_THWC
    for now, nearer_HWC, time in ((0, first, 0.4), (1, second, 0.6)):
        lost_HW1 = made["fade"].lost_THW[now][..., None]
        change_HWC = lost_HW1 * (nearer_HWC - torch.lerp(first, second, time))
        torch.testing.assert_close(held[now] - faded[now], change_HWC, rtol=0, atol=1e-4)
    assert (held - made["nearest"].frames_THWC).abs().max() > 0.1
    for rendered in made.values():
        assert (rendered.frames_THWC - faded)[:, 24:-24, 16:96].abs().max() < 1e-6  # what is followed stays


def test_the_choice_is_checked():
    with pytest.raises(InbetweenError, match='when_lost is "freeze"; choose fade, hold or nearest'):
        render(*ball_that_goes(), when_lost="freeze")
