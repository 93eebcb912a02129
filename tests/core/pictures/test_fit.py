"""Fitting images: sizes, aspect ratios, and pixels left alone where they already fit."""

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.pictures.fit import fit_images, target_size


def halves(height, width):
    """Left half red, right half blue."""
    image_HWC = torch.zeros(height, width, 3)
    image_HWC[:, : width // 2, 0] = 1.0
    image_HWC[:, width // 2 :, 2] = 1.0
    return image_HWC


@pytest.mark.parametrize(
    ("width", "height", "multiple", "expected"),
    [
        (0, 0, 1, (1920, 1080)),
        (0, 0, 16, (1920, 1088)),  # 1080 is half-way between 1072 and 1088
        (0, 0, 64, (1920, 1088)),
        (960, 0, 1, (960, 540)),
        (0, 540, 1, (960, 540)),
        (640, 480, 1, (640, 480)),
        (1, 1, 16, (16, 16)),
    ],
)
def test_target_size(width, height, multiple, expected):
    assert target_size(torch.zeros(1080, 1920, 3), width, height, multiple) == expected


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch", "off"])
def test_an_image_of_the_right_size_is_passed_on_untouched(fit):
    image_HWC = torch.rand(8, 12, 3)
    assert fit_images([image_HWC], (12, 8), fit)[0] is image_HWC


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [(5, 9), (40, 10), (1, 1), (33, 64)])
def test_sizes_and_range(fit, size):
    fitted_HWC = fit_images([torch.rand(16, 24, 3)], size, fit)[0]
    assert fitted_HWC.shape == (size[1], size[0], 3)
    assert 0.0 <= fitted_HWC.min() <= fitted_HWC.max() <= 1.0


def test_crop_keeps_the_middle():
    fitted_HWC = fit_images([halves(16, 64)], (16, 16), "crop")[0]
    assert fitted_HWC[:, :6, 0].min() > 0.95
    assert fitted_HWC[:, 10:, 2].min() > 0.95


def test_pad_shows_everything_on_black():
    fitted_HWC = fit_images([torch.ones(16, 64, 3)], (64, 64), "pad")[0]
    assert fitted_HWC[:24].max() == 0.0
    assert fitted_HWC[40:].max() == 0.0
    assert fitted_HWC[24:40].min() > 0.99


def test_stretch_ignores_the_aspect_ratio():
    fitted_HWC = fit_images([halves(16, 64)], (16, 16), "stretch")[0]
    assert fitted_HWC[:, :6, 0].min() > 0.95
    assert fitted_HWC[:, 10:, 2].min() > 0.95
    assert fit_images([torch.ones(16, 64, 3)], (16, 32), "stretch")[0].min() > 0.99


def test_shrinking_is_antialiased():
    checks_HWC = (torch.arange(64).view(-1, 1) + torch.arange(64)).remainder(2).float().unsqueeze(-1).expand(-1, -1, 3)
    fitted_HWC = fit_images([checks_HWC], (16, 16), "stretch")[0]
    assert (fitted_HWC - 0.5).abs().max() < 0.1


def test_off_refuses_another_size():
    with pytest.raises(InbetweenError, match="image 2 is 24x16 but 12x8 is needed; set fit to crop, pad or stretch"):
        fit_images([torch.rand(8, 12, 3), torch.rand(16, 24, 3)], (12, 8), "off")


def test_the_given_image_is_not_written_to():
    image_HWC = torch.rand(16, 24, 3)
    before = image_HWC.clone()
    for fit in ("crop", "pad", "stretch"):
        fit_images([image_HWC], (10, 10), fit)
    assert torch.equal(image_HWC, before)


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_values_beyond_the_range_are_kept(fit):
    image = 0.2 + 0.2 * torch.rand(60, 80, 3, generator=torch.Generator().manual_seed(0))
    image[20:40, 20:40], image[50:, 70:] = 12.0, -0.5
    (fitted,) = fit_images([image], (50, 44), fit)
    assert fitted.max() == pytest.approx(12, abs=1e-3)
    assert fitted.min() == pytest.approx(-0.5, abs=1e-3)
