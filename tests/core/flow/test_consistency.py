"""Forward-backward consistency, on flows that are made up and on pictures whose motion is known."""

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.flow.consistency import Consistency, is_cut_between
from comfyui_inbetween.core.flow.optical_flow import flow_both_ways
from comfyui_inbetween.core.pictures.scene_similarity import layout_correlation
from torch.nn import functional

HEIGHT, WIDTH = 96, 128


def texture(seed: int, width: int = WIDTH) -> torch.Tensor:
    """Smooth random colours of shape (HEIGHT, width, 3)."""
    generator = torch.Generator().manual_seed(seed)
    coarse_13hw = torch.rand(1, 3, HEIGHT // 8, width // 8, generator=generator)
    return functional.interpolate(coarse_13hw, (HEIGHT, width), mode="bicubic").clamp(0, 1)[0].movedim(0, 2)


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_different_scenes_are_a_cut_and_motion_or_a_change_of_light_is_none(dtype):
    wide = texture(1, WIDTH + 16)
    first = wide[:, 16:].to(dtype)
    assert is_cut_between(first, (1 - texture(2)).to(dtype))
    assert not is_cut_between(first, wide[:, :-16].to(dtype))
    assert not is_cut_between(first, 0.5 * first)
    assert not is_cut_between(first, first)


def test_what_the_flow_explains_is_no_cut_though_the_layout_differs():
    wide = texture(3, WIDTH + 16)
    first, second = wide[:, 16:], wide[:, :-16]
    assert layout_correlation(first, second) < 0
    assert not is_cut_between(first, second)


@pytest.mark.parametrize("moved", [24, 32, 64])
def test_a_cut_between_frames_is_that_of_their_flow(moved):
    wide = texture(3, WIDTH + 64)
    first, second = wide[:, moved : moved + WIDTH], wide[:, :WIDTH]
    flows_12HW = (flow_2HW[None] for flow_2HW in flow_both_ways(first, second))
    followed = Consistency.of(*(frame.movedim(2, 0)[None] for frame in (first, second)), *flows_12HW)
    assert is_cut_between(first, second) == followed.is_cut


def test_frames_too_small_for_motion_are_named():
    first = torch.rand(8, 8, 3, generator=torch.Generator().manual_seed(0))
    with pytest.raises(InbetweenError, match="16x16"):
        is_cut_between(first, 1 - first)
    assert not is_cut_between(first, first)  # no flow is needed to see that
