"""The decoder of PerVFI vb: convolutions instead of a normalising flow. The same input always gives the same frame.

Not in the paper. Key layout of github.com/mulns/PerVFI at 89d90f1.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .encoder import LEVEL_CHANNELS
from .layers import conv3x3, conv_prelu_conv


class ConvolutionalDecoder(nn.Module):
    """Combines each condition with the result of the coarser ones, from coarse to fine."""

    def __init__(self, operations: Any, **made: Any) -> None:
        super().__init__()
        full, half, quarter = LEVEL_CHANNELS
        self.conv3 = conv_prelu_conv((quarter, 128, half), operations, **made)
        self.conv2 = conv_prelu_conv((2 * half, 256, full), operations, **made)
        self.conv1 = conv_prelu_conv((2 * full, 96, 128), operations, **made)
        self.tail = conv3x3(32, 3, operations, bias=True, **made)

    def forward(self, conditions: Sequence[Tensor]) -> Tensor:
        """Frames in about -1..1 from the conditions, half size first."""
        fine_BCHW, middle_BCHW, coarse_BCHW = conditions
        x_BCHW = self.conv2(torch.cat([_doubled(self.conv3(coarse_BCHW)), middle_BCHW], dim=1))
        x_BCHW = self.conv1(torch.cat([_doubled(x_BCHW), fine_BCHW], dim=1))
        return self.tail(functional.pixel_shuffle(x_BCHW, 2))


def _doubled(x_BCHW: Tensor) -> Tensor:
    # This aligns corners, unlike every other resizing in this network.
    return functional.interpolate(x_BCHW, scale_factor=2, mode="bilinear", align_corners=True)
