"""Random numbers and safetensors files for tiny models."""

import zlib
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file


def numbers(name: str, shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    """Normal float32 numbers that belong to a name; numpy's generators give the same everywhere and for ever."""
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    return torch.from_numpy(np.ascontiguousarray(generator.standard_normal(shape), dtype=np.float32))


def randomise(module: torch.nn.Module, seed: int) -> torch.nn.Module:
    """
    Fills a module so that signals neither die nor explode: matrices 1/sqrt(fan in), scales near 1, biases near 0.

    With one small std for all, deep random networks put out a constant, and tests that compare outputs prove nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if not tensor.is_floating_point():
                continue
            noise = torch.randn(tensor.shape, generator=generator)
            leaf = name.rsplit(".", 1)[-1]
            if leaf == "gamma" or (leaf == "weight" and tensor.ndim == 1):
                tensor.copy_(1 + 0.02 * noise)
            elif tensor.ndim < 2:
                tensor.copy_(0.01 * noise)
            else:
                tensor.copy_(noise / tensor[0].numel() ** 0.5)
    return module


def write_weights(weights: dict[str, torch.Tensor], path: Path) -> Path:
    """Writes a state dict as safetensors, and returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.detach().clone().contiguous() for name, tensor in weights.items()}, path)
    return path
