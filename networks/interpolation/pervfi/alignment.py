"""Pyramid alignment: what the second frame shows where the first frame, splatted to the requested time, has holes.

PerVFI (Wu et al., CVPR 2024), section 3.2, as in the published code: the flow is an input to the layers that predict
the offsets, not the starting value of the offsets. Deformable convolution: Zhu et al., "Deformable ConvNets v2", CVPR
2019. Key layout of github.com/mulns/PerVFI at 89d90f1.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .encoder import LEVEL_CHANNELS
from .layers import conv3x3
from .tiles import Tile

GROUPS = (7, 8, 8)  # number of groups of channels that share offsets, for each level
TAPS = 9
SLOPE = 0.1

# Sampling points per batch of rows. On a CPU, batches that fit into the cache are several times faster.
POINTS_AT_ONCE_CPU, POINTS_AT_ONCE_GPU = 700_000, 1 << 26


class DeformableConv(nn.Module):
    """The kernel of a modulated deformable 3x3 convolution."""

    def __init__(self, channels: int, groups: int, **made: Any) -> None:
        super().__init__()
        self.groups = groups
        self.weight = nn.Parameter(torch.zeros(channels, channels, 3, 3, **made))
        self.bias = nn.Parameter(torch.zeros(channels, **made))

    def forward(self, x_BCHW: Tensor, offsets_BOhw: Tensor, masks_BMhw: Tensor, tile: Tile) -> Tensor:
        """Convolve a tile of x.

        This samples and multiplies explicitly, a few rows at a time. It is several times as fast as torchvision's
        operator on a CPU, needs bounded memory, runs on any device, and lets a tile sample the whole frame.

        Args:
            x_BCHW: the whole input.
            offsets_BOhw: the displacement (y, x) in pixels for each group and tap; 18 x groups channels.
            masks_BMhw: the weight for each group and tap; 9 x groups channels.
            tile: the tile of x that the offsets and masks belong to.

        Returns:
            The convolved tile; outside the frame, x is taken as zero.
        """
        batch, channels, height, width = x_BCHW.shape
        groups, rows, columns = self.groups, tile.bottom - tile.top, tile.right - tile.left
        # Half precision is too coarse for the position of a sampling point in a row.
        grouped_NCHW = x_BCHW.float().reshape(batch * groups, channels // groups, height, width)
        # The published order of channels is group, channel of the group, tap; flattening gives the same order here.
        kernel_OK = self.weight.reshape(channels, -1)
        tap_9 = torch.arange(TAPS, device=x_BCHW.device)
        across_9W = tile.left + torch.arange(columns, device=x_BCHW.device) + (tap_9 % 3 - 1)[:, None]
        down_9H = tile.top + torch.arange(rows, device=x_BCHW.device) + (tap_9 // 3 - 1)[:, None]
        made_BChw = x_BCHW.new_empty(batch, channels, rows, columns)
        points = POINTS_AT_ONCE_CPU if x_BCHW.device.type == "cpu" else POINTS_AT_ONCE_GPU
        step = max(1, points // (batch * groups * TAPS * columns))
        for row in range(0, rows, step):
            rows_here = slice(row, min(row + step, rows))
            offsets_N92hw = offsets_BOhw[:, :, rows_here].reshape(batch * groups, TAPS, 2, -1, columns).float()
            # grid_sample counts from -1 to 1 between the outer edges of the outer pixels.
            grid_N9hw2 = torch.stack(
                [
                    (2 * (across_9W[:, None] + offsets_N92hw[:, :, 1]) + 1) / width - 1,
                    (2 * (down_9H[:, rows_here, None] + offsets_N92hw[:, :, 0]) + 1) / height - 1,
                ],
                dim=-1,
            )
            sampled_NCQw = functional.grid_sample(
                grouped_NCHW, grid_N9hw2.flatten(1, 2), padding_mode="zeros", align_corners=False
            )
            masks_N1Qw = masks_BMhw[:, :, rows_here].reshape(batch * groups, 1, -1, columns)
            columns_BKP = (sampled_NCQw.to(x_BCHW.dtype) * masks_N1Qw).reshape(batch, kernel_OK.shape[1], -1)
            made_BChw[:, :, rows_here] = (kernel_OK @ columns_BKP).unflatten(2, (-1, columns))
        return made_BChw + self.bias[:, None, None]


class OffsetConv(nn.Module):
    """A deformable convolution with the layer that predicts its offsets and masks."""

    def __init__(self, channels: int, groups: int, operations: Any, **made: Any) -> None:
        super().__init__()
        self.conv_offset = conv3x3(channels, groups * 3 * TAPS, operations, bias=True, **made)
        self.dconv = DeformableConv(channels, groups, **made)

    def forward(self, x_BCHW: Tensor, guide_BChw: Tensor, tile: Tile) -> Tensor:
        """Convolve a tile of x at offsets that are predicted from `guide_BChw`, features of that tile."""
        found_BOhw = self.conv_offset(guide_BChw).contiguous()
        offsets_BOhw, masks_BMhw = found_BOhw.split([2 * found_BOhw.shape[1] // 3, found_BOhw.shape[1] // 3], dim=1)
        return self.dconv(x_BCHW, offsets_BOhw, masks_BMhw.sigmoid(), tile)


class DeformableAlign(nn.Module):
    """Moves the second frame's features to the requested time, coarse to fine, and merges them with the first's."""

    def __init__(self, operations: Any, **made: Any) -> None:
        super().__init__()
        self.offset_conv1, self.offset_conv2, self.offset_conv3 = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        self.deform_conv, self.feat_conv = nn.ModuleDict(), nn.ModuleDict()
        self.merge_conv1, self.merge_conv2 = nn.ModuleDict(), nn.ModuleDict()
        for level, channels in enumerate(LEVEL_CHANNELS):
            name = f"l{level}"

            def conv(channels_in: int, channels_out: int = channels) -> Any:
                return conv3x3(channels_in, channels_out, operations, bias=True, **made)

            self.offset_conv1[name] = conv(2 * channels + 3)
            self.deform_conv[name] = OffsetConv(channels, GROUPS[level], operations, **made)
            self.merge_conv1[name] = conv(2 * channels + 1)
            if level == len(LEVEL_CHANNELS) - 1:
                self.offset_conv2[name] = conv(channels)
                continue
            coarser = LEVEL_CHANNELS[level + 1]
            self.offset_conv2[name] = conv(channels + coarser)
            self.offset_conv3[name] = conv(channels)
            self.feat_conv[name] = conv(channels + coarser)
            self.merge_conv2[name] = conv(channels + coarser)

    def forward(
        self,
        splatted: Sequence[Tensor],
        others: Sequence[Tensor],
        holes: Sequence[Tensor],
        flows: Sequence[Tensor],
        tile: Tile,
        finest: int,
    ) -> list[Tensor]:
        """Align a tile of the frame.

        The sequences have one tensor of the whole frame for each level, from full to quarter size.

        Args:
            splatted: features of the first frame, splatted to the requested time.
            others: features of the second frame, not moved.
            holes: 1 where nothing of the first frame arrives, else 0.
            flows: from the requested time to the second frame, in pixels of the level.
            tile: the tile to align, in full-size pixels.
            finest: the finest level to compute.

        Returns:
            The aligned features of that tile, from level `finest` to the coarsest.
        """
        aligned: list[Tensor] = []
        up_guide_BCHW = up_warped_BCHW = up_merged_BCHW = None
        for level in range(len(splatted) - 1, finest - 1, -1):
            name, here = f"l{level}", tile.at(level)
            splatted_BCHW, hole_B1HW = here.of(splatted[level]), here.of(holes[level])
            guide_BCHW = _leaky(
                self.offset_conv1[name](
                    torch.cat([splatted_BCHW, here.of(others[level]), hole_B1HW, here.of(flows[level])], dim=1)
                )
            )
            if up_guide_BCHW is None:
                guide_BCHW = _leaky(self.offset_conv2[name](guide_BCHW))
            else:
                guide_BCHW = _leaky(self.offset_conv2[name](torch.cat([guide_BCHW, up_guide_BCHW], dim=1)))
                guide_BCHW = _leaky(self.offset_conv3[name](guide_BCHW))
            warped_BCHW = self.deform_conv[name](others[level], guide_BCHW, here)
            if up_warped_BCHW is not None:
                warped_BCHW = self.feat_conv[name](torch.cat([warped_BCHW, up_warped_BCHW], dim=1))
            merged_BCHW = self.merge_conv1[name](torch.cat([splatted_BCHW, warped_BCHW, hole_B1HW], dim=1))
            if up_merged_BCHW is not None:
                merged_BCHW = self.merge_conv2[name](torch.cat([merged_BCHW, up_merged_BCHW], dim=1))
            aligned.insert(0, merged_BCHW)
            if level > finest:
                # An offset of one pixel is two pixels on the next finer level.
                up_guide_BCHW = _doubled(guide_BCHW) * 2
                up_warped_BCHW, up_merged_BCHW = _doubled(_leaky(warped_BCHW)), _doubled(merged_BCHW)
        return aligned


def _leaky(x_BCHW: Tensor) -> Tensor:
    return functional.leaky_relu(x_BCHW, SLOPE)


def _doubled(x_BCHW: Tensor) -> Tensor:
    return functional.interpolate(x_BCHW, scale_factor=2, mode="bilinear", align_corners=False)
