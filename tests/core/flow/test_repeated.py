"""The motion of repeated texture: the right period, the shortest where nothing tells, and all else unchanged."""

import cv2
import numpy as np
import pytest
import torch
from comfyui_inbetween.core.flow import repeated
from comfyui_inbetween.core.flow.optical_flow import flow_both_ways
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator

HEIGHT, WIDTH, AROUND = 144, 224, 40


def ground(seed):
    """A random picture_HWC, larger than the frame by AROUND pixels on each side."""
    random = np.random.default_rng(seed)
    size = (HEIGHT + 2 * AROUND, WIDTH + 2 * AROUND, 3)
    picture = sum(cv2.GaussianBlur(random.random(size, np.float32), (0, 0), sigma) * sigma for sigma in (1.5, 4, 12))
    return (picture - picture.min()) / (picture.max() - picture.min())


def texture(kind, period, seed):
    """A repeated picture_HWC of the same size."""
    y, x = np.mgrid[: HEIGHT + 2 * AROUND, : WIDTH + 2 * AROUND].astype(np.float32) * (2 * np.pi / period)
    wave = {
        "fence": np.sin(x),
        "blinds": np.sin(y),
        "tilted": np.sin(0.94 * x + 0.34 * y),
        "chequers": 2 * np.sin(x) * np.sin(y),
        "bricks": np.minimum(np.cos(2 * y), np.cos(x + np.pi * (np.floor(y / np.pi) % 2))) + 0.8,
    }[kind]
    share_HW1 = np.clip(0.5 + wave * period / 6, 0, 1)[..., None]
    colours = np.random.default_rng(seed).random((2, 3), np.float32) * 0.3 + [[0.0], [0.6]]
    return ((1 - share_HW1) * colours[0] + share_HW1 * colours[1]).astype(np.float32)


def moved(picture_HWC, motion):
    shift = np.array([[1, 0, motion[0] - AROUND], [0, 1, motion[1] - AROUND]], np.float32)
    frame = cv2.warpAffine(picture_HWC, shift, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return torch.from_numpy(frame.clip(0, 1))


def on_ground(kind, period, seed, part=(slice(65, 165), slice(None))):
    picture = ground(seed)
    picture[part] = texture(kind, period, seed)[part]
    return picture


def wrong_share(flow_2HW, motion):
    """The share of the pixels whose flow is off by more than a pixel."""
    off_HW = (flow_2HW - torch.tensor(motion, dtype=torch.float32)[:, None, None]).abs().amax(0)
    return (off_HW > 1).float().mean().item()


CASES = [
    ("fence", 12, (4, 0)),
    ("fence", 12, (8, 0)),  # more than half a period
    ("fence", 24, (-20.5, 3)),
    ("blinds", 10, (1, 4.4)),
    ("tilted", 16, (9, 3)),
    ("chequers", 16, (11, -5)),
    ("bricks", 32, (21, 6)),
]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("kind", "period", "motion"), CASES)
def test_what_is_around_tells_the_period(kind, period, motion, seed):
    picture = on_ground(kind, period, seed)
    forward, backward = flow_both_ways(moved(picture, (0, 0)), moved(picture, motion))
    assert wrong_share(forward, motion) < 0.03
    assert wrong_share(backward, [-each for each in motion]) < 0.03


@pytest.mark.parametrize(("kind", "period", "motion"), [("fence", 13, (4.3, 0)), ("chequers", 18, (5, -3))])
def test_the_shortest_motion_if_nothing_tells(kind, period, motion):
    picture = texture(kind, period, seed=3)
    forward, backward = flow_both_ways(moved(picture, (0, 0)), moved(picture, motion))
    assert wrong_share(forward, motion) < 0.03
    assert wrong_share(backward, [-each for each in motion]) < 0.03


@pytest.mark.parametrize("seed", [0, 1])
def test_a_pattern_that_moves_over_a_still_ground(seed):
    part = (slice(80, 150), slice(90, 210))
    pattern = ground(seed)
    pattern[part] = texture("chequers", 14, seed)[part]
    mask = np.zeros_like(pattern)
    mask[part] = 1
    still, motion = moved(ground(seed), (0, 0)), (9, 2)
    first, second = (torch.lerp(still, moved(pattern, each), moved(mask, each)) for each in ((0, 0), motion))
    forward, _ = flow_both_ways(first, second)
    assert wrong_share(forward[:, 48:104, 58:162], motion) < 0.1
    assert wrong_share(forward[:, :25], (0, 0)) < 0.02


def test_a_fence_that_turns():
    picture = on_ground("chequers", 19, 5)
    height, width = picture.shape[:2]
    turned = cv2.getRotationMatrix2D((width / 2, height / 2), 2.0, 1.02)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32) + AROUND
    truth = torch.from_numpy(cv2.transform(np.dstack([x, y]), turned) - np.dstack([x, y])).permute(2, 0, 1)
    second = cv2.warpAffine(picture, turned.astype(np.float32), (width, height), flags=cv2.INTER_CUBIC)
    forward, _ = flow_both_ways(moved(picture, (0, 0)), moved(second, (0, 0)))
    assert ((forward - truth).abs().amax(0) > 1).float().mean() < 0.05


def greys(*frames_HWC):
    return [(frame_HWC.mean(2) * 255).round().to(torch.uint8).numpy() for frame_HWC in frames_HWC]


def random_flows(seed):
    random = np.random.default_rng(seed)
    return [random.normal(0, 20, (HEIGHT, WIDTH, 2)).astype(np.float32) for _ in range(2)]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_all_else_keeps_its_flow(seed):
    plain = ground(seed)
    edges = plain.copy()  # like themselves along one direction only
    edges[:, 60:66], edges[:, 150:152], edges[90:93] = 0, 1, 0.2
    for picture in (plain, edges):
        flows = random_flows(seed)
        result = repeated.corrected(*greys(moved(picture, (0, 0)), moved(picture, (6, 2))), *flows)
        assert all(each is flow for each, flow in zip(result, flows, strict=True))


def test_a_still_fence_keeps_its_flow():
    picture, flows = on_ground("fence", 12, 0), random_flows(0)
    frame = moved(picture, (0, 0))
    result = repeated.corrected(*greys(frame, frame), *flows)
    assert all(each is flow for each, flow in zip(result, flows, strict=True))


def test_torn_texture_that_no_motion_fits_is_faded():
    random = np.random.default_rng(0)
    fence, other = texture("fence", 14, 1), texture("fence", 14, 1)
    for row in range(0, len(other), 8):  # pieces of the fence go different ways
        for column in range(0, other.shape[1] - 16, 16):
            piece = random.integers(0, 14)
            other[row : row + 8, column : column + 16] = np.roll(fence, piece, 1)[row : row + 8, :16]
    first, second = moved(fence, (0, 0)), moved(other, (0, 0))
    forward, backward = repeated.corrected(*greys(first, second), *random_flows(1))
    assert (forward == 0).mean() > 0.9
    assert (backward == 0).mean() > 0.9


def test_the_frame_between_is_whole():
    picture = on_ground("fence", 14, 2)
    first, second = moved(picture, (0, 0)), moved(picture, (10, 0))
    made = FlowInterpolator().prepare(first, second).render([0.5]).frames_THWC[0]
    error = (made - moved(picture, (5, 0))).square().mean().item()
    assert -10 * np.log10(error) > 35
