"""Multi-scale fusion of the blended features into the conditions of the generator.

A high-resolution network after Sun et al., "Deep High-Resolution Representation Learning", CVPR 2019, without
normalisation; not described in the PerVFI paper. Key layout of github.com/mulns/PerVFI at 89d90f1.
"""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import torch
from torch import Tensor, nn

from .encoder import LEVEL_CHANNELS
from .layers import conv3x3

STEM = 64
BRANCHES = (32, 64, 96)


class Block(nn.Module):
    """Two 3x3 convolutions with a shortcut."""

    def __init__(self, channels: int, operations: Any, **made: Any) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels, channels, operations, **made)
        self.conv2 = conv3x3(channels, channels, operations, **made)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Run the block."""
        return self.conv2(self.conv1(x_BCHW).relu_()).add_(x_BCHW).relu_()


class Bottleneck(nn.Module):
    """A 3x3 convolution of 64 channels between two 1x1 convolutions, with 256 channels out and a shortcut."""

    def __init__(self, channels_in: int, operations: Any, **made: Any) -> None:
        super().__init__()
        channels_out = 4 * STEM
        self.conv1 = operations.Conv2d(channels_in, STEM, 1, bias=False, **made)
        self.conv2 = conv3x3(STEM, STEM, operations, **made)
        self.conv3 = operations.Conv2d(STEM, channels_out, 1, bias=False, **made)
        self.downsample = None
        if channels_in != channels_out:
            self.downsample = operations.Conv2d(channels_in, channels_out, 1, bias=False, **made)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Run the block."""
        shortcut_BCHW = x_BCHW if self.downsample is None else self.downsample(x_BCHW)
        return self.conv3(self.conv2(self.conv1(x_BCHW).relu_()).relu_()).add_(shortcut_BCHW).relu_()


class Exchange(nn.Module):
    """Branches at several sizes, two blocks each, whose results are then added to each other."""

    def __init__(self, widths: Sequence[int], operations: Any, **made: Any) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(Block(width, operations, **made), Block(width, operations, **made)) for width in widths
        )
        self.fuse_layers: Any = nn.ModuleList(
            nn.ModuleList(_between(source, target, widths, operations, **made) for source in range(len(widths)))
            for target in range(len(widths))
        )

    def forward(self, xs: list[Tensor]) -> list[Tensor]:
        """Run the branches, finest first, and sum them at every size."""
        branched = [branch(x_BCHW) for branch, x_BCHW in zip(self.branches, xs, strict=True)]
        fused = []
        for layers in self.fuse_layers:
            summands = [layer(x_BCHW) for layer, x_BCHW in zip(layers, branched, strict=True)]
            fused.append(reduce(add, summands).relu_())
        return fused


class MultiscaleFuse(nn.Module):
    """Turns features at full, half and quarter size into conditions, each at half that size."""

    def __init__(self, operations: Any, **made: Any) -> None:
        super().__init__()
        self.stems = nn.ModuleList(_conv_relu(width, STEM, operations, **made) for width in LEVEL_CHANNELS)
        self.layer1 = nn.Sequential(
            Bottleneck(STEM, operations, **made), *(Bottleneck(4 * STEM, operations, **made) for _ in range(3))
        )
        fine, middle, coarse = BRANCHES
        to_fine = _conv_relu(4 * STEM, fine, operations, **made)
        to_middle = _conv_relu(4 * STEM, middle, operations, 2, **made)
        self.transition1 = nn.ModuleList([to_fine, nn.Sequential(to_middle)])
        self.extra1 = _conv_relu(STEM + middle, middle, operations, **made)
        self.stage2 = nn.Sequential(*(Exchange(BRANCHES[:2], operations, **made) for _ in range(2)))
        to_coarse = _conv_relu(middle, coarse, operations, 2, **made)
        self.transition2 = nn.ModuleList([nn.Identity(), nn.Identity(), nn.Sequential(to_coarse)])
        self.extra2 = _conv_relu(STEM + coarse, coarse, operations, **made)
        self.stage3 = nn.Sequential(*(Exchange(BRANCHES, operations, **made) for _ in range(2)))
        self.final_layers = nn.ModuleList(
            conv3x3(width, out, operations, stride=2, bias=True, **made)
            for width, out in zip(BRANCHES, LEVEL_CHANNELS, strict=True)
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Fuse the levels, full size first, into conditions of LEVEL_CHANNELS channels, half size first."""
        stem0_BCHW, stem1_BCHW, stem2_BCHW = (stem(x) for stem, x in zip(self.stems, features, strict=True))
        x_BCHW = self.layer1(stem0_BCHW)
        fine_BCHW = self.transition1[0](x_BCHW)
        middle_BCHW = self.extra1(torch.cat([stem1_BCHW, self.transition1[1](x_BCHW)], dim=1))
        del x_BCHW  # 256 channels at full size
        fine_BCHW, middle_BCHW = self.stage2([fine_BCHW, middle_BCHW])
        coarse_BCHW = self.extra2(torch.cat([stem2_BCHW, self.transition2[2](middle_BCHW)], dim=1))
        branches = self.stage3([fine_BCHW, middle_BCHW, coarse_BCHW])
        return [layer(x) for layer, x in zip(self.final_layers, branches, strict=True)]


def _between(source: int, target: int, widths: Sequence[int], operations: Any, **made: Any) -> nn.Module:
    """The layers that bring a branch to the size and channels of another."""
    if source == target:
        return nn.Identity()
    if source > target:
        narrowed = operations.Conv2d(widths[source], widths[target], 1, bias=False, **made)
        return nn.Sequential(narrowed, nn.Upsample(scale_factor=2 ** (source - target), mode="nearest"))
    width = widths[source]
    steps = [_conv_relu(width, width, operations, 2, **made) for _ in range(target - source - 1)]
    return nn.Sequential(*steps, conv3x3(width, widths[target], operations, stride=2, **made))


def _conv_relu(channels_in: int, channels_out: int, operations: Any, stride: int = 1, **made: Any) -> nn.Sequential:
    return nn.Sequential(conv3x3(channels_in, channels_out, operations, stride, **made), nn.ReLU(inplace=True))
