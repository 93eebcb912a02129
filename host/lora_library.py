"""Mixtures and their parts from the host's folder of LoRAs."""

from pathlib import Path

import folder_paths

from ..core.errors import InbetweenError
from ..core.lora_mixture import LoraMixture
from ..networks.lora_files import SEMFI_PAGE, LoraFile, read_lora, read_mixture

FOLDER = "loras"


def lora_files() -> list[str]:
    """The files in the folder."""
    return folder_paths.get_filename_list(FOLDER)


def check_mixture_file(file: str) -> None:
    """Raise InbetweenError unless there is such a file."""
    _check(file, f"get semfi.ckpt from {SEMFI_PAGE}, or choose another file")


def check_lora_file(file: str) -> None:
    """Raise InbetweenError unless there is such a file."""
    _check(file, "put it there, or choose another file")


def load_mixture(file: str) -> LoraMixture:
    """A published mixture; see `read_mixture`."""
    check_mixture_file(file)
    return read_mixture(_path(file), Path(file).name)


def load_lora(file: str) -> LoraFile:
    """A file with one LoRA; see `read_lora`."""
    check_lora_file(file)
    return read_lora(_path(file), Path(file).name)


def _check(file: str, otherwise: str) -> None:
    if file not in lora_files():
        raise InbetweenError(f'there is no "{file}" in models/{FOLDER}; {otherwise}.')


def _path(file: str) -> Path:
    return Path(folder_paths.get_full_path_or_raise(FOLDER, file))
