"""Mixtures of LoRA, and single LoRAs for them, in the host's LoRA folder."""

from pathlib import Path

from ...core.wan.lora_mixture import LoraMixture
from ...networks.wan.lora_files import WANTED_LORA, WANTED_MIXTURE, LoraFile, read_lora, read_mixture
from ..model_files import ModelFolder

MIXTURES = ModelFolder(("loras",), WANTED_MIXTURE)
LORAS = ModelFolder(("loras",), WANTED_LORA)


def load_mixture(file: str) -> LoraMixture:
    """Load a published mixture; see `read_mixture`."""
    return read_mixture(MIXTURES.path(file), Path(file).name)


def load_lora(file: str) -> LoraFile:
    """Load a file with one LoRA; see `read_lora`."""
    return read_lora(LORAS.path(file), Path(file).name)
