"""Published PerVFI files: which variant a file contains, and whether it is complete."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ....core.errors import InbetweenError
from ...model_kinds import what_it_is
from ...weight_files import bare_tensors, unwrapped
from .model import PerVFI

MARKS = {"v00": "condFLownet.blocks.0.invconv.weight", "vb": "generator.tail.weight"}
WANTED = "a PerVFI file, v00.pth or vb.pth from github.com/mulns/PerVFI"


def published_tensors(loaded: Any, name: str = "the file") -> tuple[str, dict[str, Tensor]]:
    """Unwrap the contents of a file, and recognise the variant.

    Args:
        loaded: a state dict, bare or in one of `weight_files.WRAPPINGS`, with or without "module." before every key.
        name: name of the file for errors.

    Returns:
        The variant, "v00" or "vb", and the tensors by their published keys.

    Raises:
        InbetweenError: it is not PerVFI; the error says what it is, if that is known.
    """
    loaded = unwrapped(loaded)
    if not isinstance(loaded, Mapping) or not loaded:
        raise InbetweenError(f"{name} contains no named weights; use {WANTED}.")
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
    """Build the network from a published file, ready to render.

    Args:
        loaded: from `networks.weight_files.read_file`, or any mapping of names to tensors that
            `published_tensors` understands.
        operations: provides Conv2d and Linear.
        dtype: type of everything except the normalising flow and the importance metric, which are float32.
        device: device of the network; by default the CPU.
        name: name of the file for errors.

    Raises:
        InbetweenError: tensors are missing, unknown or of another shape, or the normalising flow was never trained.
    """
    variant, tensors = published_tensors(loaded, name)
    network = PerVFI(variant, operations, dtype, device="cpu")
    wanted = network.state_dict()
    missing, surplus = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    if missing or surplus:
        key = (missing or surplus)[0]
        lacking = f"lacks {len(missing)} of the {len(wanted)} tensors of PerVFI {variant}"
        reason = lacking if missing else f"has {len(surplus)} tensors that do not belong to PerVFI {variant}"
        raise InbetweenError(f'{name} {reason}, such as "{key}"; use {WANTED}.')
    for key, tensor in wanted.items():
        if tensors[key].shape != tensor.shape:
            raise InbetweenError(
                f'{name}: "{key}" has shape {tuple(tensors[key].shape)} but needs {tuple(tensor.shape)} for PerVFI '
                f"{variant}; use {WANTED}."
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
    # With channels last, the fusion takes 0.6 of the time on a CPU, the normalising flow 0.8, and the rest the same.
    network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.to(device or "cpu")
