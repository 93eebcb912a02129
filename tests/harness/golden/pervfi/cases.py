"""
The inputs on which our PerVFI is compared with the published modules, and where the published outputs are stored.

How the stored outputs were made: the modules of github.com/mulns/PerVFI at commit 89d90f1 ran on the CPU in float32
with the weights of `golden.pervfi.weights.seeded_weights(variant, seed=0)` and the inputs below; images and flows
zero-padded right and bottom to multiples of 8, the output cropped. `accelerate`, `loguru` and `cupy` were replaced by
empty modules and `Tensor.cuda` by the identity; the CUDA kernel of the summation splat by index_add_ over the four
corners of each finite target. "nll" and "latent 0" to "latent 2" are the encoding of a third image; "splat MODE" is
the published `softsplat` in each of its modes.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

STORED = Path(__file__).parent / "outputs.safetensors"


@dataclass(frozen=True)
class Case:
    """motion: longest displacement in pixels; temperature: standard deviation of the noise (v00), 0 for none."""

    variant: str
    time: float
    height: int = 48
    width: int = 64
    batch: int = 1
    motion: float = 12.0
    temperature: float = 0.0


CASES = {
    "v00 half": Case("v00", 0.5),
    "v00 quarter with noise": Case("v00", 0.25, temperature=0.3),
    "v00 three quarters, batch of 2": Case("v00", 0.75, batch=2, temperature=0.7),
    "v00 large motion": Case("v00", 0.5, height=64, width=96, motion=40.0),
    "v00 odd size": Case("v00", 0.5, height=43, width=61, temperature=0.3),
    "v00 without holes": Case("v00", 0.5, motion=0.0),
    "vb half": Case("vb", 0.5),
    "vb quarter": Case("vb", 0.25),
    "vb three quarters, batch of 2": Case("vb", 0.75, batch=2),
    "vb large motion": Case("vb", 0.5, height=64, width=96, motion=40.0),
    "vb odd size": Case("vb", 0.5, height=43, width=61),
}


@dataclass(frozen=True)
class Inputs:
    """first, second, target: (B, 3, H, W) in [0, 1]; forward, backward: (B, 2, H, W) in pixels; noise: three scales."""

    first: torch.Tensor
    second: torch.Tensor
    target: torch.Tensor
    forward: torch.Tensor
    backward: torch.Tensor
    noise: list[torch.Tensor]


def inputs_of(name: str) -> Inputs:
    """The inputs of a case; images and flows are smooth fields with some grain, flows tear at the middle column."""
    case = CASES[name]
    generator = np.random.default_rng(list(name.encode()))

    def field(channels: int, cell: int) -> torch.Tensor:
        rows, columns = case.height // cell + 3, case.width // cell + 3
        coarse = torch.from_numpy(generator.random((case.batch, channels, rows, columns), dtype=np.float32))
        fine = torch.nn.functional.interpolate(coarse, scale_factor=cell, mode="bilinear", align_corners=False)
        return fine[:, :, cell // 2 :, cell // 2 :][:, :, : case.height, : case.width].contiguous()

    def image() -> torch.Tensor:
        grain = torch.from_numpy(generator.random((case.batch, 3, case.height, case.width), dtype=np.float32))
        return 0.9 * field(3, 8) + 0.1 * grain

    def flow() -> torch.Tensor:
        moving = case.motion * (2 * field(2, 16) - 1)
        moving[..., : case.width // 2] *= -0.5
        return moving

    height, width = (case.height + 7) // 8, (case.width + 7) // 8
    shapes = [(6, 4 * height, 4 * width), (12, 2 * height, 2 * width), (48, height, width)]
    noise = [
        case.temperature * torch.from_numpy(generator.standard_normal((case.batch, *shape), dtype=np.float32))
        for shape in shapes
    ]
    return Inputs(image(), image(), image(), flow(), flow(), noise)


def splat_inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Values, flow and importance for the splat alone; targets that are not finite, far off, or shared by many."""
    generator = np.random.default_rng(5)
    values, flow, importance = (
        torch.from_numpy(generator.standard_normal((2, channels, 12, 14), dtype=np.float32)) for channels in (3, 2, 1)
    )
    flow *= 3
    for column, wild in enumerate((np.nan, np.inf, -np.inf, 1e12, -1e12, 40.0)):
        flow[0, column % 2, 5, column] = wild
    importance[:, :, 6:] -= 16  # so light that what keeps the division safe is seen
    return values, flow, importance


def stored_outputs() -> dict[str, torch.Tensor]:
    """What the published modules made of each case, by its name; and "nll", "latent 0", "splat sum" and so on."""
    return load_file(STORED)
