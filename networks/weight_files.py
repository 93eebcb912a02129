"""Reading weight files from any source, without running code in them."""

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
    """Read a .safetensors file, or one that torch saved.

    Args:
        path: the file.
        wanted: the file to use instead, for errors.

    Raises:
        InbetweenError: the file cannot be opened, is damaged, or contains more than tensors.
    """
    with _one_line_errors(path, wanted):
        if _is_safetensors(path):
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)


class _NamelessError(Exception):
    """A file contains no named tensors."""


class TensorFile:
    """The tensors of a file, read one by one.

    If it is a .safetensors file, or torch 1.6 or newer saved it, only the requested tensors are read from the disk.

    Raises:
        InbetweenError: on opening and on reading, as `read_file`; also if the file contains no named tensors.
    """

    def __init__(self, path: Path, wanted: str) -> None:
        self.path, self._wanted = path, wanted
        self.metadata: dict[str, str] = {}
        with _one_line_errors(path, wanted):
            self.shapes = self._open()

    def read(self, names: Iterable[str]) -> dict[str, Tensor]:
        """Read the tensors with these names into memory of their own."""
        with _one_line_errors(self.path, self._wanted):
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
            return torch.load(self.path, map_location="cpu", weights_only=True)  # an old file


def unwrapped(loaded: Any) -> Any:
    """Unwrap what trainers put under "state_dict", "module", "model" or "params", any number of times."""
    while isinstance(loaded, Mapping):
        inner = next((loaded[name] for name in WRAPPINGS if isinstance(loaded.get(name), Mapping)), None)
        if inner is None:
            break
        loaded = inner
    return loaded


def bare_tensors(saved: Mapping[Any, Any]) -> dict[str, Tensor]:
    """The tensors of a network by name, without the prefix "module." that training on several GPUs adds."""
    return {str(name).removeprefix(PARALLEL): value for name, value in saved.items() if isinstance(value, Tensor)}


def _unwrapped(loaded: Any) -> dict[str, Tensor]:
    """The tensors of a file, unwrapped; tensors in groups are named `group.name`."""
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
    """Whether a file is a web page, which sites send instead of a file that needs a click or a login."""
    with path.open("rb") as file:
        return file.read(256).lstrip().startswith(b"<")


@contextmanager
def _one_line_errors(path: Path, wanted: str) -> Iterator[None]:
    """Turn every failure to read a file into a one-line error."""
    try:
        yield
    except OSError as error:
        why = error.strerror or ("No such file" if isinstance(error, FileNotFoundError) else type(error).__name__)
        raise InbetweenError(f"{path.name} cannot be opened: {why}.") from None
    except MemoryError:
        raise
    except Exception as error:  # on a damaged file, torch may fail anywhere: KeyError, EOFError, ...
        if _is_web_page(path):
            reason = f"is a web page, not a weight file, so the download failed; download it again: {wanted}."
        elif isinstance(error, pickle.UnpicklingError):
            reason = f"is not a weight file, or contains more than weights, and was not opened; use {wanted}."
        elif isinstance(error, _NamelessError):
            reason = f"contains no named weights; use {wanted}."
        elif "TorchScript" in str(error):
            reason = f"is a TorchScript program, not just weights, and was not opened; use {wanted}."
        else:
            reason = f"cannot be read; the download may be incomplete, so download it again: {wanted}."
        raise InbetweenError(f"{path.name} {reason}") from None
