"""The range of tones: dark and flat frames are stretched, others stay as they are, and nothing loses its detail."""

import pytest
import torch
from comfyui_inbetween.core.pictures.contrast import ToneRange, even_lumas


def luma(seed=0, height=90, width=120):
    return torch.rand(height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 0.5), (0.5, 1.0), (0.1, 0.4)])
def test_ordinary_frames_are_not_stretched(low, high):
    frame = low + (high - low) * luma()
    tones = ToneRange.of(frame, frame)
    assert tones.contrast == 1
    assert torch.equal(tones.stretched(frame), frame)


@pytest.mark.parametrize(("gain", "offset"), [(0.1, 0.0), (0.02, 0.0), (0.06, 0.82), (0.02, 0.5), (0.005, 0.3)])
def test_dark_and_flat_frames_are_stretched_to_one_contrast(gain, offset):
    first, second = (offset + gain * luma(seed) for seed in (1, 2))
    tones = ToneRange.of(first, second)
    stretched = tones.stretched(first)
    assert 0 <= stretched.min() < 0.11
    assert 0.89 < stretched.max() <= 1
    order = first.flatten().argsort()
    assert stretched.flatten()[order].diff().min() >= -1e-6  # brighter stays brighter
    assert tones.contrast == pytest.approx(0.4 / gain, rel=0.1)


def test_both_frames_count():
    dark, bright = 0.1 * luma(), luma()
    assert ToneRange.of(dark, bright).contrast == 1


def test_a_lamp_in_the_dark_does_not_hide_the_dark():
    frame = 0.05 * luma()
    frame[10:14, 10:14] = 1 - 0.2 * luma()[:4, :4]
    tones = ToneRange.of(frame, frame)
    assert tones.contrast > 5
    lamp = tones.stretched(frame)[10:14, 10:14]
    assert lamp.max() == pytest.approx(1, abs=1e-3)
    assert lamp.max() - lamp.min() > 0.002  # its own detail is pressed, not cut


def test_bright_linear_light_is_brought_into_the_range():
    frame = 40 * luma()
    tones = ToneRange.of(frame, frame)
    stretched = tones.stretched(frame)
    assert 0 <= stretched.min() <= stretched.max() <= 1
    assert stretched.std() > 0.2
    assert tones.contrast < 1


def test_a_flat_picture_is_finite():
    flat = torch.full((40, 60), 0.3)
    assert ToneRange.of(flat, flat).stretched(flat).isfinite().all()


@pytest.mark.parametrize("faint", [0.02, 0.05])
def test_faint_detail_is_freed_of_a_broad_gradient(faint):
    gradient = torch.linspace(0.1, 0.9, 120).expand(90, 120)
    first, second = (gradient + faint * (luma(seed) - 0.5) for seed in (1, 2))
    even = even_lumas(first, second)
    assert ToneRange.of(*even).contrast > 4
    detail = faint * (luma(1) - 0.5)
    assert torch.corrcoef(torch.stack([even[0].flatten(), detail.flatten()]))[0, 1] > 0.97


@pytest.mark.parametrize("detail", [0.0, 0.0015, 0.5])
def test_other_frames_keep_their_gradient(detail):
    """Without any detail, with what rounding leaves, and with plenty."""
    gradient = torch.linspace(0.2, 0.8, 120).expand(90, 120)
    first, second = (gradient + detail * (luma(seed) - 0.5) for seed in (1, 2))
    assert even_lumas(first, second)[0] is first
