"""The parts of a video that are finished, written down so that a run that was stopped can go on."""

import errno
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..core.errors import InbetweenError
from .errors import writing

JOURNAL = "parts.json"
FORMAT = 1
SPARE = 64 * 2**20  # bytes of a disk that stay free


@dataclass(frozen=True)
class Part:
    """A finished part.

    file: its name in the folder.
    first, frames: its first frame in the result, and how many it has.
    size: bytes of the file.
    told: what a report says about its gaps.
    """

    file: str
    first: int
    frames: int
    size: int
    told: tuple[Any, ...] = ()


class Journal:
    """A folder with the finished parts of one result.

    A folder belongs to one fingerprint of the input and all settings: with another, nothing in it is used.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        """
        Args:
            folder: made if it is missing. Parts that another fingerprint left there are removed, and so is a part that
                is damaged or was not finished, with those after it.
            fingerprint: of the input and all settings.

        Raises:
            InbetweenError: the folder cannot be written.
        """
        self.folder, self._fingerprint = folder, fingerprint
        with writing(str(folder / JOURNAL)):
            folder.mkdir(parents=True, exist_ok=True)
            self.parts = self._whole_parts()
            kept = {JOURNAL, *(part.file for part in self.parts)}
            for file in folder.iterdir():
                if file.is_file() and file.name not in kept:
                    file.unlink()
            self._save()

    @property
    def next_frame(self) -> int:
        """The first frame of the result that no part has."""
        return self.parts[-1].first + self.parts[-1].frames if self.parts else 0

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.size for part in self.parts)

    def path(self, extension: str) -> str:
        """Where the next part is to be written."""
        return str(self.folder / f"part_{len(self.parts):05}.{extension}")

    def add(self, path: str, frames: int, told: tuple[Any, ...] = ()) -> None:
        """Write down that a part is finished; from then on it is used.

        Raises:
            InbetweenError: the disk is full.
        """
        with writing(path):
            _to_disk(Path(path))
            size = os.path.getsize(path)
        self.parts.append(Part(os.path.basename(path), self.next_frame, frames, size, told))
        self._save()

    def files(self) -> list[tuple[str, int]]:
        """The path of each part, and its number of frames."""
        return [(str(self.folder / part.file), part.frames) for part in self.parts]

    def remove(self) -> None:
        """Remove the folder, the journal first: what is left after a stop in between is no part of anything."""
        (self.folder / JOURNAL).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _whole_parts(self) -> list[Part]:
        """The parts in the journal, up to the first that is missing or has another size."""
        try:
            written = json.loads((self.folder / JOURNAL).read_text(encoding="utf-8"))
            if written["format"] != FORMAT or written["fingerprint"] != self._fingerprint:
                return []
            parts = [Part(**{**each, "told": tuple(each["told"])}) for each in written["parts"]]
        except (OSError, ValueError, KeyError, TypeError):
            return []
        whole: list[Part] = []
        for part in parts:
            file = self.folder / part.file
            following = whole[-1].first + whole[-1].frames if whole else 0
            if part.first != following or not file.is_file() or file.stat().st_size != part.size:
                break
            whole.append(part)
        return whole

    def _save(self) -> None:
        """Replace the journal at once, so that it is never half written."""
        written = {"format": FORMAT, "fingerprint": self._fingerprint, "parts": [asdict(part) for part in self.parts]}
        path = self.folder / JOURNAL
        with writing(str(path)):
            new = path.with_suffix(".new")
            new.write_text(json.dumps(written), encoding="utf-8")
            _to_disk(new)
            os.replace(new, path)


def check_disk(folder: Path, needed: float, what: str) -> None:
    """Refuse work whose result will not fit on a disk.

    Args:
        folder: on that disk; it need not exist.
        needed: bytes.
        what: the result, for the error.

    Raises:
        InbetweenError: says how much is needed and free.
    """
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    try:
        free = shutil.disk_usage(existing).free
    except OSError as error:
        if error.errno == errno.ENOSYS:
            return
        raise
    if needed + SPARE > free:
        raise InbetweenError(
            f"{what} needs about {_size(needed)} on the disk of {existing.name}, where {_size(free)} are free; free "
            "some, or choose a codec or a crf that makes smaller files."
        )


def _size(count: float) -> str:
    unit, name = next(((unit, name) for unit, name in ((1e9, "GB"), (1e6, "MB")) if count >= unit), (1e3, "kB"))
    return f"{count / unit:.{int(name == 'GB')}f} {name}"


def _to_disk(path: Path) -> None:
    """Make sure that a file survives a loss of power."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
