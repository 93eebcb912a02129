"""The temporal self-attention of an SVD, patched to process a clip forward and backward.

Each layer gets a different `forward` as one of the host's object patches: the host sets it when it loads the model, and
removes it when it unloads the model. The patch acts only if the options of a call contain a `Call`; otherwise the
layer's own `forward` runs. Weights are used only by calling the layers, so the host can keep them anywhere and in any
type.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import comfy.model_patcher
import comfy.utils
import torch
from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ...core.errors import InbetweenError
from ...core.svd.reverse_motion import LayerChange, ReverseMotion
from ...networks.svd.names import PREFIX
from ...samplers.svd.dual_direction import attend, attention_map, paired_attention, rotated
from ..frozen_layers import frozen_linear

KEY = "inbetween_dual_direction"


class Direction(Enum):
    """Which clips one call of the network contains. With BOTH, the forward clip comes first."""

    BOTH = "both"
    FORWARD = "forward"
    BACKWARD = "backward"


@dataclass(frozen=True, eq=False)
class Call:
    """What the layers do in one call of the network.

    maps: attention maps of the forward clip, by layer; filled by a FORWARD call and consumed by a BACKWARD call.
    maps_device: where the maps are kept in between.
    """

    direction: Direction
    maps: dict[str, Tensor] = field(default_factory=dict)
    maps_device: torch.device | None = None


class ChangedLayer(torch.nn.Module):
    """The changes that are added to the values and the output of a layer."""

    def __init__(self, change: LayerChange) -> None:
        super().__init__()
        self.to_v, self.to_out = (frozen_linear(weight) for weight in (change.to_v, change.to_out))


class ReverseMotionWeights(torch.nn.ModuleList):
    """The changes of all layers; the host's log shows the name of this class when it loads them."""


def patch_layers(patched: ModelPatcher, layers: Iterable[str], motion: ReverseMotion | None) -> None:
    """Patch layers to rotate their attention for a backward clip, and to change its values and outputs.

    Args:
        patched: a clone of an SVD that may be modified. Its layers stay unchanged until the host loads it.
        layers: the layers, by the host's name without a prefix.
        motion: the changes, or None to rotate only.

    Raises:
        InbetweenError: another node already replaces one of the layers.
    """
    changed = {layer: ChangedLayer(motion.changes[layer]) for layer in layers} if motion else {}
    if changed:
        weights = comfy.model_patcher.CoreModelPatcher(
            ReverseMotionWeights(changed.values()),
            load_device=patched.load_device,
            offload_device=patched.offload_device,
        )
        patched.set_additional_models(KEY, [weights])
    for layer in layers:
        _refuse_others(patched, layer)
        attention = comfy.utils.get_attr(patched.model, PREFIX + layer)
        forward = _TwoWayAttention(layer, attention, changed.get(layer))
        patched.add_object_patch(f"{PREFIX}{layer}.forward", forward.run)


def options_for(call: Call, model_options: Mapping[str, Any]) -> dict[str, Any]:
    """The host's options for one call of the network, with a `Call` for its layers; `model_options` stays unchanged."""
    return {**model_options, "transformer_options": {**model_options.get("transformer_options", {}), KEY: call}}


class _TwoWayAttention:
    """One temporal self-attention layer."""

    def __init__(self, layer: str, attention: Any, change: ChangedLayer | None) -> None:
        self._layer, self._attention, self._change = layer, attention, change

    def run(
        self,
        x: Tensor,
        context: Tensor | None = None,
        value: Tensor | None = None,
        mask: Tensor | None = None,
        transformer_options: dict[str, Any] | None = None,
    ) -> Tensor:
        """Replaces the layer's `forward`; x has shape (places, frames, channels)."""
        options = transformer_options or {}
        call: Call | None = options.get(KEY)
        if call is None:
            own = type(self._attention).forward
            return own(self._attention, x, context, value, mask, transformer_options=options)
        looked_at = x if context is None else context
        valued = looked_at if value is None else value
        match call.direction:
            case Direction.BOTH:
                places = len(x) // 2
                query, key = self._attention.to_q(x[:places]), self._attention.to_k(looked_at[:places])
                values = self._attention.to_v(valued)
                self._add_change("to_v", values[places:], valued[places:])
                return self._output(paired_attention(query, key, values, self._attention.heads), places)
            case Direction.FORWARD:
                map_RHNN = attention_map(
                    self._attention.to_q(x), self._attention.to_k(looked_at), self._attention.heads
                )
                call.maps[self._layer] = map_RHNN.to(call.maps_device)
                return self._output(attend(map_RHNN, self._attention.to_v(valued)), len(x))
            case Direction.BACKWARD:
                map_RHNN = rotated(call.maps.pop(self._layer).to(x.device))
                values = self._attention.to_v(valued)
                self._add_change("to_v", values, valued)
                return self._output(attend(map_RHNN, values), 0)

    def _output(self, attended: Tensor, forward_places: int) -> Tensor:
        out = self._attention.to_out(attended)
        self._add_change("to_out", out[forward_places:], attended[forward_places:])
        return out

    def _add_change(self, which: str, made: Tensor, given: Tensor) -> None:
        if self._change is not None and len(given):
            made += getattr(self._change, which)(given)


def _refuse_others(model: ModelPatcher, layer: str) -> None:
    """Refuse a model in which another node already replaces this layer: one of the two patches would be lost."""
    _, *place, _, _, _ = (PREFIX + layer).split(".")
    kind, number = place[0].removesuffix("_blocks").removesuffix("_block"), int(place[1])
    block = (kind, 0 if kind == "middle" else number)
    replaced = model.model_options.get("transformer_options", {}).get("patches_replace", {}).get("attn1", {})
    if f"{PREFIX}{layer}.forward" in model.object_patches or block in replaced or (*block, 0) in replaced:
        raise InbetweenError(
            "another node has replaced self-attention in the model, which the Dual-Direction Guider must replace "
            "itself; remove that node from between the loader and the guider."
        )
