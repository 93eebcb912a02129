"""
What the published code of Generative Inbetweening makes of seeded weights and inputs.

The code is jeanne-wang/svd_keyframe_interpolation at commit 61fd2bf (Apache-2.0) on diffusers 0.27.0. Two things in
diffusers are changed for the comparison: in `transformer_temporal.py` the context of the temporal blocks stands in the
order (batch, pixel) of the hidden states, as later versions have it (huggingface/diffusers#7268), and the 72 norms of
residual blocks with eps 1e-6 have the host's 1e-5.

The script that wrote `outputs.safetensors` stands outside of the repository. Its recipe: make
`UNetSpatioTemporalConditionModel` with blocks of width 32, 64, 96 and 96, heads of 16, cross_attention_dim 1024 and 5
frames; give every tensor that of `seeded_svd` under its name in the host (`host_name`); make the second by the
published rule from `tuned_weights` and `seeded_svd` of BASE_SEED; register the published controllers on both. Run
`FrameInterpolationWithNoiseInjectionPipeline` in float32 on the CPU with 3 steps, `latents` and what the encoders
would return taken from `inputs()` (zeros for the unconditional half), output_type "latent", and `randn_tensor`
replaced by `injected_noise` for the step and the repeat it is called in: "uniform" and "weighted" with two injections
and ratio 0.4 (one step of three), "plain" without injection. For each evaluation the fused prediction is stored as the
clean latents it means ("uniform 0"), shape (5, 4, 16, 16), and at the end the latents ("uniform final").

"clip pixels": `_resize_with_antialiasing` of `picture()` times 2 minus 1 to 224 x 224, brought back to [0, 1] and
normalised as CLIP is; every 16th pixel.
"""

from functools import cache
from pathlib import Path

import torch
from random_weights import numbers
from safetensors.torch import load_file

OUTPUTS = Path(__file__).with_name("outputs.safetensors")
FRAMES, STEPS, REPEATS, RATIO = 5, 3, 2, 0.4
SHAPE = (FRAMES, 4, 16, 16)
RUNS = {"uniform": REPEATS, "weighted": REPEATS, "plain": 0}


def inputs() -> dict[str, torch.Tensor]:
    """First noise (5, 4, 16, 16); of both ends the embedding (1, 1, 1024) and the latent (1, 4, 16, 16)."""
    return {
        "noise": numbers("noise", SHAPE),
        "start embedding": numbers("start embedding", (1, 1, 1024)),
        "end embedding": numbers("end embedding", (1, 1, 1024)),
        "start latent": numbers("start latent", (1, 4, 16, 16)),
        "end latent": numbers("end latent", (1, 4, 16, 16)),
    }


def injected_noise(step: int, repeat: int) -> torch.Tensor:
    """What is added after a step, shape (5, 4, 16, 16)."""
    return numbers(f"injected {step} {repeat}", SHAPE)


def picture() -> torch.Tensor:
    """A picture in [0, 1], shape (300, 500, 3)."""
    return (0.5 + 0.2 * numbers("picture", (300, 500, 3))).clamp(0, 1)


@cache
def stored_outputs() -> dict[str, torch.Tensor]:
    """What the published code made."""
    return load_file(OUTPUTS)
