"""Deep copies of node inputs and their comparison, to see whether a node wrote into its inputs."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from math import isnan
from uuid import UUID

import numpy as np
import torch


def frozen_copy(value: object) -> object:
    """An independent copy: tensors cloned; mappings, sequences and objects rebuilt as plain dicts and lists."""
    if isinstance(value, UUID):
        return "a name that the host makes anew each time"
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy())
    if isinstance(value, Mapping):
        return {key: frozen_copy(inner) for key, inner in value.items()}
    if is_dataclass(value):
        return {field.name: frozen_copy(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [frozen_copy(inner) for inner in value]
    if isinstance(value, torch.nn.Module):
        tensors = [*value.named_parameters(), *value.named_buffers()]
        return {
            "class": type(value).__name__,
            "training": value.training,
            **{name: frozen_copy(t) for name, t in tensors},
        }
    if type(value).__name__ == "ModelPatcher":  # the host's; where it has put the weights is its own affair
        told = ("model", "patches", "object_patches", "model_options")
        return {"class": "ModelPatcher", **{name: frozen_copy(getattr(value, name)) for name in told}}
    if type(value).__name__ == "VideoFromFile":  # what it shows counts, not where its file is
        components = value.get_components()
        shown = {name: frozen_copy(getattr(components, name)) for name in ("images", "audio", "frame_rate")}
        return {"class": "VideoFromFile", **shown}
    if hasattr(value, "__dict__"):
        return {"class": type(value).__name__, **{key: frozen_copy(inner) for key, inner in vars(value).items()}}
    return value


def same(first: object, second: object) -> bool:
    """Whether two frozen copies are equal to the last bit, types included."""
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        if first.dtype != second.dtype or first.shape != second.shape:
            return False
        # The quick question first: it knows no NaN, and what a node gives has hardly ever one.
        return torch.equal(first, second) or bool(((first == second) | (first.isnan() & second.isnan())).all())
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(same(a, b) for a, b in zip(first, second, strict=True))
    not_numbers = isinstance(first, float) and isinstance(second, float) and isnan(first) and isnan(second)
    return type(first) is type(second) and (first == second or not_numbers)
