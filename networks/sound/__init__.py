"""Audio for Wan's image-to-video models: one branch beside the image branch, and what makes tokens of sound for it.

Written from the shapes and names of the published tensors and from what the published code was measured to do; see
`layouts.py` for whose files are read.
"""

from .adapter import AudioAdapter
from .config import STABLE_AVATAR, AdapterConfig
from .layouts import WANTED, read_adapter

__all__ = ["STABLE_AVATAR", "WANTED", "AdapterConfig", "AudioAdapter", "read_adapter"]
