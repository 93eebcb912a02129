"""Audio adapters for Wan's image-to-video models: an audio branch next to the image branch, and its audio tokens.

Written from the shapes and names of the published tensors, and from measurements of what the published code does. For
the supported files, see `layouts.py`.
"""

from .adapter import AudioAdapter
from .config import STABLE_AVATAR, AdapterConfig
from .layouts import WANTED, read_adapter

__all__ = ["STABLE_AVATAR", "WANTED", "AdapterConfig", "AudioAdapter", "read_adapter"]
