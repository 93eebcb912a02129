"""OKLab, and making one picture's colours another's: exact where it can be, harmless where it cannot."""

import numpy as np
import pytest
import torch
from comfyui_inbetween.core.pictures.colour import (
    IDENTITY,
    MOST_GAIN,
    ColourTransfer,
    blend_transfers,
    colour_statistics,
    colour_step,
    colour_transfer,
    mean_colour,
    oklab_from_srgb,
    srgb_from_oklab,
)
from hypothesis import given
from hypothesis import strategies as st


def plain(*rgb, height=4, width=6):
    return torch.tensor(rgb, dtype=torch.float32).expand(height, width, 3).clone()


def picture(seed=0, low=0.25, high=0.75, height=24, width=32):
    """Correlated colours away from black, white and full saturation."""
    noise_HWC = torch.rand(height, width, 3, generator=torch.Generator().manual_seed(seed))
    return low + (high - low) * (0.6 * noise_HWC.mean(-1, keepdim=True) + 0.4 * noise_HWC)


def grey(seed=0):
    return picture(seed)[..., :1].expand(-1, -1, 3).contiguous()


def transfer_between(source_HWC, target_HWC):
    return colour_transfer(colour_statistics([source_HWC]), colour_statistics([target_HWC]))


def drifted(image_HWC, gain=1.0, saturation=1.0, shift=(0.0, 0.0, 0.0)):
    """The picture with its OKLab lightness and chroma scaled and everything shifted."""
    lab_HWC = oklab_from_srgb(image_HWC) * torch.tensor([gain, saturation, saturation])
    return srgb_from_oklab(lab_HWC + torch.tensor(shift))


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((0, 0, 0), (0, 0, 0)),
        ((1, 1, 1), (1, 0, 0)),
        ((1, 0, 0), (0.62796, 0.22486, 0.12585)),
        ((0, 1, 0), (0.86644, -0.23389, 0.17950)),
        ((0, 0, 1), (0.45201, -0.03246, -0.31153)),
        ((0.5, 0.5, 0.5), (0.59818, 0, 0)),  # cube root of 0.21404, the linear value of sRGB 0.5
    ],
)
def test_published_colours(rgb, lab):
    assert oklab_from_srgb(plain(*rgb))[0, 0].tolist() == pytest.approx(lab, abs=2e-5)


@given(st.tuples(*[st.floats(0, 1, width=32)] * 3))
def test_there_and_back(rgb):
    assert srgb_from_oklab(oklab_from_srgb(plain(*rgb)))[0, 0].tolist() == pytest.approx(rgb, abs=2e-5)


def test_colours_out_of_range_are_clamped():
    assert torch.equal(oklab_from_srgb(plain(-0.5, 1.5, 0.5)), oklab_from_srgb(plain(0, 1, 0.5)))
    bright_HWC = srgb_from_oklab(torch.tensor([[[1.4, 0.0, 0.0], [-0.4, 0.0, 0.0], [0.5, 0.9, -0.9]]]))
    assert 0 <= bright_HWC.min() <= bright_HWC.max() <= 1
    assert bright_HWC[0, 0].tolist() == pytest.approx([1, 1, 1])


def test_statistics_are_those_of_all_pixels_of_all_frames():
    frames_THWC = torch.stack([picture(1), picture(2, 0.1, 0.3), picture(3, 0.5, 0.9)])
    statistics = colour_statistics(frames_THWC)
    lab_N3 = oklab_from_srgb(frames_THWC).double().reshape(-1, 3).numpy()
    assert statistics.mean_3 == pytest.approx(lab_N3.mean(0), abs=1e-6)
    assert statistics.covariance_33 == pytest.approx(np.cov(lab_N3, rowvar=False, bias=True), abs=1e-7)


def test_the_result_has_the_target_s_mean_and_covariance():
    source_HWC, target_HWC = drifted(picture(1), 0.9, 0.7, (0.05, 0.02, -0.03)), picture(2)
    transfer = transfer_between(source_HWC, target_HWC)
    result, target = colour_statistics([transfer.apply(source_HWC)]), colour_statistics([target_HWC])
    assert transfer.kind == "full"
    assert result.mean_3 == pytest.approx(target.mean_3, abs=1e-5)
    assert result.covariance_33 == pytest.approx(target.covariance_33, abs=1e-5)
    assert np.abs(colour_statistics([source_HWC]).covariance_33 - target.covariance_33).max() > 5e-4


def test_a_planted_drift_is_undone_pixel_by_pixel():
    clean_HWC = picture(4)
    changed_HWC = drifted(clean_HWC, 0.85, 1.3, (0.08, 0.02, -0.02))
    assert (changed_HWC - clean_HWC).abs().mean() > 0.02
    assert (transfer_between(changed_HWC, clean_HWC).apply(changed_HWC) - clean_HWC).abs().max() < 2e-3


def test_the_map_is_symmetric_so_nothing_is_turned_for_nothing():
    """A map through Cholesky factors matches the covariance as well, but turns colours."""
    transfer = transfer_between(picture(1), drifted(picture(2), 0.8, 1.5))
    assert transfer.matrix_33 == pytest.approx(transfer.matrix_33.T, abs=1e-12)
    assert np.linalg.eigvalsh(transfer.matrix_33).min() > 0


def test_pictures_that_agree_keep_every_bit():
    transfer = transfer_between(picture(5), picture(5))
    assert transfer.is_identity
    assert transfer.matrix_33 == pytest.approx(np.eye(3), abs=1e-9)
    image_HWC = picture(6)
    assert transfer.apply(image_HWC) is image_HWC
    mirrored_HWC = picture(5).flip(1)  # the same colours, summed in another order
    assert transfer_between(picture(5), mirrored_HWC).is_identity


