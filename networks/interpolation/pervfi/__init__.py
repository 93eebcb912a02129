"""PerVFI, two-frame interpolation with optical flow: `build` makes the network of a published file's tensors."""

from .checkpoint import MARKS, WANTED, build
from .model import PerVFI, draw_noise

__all__ = ["MARKS", "WANTED", "PerVFI", "build", "draw_noise"]
