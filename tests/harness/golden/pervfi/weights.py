"""
Weights for PerVFI in the published key layout, made from a seed key by key, and the files they are written to.

numpy's generators give the same numbers everywhere and for ever, so that tests need to store outputs only.
"""

import zlib
from pathlib import Path

import numpy as np
import torch

KEY_LISTS = Path(__file__).parent / "keys"
VARIANTS = ("v00", "vb")


def published_shapes(variant: str) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a published file, in its order."""
    shapes = {}
    for line in (KEY_LISTS / f"{variant}.txt").read_text(encoding="utf-8").splitlines():
        name, sizes = line.split("\t")
        shapes[name] = tuple(int(size) for size in sizes.split("x")) if sizes else ()
    return shapes


def seeded_weights(variant: str, seed: int = 0) -> dict[str, torch.Tensor]:
    """
    A state dict in which every part has an effect and no signal dies or explodes.

    Matrices have 1/sqrt(fan in); what is published as zero at the start of training (offsets, couplings) is not zero;
    offsets come out at about a pixel; the normalising flow stays near an isometry: its 1x1 convolutions are orthogonal
    up to 3 %, its couplings and priors weak.
    """
    return {name: _tensor(name, shape, seed) for name, shape in published_shapes(variant).items()}


def write_pervfi(path: Path, variant: str = "v00", seed: int = 0) -> Path:
    """The weights as a .pth file the way the authors saved theirs, or as safetensors, by the suffix of the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = seeded_weights(variant, seed)
    if path.suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file(weights, path)
    else:
        torch.save({f"module.{name}": tensor for name, tensor in weights.items()}, path)
    return path


def _tensor(name: str, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    noise = generator.standard_normal(shape)
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "initialized":
        return torch.tensor(1, dtype=torch.uint8)
    if name.endswith("invconv.weight"):
        orthogonal, _ = np.linalg.qr(noise[:, :, 0, 0])
        values = (orthogonal + 0.03 * generator.standard_normal(orthogonal.shape))[:, :, None, None]
    elif leaf in ("loc", "logs", "scale_shift") or name.endswith(("tail.4.scale", "prior.scale")):
        values = 0.03 * noise
    elif name.endswith("coupling.scale"):
        values = 0.3 + 0.03 * noise
    elif leaf == "bias":
        values = 0.05 * noise
    elif len(shape) == 1:  # PReLU
        values = 0.25 + 0.05 * noise
    else:
        gain = 2.0 if "conv_offset" in name else 0.25 if ".tail.4." in name or ".prior." in name else 1.0
        values = gain * noise / np.prod(shape[1:]) ** 0.5
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
