"""LoRA files as sources of a mixture: files with one LoRA, and SemFi's file with seven."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from ...core.errors import InbetweenError
from ...core.wan.lora_mixture import Expert, LoraMixture, LoraSource, LowRank, LowRankSource, concatenated
from ..weight_files import TensorFile
from .lora_names import PREFIX, host_names, split_name

SEMFI_FRAME_COUNTS = (5, 9, 17, 33, 65, 81)  # for LoRAs 1 to 6 of each layer; LoRA 0 is the universal one
SEMFI_MODEL = "Wan2.1 I2V"
SEMFI_PAGE = "https://huggingface.co/oyiya/SemFi"
WANTED_MIXTURE = f"semfi.ckpt from {SEMFI_PAGE}"
WANTED_LORA = "a LoRA file for Wan"

_SEMFI = re.compile(
    r"(?:\w+\.)*blocks\.(?P<block>\d+)\."
    r"(?:(?P<attention>self_attn|cross_attn)\.lora_(?P<projection>[qkvo])|lora_ffn_(?P<ffn>[02]))\."
    r"(?P<number>\d+)\.lora_(?P<matrix>[AB])\.(?P<kind>weight|bias)"
)
_PEFT = "base_model.model."
_LORAS = len(SEMFI_FRAME_COUNTS) + 1
_TENSORS_IN_BLOCK = 10 * 2 * 2  # layers, matrices, weight and bias


@dataclass(frozen=True, eq=False)
class SemFiLora:
    """One of the seven LoRAs in a published file, read when it is needed.

    names: names of its tensors in the file, by layer, and then by matrix and kind, such as ("A", "weight").
    """

    file: TensorFile
    name: str
    names: Mapping[str, Mapping[tuple[str, str], str]]
    model: str = SEMFI_MODEL

    def changes(self) -> dict[str, LowRank]:
        """The changes by layer; the two biases of a layer are combined into one."""
        found = self.file.read(name for names in self.names.values() for name in names.values())
        return {
            layer: LowRank.of_affine(
                found[names["A", "weight"]],
                found[names["A", "bias"]],
                found[names["B", "weight"]],
                found[names["B", "bias"]],
            )
            for layer, names in self.names.items()
        }


@dataclass(frozen=True, eq=False)
class KeptLora:
    """A LoRA that is read once and kept in memory, because it is needed with every expert."""

    name: str
    model: str
    kept: Mapping[str, LowRank] = field(repr=False)

    def changes(self) -> Mapping[str, LowRank]:
        """The changes by layer."""
        return self.kept


@dataclass(frozen=True, eq=False)
class LoraFile:
    """A file with one LoRA, in the layout of any trainer for Wan, read when it is needed.

    scale: alpha / rank, if the trainer stored it outside the tensors.
    """

    file: TensorFile
    name: str
    model: str
    scale: float | None

    def tensors(self) -> dict[str, Tensor]:
        """Its tensors by the host's names; biases of the matrices are combined into `diff_b`, which the host reads."""
        found = self.file.read(name for name in self.file.shapes if split_name(name) is not None)
        layers: dict[str, dict[str, Tensor]] = {}
        for name, tensor in found.items():
            layer, part = split_name(name) or ("", "")
            layers.setdefault(layer, {})[part] = tensor
        return {f"{layer}.{part}": tensor for layer in layers for part, tensor in self._finished(layers[layer])}

    def _finished(self, parts: dict[str, Tensor]) -> Iterable[tuple[str, Tensor]]:
        """The parts of a layer, with the stored scale and the biases of the matrices in the host's form."""
        for down, up in (("lora_A", "lora_B"), ("lora_down", "lora_up")):
            down_RI, up_OR = parts.get(f"{down}.weight"), parts.get(f"{up}.weight")
            if down_RI is None or up_OR is None:
                continue
            rank = down_RI.shape[0]
            if self.scale is not None and "alpha" not in parts:
                parts["alpha"] = torch.tensor(self.scale * rank)
            of_down_R, of_up_O = parts.pop(f"{down}.bias", None), parts.pop(f"{up}.bias", None)
            if (of_down_R is not None or of_up_O is not None) and up_OR.shape[1] == rank:
                of_down_R = torch.zeros(rank) if of_down_R is None else of_down_R
                of_up_O = torch.zeros(up_OR.shape[0]) if of_up_O is None else of_up_O
                bias_O = LowRank.of_affine(down_RI, of_down_R, up_OR, of_up_O).bias_O
                parts["diff_b"] = bias_O * (parts["alpha"].item() / rank if "alpha" in parts else 1.0)
        return parts.items()


