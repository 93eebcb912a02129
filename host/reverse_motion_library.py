"""Reverse motion from the host's model folders."""

from pathlib import Path

import folder_paths

from ..core.errors import InbetweenError
from ..core.reverse_motion import ReverseMotion
from ..networks.reverse_motion_files import WANTED_BASE, WANTED_DELTA, WANTED_TUNED, model_name, read_change, read_tuned

TUNED_FOLDER, BASE_FOLDER, CHANGE_FOLDER = "diffusion_models", "checkpoints", "model_patches"
_OTHERWISE = {TUNED_FOLDER: WANTED_TUNED, BASE_FOLDER: WANTED_BASE, CHANGE_FOLDER: WANTED_DELTA}


def files_in(folder: str) -> list[str]:
    """The files in one of the folders."""
    return folder_paths.get_filename_list(folder)


def check_file(folder: str, file: str | None) -> None:
    """Raise InbetweenError unless there is such a file; the error says what belongs there."""
    if file not in files_in(folder):
        told = f'there is no "{file}" in' if file else "nothing is chosen from"
        raise InbetweenError(f"{told} models/{folder}; put {_OTHERWISE[folder]} there.")


def load_tuned(tuned: str, base: str) -> tuple[ReverseMotion, list[str]]:
    """What fine-tuning changed, and warnings; see `read_tuned`."""
    paths = _path(TUNED_FOLDER, tuned), _path(BASE_FOLDER, base)
    return read_tuned(*paths, model_name(Path(tuned)))


def load_change(file: str) -> ReverseMotion:
    """The change alone; see `read_change`."""
    return read_change(_path(CHANGE_FOLDER, file), Path(file).name)


def _path(folder: str, file: str) -> Path:
    check_file(folder, file)
    return Path(folder_paths.get_full_path_or_raise(folder, file))
