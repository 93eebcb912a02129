"""
What SemFi's published code makes of seeded weights and inputs.

The code is hyj542682306/Semantic-Frame-Interpolation at commit 1616ca7. It has no licence, so the script that wrote
`outputs.safetensors` stands outside of the repository. Its recipe: import `src.models.wan_video_dit` (its
attention falls back to torch's), make `WanModel(dim=128, in_dim=36, ffn_dim=256, out_dim=16, text_dim=4096,
freq_dim=256, eps=1e-6, patch_size=(1, 2, 2), num_heads=1, num_layers=2, has_image_input=True)`, load `seeded_wan` of
its shapes and `seeded_semfi`, and run it on `network_inputs()` in float32 on the CPU: with spec_idx None and 1 to 6
("expert 0" to "expert 6"), and with all LoRAs zero ("no lora").

For the conditioning, call `CustomWanFrameInterpolationPipeline.encode_image` on `pictures()`, with an image encoder and
a VAE that only note what they get, for the counts of `COUNTS`: the mask in the upper left corner ("mask 5" and so on,
shape (4, latent frames)), and the pixel in that corner of every frame given to the VAE ("clip 5", shape (3, frames)).
For CLIP, `WanImageEncoder.encode_image` up to the network, on the first picture: every 16th pixel ("clip pixels").
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from random_weights import numbers
from safetensors.torch import load_file

OUTPUTS = Path(__file__).with_name("outputs.safetensors")
COUNTS = (5, 9, 17, 33, 65, 81, 85)
HEIGHT, WIDTH = 32, 48


def network_inputs() -> dict[str, torch.Tensor]:
    """Noisy latent x (1, 16, 2, 4, 4), timestep, text, CLIP tokens, and y: mask and guidance (1, 20, 2, 4, 4)."""
    return {
        "x": numbers("x", (1, 16, 2, 4, 4)),
        "timestep": torch.tensor([833.3]),
        "context": 0.1 * numbers("context", (1, 12, 4096)),
        "clip_feature": numbers("clip", (1, 257, 1280)),
        "y": numbers("y", (1, 20, 2, 4, 4)),
    }


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """The first and the last picture, uint8 of shape (32, 48, 3)."""
    first, last = (((numbers(name, (HEIGHT, WIDTH, 3)).numpy() * 60) + 128).clip(0, 255) for name in ("first", "last"))
    return first.astype(np.uint8), last.astype(np.uint8)


@cache
def stored_outputs() -> dict[str, torch.Tensor]:
    """What the published code made."""
    return load_file(OUTPUTS)
