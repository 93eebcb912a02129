"""The motion plot: what jumps is seen, at its place, and nothing else is."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from comfyui_inbetween.core.flow.clip_motion import Motion
from comfyui_inbetween.core.views.contact_sheet import KEYFRAME
from comfyui_inbetween.core.views.motion_plot import CURVE, JUMP, STOP, motion_plot, tick_step


def motion(count=21, jump=None):
    values = [0.0] + [1.0 + 0.1 * (frame % 2) for frame in range(1, count)]
    if jump is not None:
        values[jump] = 9.0
    jumps = () if jump is None else (jump,)
    return Motion(tuple(values), (0.0,) * count, (0.001,) * count, jumps, (), ())


def pixels(plot_1HWC, colour):
    """Rows and columns of the pixels of just this colour."""
    wanted = torch.tensor(colour) / 255
    return ((plot_1HWC[0] - wanted).abs().amax(dim=2) < 0.002).nonzero().numpy()


def test_a_jump_is_marked_at_its_frame():
    plot = motion_plot(motion(jump=5))
    columns = pixels(plot, JUMP)[:, 1]
    assert len(columns) > 80
    left, right = 78, 1184  # of the first and last frame
    assert np.median(columns) == pytest.approx(left + (right - left) * 5 / 20, abs=4)
    assert plot.shape == (1, 720, 1200, 3)
    assert plot.dtype == torch.float32
    legend_only = pixels(motion_plot(motion()), JUMP)
    assert len(legend_only) < 40
    assert (legend_only[:, 0] > 690).all()


def test_a_stop_is_a_dot_on_the_motion_curve():
    plot = motion_plot(replace(motion(), stops=(5,)))
    places = pixels(plot, STOP)
    dot = places[places[:, 0] < 660]
    left, right = 78, 1184
    assert len(dot) > 40
    assert dot[:, 0].max() < 230  # in the first panel
    assert np.median(dot[:, 1]) == pytest.approx(left + (right - left) * 5 / 20, abs=2)
    assert (places[:, 0] > 690).any()  # named in the legend
    assert len(pixels(motion_plot(motion(jump=5)), STOP)) == 0


def test_keyframes_are_lines_at_their_frames():
    columns = pixels(motion_plot(motion(), keyframes=[0, 10, 99]), KEYFRAME)
    columns = columns[columns[:, 0] < 650][:, 1]
    assert set(columns) == {78, 631}
    assert len(pixels(motion_plot(motion()), KEYFRAME)) == 0


def test_the_curve_rises_with_the_value():
    low, high = motion_plot(motion()), motion_plot(motion(jump=5))
    in_first_panel = [pixels(plot, CURVE) for plot in (low, high)]
    rows = [points[(points[:, 0] < 230) & (abs(points[:, 1] - 631) < 20)][:, 0].mean() for points in in_first_panel]
    assert rows[1] > rows[0] + 50  # the same values lie lower once one is far larger


@pytest.mark.parametrize("count", [2, 3, 500])
def test_any_length_and_size(count):
    for width, height in ((320, 240), (2000, 600)):
        plot = motion_plot(motion(count, jump=1), [0, count - 1], width, height)
        assert plot.shape == (1, height, width, 3)
        assert ((plot[0, ..., 2] - plot[0, ..., 0]) > 0.1).sum() > 5  # the curve, softened at small sizes


def test_a_still_clip_has_flat_curves():
    nothing = (0.0,) * 9
    plot = motion_plot(Motion(nothing, nothing, nothing, (), (), ()))
    points = pixels(plot, CURVE)
    assert len(points) > 100
    assert len(np.unique(points[:, 0] // 20)) <= 6


@pytest.mark.parametrize(
    ("largest", "most", "step"), [(1, 4, 0.5), (0.9, 4, 0.5), (3.7, 4, 1), (48, 12, 5), (0.02, 4, 0.005), (240, 12, 20)]
)
def test_ticks_are_round_numbers(largest, most, step):
    assert tick_step(largest, most) == pytest.approx(step)
