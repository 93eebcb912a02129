"""Files of models in the host's folders: which there are, where they lie, and what to do if one is missing."""

from dataclasses import dataclass
from pathlib import Path

import folder_paths

from ..core.errors import InbetweenError


@dataclass(frozen=True)
class ModelFolder:
    """Where files of one kind lie.

    folders: names of folders below models/, by which the host knows all places that belong to them.
    wanted: the files that belong there and where to get them, for errors.
    """

    folders: tuple[str, ...]
    wanted: str

    def names(self) -> list[str]:
        """The files in all folders, each name once."""
        return list(dict.fromkeys(name for folder in self.folders for name in folder_paths.get_filename_list(folder)))

    def check(self, file: str | None, otherwise: str = "choose another file") -> None:
        """Raise InbetweenError unless there is such a file; it says what belongs there, and what to do `otherwise`."""
        if file not in self.names():
            raise self._missing(file, otherwise)

    def path(self, file: str) -> Path:
        """Where the file lies, in the first folder that has it.

        Raises:
            InbetweenError: there is no such file.
        """
        self.check(file)
        for folder in self.folders:
            found = folder_paths.get_full_path(folder, file)
            if found is not None:
                return Path(found)
        raise self._missing(file, "choose another file")

    def _missing(self, file: str | None, otherwise: str) -> InbetweenError:
        places = " or ".join(f"models/{folder}" for folder in self.folders)
        what = f'there is no "{file}" in' if file else "nothing is chosen from"
        return InbetweenError(f"{what} {places}; put {self.wanted} there, or {otherwise}.")
