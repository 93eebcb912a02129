"""Building blocks that several parts of PerVFI share.

`operations` provides the layers: torch.nn, or the host's replacement for it. Every layer with weights gets the
arguments `dtype` and `device`.
"""

from typing import Any

from torch import Tensor, nn


def conv3x3(
    channels_in: int, channels_out: int, operations: Any, stride: int = 1, bias: bool = False, **made: Any
) -> Any:
    """A 3x3 convolution that keeps the size, or halves it with a stride of 2."""
    return operations.Conv2d(channels_in, channels_out, 3, stride, 1, bias=bias, **made)


def activated(channels: tuple[int, int, int], operations: Any, stride: int = 1, **made: Any) -> list[nn.Module]:
    """PReLU and convolution, twice; with a stride of 2, the first convolution halves the size."""
    first, middle, last = channels
    return [
        nn.PReLU(first, **made),
        conv3x3(first, middle, operations, stride, **made),
        nn.PReLU(middle, **made),
        conv3x3(middle, last, operations, **made),
    ]


class Chain(nn.Module):
    """Layers in sequence, with their name in the published files."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.netMain = nn.Sequential(*layers)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Run the layers."""
        return self.netMain(x_BCHW)


class Residual(Chain):
    """Layers with a shortcut, which is a 1x1 convolution if the number of channels changes."""

    def __init__(
        self, layers: list[nn.Module], channels_in: int, channels_out: int, operations: Any, **made: Any
    ) -> None:
        super().__init__(layers)
        self.netShortcut = None
        if channels_in != channels_out:
            self.netShortcut = operations.Conv2d(channels_in, channels_out, 1, bias=False, **made)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Run the layers and add the shortcut."""
        shortcut_BCHW = x_BCHW if self.netShortcut is None else self.netShortcut(x_BCHW)
        return self.netMain(x_BCHW) + shortcut_BCHW


def conv_prelu_conv(channels: tuple[int, int, int], operations: Any, **made: Any) -> Residual:
    """A residual block that begins with a convolution."""
    first, middle, last = channels
    layers = [
        conv3x3(first, middle, operations, **made),
        nn.PReLU(middle, **made),
        conv3x3(middle, last, operations, **made),
    ]
    return Residual(layers, first, last, operations, **made)
