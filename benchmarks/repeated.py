"""The weight-free engine on drawn repeated texture that moves: fences, blinds, chequers, bricks.

The frame half-way is known. PSNR is the mean over several seeds, each with its own colours, ground, period and motion,
which is up to 0.9 periods. "Plain flow" is the same engine without `core.flow.repeated`.
"""

import argparse
from unittest import mock

import cv2
import numpy as np
import torch
from _run import print_table
from comfyui_inbetween.core.flow import repeated
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator

HEIGHT, WIDTH, AROUND = 216, 384, 64
FINER = 2  # the scene is drawn at this many times the size, so that motion by fractions of a pixel is exact

# For each kind of texture: where it is (top, bottom, left, right, as shares of the frame), and how far the ground goes
# when the texture goes 1.
PLACES = {
    "with its ground, from side to side": ((0.15, 0.85, -1, 2), 1.0),
    "with its ground, a patch": ((0.2, 0.8, 0.2, 0.75), 1.0),
    "over a still ground, a patch": ((0.2, 0.8, 0.2, 0.75), 0.0),
}
KINDS = ("fence", "blinds", "tilted fence", "chequers", "bricks")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4, help="scenes of each kind (default: %(default)s)")
    seeds = range(parser.parse_args().seeds)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    rows = []
    for place, (part, ground_goes) in PLACES.items():
        for kind in KINDS:
            faded, plain, ours = np.mean([scores(kind, part, ground_goes, seed) for seed in seeds], axis=0)
            rows.append([kind, place, f"{faded:.1f}", f"{plain:.1f}", f"**{ours:.1f}**"])
    print_table(["texture", "moves", "cross-fade", "plain flow", "Inbetween"], rows)


def scores(kind: str, part: tuple[float, ...], ground_goes: float, seed: int) -> tuple[float, float, float]:
    """PSNR of a cross-fade, of the engine with plain flow, and of the engine, in dB."""
    random = np.random.default_rng([seed, KINDS.index(kind)])
    period = random.uniform(10, 32)
    motion = random.uniform(-0.9, 0.9, 2) * period
    ground_HWC, texture_HW4 = ground(random), texture(kind, period, part, random)
    first, truth, second = (
        over(moved(ground_HWC, motion * ground_goes * time), moved(texture_HW4, motion * time)) for time in (0, 0.5, 1)
    )
    made = halfway(first, second)
    with mock.patch.object(repeated, "corrected", lambda first, second, forward, backward: (forward, backward)):
        plain = halfway(first, second)
    return psnr((first + second) / 2, truth), psnr(plain, truth), psnr(made, truth)


def halfway(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """The frame half-way."""
    return FlowInterpolator().prepare(first, second).render([0.5]).frames_THWC[0]


def ground(random: np.random.Generator) -> np.ndarray:
    """A random picture_HWC, larger than the frame."""
    size = (HEIGHT + 2 * AROUND, WIDTH + 2 * AROUND, 3)
    layers = [cv2.GaussianBlur(random.standard_normal(size, np.float32), (0, 0), sigma) for sigma in (1.5, 4, 12, 40)]
    picture = sum(layer / layer.std() for layer in layers)
    picture = (picture - picture.min()) / (picture.max() - picture.min())
    return cv2.resize(picture, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_CUBIC)


def texture(kind: str, period: float, part: tuple[float, ...], random: np.random.Generator) -> np.ndarray:
    """The texture and where it is, as RGBA multiplied by its alpha."""
    height, width = (HEIGHT + 2 * AROUND) * FINER, (WIDTH + 2 * AROUND) * FINER
    y, x = np.mgrid[:height, :width].astype(np.float32) / FINER - AROUND
    turn = random.uniform(0.2, 0.8) if kind == "tilted fence" else 0.0
    across = (x * np.cos(turn) + y * np.sin(turn)) * (2 * np.pi / period)
    down = y * (2 * np.pi / period)
    wave = {
        "fence": np.sin(across),
        "tilted fence": np.sin(across),
        "blinds": np.sin(down),
        "chequers": np.sin(across) * np.sin(down),
        "bricks": np.minimum(np.cos(2 * down), np.cos(across + np.pi * (np.floor(down / np.pi) % 2))) + 0.8,
    }[kind]
    share_HW1 = np.clip(0.5 + wave * period / 4, 0, 1)[..., None]
    dark, bright = random.uniform(0, 0.25, 3), random.uniform(0.5, 0.9, 3)
    top, bottom, left, right = part
    inside = (y >= top * HEIGHT) & (y < bottom * HEIGHT) & (x >= left * WIDTH) & (x < right * WIDTH)
    colour_HWC = (1 - share_HW1) * dark + share_HW1 * bright
    return np.dstack([colour_HWC * inside[..., None], inside]).astype(np.float32)


def moved(picture: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """The frame's part of a picture that has moved by (right, down) pixels."""
    x, y = (motion - AROUND) * FINER
    shift = np.array([[1, 0, x], [0, 1, y]], np.float32)
    size = (WIDTH * FINER, HEIGHT * FINER)
    frame = cv2.warpAffine(picture, shift, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return cv2.resize(frame, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def over(ground_HWC: np.ndarray, texture_HW4: np.ndarray) -> torch.Tensor:
    """The texture over the ground."""
    frame = ground_HWC * (1 - texture_HW4[..., 3:]) + texture_HW4[..., :3]
    return torch.from_numpy(frame.clip(0, 1).astype(np.float32))


def psnr(made: torch.Tensor, truth: torch.Tensor) -> float:
    """In dB."""
    return float(-10 * (made - truth).square().mean().clamp(min=1e-10).log10())


if __name__ == "__main__":
    main()
