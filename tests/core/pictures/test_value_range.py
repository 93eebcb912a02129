"""Values beyond 0 to 1: kept, bounded by what is around, compressed and expanded."""

import pytest
import torch
from comfyui_inbetween.core.pictures.value_range import (
    compressed,
    expanded,
    extremes,
    limited,
    local_bounds,
    within_bounds,
)


def test_extremes_are_zero_and_one_or_beyond():
    inside, outside = torch.tensor([0.2, 0.8]), torch.tensor([-0.5, 3.0])
    assert extremes(inside) == (0, 1)
    assert extremes(inside, outside) == (-0.5, 3)
    assert extremes(torch.tensor([-1e-7, 1 + 1e-7])) == (0, 1)  # rounding is not light


def test_compressing_is_undone_by_expanding():
    values = torch.tensor([-30.0, -1.5, -1.0, -0.2, 0.0, 0.4, 1.0, 1.001, 4.3, 100.0])
    assert torch.equal(compressed(values)[2:7], values[2:7])
    assert compressed(values).diff().min() > 0
    assert compressed(values).abs().max() < 6
    torch.testing.assert_close(expanded(compressed(values)), values, rtol=1e-4, atol=1e-6)


def test_bounds_widen_only_around_values_beyond_the_range():
    frame = torch.full((1, 3, 9, 9), 0.4)
    assert local_bounds(frame) is None
    frame[:, :, 4, 4] = 20.0
    low, high = local_bounds(frame)
    assert torch.equal(high[0, 0, 3:6, 3:6], torch.full((3, 3), 20.0))
    assert high[0, 0, 0].eq(1).all()
    assert low[0, 0, 0].eq(0).all()
    assert torch.allclose(low[0, 0, 3:6, 3:6], torch.tensor(0.4))  # no dark ring around a lamp


@pytest.mark.parametrize("size", [(8, 8), (33, 47), (90, 70)])
def test_resampled_pictures_stay_between_what_is_around(size):
    frame = 0.3 + 0.2 * torch.rand(40, 40, 3, generator=torch.Generator().manual_seed(1))
    frame[20:24, 20:24] = 50.0
    made = torch.nn.functional.interpolate(frame.movedim(2, 0)[None], size, mode="bicubic", antialias=True)
    kept = within_bounds(made[0].movedim(0, 2), frame)
    assert made.min() < 0
    assert kept.min() >= 0
    assert kept.max() > 10
    assert within_bounds(made[0].movedim(0, 2), frame.clamp(max=1)).max() == 1


def test_a_correction_is_limited_where_the_frame_is_in_range():
    given = torch.tensor([0.9, 1.0, 1.5, 4.0, -0.1, 0.0])
    made = torch.tensor([1.2, 1.2, 1.8, 4.8, -0.3, -0.3])
    assert limited(made, given).tolist() == pytest.approx([1.0, 1.0, 1.8, 4.8, -0.3, 0.0])
