"""Forward-backward consistency, on flows that are made up."""

import pytest
import torch
from comfyui_inbetween.core.flow.consistency import Consistency

HEIGHT, WIDTH = 96, 128


def constant_flow(x: float, y: float = 0.0) -> torch.Tensor:
    return torch.tensor([x, y]).view(1, 2, 1, 1).expand(1, 2, HEIGHT, WIDTH)


def grey(value: float) -> torch.Tensor:
    return torch.full((1, 3, HEIGHT, WIDTH), value)


def test_the_residual_is_the_mean_photometric_error_of_both_frames():
    second = grey(0.5)
    second[..., : WIDTH // 4] = 0.1  # only the left quarter of the second frame differs
    consistency = Consistency.of(grey(0.5), second, constant_flow(WIDTH // 2), constant_flow(0))
    assert consistency.first_error_11HW.shape == (1, 1, HEIGHT, WIDTH)
    assert consistency.first_error_11HW.max() < 1e-6  # what it points at lies in the other half
    assert consistency.second_error_11HW[..., : WIDTH // 4].sub(0.4).abs().max() < 1e-6
    assert consistency.second_error_11HW[..., WIDTH // 4 :].max() < 1e-6
    assert consistency.residual == pytest.approx(0.4 / 4 / 2)


@pytest.mark.parametrize(
    ("forth", "back", "unmatched"),
    [
        ((5, -3), (-5, 3), 0.0),
        ((5, 0), (-5, 0.5), 0.0),  # half a pixel off
        ((5, 0), (-5, 2), 1.0),  # two pixels off
        ((40, 0), (-37.5, 0), 0.0),  # a long way may end further off
    ],
)
def test_unmatched_is_what_does_not_come_back(forth, back, unmatched):
    consistency = Consistency.of(grey(0.5), grey(0.5), constant_flow(*forth), constant_flow(*back))
    assert consistency.unmatched == unmatched


def test_unmatched_counts_the_pixels_of_both_frames():
    back = constant_flow(-WIDTH // 2).clone()
    back[..., : WIDTH // 2] = 0.0  # nothing of the first frame leads to the left half of the second
    consistency = Consistency.of(grey(0.5), grey(0.5), constant_flow(WIDTH // 2), back)
    assert consistency.unmatched == pytest.approx((0.0 + 0.5) / 2)
