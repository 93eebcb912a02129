"""Reading files of weights that somebody else made, without running anything in them."""

import pickle
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from ..core.errors import InbetweenError

WRAPPINGS = ("state_dict", "module", "model", "params")
PARALLEL = "module."


def read_file(path: Path, wanted: str) -> dict[str, Any]:
    """What a .safetensors file, or one that torch saved, holds.

    Args:
        path: of the file.
        wanted: what errors tell to use instead.

    Raises:
        InbetweenError: the file cannot be opened, is damaged, or holds more than tensors.
    """
    with _told(path, wanted):
        if _is_safetensors(path):
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)


class _NamelessError(Exception):
    """A file holds no tensors by name."""


class TensorFile:
    """The tensors of a file, read one by one.

    Of a .safetensors file, and of one that torch 1.6 or newer saved, only what is asked for is read from the disk.

    Raises:
        InbetweenError: when made or asked, as `read_file`; or the file holds anything else than tensors by name.
    """

    def __init__(self, path: Path, wanted: str) -> None:
        self.path, self._wanted = path, wanted
        self.metadata: dict[str, str] = {}
        with _told(path, wanted):
            self.shapes = self._open()

    def read(self, names: Iterable[str]) -> dict[str, Tensor]:
        """The tensors of these names, in memory of their own."""
        with _told(self.path, self._wanted):
            if _is_safetensors(self.path):
                with safe_open(self.path, framework="pt") as file:
                    return {name: file.get_tensor(name) for name in names}
            tensors = _unwrapped(self._mapped())
            return {name: tensors[name].clone() for name in names}

    def _open(self) -> dict[str, tuple[int, ...]]:
        if _is_safetensors(self.path):
            with safe_open(self.path, framework="pt") as file:
                self.metadata = dict(file.metadata() or {})
                return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        return {name: tuple(tensor.shape) for name, tensor in _unwrapped(self._mapped()).items()}

    def _mapped(self) -> Any:
        try:
            return torch.load(self.path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError as error:
            if "mmap can only be used" not in str(error):
                raise
            return torch.load(self.path, map_location="cpu", weights_only=True)  # an old file, not laid out for it


def unwrapped(loaded: Any) -> Any:
    """What trainers put under "state_dict", "module", "model" or "params", once or several times; else what it is."""
    while isinstance(loaded, Mapping):
        inner = next((loaded[name] for name in WRAPPINGS if isinstance(loaded.get(name), Mapping)), None)
        if inner is None:
            break
        loaded = inner
    return loaded


def bare_tensors(saved: Mapping[Any, Any]) -> dict[str, Tensor]:
    """The tensors of a network by name, without the "module." that training on several GPUs puts before each."""
    return {str(name).removeprefix(PARALLEL): value for name, value in saved.items() if isinstance(value, Tensor)}


def _unwrapped(loaded: Any) -> dict[str, Tensor]:
    """The tensors of a file that trainers wrapped; those in groups as `group.name`."""
    loaded = unwrapped(loaded)
    if isinstance(loaded, Mapping):
        return dict(_by_name(loaded))
    raise _NamelessError


def _by_name(group: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    for name, value in group.items():
        if isinstance(value, Tensor):
            yield f"{prefix}{name}", value
        elif isinstance(value, Mapping) and not prefix:
            yield from _by_name(value, f"{name}.")


def _is_safetensors(path: Path) -> bool:
    return path.suffix in (".safetensors", ".sft")


def _is_web_page(path: Path) -> bool:
    """Whether a file is what sites send in the place of one that cannot be had without a click or a login."""
    with path.open("rb") as file:
        return file.read(256).lstrip().startswith(b"<")


@contextmanager
def _told(path: Path, wanted: str) -> Iterator[None]:
    """Turns whatever goes wrong with a file into one line."""
    try:
        yield
    except OSError as error:
        why = error.strerror or ("No such file" if isinstance(error, FileNotFoundError) else type(error).__name__)
        raise InbetweenError(f"{path.name} cannot be opened: {why}.") from None
    except MemoryError:
        raise
    except Exception as error:  # on a damaged file the reader of torch stumbles anywhere: KeyError, EOFError, ...
        if _is_web_page(path):
            told = f"is a web page and no weights: the download went wrong; get it again: {wanted}."
        elif isinstance(error, pickle.UnpicklingError):
            told = f"holds more than weights, or is no weight file, and was not opened; use {wanted}."
        elif isinstance(error, _NamelessError):
            told = f"holds no weights by name; use {wanted}."
        elif "TorchScript" in str(error):
            told = f"is a TorchScript program, not weights alone, and was not opened; use {wanted}."
        else:
            told = f"cannot be read and may have been cut off in the download; get it again: {wanted}."
        raise InbetweenError(f"{path.name} {told}") from None
