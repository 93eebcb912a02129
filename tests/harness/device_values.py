"""What comes out of sockets, compared across devices: numbers to the bit, and where tensors are."""

from collections.abc import Iterator
from typing import Any

import torch
from pretend_device import NAME
from value_copies import frozen_copy

SOMEWHERE = "a device"


def brought_home(value: object) -> Any:
    """A frozen copy of a value with its tensors on the CPU, which tells nothing of devices any more."""
    return _home(frozen_copy(value))


def _home(frozen: object) -> object:
    if isinstance(frozen, torch.Tensor):
        return frozen.cpu()
    if isinstance(frozen, torch.device):
        return SOMEWHERE
    if isinstance(frozen, dict):
        return {key: _home(inner) for key, inner in frozen.items()}
    if isinstance(frozen, list):
        return [_home(inner) for inner in frozen]
    return frozen


def left_on_the_device(value: object, path: str = "result") -> Iterator[str]:
    """Where in a value there are tensors on the device: in pictures, latents and conditioning, not in models."""
    if isinstance(value, torch.Tensor) and value.device.type == NAME:
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from left_on_the_device(inner, f"{path}[{key!r}]")
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from left_on_the_device(inner, f"{path}[{number}]")
    elif type(value).__name__ == "Output":  # the host's, of CLIP vision
        yield from left_on_the_device(vars(value), path)
    elif hasattr(value, "keyframes"):
        yield from left_on_the_device([each.image_HWC for each in value.keyframes], f"{path}.keyframes")
