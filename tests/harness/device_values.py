"""Comparing node outputs across devices: numbers bit by bit, and the devices of tensors."""

from collections.abc import Iterator
from typing import Any

import torch
from pretend_device import NAME
from value_copies import frozen_copy, same

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


def differences(first: object, second: object, tolerance: float = 0.0, path: str = "result") -> Iterator[str]:
    """Where two values that were brought home differ by more than a tolerance: in tensors, or in anything else."""
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor) and not same(first, second):
        if (first.shape, first.dtype) != (second.shape, second.dtype):
            yield f"{path}: {first.shape} {first.dtype} and {second.shape} {second.dtype}"
        else:
            largest = (first.double() - second.double()).abs().max().item()
            if not largest <= tolerance:
                yield f"{path}: by {largest:.2g}"
    elif isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        for key in first:
            yield from differences(first[key], second[key], tolerance, f"{path}[{key!r}]")
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for number, (one, other) in enumerate(zip(first, second, strict=True)):
            yield from differences(one, other, tolerance, f"{path}[{number}]")
    elif not same(first, second):
        yield f"{path}: {first} and {second}"


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
