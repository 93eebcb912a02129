"""Random weights for RAFT-large, in torchvision's layout and in the authors'."""

import re
from pathlib import Path

import torch
from random_weights import randomise
from torchvision.models.optical_flow import raft_large

_RENAMED = (
    (r"(feature|context)_encoder\.", lambda found: {"feature": "fnet.", "context": "cnet."}[found[1]]),
    (r"(?<=net\.)convnormrelu\.0\.", "conv1."),
    (r"(?<=net\.)convnormrelu\.1\.", "norm1."),
    (r"(?<=net\.)conv\.", "conv2."),
    (r"(layer\d\.\d)\.convnormrelu(\d)\.0\.", r"\1.conv\2."),
    (r"(layer\d\.\d)\.convnormrelu(\d)\.1\.", r"\1.norm\2."),
    (r"update_block\.motion_encoder\.conv(corr|flow)(\d)\.0\.", lambda m: f"update_block.encoder.conv{m[1][0]}{m[2]}."),
    (r"update_block\.motion_encoder\.conv\.0\.", "update_block.encoder.conv."),
    (r"update_block\.recurrent_block\.convgru(\d)\.conv(.)\.", r"update_block.gru.conv\2\1."),
    (r"mask_predictor\.convrelu\.0\.", "update_block.mask.0."),
    (r"mask_predictor\.conv\.", "update_block.mask.2."),
)


def seeded_raft(seed: int = 0) -> dict[str, torch.Tensor]:
    """A state dict in torchvision's layout, whose flow is some pixels long."""
    network = randomise(raft_large(weights=None, progress=False), seed)
    for name, buffer in network.named_buffers():
        if name.endswith("running_var"):
            buffer.fill_(1.0)
    return network.state_dict()


def in_original_layout(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same tensors by the authors' names; the normalisations beside downsampling are there twice."""
    renamed = {}
    for name, tensor in weights.items():
        original = name
        for pattern, replacement in _RENAMED:
            original = re.sub(pattern, replacement, original)
        renamed[original] = tensor
        if ".downsample.1." in original:
            renamed[original.replace("downsample.1", "norm3")] = tensor
    return renamed


def write_raft(path: Path, seed: int = 0, original: bool = False) -> Path:
    """The weights as a .pth file in one of the layouts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = seeded_raft(seed)
    torch.save({f"module.{k}": v for k, v in in_original_layout(weights).items()} if original else weights, path)
    return path
