"""
A tiny SVD, its fine-tuned relative and the base that one was tuned on, made from a seed key by key.

numpy's generators give the same numbers everywhere and for ever, so that tests need to store outputs only.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import torch
from comfyui_inbetween.networks.svd.names import DIFFUSERS_LAYERS, TO_OUT, TO_V, host_name
from golden.semfi.weights import seeded_wan
from random_weights import write_weights

# A tenth of the width at the finest level, in heads of 16: the host finds it through `TinySVD` (tiny_svd.py).
SVD_SIZES = {
    "image_size": 32,
    "in_channels": 8,
    "out_channels": 4,
    "model_channels": 32,
    "num_res_blocks": [2, 2, 2, 2],
    "channel_mult": [1, 2, 3, 3],
    "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
    "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
    "transformer_depth_middle": 1,
    "use_spatial_transformer": True,
    "legacy": False,
    "num_classes": "sequential",
    "adm_in_channels": 768,
    "use_linear_in_transformer": True,
    "context_dim": 1024,
    "extra_ff_mix_layer": True,
    "use_spatial_context": True,
    "merge_strategy": "learned_with_images",
    "merge_factor": 0.0,
    "video_kernel_size": [3, 1, 1],
    "use_temporal_resblock": True,
    "use_temporal_attention": True,
    "num_heads": -1,
    "num_head_channels": 16,
}
FULL_SIZES = {**SVD_SIZES, "model_channels": 320, "channel_mult": [1, 2, 4, 4], "num_head_channels": 64}
XT_SEED, BASE_SEED, CHANGE_SEED = 0, 1, 2
SHARP = 1.2  # on W_q and W_k: with attention that is nearly even, a rotation of it cannot be seen


def svd_shapes(sizes: Mapping[str, object] = SVD_SIZES) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of an SVD's network, by the host's names. `boot_host` comes first."""
    import comfy.ops
    from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel

    model = UNetModel(**sizes, device="meta", dtype=torch.float32, operations=comfy.ops.disable_weight_init)
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def seeded_svd(shapes: Mapping[str, tuple[int, ...]], seed: int = XT_SEED) -> dict[str, torch.Tensor]:
    """Tensors by the host's names, whose temporal self-attention differs from frame to frame."""
    tensors = seeded_wan(shapes, seed)
    for layer in DIFFUSERS_LAYERS:
        for name in (f"{layer}.to_q.weight", f"{layer}.to_k.weight"):
            tensors[name] *= SHARP
    return tensors


def tuned_weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """The base with value and output weights of its temporal self-attention changed by as much as they are."""
    tensors = seeded_svd(shapes, BASE_SEED)
    for name, change in seeded_wan(changed_shapes(shapes), seed=CHANGE_SEED).items():
        tensors[name] = tensors[name] + change
    return tensors


def changed_shapes(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Those of the tensors that fine-tuning changes."""
    names = [f"{layer}.{end}" for layer in DIFFUSERS_LAYERS for end in (TO_V, TO_OUT)]
    return {name: shapes[name] for name in names}


def by_diffusers_names(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same tensors in the layout of diffusers."""
    return {name: tensors[host_name(name)] for name in diffusers_names()}


def write_tuned(path: Path) -> Path:
    """The fine-tuned network as the authors' checkpoint has it."""
    return write_weights(by_diffusers_names(tuned_weights(svd_shapes())), path)


def write_change(path: Path) -> Path:
    """What fine-tuning changed, as a file of our own."""
    changes = seeded_wan(changed_shapes(svd_shapes()), seed=CHANGE_SEED)
    ends = {TO_V: "to_v.diff", TO_OUT: "to_out.0.diff"}
    names = {f"{layer}.{end}": f"diffusion_model.{layer}.{ends[end]}" for layer in DIFFUSERS_LAYERS for end in ends}
    return write_weights({names[name]: tensor for name, tensor in changes.items()}, path)


@cache
def diffusers_names() -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of the published SVD in the layout of diffusers."""
    lines = Path(__file__).with_name("svd_keys.txt").read_text().splitlines()
    return {name: tuple(map(int, shape.split("x"))) for name, shape in (line.split("\t") for line in lines)}
