"""
SemFi's Mixture of LoRA in the published key layout, and a tiny Wan to go with it, made from a seed key by key.

They are the same everywhere and for ever (see `numbers`), so that tests need to store outputs only.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from random_weights import numbers
from safetensors.torch import save_file

WAN_SIZES = {
    "patch_size": (1, 2, 2),
    "in_dim": 36,
    "out_dim": 16,
    "dim": 128,
    "ffn_dim": 256,
    "freq_dim": 256,
    "text_dim": 4096,
    "num_heads": 1,
    "num_layers": 2,
}
RANK = 16
LORAS = 7  # the universal one, and the experts for 5, 9, 17, 33, 65 and 81 frames


def layer_names(blocks: int) -> Iterator[tuple[str, str]]:
    """The linear layers that have LoRAs, by their name in the model, and how their LoRAs begin in a published file."""
    for block in range(blocks):
        for attention in ("self_attn", "cross_attn"):
            for projection in "qkvo":
                inner = f"blocks.{block}.{attention}"
                yield f"{inner}.{projection}", f"{inner}.lora_{projection}"
        for number in "02":
            yield f"blocks.{block}.ffn.{number}", f"blocks.{block}.lora_ffn_{number}"


def seeded_semfi(blocks: int = 2, dim: int = 128, ffn_dim: int = 256, seed: int = 0) -> dict[str, torch.Tensor]:
    """A published file's tensors, all of which have an effect: each LoRA adds about a third of what its layer makes."""
    tensors = {}
    for layer, published in layer_names(blocks):
        inputs = ffn_dim if layer.endswith("ffn.2") else dim
        outputs = ffn_dim if layer.endswith("ffn.0") else dim
        for number in range(LORAS):
            start = f"{published}.{number}"
            for part, shape, scale in (
                ("lora_A.weight", (RANK, inputs), inputs**-0.5),
                ("lora_A.bias", (RANK,), 0.5),
                ("lora_B.weight", (outputs, RANK), 0.3 * RANK**-0.5),
                ("lora_B.bias", (outputs,), 0.1),
            ):
                tensors[f"{start}.{part}"] = scale * numbers(f"{start}.{part}", shape, seed)
    return tensors


def seeded_wan(shapes: Mapping[str, tuple[int, ...]], seed: int = 0) -> dict[str, torch.Tensor]:
    """A Wan's tensors: matrices 1/sqrt(fan in), scales of norms near 1, the rest near 0."""
    tensors = {}
    for name, shape in shapes.items():
        noise = numbers(name, shape, seed)
        if name.endswith("weight") and len(shape) == 1:
            tensors[name] = 1 + 0.02 * noise
        elif len(shape) < 2 or name.endswith("modulation"):
            tensors[name] = 0.05 * noise
        else:
            tensors[name] = noise / float(np.prod(shape[1:])) ** 0.5
    return tensors


def write_semfi(path: Path, prefix: str = "", seed: int = 0) -> Path:
    """A mixture for the tiny Wan as published, .ckpt or .safetensors by the suffix of the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {prefix + name: tensor for name, tensor in seeded_semfi(seed=seed).items()}
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return path


def write_lora(
    path: Path, seed: int, prefix: str = "diffusion_model.", blocks: int = 2, dim: int = 128, rank: int = 4
) -> Path:
    """A LoRA of its own for the tiny Wan, by the host's names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for layer, _ in layer_names(blocks):
        inputs, outputs = (2 * dim if layer.endswith(ffn) else dim for ffn in ("ffn.2", "ffn.0"))
        for part, shape in (("lora_A", (rank, inputs)), ("lora_B", (outputs, rank))):
            name = f"{prefix}{layer}.{part}.weight"
            tensors[name] = 0.3 * shape[1] ** -0.5 * numbers(f"{layer}.{part}", shape, seed)
    save_file(tensors, path)
    return path


def tiny_wan_shapes() -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of the tiny Wan2.1 I2V. `boot_host` comes first."""
    import comfy.ops
    from comfy.ldm.wan.model import WanModel

    model = WanModel(model_type="i2v", **WAN_SIZES, device="meta", operations=comfy.ops.disable_weight_init)
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
