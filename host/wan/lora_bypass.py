"""LoRAs beside the layers of a model: what they make is added to what a layer makes, and no weight is changed.

The host's own bypass puts itself into the place of a layer's `forward`; of two of those in a chain one is lost. Hooks
leave `forward` alone, so any number of them, and the host's, go together in any order.
"""

from collections.abc import Mapping
from typing import Any

import comfy.model_patcher
import comfy.utils
import torch
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import PatcherInjection
from torch import Tensor

from ...core.wan.lora_mixture import LowRank
from ..frozen_layers import frozen_linear


class LowRankLayer(torch.nn.Module):
    """x -> up(down(x)) in the type of x."""

    def __init__(self, change: LowRank) -> None:
        super().__init__()
        self.down, self.up = frozen_linear(change.down_RI), frozen_linear(change.up_OR, change.bias_O)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (..., inputs) to (..., outputs)."""
        return self.up(self.down(x))


def add_beside(patched: ModelPatcher, changes: Mapping[str, LowRank], name: str) -> None:
    """Add the changes of linear layers to a model.

    Args:
        patched: a clone that may be changed. Its layers are untouched until the host loads it, and again after it.
        changes: by the name of the layer in the model.
        name: of what is added; no other on this model may have it.
    """
    layers = [LowRankLayer(change) for change in changes.values()]
    beside = comfy.model_patcher.CoreModelPatcher(
        torch.nn.ModuleList(layers), load_device=patched.load_device, offload_device=patched.offload_device
    )
    patched.set_additional_models(name, [beside])
    patched.set_injections(name, [_Hooks(dict(zip(changes, layers, strict=True))).as_injection()])


class _Hooks:
    """Puts the hooks on when the host loads the model, and takes them off again."""

    def __init__(self, layers: Mapping[str, LowRankLayer]) -> None:
        self._layers = layers
        self._handles: list[Any] = []

    def as_injection(self) -> PatcherInjection:
        return PatcherInjection(inject=self._put_on, eject=self._take_off)

    def _put_on(self, patcher: ModelPatcher) -> None:
        for name, layer in self._layers.items():
            self._handles.append(comfy.utils.get_attr(patcher.model, name).register_forward_hook(_adding(layer)))

    def _take_off(self, _: ModelPatcher) -> None:
        while self._handles:
            self._handles.pop().remove()


def _adding(layer: LowRankLayer) -> Any:
    def hook(_: torch.nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return output + layer(inputs[0])

    return hook
