"""
Files with what SVD learned for backward motion: a fine-tuned UNet and its base, or the change alone.

The change of a layer is the tuned minus the base weights, for the value and output weights of the 16 temporal
self-attention layers. It is added to the weights of the SVD in use (jeanne-wang/svd_keyframe_interpolation at commit
61fd2bf). A file with the change alone has names that the host's LoRA loaders read,
`diffusion_model.<layer>.to_v.diff` and `.to_out.0.diff`, and FORMAT under "inbetween_format" in its metadata.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ...core.errors import InbetweenError
from ...core.svd.reverse_motion import LayerChange, ReverseMotion
from ..weight_files import TensorFile
from .names import DIFFUSERS_LAYERS, PREFIX, TEMPORAL_LAYERS, TO_OUT, TO_V

PAGE = "https://github.com/jeanne-wang/svd_keyframe_interpolation"
WANTED_TUNED = f"svd_reverse_motion_with_attnflip from {PAGE}"
WANTED_BASE = (
    "svd.safetensors from https://huggingface.co/stabilityai/stable-video-diffusion-img2vid, the 14-frame model"
)
WANTED_DELTA = "a file written by python -m comfyui_inbetween.convert"
FORMAT = "reverse motion 1"

_DIFF = {TO_V: "to_v.diff", TO_OUT: "to_out.0.diff"}
_BIAS = "to_out.0.bias"  # not changed by fine-tuning
_PREFIXES = ("", "model.diffusion_model.", PREFIX, "unet.", "module.")
_UNET_FILES = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors")
_LEARNED_LEAST = 1e-6  # smallest change that counts, as a share of the base's largest weight


def unet_file(path: Path) -> Path:
    """The weight file in a folder that diffusers saved; the path of a file is returned unchanged.

    Raises:
        InbetweenError: the folder has no weight file.
    """
    if not path.is_dir():
        return path
    for folder in (path / "unet", path):
        for name in _UNET_FILES:
            if (folder / name).is_file():
                return folder / name
    raise InbetweenError(f"there is no unet/{_UNET_FILES[0]} in {path.name}; use {WANTED_TUNED}.")


def model_name(path: Path) -> str:
    """The name of a model: its file's name, or its folder's if the file has the name that diffusers gives to all."""
    if path.name not in _UNET_FILES:
        return path.stem
    folder = path.parent.parent if path.parent.name == "unet" else path.parent
    return folder.name or path.stem


def read_change(path: Path, name: str | None = None) -> ReverseMotion:
    """Read the change alone, from a file with the tensors of `change_tensors`.

    Args:
        path: a .safetensors file.
        name: name for reports; by default the file's name.

    Raises:
        InbetweenError: the file cannot be read, contains something else, or lacks some of the tensors.
    """
    file, name = TensorFile(path, WANTED_DELTA), name or path.name
    wanted = {f"{PREFIX}{layer}.{end}" for layer in TEMPORAL_LAYERS for end in _DIFF.values()}
    missing = sorted(wanted - file.shapes.keys())
    if len(missing) == len(wanted):
        unet = any(_found_names(file).values())
        raise InbetweenError(
            f"{name} is a whole UNet, not the change alone; put it into models/diffusion_models and set source to "
            '"tuned UNet and its base".'
            if unet
            else f"{name} contains no change of SVD's temporal attention; choose {WANTED_DELTA}."
        )
    if missing:
        raise InbetweenError(
            f'{name} lacks {len(missing)} of {len(wanted)} tensors, such as "{missing[0]}"; choose {WANTED_DELTA}.'
        )
    tensors = file.read(wanted)
    changes = {
        layer: LayerChange(*(tensors[f"{PREFIX}{layer}.{end}"] for end in _DIFF.values())) for layer in TEMPORAL_LAYERS
    }
    return _checked(ReverseMotion(name, changes))


def read_tuned(tuned: Path, base: Path, name: str | None = None) -> tuple[ReverseMotion, list[str]]:
    """Compute what fine-tuning changed: the tuned UNet minus its base; only the layers that matter are read.

    Args:
        tuned, base: UNets or whole checkpoints, with the names of diffusers or of the host.
        name: name of the tuned model for reports; by default `model_name`.

    Returns:
        The change, in the wider of the two types, and warnings.

    Raises:
        InbetweenError: a file cannot be read or is not an SVD, or the two do not belong together.
    """
    name = name or model_name(tuned)
    tuned_tensors, base_tensors = _attention_tensors(tuned, WANTED_TUNED), _attention_tensors(base, WANTED_BASE)
    for part, tensor in tuned_tensors.items():
        if tensor.shape != base_tensors[part].shape:
            raise InbetweenError(
                f"{part[0]} has shape {tuple(tensor.shape)} in {name}, but {tuple(base_tensors[part].shape)} in "
                f"{base.name}; choose the base it was tuned from: {WANTED_BASE}."
            )
    changes = {
        layer: LayerChange(*(_difference(tuned_tensors[layer, end], base_tensors[layer, end]) for end in _DIFF))
        for layer in TEMPORAL_LAYERS
    }
    _check_learned(changes, base_tensors, name, base.name)
    warnings = []
    if not _same_frozen(tuned_tensors, base_tensors):
        warnings.append(
            f"{base.name} does not seem to be the base of {name}: weights that fine-tuning does not change differ. "
            f"Choose {WANTED_BASE}."
        )
    return _checked(ReverseMotion(name, changes)), warnings


def change_tensors(motion: ReverseMotion, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
    """The tensors of a file with the change alone.

    Args:
        motion: the change.
        dtype: number type to write; by default unchanged.
    """
    return {
        f"{PREFIX}{layer}.{end}": tensor.to(dtype or tensor.dtype).contiguous()
        for layer, change in motion.changes.items()
        for end, tensor in zip(_DIFF.values(), (change.to_v, change.to_out), strict=True)
    }


def change_notes(motion: ReverseMotion, base: str) -> dict[str, str]:
    """The metadata of a file with the change alone."""
    return {"format": "pt", "inbetween_format": FORMAT, "made_from": motion.name, "base": base}


def _found_names(file: TensorFile) -> dict[tuple[str, str], str]:
    """The file's own names of the tensors of temporal self-attention, by layer and part."""
    wanted = {
        f"{prefix}{called}.{end}": (layer, end)
        for layer, theirs in DIFFUSERS_LAYERS.items()
        for called in (layer, theirs)
        for prefix in _PREFIXES
        for end in (TO_V, TO_OUT, _BIAS)
    }
    return {wanted[stored]: stored for stored in file.shapes if stored in wanted}


