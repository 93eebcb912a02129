"""The re-noising sampler in the host: Euler without repeats, and progress that counts evaluations."""

import pytest
import torch
from golden.gi.cases import FRAMES


@pytest.fixture(scope="module")
def model(svd):
    return svd.load()


def sampled(svd, model, sampler, sigmas):
    """Plain SVD by the host's Sampler Custom Advanced."""
    from comfy_extras.nodes_custom_sampler import SamplerCustomAdvanced

    empty = {"samples": torch.zeros(FRAMES, 4, svd.SMALL, svd.SMALL)}
    guided = svd.small_guider(model, motion=None, method="forward only")
    with torch.inference_mode():
        return SamplerCustomAdvanced.execute(svd.FixedNoise(), guided, sampler, sigmas, empty)


@pytest.fixture
def renoised(svd):
    from comfyui_inbetween.host.svd.renoise_sampler import RenoiseSampler
    from comfyui_inbetween.samplers.svd.renoise import Renoising

    return lambda repeats, ratio=0.5, noise=None: RenoiseSampler(Renoising(repeats, ratio), noise)


def test_without_repeats_it_is_the_hosts_euler_to_the_bit(svd, model, renoised):
    made, stock = (sampled(svd, model, sampler, svd.sigmas(4)) for sampler in (renoised(0), svd.euler()))
    for ours, theirs in zip((made[0], made[1]), (stock[0], stock[1]), strict=True):
        assert torch.equal(ours["samples"], theirs["samples"])


def test_progress_counts_evaluations(svd, model, renoised, steps, capsys, monkeypatch):
    import comfy.utils

    monkeypatch.setattr(comfy.utils, "PROGRESS_THROTTLE_MIN_INTERVAL", 0)  # the host leaves out what follows quickly
    sampled(svd, model, renoised(2), svd.sigmas(4))
    assert steps == [(number, 8) for number in range(1, 9)]
    assert "8/8" in capsys.readouterr().err


def test_every_evaluation_has_a_preview(svd, model, renoised, monkeypatch):
    import comfy.utils
    from comfy.cli_args import LatentPreviewMethod, args

    previews = []
    monkeypatch.setattr(args, "preview_method", LatentPreviewMethod.Latent2RGB)
    comfy.utils.set_progress_bar_global_hook(lambda value, total, preview, node_id=None: previews.append(preview))
    try:
        sampled(svd, model, renoised(1), svd.sigmas(2))
    finally:
        comfy.utils.set_progress_bar_global_hook(None)
    pictures = [picture for _, picture, _ in previews]
    assert [picture.size for picture in pictures] == [(svd.SMALL, svd.SMALL)] * 3
    assert len({picture.tobytes() for picture in pictures}) == 3


def test_the_denoised_output_is_that_of_the_last_evaluation(svd, model, renoised):
    """Euler's last step, to level zero, ends where the last prediction is."""
    latent, denoised = sampled(svd, model, renoised(2), svd.sigmas(3)).result
    torch.testing.assert_close(latent["samples"], denoised["samples"], atol=1e-5, rtol=0)


def test_the_seed_of_the_run_makes_the_noise(svd, model, renoised, monkeypatch):
    first = sampled(svd, model, renoised(1), svd.sigmas(3))[0]["samples"]
    assert torch.equal(sampled(svd, model, renoised(1), svd.sigmas(3))[0]["samples"], first)
    monkeypatch.setattr(svd.FixedNoise, "seed", 6)  # the first noise stays the same
    other = sampled(svd, model, renoised(1), svd.sigmas(3))[0]["samples"]
    assert (other - first).abs().max() > 0.1


def test_noise_can_be_given(svd, model, renoised):
    asked = []

    def none(step, repeat, x):
        asked.append((step, repeat))
        return torch.zeros_like(x)

    sampled(svd, model, renoised(2, 0.7, none), svd.sigmas(3))
    assert asked == [(0, 0), (0, 1), (1, 0), (1, 1)]
