"""PerVFI, two-frame interpolation with optical flow. `build` creates the network from a published file's tensors."""

from .checkpoint import MARKS, WANTED, build
from .model import PerVFI, draw_noise

__all__ = ["MARKS", "WANTED", "PerVFI", "build", "draw_noise"]
