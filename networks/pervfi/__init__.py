"""PerVFI, two-frame interpolation with optical flow: `build` makes the network of a published file's tensors."""

from .checkpoint import build, read_file
from .model import PerVFI, draw_noise

__all__ = ["PerVFI", "build", "draw_noise", "read_file"]
