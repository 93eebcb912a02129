"""Clips with film grain, and how strong grain is."""

import cv2
import numpy as np
import torch
from torch import Tensor

HEIGHT, WIDTH, STEP = 96, 128, 4


def grainy_pan(count: int, sigma: float = 0.05, seed: int = 0) -> Tensor:
    """A pan over soft blobs, with new grain in each frame: shape (T, H, W, 3), in [0, 1]."""
    random = np.random.default_rng(seed)
    wide = cv2.GaussianBlur(random.standard_normal((HEIGHT, WIDTH + STEP * count, 3), dtype=np.float32), (0, 0), 5)
    wide = 0.5 + 0.12 * wide / wide.std()
    frames = [wide[:, STEP * frame : STEP * frame + WIDTH] for frame in range(count)]
    grain_THW1 = sigma * random.standard_normal((count, HEIGHT, WIDTH, 1), dtype=np.float32)
    return torch.from_numpy((np.stack(frames) + grain_THW1).clip(0, 1))


def grain_of(frame_HWC: Tensor) -> float:
    """Standard deviation of what differs from pixel to pixel, which soft blobs hardly do."""
    return float(frame_HWC.diff(dim=1).std())
