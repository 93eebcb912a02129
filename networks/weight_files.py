"""Reading files of weights that somebody else made, without running anything in them."""

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from ..core.errors import InbetweenError


def read_file(path: Path, wanted: str) -> dict[str, Any]:
    """What a .safetensors file, or one that torch saved, holds.

    Args:
        path: of the file.
        wanted: what errors tell to use instead.

    Raises:
        InbetweenError: the file cannot be opened, is damaged, or holds more than tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise InbetweenError(
            f"{path.name} holds more than weights, or is no weight file, and was not opened; use {wanted}."
        ) from None
    except OSError as error:
        raise InbetweenError(f"{path.name} cannot be opened: {error.strerror or type(error).__name__}.") from None
    except MemoryError:
        raise
    except Exception:  # on a damaged file the reader of torch stumbles anywhere: KeyError, IndexError, EOFError, ...
        raise InbetweenError(
            f"{path.name} cannot be read and may have been cut off in the download; get it again: {wanted}."
        ) from None
