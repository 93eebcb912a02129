"""Lines that an in-between has lost are noticed; lines that moved, faded or never were there are not."""

import cv2
import numpy as np
import pytest
import torch
from comfyui_inbetween.core.interpolation.ink import lost_ink


def lined(seed, shift=0, kept=1.0, colour=0.1, ground=0.9):
    """Lines all over the middle of a picture; of those on the right, only some dots are kept."""
    random = np.random.default_rng(seed)
    canvas = np.full((160, 240), ground, np.float32)
    for _ in range(14):
        start, end = random.integers((40, 30), (200, 130), (2, 2))
        cv2.line(canvas, (int(start[0] + shift), int(start[1])), (int(end[0] + shift), int(end[1])), colour, 2)
    gone = random.random(canvas.shape) > kept
    gone[:, :120] = False
    canvas[gone] = ground
    return torch.from_numpy(canvas).expand(3, -1, -1)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("colour", "ground"), [(0.1, 0.9), (0.9, 0.2)])
def test_lines_that_turn_to_dust_are_noticed_where_they_were(seed, colour, ground):
    first, second = (lined(seed, shift, colour=colour, ground=ground) for shift in (0, 8))
    x, _ = lost_ink(first, second, lined(seed, 4, kept=0.1, colour=colour, ground=ground))
    assert x >= 100


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_lines_that_are_there_are_not_called_lost(seed):
    first, second = lined(seed), lined(seed, 20)
    assert lost_ink(first, second, lined(seed, 10)) is None
    assert lost_ink(first, second, (first + second) / 2) is None
    assert lost_ink(first, lined(seed, kept=0.0), lined(seed, kept=0.0)) is None  # gone in the second frame as well
    grain = 0.5 + 0.03 * torch.randn(3, 160, 240, generator=torch.Generator().manual_seed(seed))
    assert lost_ink(grain, grain, torch.full_like(grain, 0.5)) is None