def test_a_change_that_can_be_seen_is_no_identity():
    assert not transfer_between(picture(5), drifted(picture(5), shift=(0.002, 0, 0))).is_identity
    assert not transfer_between(picture(5), drifted(picture(5), saturation=1.01)).is_identity


@pytest.mark.parametrize(
    ("source_HWC", "target_HWC", "kind"),
    [
        (plain(0.4, 0.4, 0.4), picture(), "mean only"),
        (picture(), plain(0.4, 0.4, 0.4), "mean only"),
        (plain(0, 0, 0), plain(1, 1, 1), "mean only"),
        (plain(1, 0, 0), picture(), "mean only"),
        (plain(0.1, 0.2, 0.3, height=1, width=1), picture(), "mean only"),
        (grey(1), grey(2), "full"),
        (grey(1), drifted(grey(1), shift=(0.05, 0.03, 0.02)), "full"),
        (picture(1), drifted(picture(1), gain=0.1, saturation=0.1, shift=(0.5, 0, 0)), "limited"),
        (drifted(picture(1), saturation=0.05), picture(1), "limited"),
        (picture(1, 0, 1).round(), picture(2), "limited"),
    ],
)
def test_hard_cases_stay_finite_and_bounded(source_HWC, target_HWC, kind):
    transfer = transfer_between(source_HWC, target_HWC)
    gains = np.linalg.eigvalsh(transfer.matrix_33)
    assert transfer.kind == kind
    assert 1 / MOST_GAIN - 1e-9 <= gains.min() <= gains.max() <= MOST_GAIN + 1e-9
    for image_HWC in (source_HWC, plain(0, 0, 0), plain(1, 1, 1), plain(1, 0, 1)):
        result_HWC = transfer.apply(image_HWC)
        assert torch.isfinite(result_HWC).all()
        assert 0 <= result_HWC.min() <= result_HWC.max() <= 1


def test_a_flat_picture_gets_the_mean_colour():
    result_HWC = transfer_between(plain(0.4, 0.4, 0.4), plain(0.5, 0.4, 0.3)).apply(plain(0.4, 0.4, 0.4))
    assert result_HWC[0, 0].tolist() == pytest.approx([0.5, 0.4, 0.3], abs=1e-4)


def test_a_grey_picture_stays_grey():
    source_HWC = drifted(grey(1), gain=0.8)
    result_HWC = transfer_between(source_HWC, grey(2)).apply(source_HWC)
    assert (result_HWC.amax(-1) - result_HWC.amin(-1)).max() < 1e-4


def test_half_way_between_two_maps_lies_the_mean_of_their_colours():
    first = transfer_between(picture(1), drifted(picture(1), 0.9, 1.2))
    halfway = blend_transfers(first, IDENTITY, 0.5)
    expected_HWC = (oklab_from_srgb(first.apply(picture(3))) + oklab_from_srgb(picture(3))) / 2
    assert (oklab_from_srgb(halfway.apply(picture(3))) - expected_HWC).abs().max() < 1e-5
    assert blend_transfers(first, IDENTITY, 1.0).is_identity
    assert blend_transfers(first, IDENTITY, 0.0).matrix_33 == pytest.approx(first.matrix_33)


def test_half_precision_is_reckoned_in_full_and_given_back():
    transfer = ColourTransfer(np.diag([0.9, 1.1, 1.1]), np.array([0.02, 0.0, 0.01]))
    result_HWC = transfer.apply(picture().half())
    assert result_HWC.dtype == torch.float16
    assert (result_HWC.float() - transfer.apply(picture().half().float())).abs().max() < 5e-4
    exact, half = colour_statistics([picture().half().float()]), colour_statistics([picture().half()])
    assert np.array_equal(exact.covariance_33, half.covariance_33)


def test_inputs_are_not_written_to():
    image_HWC = picture(1)
    transfer_between(image_HWC, picture(2)).apply(image_HWC)
    mean_colour(image_HWC)
    assert torch.equal(image_HWC, picture(1))


def test_colour_step_is_a_distance_in_oklab():
    assert colour_step(mean_colour(plain(0, 0, 0)), mean_colour(plain(1, 1, 1))) == pytest.approx(1, abs=1e-5)
    red_3, green_3 = mean_colour(plain(1, 0, 0)), mean_colour(plain(0, 1, 0))
    assert colour_step(red_3, green_3) == pytest.approx(0.5197, abs=1e-3)


def test_values_beyond_the_range_are_corrected_too():
    frame = 0.2 + 0.3 * torch.rand(20, 30, 3, generator=torch.Generator().manual_seed(0))
    warmer = (frame * torch.tensor([1.1, 1.0, 0.9])).clamp(0, 1)
    transfer = colour_transfer(colour_statistics([frame]), colour_statistics([warmer]))
    lamp = frame.clone()
    lamp[5, 5], lamp[6, 6] = torch.tensor([6.0, 5.0, 4.0]), torch.tensor([-0.1, 0.2, 0.3])
    made = transfer.apply(lamp)
    assert made[5, 5, 0] > 6
    assert made[5, 5, 2] < 4
    assert made[6, 6, 0] < 0
    others = torch.ones(20, 30, dtype=torch.bool)
    others[5, 5] = others[6, 6] = False
    torch.testing.assert_close(made[others], transfer.apply(frame)[others], rtol=0, atol=1e-5)


def test_a_correction_does_not_take_a_frame_out_of_the_range():
    frame = torch.rand(20, 30, 3, generator=torch.Generator().manual_seed(1))
    transfer = colour_transfer(colour_statistics([0.5 * frame + 0.25]), colour_statistics([frame]))
    made = transfer.apply(frame)
    assert 0 <= made.min() <= made.max() <= 1
    assert made.max() - made.min() > 0.999