def _attention_tensors(path: Path, wanted: str) -> dict[tuple[str, str], Tensor]:
    """A file's tensors of temporal self-attention, by layer and part; nothing else is read."""
    file = TensorFile(path, wanted)
    found, all_of = _found_names(file), len(TEMPORAL_LAYERS) * 3
    if len(found) == all_of:
        tensors = file.read(found.values())
        return {part: tensors[stored] for part, stored in found.items()}
    if any(stored.endswith(tuple(_DIFF.values())) for stored in file.shapes):
        raise InbetweenError(f'{path.name} is already the change alone; set source to "change alone".')
    reason = f"lacks {all_of - len(found)} of {all_of} tensors" if found else "has none of the layers"
    raise InbetweenError(f"{path.name} {reason} of SVD's temporal attention; use {wanted}.")


def _difference(tuned: Tensor, base: Tensor) -> Tensor:
    wider = torch.promote_types(*(each.dtype if each.dtype.itemsize > 1 else torch.float16 for each in (tuned, base)))
    return (tuned.float() - base.float()).to(wider)


def _same_frozen(tuned: Mapping[tuple[str, str], Tensor], base: Mapping[tuple[str, str], Tensor]) -> bool:
    """Whether the biases, which are not trained, are equal at the precision of the coarser file."""
    pairs = [(tuned[layer, _BIAS], base[layer, _BIAS]) for layer in TEMPORAL_LAYERS]
    coarser = max((tensor.dtype for pair in pairs for tensor in pair), key=lambda dtype: torch.finfo(dtype).eps)
    return all(torch.equal(one.to(coarser).float(), other.to(coarser).float()) for one, other in pairs)


def _check_learned(
    changes: Mapping[str, LayerChange], base: Mapping[tuple[str, str], Tensor], name: str, base_name: str
) -> None:
    largest = max(float(each.abs().max()) for change in changes.values() for each in (change.to_v, change.to_out))
    weights = max(float(base[layer, TO_V].float().abs().max()) for layer in changes)
    if largest <= _LEARNED_LEAST * weights:
        raise InbetweenError(
            f"{name} and {base_name} have the same weights, so nothing was learned; choose {WANTED_TUNED} and "
            f"{WANTED_BASE}."
        )


def _checked(motion: ReverseMotion) -> ReverseMotion:
    for layer, change in motion.changes.items():
        for tensor in (change.to_v, change.to_out):
            if tensor.ndim != 2 or tensor.shape[0] != tensor.shape[1]:
                raise InbetweenError(f"{motion.name}: {layer} has shape {tuple(tensor.shape)}, which is not square.")
            if not torch.isfinite(tensor.float()).all():
                raise InbetweenError(f"{motion.name}: {layer} has NaN or infinite values; download the file again.")
    return motion
