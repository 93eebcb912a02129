"""Audio adapters from the host's model folders."""

from pathlib import Path

import comfy.model_management as model_management
import comfy.model_patcher
import comfy.ops
import folder_paths

from ..core.errors import InbetweenError
from ..networks.audio_adapter import WANTED, read_adapter

FOLDERS = ("model_patches", "diffusion_models")  # the second holds whole models that brought their adapter along


def adapter_files() -> list[str]:
    """The files in both folders, each name once."""
    return list(dict.fromkeys(name for folder in FOLDERS for name in folder_paths.get_filename_list(folder)))


def check_adapter_file(file: str | None) -> None:
    """Raise InbetweenError unless there is such a file; the error says what belongs there."""
    if file not in adapter_files():
        told = f'there is no "{file}" in' if file else "nothing is chosen from"
        raise InbetweenError(f"{told} models/{FOLDERS[0]} or models/{FOLDERS[1]}; put {WANTED} there.")


def load_adapter(file: str) -> comfy.model_patcher.ModelPatcher:
    """An adapter as a model patch of the host's, which moves and counts its memory; see `read_adapter`."""
    check_adapter_file(file)
    path = next(found for found in (folder_paths.get_full_path(folder, file) for folder in FOLDERS) if found)
    adapter = read_adapter(Path(path), comfy.ops.manual_cast)
    return comfy.model_patcher.CoreModelPatcher(
        adapter,
        load_device=model_management.get_torch_device(),
        offload_device=model_management.unet_offload_device(),
    )
