"""Applying a Mixture of LoRA to a model: the expert for a clip length, merged into the weights or as a bypass."""

import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import comfy.lora
import comfy.utils
import comfy.weight_adapter
from comfy.model_patcher import ModelPatcher
from comfy.quant_ops import QuantizedTensor
from torch import Tensor

from ...core.errors import InbetweenError
from ...core.reports import report_text
from ...core.wan.lora_mixture import Expert, LoraMixture, LoraSource, LowRank, LowRankSource, concatenated
from ...networks.wan.lora_names import layers_of
from .kind import wan_kind
from .lora_bypass import add_bypass

Method = Literal["auto", "merge", "bypass"]
METHODS: tuple[Method, ...] = get_args(Method)
ATTACHMENT = "inbetween_lora_mixture"

_FEW = 0.5  # if a smaller share of a file's layers fits, it was most likely trained on another model
_NAMED = 3  # most layers that a report lists


@dataclass(frozen=True)
class MixtureSettings:
    """The strengths of the universal LoRA and the expert, and the method; see `apply_mixture`."""

    strength_universal: float = 1.0
    strength_expert: float = 1.0
    method: Method = "auto"


@dataclass(frozen=True, eq=False)
class MixtureApplied:
    """The model with the mixture, the frame count of the expert with the largest share, and a report."""

    model: ModelPatcher
    frame_count: int
    report: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Matched:
    """The parts of one LoRA that fit the model.

    changes: changes of linear layers, by the name of the layer in the model.
    others: patches of norms and of kinds other than LoRA, in the host's form, by the key of the weight.
    layers: number of layers in the file.
    missed: the layers of the file that do not fit.
    """

    changes: Mapping[str, LowRank]
    others: Mapping[str, Any]
    layers: int
    missed: tuple[str, ...]

    @property
    def fitting(self) -> int:
        return self.layers - len(self.missed)


def has_mixture(model: ModelPatcher) -> bool:
    """Whether Apply Mixture of LoRA comes earlier in the chain."""
    return model.get_attachment(ATTACHMENT) is not None


def apply_mixture(
    model: ModelPatcher,
    mixture: LoraMixture,
    frame_count: int,
    experts: Sequence[tuple[Expert, float]],
    settings: MixtureSettings,
) -> MixtureApplied:
    """Apply the universal LoRA and the chosen experts to a clone of the model.

    Args:
        model: a Wan model; not modified.
        mixture: its universal LoRA is used, if it has one.
        frame_count: frames of the clip, for the report.
        experts: the experts, each with its share, from `LoraMixture.choose`.
        settings: strengths, and the method: "merge" changes the weights. "bypass" adds the LoRAs' output to the output
            of the layers, which is more accurate if weights have 8 bits or fewer. "auto" bypasses for such weights and
            merges otherwise.

    Raises:
        InbetweenError: the model is not a Wan model, or no layer of a LoRA fits it.
    """
    kind = wan_kind(model)
    used: list[tuple[LoraSource, float]] = []
    if mixture.universal is not None:
        used.append((mixture.universal, settings.strength_universal))
    used += [(expert.lora, share * settings.strength_expert) for expert, share in experts]
    keys = comfy.lora.model_lora_keys_unet(model.model, {})
    matched = [(_match(model, keys, lora), lora, strength) for lora, strength in used]
    bypass = settings.method == "bypass" or (settings.method == "auto" and _is_quantised(model, matched[0][0]))
    patched = model.clone()
    patched.set_attachments(ATTACHMENT, frame_count)
    for found, _, strength in matched:
        patched.add_patches(dict(found.others), strength)
    changes = _combined([(found.changes, strength) for found, _, strength in matched])
    if bypass:
        add_bypass(patched, changes, f"{ATTACHMENT}_{uuid.uuid4().hex}")
    else:
        patched.add_patches(dict(patch for layer, change in changes.items() for patch in _as_patches(layer, change)))
    largest = max(experts, key=lambda each: each[1])[0]
    warnings = tuple(_warnings(matched, kind.name, kind.sees_images))
    lines = [
        f"{_chosen(experts)} on a clip of {frame_count}, {'bypassing' if bypass else 'merged into'} the weights.",
        *(_described(found, lora, strength) for found, lora, strength in matched),
    ]
    return MixtureApplied(patched, largest.frame_count, report_text(lines, warnings), warnings)


def _match(model: ModelPatcher, keys: Mapping[str, str], lora: LoraSource) -> _Matched:
    """Find the parts of a LoRA that fit the model, by name and by shape.

    Args:
        keys: the host's key of a weight, by the name of the layer.
    """
    others: dict[str, Any] = {}
    if isinstance(lora, LowRankSource):
        given = lora.changes()
        layers = set(given)
        changes = {_module(keys[layer]): change for layer, change in given.items() if layer in keys}
    else:
        tensors = lora.tensors()
        layers = layers_of(tensors)
        changes, others = _read_by_the_host(tensors, keys)
    changes = {layer: change for layer, change in changes.items() if _change_fits(model, layer, change)}
    unfit = {_module(key) for key, patch in others.items() if not _patch_fits(model, key, patch)}
    others = {key: patch for key, patch in others.items() if _module(key) not in unfit}
    changed = changes.keys() | {_module(key) for key in others}
    missed = tuple(sorted(layer for layer in layers if _module(keys.get(layer, "")) not in changed))
    if len(missed) == len(layers):
        raise InbetweenError(
            f"none of the {len(layers)} layers of {lora.name} fits {wan_kind(model).name}; it was trained on another "
            "model, so connect that model or choose another LoRA."
        )
    return _Matched(changes, others, len(layers), missed)


