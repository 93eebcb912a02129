"""Model files in the host's folders: listing and finding them, and errors that say how to get a missing one."""

from dataclasses import dataclass
from pathlib import Path

import folder_paths

from ..core.errors import InbetweenError


@dataclass(frozen=True)
class ModelFolder:
    """The folders for model files of one kind.

    folders: names of folders in models/. The host may have more than one place for each name.
    wanted: for errors, the files that belong there and where to get them.
    """

    folders: tuple[str, ...]
    wanted: str

    def names(self) -> list[str]:
        """The files in all folders, each name once."""
        return list(dict.fromkeys(name for folder in self.folders for name in folder_paths.get_filename_list(folder)))

    def check(self, file: str | None, otherwise: str = "choose another file") -> None:
        """Raise InbetweenError unless the file exists. The error says what belongs there, or `otherwise`."""
        if file not in self.names():
            raise self._missing(file, otherwise)

    def path(self, file: str) -> Path:
        """The path of the file, in the first folder that has it.

        Raises:
            InbetweenError: the file does not exist.
        """
        self.check(file)
        for folder in self.folders:
            found = folder_paths.get_full_path(folder, file)
            if found is not None:
                return Path(found)
        raise self._missing(file, "choose another file")

    def _missing(self, file: str | None, otherwise: str) -> InbetweenError:
        places = " or ".join(f"models/{folder}" for folder in self.folders)
        what = f'there is no "{file}" in' if file else "no file is chosen from"
        return InbetweenError(f"{what} {places}; put {self.wanted} there, or {otherwise}.")
