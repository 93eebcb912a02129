"""Repeated Euler steps: how many, from where to where, with which noise."""

from itertools import pairwise

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.samplers.svd.renoise import Renoising, sample_renoised, seeded_noise

SIGMAS = torch.tensor([10.0, 4.0, 1.0, 0.0])


def halved(x, sigma):
    """A denoiser whose steps can be followed by hand."""
    return x / 2


@pytest.mark.parametrize(
    ("steps", "repeats", "ratio", "evaluations"),
    [
        (50, 5, 0.5, 175),
        (50, 2, 0.5, 100),
        (50, 0, 0.5, 50),
        (25, 5, 0.5, 85),
        (25, 2, 0.5, 49),
        (25, 0, 0.5, 25),
        (3, 2, 0.4, 5),
        (4, 10, 1.0, 44),
        (4, 10, 0.0, 4),
    ],
)
def test_evaluations_are_counted_before_they_are_made(steps, repeats, ratio, evaluations):
    renoising, asked = Renoising(repeats, ratio), []
    sigmas = torch.linspace(10, 0, steps + 1)

    def denoise(x, sigma):
        asked.append(sigma)
        return x

    sample_renoised(denoise, torch.zeros(2, 1), sigmas, renoising, seeded_noise(0))
    assert (renoising.evaluations(steps), len(asked)) == (evaluations, evaluations)


def test_without_repeats_it_is_eulers_method():
    x = torch.tensor([[8.0], [2.0]])
    made = sample_renoised(halved, x, SIGMAS, Renoising(0, 0.5), seeded_noise(0))
    for sigma, following in pairwise(SIGMAS):
        x = x + (x - x / 2) / sigma * (following - sigma)
    assert torch.equal(made, x)


def test_a_repeat_goes_back_to_the_level_of_its_step():
    """Noise of variance sigma^2 - next^2 is added to what has variance next^2, and the same step is taken again."""
    levels, noises = [], []

    def denoise(x, sigma):
        levels.append(sigma[0].item())
        return x / 2

    def noise(step, repeat, x):
        noises.append((step, repeat))
        return torch.full_like(x, 2.0)

    made = sample_renoised(denoise, torch.tensor([[8.0]]), SIGMAS, Renoising(2, 0.7), noise)
    assert levels == [10, 10, 10, 4, 4, 4, 1]
    assert noises == [(0, 0), (0, 1), (1, 0), (1, 1)]
    x = 8.0
    for sigma, following, times in ((10, 4, 3), (4, 1, 3), (1, 0, 1)):
        for time in range(times):
            x += (2 * (sigma**2 - following**2) ** 0.5) if time else 0
            x += (x - x / 2) / sigma * (following - sigma)
    torch.testing.assert_close(made, torch.tensor([[x]]))


def test_every_evaluation_is_told():
    told = []
    x = torch.tensor([[8.0]])
    sample_renoised(halved, x, SIGMAS, Renoising(1, 0.4), seeded_noise(0), told.append)
    assert [each.number for each in told] == [0, 1, 2, 3]
    assert [each.sigma.item() for each in told] == [10, 10, 4, 1]
    assert all(torch.equal(each.denoised, each.x / 2) for each in told)


def test_noise_depends_on_seed_step_and_repeat_alone():
    like = torch.zeros(5, 4, 8, 8)
    places = [(seed, step, repeat) for seed in (0, 2**64 - 1) for step in (0, 1) for repeat in (0, 1)]
    made = {place: seeded_noise(place[0])(*place[1:], like) for place in places}
    for place, noise in made.items():
        assert torch.equal(noise, seeded_noise(place[0])(*place[1:], like + 3))
        assert abs(noise.mean()) < 0.1
        assert abs(noise.std() - 1) < 0.1
        others = [other for at, other in made.items() if at != place]
        assert min((noise - other).abs().mean() for other in others) > 0.5


def test_noise_is_not_that_of_the_host_for_the_seed():
    """The first noise is made from the same seed; with it again a repeat would only scale what is there."""
    first = torch.randn(5, 4, 8, 8, generator=torch.Generator().manual_seed(7))
    assert (seeded_noise(7)(0, 0, first) - first).abs().mean() > 0.5


def test_levels_that_reach_zero_too_early_are_refused():
    """As KarrasScheduler gives them where the page has rounded its sigma_min to 0: all would be NaN."""
    with pytest.raises(InbetweenError, match="the sigmas reach 0 before the last step, as with a sigma_min of 0"):
        sample_renoised(halved, torch.ones(2, 1), torch.tensor([10.0, 0.0, 0.0]), Renoising(0, 0.5), seeded_noise(0))
