"""Other sizes: each way of resampling by what tells it from the others."""

import pytest
import torch
from comfyui_inbetween.core.pictures.resize import resized, shrink_scale


def test_only_what_is_too_large_is_made_smaller():
    assert shrink_scale(1080, 1920, 640) == pytest.approx(1 / 3)
    assert shrink_scale(1920, 1080, 640) == pytest.approx(1 / 3)
    assert shrink_scale(480, 640, 640) == 1
    assert shrink_scale(16, 16, 640) == 1


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "area"])
def test_layout_and_type(mode):
    frames_THWC = torch.rand(2, 24, 36, 3, generator=torch.Generator().manual_seed(0)).half()
    small_THWC = resized(frames_THWC, 4, 6, mode)
    assert (small_THWC.shape, small_THWC.dtype) == ((2, 4, 6, 3), torch.float32)
    blocks_THWC = frames_THWC.float().unflatten(1, (4, 6)).unflatten(3, (6, 6)).mean(dim=(2, 4))
    torch.testing.assert_close(small_THWC, blocks_THWC, rtol=0, atol={"area": 1e-6}.get(mode, 0.12))
    assert torch.equal(resized(torch.ones(1, 9, 9, 3), 5, 3, mode).round(decimals=5), torch.ones(1, 5, 3, 3))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_fine_stripes_become_grey(mode):
    stripes_THWC = torch.tensor([0.0, 1.0]).repeat(64)[None, None, :, None].expand(1, 64, 128, 3)
    assert resized(stripes_THWC, 8, 16, mode).sub(0.5).abs().max() < 0.05  # 0 or 1 without antialiasing


def test_bicubic_overshoots_at_an_edge_and_is_not_clamped():
    edge_THWC = torch.tensor([0.0, 1.0]).repeat_interleave(8)[None, None, :, None].expand(1, 16, 16, 3)
    assert resized(edge_THWC, 64, 64, "bicubic").max() > 1.02
    assert resized(edge_THWC, 64, 64, "bilinear").max() <= 1.0
