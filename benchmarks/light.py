"""The weight-free engine where light changes, in the dark, in fog and in linear light, on drawn pans.

A texture moves 6 pixels from one frame to the next, and the light changes with it. The frame half-way is known. PSNR is
the mean over several textures; dark and flat pictures are brightened to the full range first.
"""

import argparse
from collections.abc import Callable

import cv2
import numpy as np
import torch
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from torch import Tensor

HEIGHT, WIDTH, PAN = 216, 384, 6
Light = Callable[[Tensor, float], Tensor]

ACROSS = torch.linspace(0.5, 1.1, WIDTH)[:, None]
Y, X = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
SPOT = 1 - 0.4 * torch.exp(-((X - 250) ** 2 + (Y - 90) ** 2) / (2 * 80**2))[..., None]


def mixed(end: Tensor | float, time: float) -> Tensor:
    """The way from 1 to the end."""
    return 1 + time * (torch.as_tensor(end) - 1)


def rounded(light: Light, bits: int) -> Light:
    """The same light, saved with this many bits."""
    return lambda frame, time: (light(frame, time) * (2**bits - 1)).round() / (2**bits - 1)


def fog(frame: Tensor, _: float) -> Tensor:
    """Bright and flat."""
    return 0.82 + 0.06 * frame


def sky(frame: Tensor, _: float) -> Tensor:
    """Faint detail on a broad gradient."""
    return torch.linspace(0.3, 0.9, HEIGHT)[:, None, None] + 0.04 * (frame - 0.5)


# For each kind its light, and by how much PSNR is brightened.
KINDS: dict[str, tuple[Light, float]] = {
    "steady": (lambda frame, time: frame, 1),
    "fade, x0.9": (lambda frame, time: frame * mixed(0.9, time), 1),
    "fade, x0.7": (lambda frame, time: frame * mixed(0.7, time), 1),
    "fade, x0.5": (lambda frame, time: frame * mixed(0.5, time), 1),
    "lamp flickers up, x1.3": (lambda frame, time: 0.75 * frame * mixed(1.3, time), 1),
    "coloured lamp": (lambda frame, time: frame * mixed(torch.tensor([0.9, 0.8, 0.6]), time), 1),
    "lifted blacks": (lambda frame, time: frame * mixed(0.75, time) + 0.2 * time, 1),
    "gamma 1.25": (lambda frame, time: frame ** (1 + 0.25 * time), 1),
    "flash, x2, whites cut off": (lambda frame, time: (frame * mixed(2.0, time)).clamp(max=1), 1),
    "shade across the picture": (lambda frame, time: frame * mixed(ACROSS, time), 1),
    "spot of shade": (lambda frame, time: frame * mixed(SPOT, time), 1),
    "dark, x0.1": (lambda frame, time: 0.1 * frame, 10),
    "dark, x0.1, 8 bits": (rounded(lambda frame, time: 0.1 * frame, 8), 10),
    "dark, x0.02": (lambda frame, time: 0.02 * frame, 50),
    "dark and fading": (lambda frame, time: 0.1 * frame * mixed(0.7, time), 10),
    "fog, 10 bits": (rounded(fog, 10), 1 / 0.06),
    "sky, 10 bits": (rounded(sky, 10), 1 / 0.04),
    "linear light up to 20": (lambda frame, time: 20 * frame, 1 / 20),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--textures", type=int, default=4, help="textures per kind (default: %(default)s)")
    seeds = range(parser.parse_args().textures)
    print("| light | cross-fade | Inbetween | reported as cross-faded |\n| --- | --- | --- | --- |")
    for kind, (light, brightened) in KINDS.items():
        faded, made, reported = np.mean([scores(light, brightened, seed) for seed in seeds], axis=0)
        print(f"| {kind} | {faded:.1f} | {made:.1f} | {reported:.0%} |")


def scores(light: Light, brightened: float, seed: int) -> tuple[float, float, float]:
    """PSNR of a cross-fade and of ours in dB, and the share of the area that ours reports."""
    wide = texture(seed)
    first, truth, second = (
        light(wide[:, PAN - round(PAN * time) :][:, :WIDTH], time).clone() for time in (0.0, 0.5, 1.0)
    )
    rendered = FlowInterpolator().prepare(first, second).render([0.5])
    pictures = ((first + second) / 2, rendered.frames_THWC[0])
    faded, made = (-10 * float(((each - truth) * brightened).square().mean().log10()) for each in pictures)
    return faded, made, rendered.blended[0]


def texture(seed: int) -> Tensor:
    """Patches of colour of several sizes, PAN pixels wider than a frame."""
    random, total = np.random.default_rng(seed), np.zeros((HEIGHT, WIDTH + PAN, 3), dtype=np.float32)
    for sigma in (1.5, 4, 12, 40):
        noise = cv2.GaussianBlur(random.standard_normal(total.shape, dtype=np.float32), (0, 0), sigma)
        total += noise / noise.std()
    return torch.from_numpy((total - total.min()) / (total.max() - total.min()))


if __name__ == "__main__":
    main()
