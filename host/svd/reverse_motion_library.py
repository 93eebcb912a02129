"""Reverse motion files in the host's model folders."""

from pathlib import Path

from ...core.svd.reverse_motion import ReverseMotion
from ...networks.svd.reverse_motion_files import (
    WANTED_BASE,
    WANTED_DELTA,
    WANTED_TUNED,
    model_name,
    read_change,
    read_tuned,
)
from ..model_files import ModelFolder

TUNED = ModelFolder(("diffusion_models",), WANTED_TUNED)
BASES = ModelFolder(("checkpoints",), WANTED_BASE)
CHANGES = ModelFolder(("model_patches",), WANTED_DELTA)


def load_tuned(tuned: str, base: str) -> tuple[ReverseMotion, list[str]]:
    """Compute what fine-tuning changed, and warnings; see `read_tuned`."""
    return read_tuned(TUNED.path(tuned), BASES.path(base), model_name(Path(tuned)))


def load_change(file: str) -> ReverseMotion:
    """Read a file with the change alone; see `read_change`."""
    return read_change(CHANGES.path(file), Path(file).name)
