"""Layers that hold given weights, from the host's operations: it keeps them anywhere, and casts them where needed."""

import comfy.ops
import torch
from torch import Tensor


def frozen_linear(weight_OI: Tensor, bias_O: Tensor | None = None) -> torch.nn.Module:
    """A linear layer in the type of what goes in, with these weights and no copy of them."""
    outputs, inputs = weight_OI.shape
    options = {"dtype": weight_OI.dtype, "device": weight_OI.device}
    layer = comfy.ops.manual_cast.Linear(inputs, outputs, bias=bias_O is not None, **options)
    layer.weight = torch.nn.Parameter(weight_OI, requires_grad=False)
    if bias_O is not None:
        layer.bias = torch.nn.Parameter(bias_O, requires_grad=False)
    return layer
