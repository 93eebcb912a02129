"""Published PerVFI files: which variant a file holds, and whether it is whole."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ....core.errors import InbetweenError
from ...model_kinds import what_it_is
from ...weight_files import bare_tensors, unwrapped
from .model import PerVFI

MARKS = {"v00": "condFLownet.blocks.0.invconv.weight", "vb": "generator.tail.weight"}
WANTED = "a PerVFI file, v00.pth or vb.pth of github.com/mulns/PerVFI"


def published_tensors(loaded: Any, name: str = "the file") -> tuple[str, dict[str, Tensor]]:
    """Unwrap what a file holds.

    Args:
        loaded: a state dict, bare or in one of `weight_files.WRAPPINGS`, with or without "module." before every key.
        name: how errors call the file.

    Returns:
        The variant, "v00" or "vb", and the tensors by their published keys.

    Raises:
        InbetweenError: it is something else; the error says what, where that is known.
    """
    loaded = unwrapped(loaded)
    if not isinstance(loaded, Mapping) or not loaded:
        raise InbetweenError(f"{name} holds no weights by name; use {WANTED}.")
    tensors = bare_tensors(loaded)
    for variant, mark in MARKS.items():
        if mark in tensors:
            return variant, tensors
    raise InbetweenError(f"{name} {what_it_is(tensors)}; use {WANTED}.")


def build(
    loaded: Any,
    operations: Any = torch.nn,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
    name: str = "the file",
) -> PerVFI:
    """Make the network of a published file, ready to render.

    Args:
        loaded: from `networks.weight_files.read_file`, or any mapping of names to tensors that
            `published_tensors` understands.
        operations: where Conv2d and Linear come from.
        dtype: of all but the normalising flow and the importance metric, which are float32.
        device: where it is put; by default the CPU.
        name: how errors call the file.

    Raises:
        InbetweenError: tensors are missing, too many or of another shape, or the normalising flow was never trained.
    """
    variant, tensors = published_tensors(loaded, name)
    network = PerVFI(variant, operations, dtype, device="cpu")
    wanted = network.state_dict()
    missing, surplus = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    if missing or surplus:
        key = (missing or surplus)[0]
        told = f"lacks {len(missing)} of {len(wanted)} tensors" if missing else f"holds {len(surplus)} tensors too many"
        raise InbetweenError(f'{name} {told} of PerVFI {variant}, such as "{key}"; use {WANTED}.')
    for key, tensor in wanted.items():
        if tensors[key].shape != tensor.shape:
            raise InbetweenError(
                f'{name}: "{key}" is {tuple(tensors[key].shape)} but PerVFI {variant} has {tuple(tensor.shape)}; '
                f"use {WANTED}."
            )
    untrained = [key for key, tensor in tensors.items() if key.endswith(".initialized") and int(tensor) != 1]
    if untrained:
        raise InbetweenError(
            f"{name} was saved before training: {len(untrained)} normalisations such as "
            f'"{untrained[0]}" have no values yet; use {WANTED}.'
        )
    network.load_state_dict(tensors)
    if variant == "v00":
        network.condFLownet.fold()
    # Channels last: the fusion takes 0.6 of the time on a CPU, the normalising flow 0.8; the rest does not mind.
    network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.to(device or "cpu")