def _read_by_the_host(
    tensors: Mapping[str, Tensor], keys: Mapping[str, str]
) -> tuple[dict[str, LowRank], dict[str, Any]]:
    """Read a file from any trainer with the host's own loader: changes of linear layers, and patches for the rest."""
    loaded = comfy.lora.load_lora(dict(tensors), keys, log_missing=False)
    changes, others = {}, dict(loaded)
    for key, patch in loaded.items():
        layer = _module(key)
        change = _as_low_rank(patch, loaded.get(f"{layer}.bias"))
        if change is not None:
            changes[layer] = change
            for done in (key, f"{layer}.bias"):
                others.pop(done, None)
    return changes, others


def _as_low_rank(patch: Any, bias: Any) -> LowRank | None:
    """The host's patches of a weight and its bias as one change; None if it is not a plain LoRA of a linear layer."""
    if not isinstance(patch, comfy.weight_adapter.LoRAAdapter):
        return None
    up, down, alpha, middle, dora_scale, reshaped = patch.weights
    if any(each is not None for each in (middle, dora_scale, reshaped)) or down.ndim != 2:
        return None
    scale = 1.0 if alpha is None else alpha / down.shape[0]
    return LowRank(down, up if scale == 1 else scale * up.float(), None if bias is None else bias[1][0])


def _as_patches(layer: str, change: LowRank) -> Iterator[tuple[str, Any]]:
    """A change as the host's patches, for merging."""
    yield f"{layer}.weight", comfy.weight_adapter.LoRAAdapter(set(), (change.up_OR, change.down_RI, *4 * (None,)))
    if change.bias_O is not None:
        yield f"{layer}.bias", ("diff", (change.bias_O,))


def _module(key: str) -> str:
    """The layer that a weight or bias belongs to."""
    return key.rpartition(".")[0]


def _change_fits(model: ModelPatcher, layer: str, change: LowRank) -> bool:
    if change.bias_O is not None and _shape(model, f"{layer}.bias") != tuple(change.bias_O.shape):
        return False
    return _matrices_fit(change.up_OR, change.down_RI, _shape(model, f"{layer}.weight"))


def _patch_fits(model: ModelPatcher, key: str, patch: Any) -> bool:
    shape = _shape(model, key)
    if shape is None:
        return False
    if isinstance(patch, comfy.weight_adapter.LoRAAdapter):
        up, down, _, middle, _, reshaped = patch.weights
        return middle is not None or reshaped is not None or _matrices_fit(up, down, shape)
    if isinstance(patch, tuple):
        return tuple(patch[1][0].shape) == shape
    return True  # the host knows other kinds of adapters, each with its own shapes


def _matrices_fit(up: Tensor, down: Tensor, shape: tuple[int, ...] | None) -> bool:
    return (
        shape is not None
        and up.shape[1] == down.shape[0]
        and (up.shape[0], math.prod(down.shape[1:])) == (shape[0], math.prod(shape[1:]))
    )


def _shape(model: ModelPatcher, key: str) -> tuple[int, ...] | None:
    """The shape of a weight or bias; None if the layer does not have it."""
    weight = getattr(comfy.utils.get_attr(model.model, _module(key)), key.rpartition(".")[2], None)
    return None if weight is None else tuple(weight.shape)


def _is_quantised(model: ModelPatcher, found: _Matched) -> bool:
    """Whether any of the weights has 8 bits or fewer, with or without scales."""
    keys = [f"{layer}.weight" for layer in found.changes] + [key for key in found.others if key.endswith(".weight")]
    return any(
        weight.dtype.itemsize < 2 or isinstance(weight, QuantizedTensor)
        for weight in (comfy.utils.get_attr(model.model, key) for key in keys)
    )


def _combined(parts: Sequence[tuple[Mapping[str, LowRank], float]]) -> dict[str, LowRank]:
    """Combine the changes of all LoRAs, each with its strength, into one change per layer.

    The ranks are concatenated, so this is exact. Merging one change is faster than merging several.
    """
    of_layers: dict[str, list[LowRank]] = {}
    for changes, strength in parts:
        for layer, change in changes.items():
            of_layers.setdefault(layer, []).append(change.times(strength))
    return {layer: concatenated(changes) for layer, changes in of_layers.items()}


def _chosen(experts: Sequence[tuple[Expert, float]]) -> str:
    if len(experts) == 1:
        return f"Expert for {experts[0][0].frame_count} frames"
    shares = " and ".join(f"{share:.0%} for {expert.frame_count}" for expert, share in experts)
    return f"Two experts, {shares} frames"


def _described(found: _Matched, lora: LoraSource, strength: float) -> str:
    line = f"{lora.name}, strength {strength:g}: {found.fitting} of {found.layers} layers fit."
    if found.missed:
        more = len(found.missed) - _NAMED
        line += f" These do not: {', '.join(found.missed[:_NAMED])}{f' and {more} more' if more > 0 else ''}."
    return line


def _warnings(matched: Sequence[tuple[_Matched, LoraSource, float]], name: str, sees_images: bool) -> Iterator[str]:
    for found, lora, _ in matched:
        if found.fitting < _FEW * found.layers:
            yield (
                f"only {found.fitting} of {found.layers} layers of {lora.name} fit {name}; it was most likely trained "
                "on another model."
            )
    if not sees_images:
        for model in sorted({lora.model for _, lora, _ in matched if lora.model}):
            yield (
                f"the mixture was trained on {model}, but the model is {name}: the shapes fit, but what it learned may "
                "not."
            )
