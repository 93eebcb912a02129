"""Motion as colours: hue by direction, white at rest, one scale; holes where ground is uncovered."""

import cv2
import numpy as np
import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.views.flow_view import flow_colours, view_flow

HEIGHT, WIDTH = 96, 160


def texture(seed, height=HEIGHT, width=WIDTH):
    noise = np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return torch.from_numpy((smooth - smooth.min()) / (smooth.max() - smooth.min()))


def panned(*steps):
    """Frames of which each shows the texture moved by `step` pixels to the right since the one before."""
    wide = texture(1, HEIGHT, WIDTH + sum(steps))
    starts = [sum(steps) - sum(steps[:number]) for number in range(len(steps) + 1)]
    return torch.stack([wide[:, start : start + WIDTH] for start in starts])


def with_square(left):
    frame = 0.4 * texture(2)
    frame[30:66, left : left + 36] = 0.6 + 0.4 * texture(3)[:36, :36]
    return frame


def colour(x, y):
    return flow_colours(torch.tensor([x, y]).view(2, 1, 1))[0, 0].tolist()


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (1.0, 0.0, (1, 0, 0)),  # right is red
        (0.0, 1.0, (1, 0.92, 0)),  # down is yellow
        (-1.0, 0.0, (0, 0.77, 1)),  # left is between cyan and blue
        (0.0, -1.0, (0.4, 0, 1)),  # up is violet
    ],
)
def test_the_wheel_of_middlebury(x, y, expected):
    assert colour(x, y) == pytest.approx(expected, abs=0.05)


def test_rest_is_white_and_half_way_is_half_as_strong():
    assert colour(0.0, 0.0) == [1, 1, 1]
    assert colour(0.5, 0.0) == pytest.approx([1, 0.5, 0.5], abs=0.02)
    assert colour(3.0, 0.0) == pytest.approx([0.75, 0, 0], abs=0.02)


def test_every_direction_has_its_colour():
    angles = torch.linspace(-torch.pi, torch.pi, 721)[:-1]
    colours = flow_colours(torch.stack([angles.cos(), angles.sin()])[:, None])[0]
    steps = (colours - colours.roll(1, dims=0)).abs().amax(dim=1)
    assert steps.max() < 0.13  # no seam, not where the wheel closes either
    assert torch.cdist(colours[::36], colours[::36]).add(torch.eye(20)).min() > 0.1


def test_one_scale_for_all_pictures():
    view = view_flow(panned(2, 6), legend=False)
    slow, fast = (1 - picture_HWC[20:-20, 20:-20, 1].mean() for picture_HWC in view.flow_THWC)
    assert fast > 0.75  # a few wild pixels at the edge may lie above it
    assert slow / fast == pytest.approx(1 / 3, abs=0.03)
    assert "2 pairs" in view.report
    assert view.report.splitlines()[1].startswith("Frames 1 and 2: mean 6.")


def test_a_given_scale():
    view = view_flow(panned(4), longest=8, legend=False)
    assert view.flow_THWC[0, 20:-20, 20:-20].mean(dim=(0, 1)).tolist() == pytest.approx([1, 0.5, 0.5], abs=0.05)


def test_holes_are_where_ground_is_uncovered():
    view = view_flow(torch.stack([with_square(40), with_square(52)]))
    holes_HW = view.holes_THW[0]
    assert holes_HW[34:62, 43:50].mean() > 0.8
    holes_HW[26:70, 36:56] = 0
    assert holes_HW.mean() < 0.01


def test_a_still_clip_is_white_without_holes():
    view = view_flow(texture(4).expand(3, -1, -1, -1), legend=False)
    assert torch.equal(view.flow_THWC, torch.ones(2, HEIGHT, WIDTH, 3))
    assert view.holes_THW.sum() == 0


def test_the_legend_stays_in_its_corner():
    clip = panned(3)
    with_legend, without = view_flow(clip).flow_THWC[0], view_flow(clip, legend=False).flow_THWC[0]
    changed_HW = (with_legend != without).any(dim=2)
    assert changed_HW.any()
    assert not changed_HW[: HEIGHT // 2].any()
    assert not changed_HW[:, : WIDTH // 2].any()


def test_shapes_progress_and_inputs():
    clip, done = panned(2, 2, 2).half(), []
    before = clip.clone()
    view = view_flow(clip, on_frames=done.append)
    assert view.flow_THWC.shape == (3, HEIGHT, WIDTH, 3)
    assert view.holes_THW.shape == (3, HEIGHT, WIDTH)
    assert 0 <= view.flow_THWC.min() <= view.flow_THWC.max() <= 1
    assert done == [1, 1, 1]
    assert torch.equal(clip, before)


@pytest.mark.parametrize(
    ("clip", "options", "message"),
    [
        (torch.zeros(1, 20, 20, 3), {}, "one frame; connect a clip of 2 or more"),
        (torch.zeros(2, 8, 20, 3), {}, "20x8"),
        (torch.zeros(2, 20, 20, 4), {}, "4 channels"),
        (torch.zeros(2, 20, 20, 3), {"longest": -1.0}, "longest is -1"),
        (torch.zeros(2, 20, 20, 3), {"longest": float("nan")}, "longest is nan"),
    ],
)
def test_wrong_input_is_one_line(clip, options, message):
    with pytest.raises(InbetweenError, match=message) as refusal:
        view_flow(clip, **options)
    assert "\n" not in str(refusal.value)
