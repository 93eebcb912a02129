"""LoRAs that bypass the weights: their output is added to the output of a layer, and no weight is changed.

The host's own bypass replaces a layer's `forward`, so if a chain has two of those, one is lost. Hooks leave `forward`
alone, so any number of them work together, and with the host's bypass, in any order.
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


def add_bypass(patched: ModelPatcher, changes: Mapping[str, LowRank], name: str) -> None:
    """Add changes of linear layers to a model as a bypass.

    Args:
        patched: a clone that may be modified. Its layers are changed only while the host has it loaded.
        changes: the changes, by the name of the layer in the model.
        name: name of the bypass; it must be unique on this model.
    """
    layers = [LowRankLayer(change) for change in changes.values()]
    bypass = comfy.model_patcher.CoreModelPatcher(
        torch.nn.ModuleList(layers), load_device=patched.load_device, offload_device=patched.offload_device
    )
    patched.set_additional_models(name, [bypass])
    patched.set_injections(name, [_Hooks(dict(zip(changes, layers, strict=True))).as_injection()])


class _Hooks:
    """Sets the hooks when the host loads the model, and removes them when it unloads the model."""

    def __init__(self, layers: Mapping[str, LowRankLayer]) -> None:
        self._layers = layers
        self._handles: list[Any] = []

    def as_injection(self) -> PatcherInjection:
        return PatcherInjection(inject=self._set, eject=self._remove)

    def _set(self, patcher: ModelPatcher) -> None:
        for name, layer in self._layers.items():
            self._handles.append(comfy.utils.get_attr(patcher.model, name).register_forward_hook(_adding(layer)))

    def _remove(self, _: ModelPatcher) -> None:
        while self._handles:
            self._handles.pop().remove()


def _adding(layer: LowRankLayer) -> Any:
    def hook(_: torch.nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return output + layer(inputs[0])

    return hook
