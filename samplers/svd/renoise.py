"""
Euler steps that go back and are taken again: re-noising, also called time-travel or per-step recurrence.

As in the published code of Generative Inbetweening (jeanne-wang/svd_keyframe_interpolation at commit 61fd2bf): after
each of the first steps noise is added that brings the latents back to the level they came from, and the step is taken
once more, so that the two directions agree better.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...core.errors import InbetweenError

Denoiser = Callable[[Tensor, Tensor], Tensor]  # latents and a level for each of them -> clean latents
NoiseSource = Callable[[int, int, Tensor], Tensor]  # step, repeat, latents -> standard normal noise like them


@dataclass(frozen=True)
class Renoising:
    """How often steps are repeated.

    repeats: how many times more each of the first steps is taken. ratio: the share of steps that are repeated, 0..1;
    it is rounded down to whole steps.
    """

    repeats: int
    ratio: float

    def repeats_of(self, step: int, steps: int) -> int:
        """How many times more a step is taken; steps are counted from 0."""
        return self.repeats if step < int(steps * self.ratio) else 0

    def evaluations(self, steps: int) -> int:
        """How many times the denoiser is asked in a run of so many steps."""
        return steps + self.repeats * int(steps * self.ratio)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One of the times the denoiser was asked: where, at which level, and what it said."""

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
    """Euler's method with repeated steps, for noise levels as in arXiv 2206.00364.

    Args:
        denoise: predicts clean latents.
        x: latents at the first level, frames first.
        sigmas: falling noise levels, shape (steps + 1,).
        renoising: which steps are repeated.
        noise: what is added before a repeat, times sqrt(sigma^2 - next sigma^2).
        after_each: told about each evaluation.

    Returns:
        Latents at the last level. Without repeats they are those of Euler's method to the last bit.

    Raises:
        InbetweenError: a level before the last is zero: there is no step from it.
    """
    if (sigmas[:-1] <= 0).any():
        raise InbetweenError(
            "the noise is gone before the last step, as with a sigma_min of 0; use Basic Scheduler with karras, which "
            "takes the levels of the model."
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
    """Noise that depends on the seed, the step and the repeat alone, made on the CPU: the same on every machine.

    Args:
        seed: 0..2**64 - 1.
    """

    def noise(step: int, repeat: int, x: Tensor) -> Tensor:
        (state,) = np.random.SeedSequence([seed, step, repeat]).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(state))
        return torch.randn(x.shape, generator=generator).to(x)

    return noise
