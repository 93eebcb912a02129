"""
Euler sampling with repeated steps: re-noising, also called time-travel or per-step recurrence.

As in the published code of Generative Inbetweening (jeanne-wang/svd_keyframe_interpolation at commit 61fd2bf): after
each early step, noise is added to bring the latents back to the previous noise level, and the step is repeated. This
gives the two directions more chances to agree.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...core.errors import InbetweenError

Denoiser = Callable[[Tensor, Tensor], Tensor]  # latents, noise level of each -> clean latents
NoiseSource = Callable[[int, int, Tensor], Tensor]  # step, repeat, latents -> standard normal noise of the same shape


@dataclass(frozen=True)
class Renoising:
    """Which steps to repeat, and how often.

    repeats: how many extra times to take each early step.
    ratio: share of the steps that count as early, 0..1; rounded down to whole steps.
    """

    repeats: int
    ratio: float

    def repeats_of(self, step: int, steps: int) -> int:
        """How many extra times to take a step; steps are counted from 0."""
        return self.repeats if step < int(steps * self.ratio) else 0

    def evaluations(self, steps: int) -> int:
        """How many times a run of `steps` steps calls the denoiser."""
        return steps + self.repeats * int(steps * self.ratio)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One call of the denoiser: its number, the latents, their noise level, and the prediction."""

    number: int
    x: Tensor
    sigma: Tensor
    denoised: Tensor


def sample_renoised(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    renoising: Renoising,
    noise: NoiseSource,
    after_each: Callable[[Evaluation], None] = lambda evaluation: None,
) -> Tensor:
    """Sample with Euler's method and repeated steps, for noise levels as in arXiv 2206.00364.

    Args:
        denoise: predicts clean latents.
        x: latents at the first noise level, frames first.
        sigmas: falling noise levels, shape (steps + 1,).
        renoising: which steps to repeat.
        noise: the noise to add before a repeat; it is multiplied by sqrt(sigma^2 - next sigma^2).
        after_each: called after each evaluation.

    Returns:
        Latents at the last noise level. Without repeats they are exactly those of Euler's method.

    Raises:
        InbetweenError: a noise level before the last is zero, so no step can start from it.
    """
    if (sigmas[:-1] <= 0).any():
        raise InbetweenError(
            "the sigmas reach 0 before the last step, as with a sigma_min of 0; use Basic Scheduler with karras, which "
            "takes the noise levels from the model."
        )
    steps, number = len(sigmas) - 1, 0
    for step in range(steps):
        sigma, following = sigmas[step], sigmas[step + 1]
        for repeat in range(renoising.repeats_of(step, steps) + 1):
            if repeat:
                x = x + noise(step, repeat - 1, x) * (sigma**2 - following**2).sqrt()
            denoised = denoise(x, sigma * x.new_ones([len(x)]))
            after_each(Evaluation(number, x, sigma, denoised))
            x = x + (x - denoised) / sigma * (following - sigma)
            number += 1
    return x


def seeded_noise(seed: int) -> NoiseSource:
    """Noise that depends only on the seed, the step and the repeat; made on the CPU, so it is the same everywhere.

    Args:
        seed: 0..2**64 - 1.
    """

    def noise(step: int, repeat: int, x: Tensor) -> Tensor:
        (state,) = np.random.SeedSequence([seed, step, repeat]).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(state))
        return torch.randn(x.shape, generator=generator).to(x)

    return noise
