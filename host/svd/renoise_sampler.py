"""Re-noising as a sampler for the host."""

from typing import Any

import comfy.samplers
from comfy.k_diffusion.sampling import trange
from torch import Tensor

from ...samplers.svd.renoise import Evaluation, NoiseSource, Renoising, sample_renoised, seeded_noise
from ..runtime import show_on_node


class RenoiseSampler(comfy.samplers.KSAMPLER):  # type: ignore[misc] # the host has no types
    """Euler's method with repeated steps. The progress bar counts every evaluation of the model.

    Args:
        renoising: which steps to repeat, and how often.
        noise: the noise to add before a repeat; by default it depends on the seed of the run.
    """

    def __init__(self, renoising: Renoising, noise: NoiseSource | None = None) -> None:
        super().__init__(self._run)
        self._renoising, self._noise = renoising, noise

    def sample(
        self,
        model_wrap: Any,
        sigmas: Tensor,
        extra_args: dict[str, Any],
        callback: Any,
        noise: Tensor,
        latent_image: Tensor | None = None,
        denoise_mask: Tensor | None = None,
        disable_pbar: bool = False,
    ) -> Tensor:
        """Sample as the host does, but report evaluations instead of steps."""
        steps = len(sigmas) - 1
        evaluations = self._renoising.evaluations(steps)
        show_on_node(f"{evaluations} evaluations in {steps} steps")

        def counted(number: int, denoised: Tensor, x: Tensor, _: int) -> None:
            callback(number, denoised, x, evaluations)

        return super().sample(
            model_wrap,
            sigmas,
            extra_args,
            counted if callback else None,
            noise,
            latent_image,
            denoise_mask,
            disable_pbar,
        )

    def _run(
        self, model: Any, x: Tensor, sigmas: Tensor, extra_args: dict[str, Any], callback: Any, disable: bool
    ) -> Tensor:
        bar = trange(self._renoising.evaluations(len(sigmas) - 1), disable=disable)

        def after_each(evaluation: Evaluation) -> None:
            callback(
                {
                    "i": evaluation.number,
                    "x": evaluation.x,
                    "sigma": evaluation.sigma,
                    "sigma_hat": evaluation.sigma,
                    "denoised": evaluation.denoised,
                }
            )
            bar.update()

        try:
            return sample_renoised(
                lambda latents, sigma: model(latents, sigma, **extra_args),
                x,
                sigmas,
                self._renoising,
                self._noise or seeded_noise(extra_args.get("seed") or 0),
                after_each,
            )
        finally:
            bar.close()
