"""Sprites over nothing, drawn at any place between pixels: RGB with alpha, straight, with noise in what is not seen."""

import math

import numpy as np
import torch

HEIGHT, WIDTH = 96, 160
GREEN = torch.tensor([0.0, 0.8, 0.1])
KINDS = ("hard", "soft", "half", "dark", "light")  # dark and light ones look like a black or white ground


def sprite(
    seed: int, x: float, y: float = HEIGHT / 2, size: float = 30, kind: str = "hard", hidden: int = 0, angle: float = 0
) -> torch.Tensor:
    """A blob of waves with its centre at (x, y): float32 of shape (HEIGHT, WIDTH, 4).

    kind: "hard" has an edge of one pixel, "soft" one of a third of its size, and "half" is half transparent.
    hidden: seed of the colours where alpha is 0.
    angle: turned by this, in radians.
    """
    random = np.random.default_rng([seed, 1])
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    across, down = columns - x, rows - y
    along, beside = (
        across * math.cos(angle) + down * math.sin(angle),
        down * math.cos(angle) - across * math.sin(angle),
    )
    turn = np.arctan2(beside, along)
    radius = size / 2 * (1 + 0.2 * np.sin(3 * turn + random.uniform(0, 6)))
    edge = size / 3 if kind == "soft" else 1.0
    alpha_HW = ((radius - np.hypot(along, beside)) / edge + 0.5).clip(0, 1) * (0.5 if kind == "half" else 1)
    colours = []
    for _ in range(3):
        waves = [
            np.sin(along * random.uniform(-0.6, 0.6) + beside * random.uniform(-0.6, 0.6) + random.uniform(0, 6))
            for _ in range(4)
        ]
        colours.append((0.5 + 0.17 * sum(waves)).clip(0, 1))
    colours_HW3 = np.stack(colours, axis=2)
    if kind in ("dark", "light"):
        colours_HW3 = 0.05 * colours_HW3 + (0.95 if kind == "light" else 0)
    noise_HW3 = np.random.default_rng([hidden, 2]).random(colours_HW3.shape)
    colours_HW3 = np.where(alpha_HW[..., None] > 0, colours_HW3, noise_HW3)
    return torch.from_numpy(np.dstack([colours_HW3, alpha_HW])).float()


def over(top_HWC: torch.Tensor, below_HWC: torch.Tensor) -> torch.Tensor:
    """One straight picture with alpha in front of another."""
    top_HW1, below_HW1 = top_HWC[..., 3:], below_HWC[..., 3:] * (1 - top_HWC[..., 3:])
    alpha_HW1 = top_HW1 + below_HW1
    colours_HW3 = (top_HWC[..., :3] * top_HW1 + below_HWC[..., :3] * below_HW1) / alpha_HW1.clamp(min=1e-6)
    return torch.cat([colours_HW3, alpha_HW1], dim=-1)


def on_green(frame_HWC: torch.Tensor) -> torch.Tensor:
    """A frame in front of green."""
    return frame_HWC[..., :3] * frame_HWC[..., 3:] + (1 - frame_HWC[..., 3:]) * GREEN


def decibels(first_HWC: torch.Tensor, second_HWC: torch.Tensor) -> float:
    """PSNR over green, where one of the two frames shows something, with 3 pixels around it; 99 if they are equal."""
    seen_HW = torch.maximum(first_HWC[..., 3], second_HWC[..., 3]) > 0
    rows, columns = seen_HW.nonzero(as_tuple=True)
    box = slice(max(0, rows.min() - 3), rows.max() + 4), slice(max(0, columns.min() - 3), columns.max() + 4)
    error = float((on_green(first_HWC) - on_green(second_HWC))[box].square().mean())
    return 99.0 if error < 1e-10 else -10 * math.log10(error)
