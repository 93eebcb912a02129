"""Layers with given weights, built from the host's operations, so the host can move and cast the weights as needed."""

import comfy.ops
import torch
from torch import Tensor


def frozen_linear(weight_OI: Tensor, bias_O: Tensor | None = None) -> torch.nn.Module:
    """A linear layer with these weights, which are not copied; it computes in the type of its input."""
    outputs, inputs = weight_OI.shape
    options = {"dtype": weight_OI.dtype, "device": weight_OI.device}
    layer = comfy.ops.manual_cast.Linear(inputs, outputs, bias=bias_O is not None, **options)
    layer.weight = torch.nn.Parameter(weight_OI, requires_grad=False)
    if bias_O is not None:
        layer.bias = torch.nn.Parameter(bias_O, requires_grad=False)
    return layer
