"""The published transformer of SemFi, which computes all its LoRAs every time."""

import importlib
import sys
import types
from pathlib import Path

import torch
from _run import checkout

REPOSITORY = "https://github.com/hyj542682306/Semantic-Frame-Interpolation"
COMMIT = "1616ca7"


def reference_folder(named: Path | None) -> Path:
    """The given checkout of the published code, or a downloaded one."""
    return named or checkout(REPOSITORY, COMMIT)


def published_block(folder: Path, dim: int, ffn_dim: int) -> torch.nn.Module:
    """One transformer block with its seven LoRAs; `forward(x, context, t_mod, freqs, spec_idx)`."""
    package = types.ModuleType("semfi_models")  # skips the package's own imports: web, video files, diffusion
    package.__path__ = [str(folder / "src" / "models")]
    sys.modules["semfi_models"] = package
    module = importlib.import_module("semfi_models.wan_video_dit")
    return module.DiTBlock(True, dim, dim // 128, ffn_dim, 1e-6, True).eval()


def rotary_frequencies(tokens: int) -> torch.Tensor:
    """Random rotations; they take the same time as the real ones."""
    return torch.polar(torch.ones(tokens, 1, 64), torch.rand(tokens, 1, 64)).to(torch.complex128)