def read_mixture(path: Path, name: str | None = None) -> LoraMixture:
    """Read a mixture in SemFi's published layout, with or without a prefix; its experts are read when needed.

    Args:
        path: a .ckpt or .safetensors file.
        name: name for reports; by default the file's name.

    Raises:
        InbetweenError: the file cannot be read, is not a mixture, or lacks some of the tensors.
    """
    file = TensorFile(path, WANTED_MIXTURE)
    name = name or path.name
    loras: list[dict[str, dict[tuple[str, str], str]]] = [{} for _ in range(_LORAS)]
    blocks = set()
    for published in file.shapes:
        found = _SEMFI.fullmatch(published)
        if found is None or int(found["number"]) >= _LORAS:
            continue
        blocks.add(int(found["block"]))
        inner = f"ffn.{found['ffn']}" if found["ffn"] else f"{found['attention']}.{found['projection']}"
        layer = f"{PREFIX}blocks.{found['block']}.{inner}"
        loras[int(found["number"])].setdefault(layer, {})[found["matrix"], found["kind"]] = published
    if not blocks:
        raise InbetweenError(
            f"{name} is not a Mixture of LoRA in one file; use {WANTED_MIXTURE}, or add files with single LoRAs one by "
            "one with Extend Mixture of LoRA."
        )
    expected = (max(blocks) + 1) * _TENSORS_IN_BLOCK * _LORAS
    there = sum(len(names) for lora in loras for names in lora.values())
    if there != expected:
        raise InbetweenError(
            f"{name} lacks {expected - there} of {expected} tensors and would not work as trained; download the whole "
            f"file again: {WANTED_MIXTURE}."
        )
    for layer, names in (pair for lora in loras for pair in lora.items()):
        if not _belong_together({part: file.shapes[published] for part, published in names.items()}):
            raise InbetweenError(
                f"in {name}, the matrices and biases of {layer.removeprefix(PREFIX)} have shapes that do not fit "
                f"together; download the file again: {WANTED_MIXTURE}."
            )
    universal = SemFiLora(file, f"universal LoRA of {name}", loras[0])
    experts = tuple(
        Expert(frame_count, SemFiLora(file, f"expert {frame_count} of {name}", lora))
        for frame_count, lora in zip(SEMFI_FRAME_COUNTS, loras[1:], strict=True)
    )
    return LoraMixture(KeptLora(universal.name, universal.model, universal.changes()), experts)


def _belong_together(shapes: Mapping[tuple[str, str], tuple[int, ...]]) -> bool:
    """Whether these are the parts of two linear layers, the second of which takes the output of the first."""
    down, up = shapes["A", "weight"], shapes["B", "weight"]
    return (
        (len(down), len(up)) == (2, 2)
        and down[0] == up[1]
        and (shapes["A", "bias"], shapes["B", "bias"]) == (down[:1], up[:1])
    )


def merged_expert(mixture: LoraMixture, expert: Expert, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
    """Merge the universal LoRA and an expert of a published mixture into one LoRA of twice the rank.

    Args:
        mixture, expert: from `read_mixture`.
        dtype: number type of the matrices; by default unchanged. Biases are float32.

    Raises:
        InbetweenError: a LoRA is not from a published mixture.
    """
    parts = [_changes(lora) for lora in (mixture.universal, expert.lora) if lora is not None]
    merged = {layer: concatenated([part[layer] for part in parts]) for layer in parts[-1]}
    if dtype is not None:
        merged = {
            layer: replace(c, down_RI=c.down_RI.to(dtype), up_OR=c.up_OR.to(dtype)) for layer, c in merged.items()
        }
    return dict(named for layer, change in merged.items() for named in host_names(layer, change))


def _changes(lora: LoraSource) -> Mapping[str, LowRank]:
    if not isinstance(lora, LowRankSource):
        raise InbetweenError(f"{lora.name} is not from a published mixture and cannot be merged with an expert.")
    return lora.changes()


def read_lora(path: Path, name: str | None = None) -> LoraFile:
    """Open a file with one LoRA; its tensors are read when needed.

    Raises:
        InbetweenError: the file cannot be read, is a whole mixture or not a LoRA, or stores alpha in an unknown way.
    """
    file = TensorFile(path, WANTED_LORA)
    name = name or path.name
    if any(_SEMFI.fullmatch(published) for published in file.shapes):
        raise InbetweenError(f"{name} is a whole Mixture of LoRA; open it with Load Mixture of LoRA.")
    layers = {split[0] for split in map(split_name, file.shapes) if split is not None}
    if not layers:
        raise InbetweenError(f"{name} contains no LoRA (no lora_A, lora_down or similar); choose {WANTED_LORA}.")
    if any("lora_magnitude_vector" in published for published in file.shapes):
        raise InbetweenError(
            f"{name} is a DoRA in PEFT's format, which ComfyUI does not read; convert it to a file for ComfyUI first."
        )
    from_images = any(layer.endswith(("k_img", "v_img")) for layer in layers)
    return LoraFile(file, name, SEMFI_MODEL if from_images else "", _stored_scale(file, name))


def _stored_scale(file: TensorFile, name: str) -> float | None:
    """The value of alpha / rank that PEFT or diffusers stored outside the tensors; None if they stored none."""
    notes: list[dict[str, object]] = []
    try:
        if "lora_adapter_metadata" in file.metadata:
            stored = json.loads(file.metadata["lora_adapter_metadata"])
            notes.append({key.split(".")[-1]: value for key, value in stored.items()})
        config = file.path.with_name("adapter_config.json")
        if config.is_file() and any(published.startswith(_PEFT) for published in file.shapes):
            notes.append(dict(json.loads(config.read_text(encoding="utf-8")).items()))
    except (ValueError, AttributeError, OSError):
        raise InbetweenError(f"the settings stored with {name} cannot be read; save the LoRA again.") from None
    for note in notes:
        alpha, rank = note.get("lora_alpha"), note.get("r")
        if note.get("alpha_pattern") or note.get("rank_pattern"):
            raise InbetweenError(
                f"{name} has its own alpha or rank for some layers, stored outside the tensors; convert it to a file "
                "for ComfyUI first."
            )
        if isinstance(alpha, int | float) and isinstance(rank, int | float) and rank > 0:
            return alpha / (rank**0.5 if note.get("use_rslora") else rank)
    return None
