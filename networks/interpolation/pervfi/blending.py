"""Asymmetric blending: the first frame everywhere, the aligned second frame only in its holes and close to them.

PerVFI, section 3.3, as in the published code: the mask is tanh(|x|), without the paper's terms for noise and steepness,
and the first kernel is 9 wide. Key layout of github.com/mulns/PerVFI at 89d90f1.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .encoder import LEVEL_CHANNELS
from .layers import conv3x3

WIDTH = 64
SQUEEZED = 8


class AdaptiveDilation(nn.Module):
    """Enlarges the holes of one level by an amount that depends on the features (squeeze and excitation)."""

    def __init__(self, channels: int, operations: Any, **made: Any) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            operations.Conv2d(1, WIDTH, 9, padding=4, bias=False, **made),
            nn.ReLU(inplace=True),
            conv3x3(WIDTH, WIDTH, operations, **made),
            nn.ReLU(inplace=True),
            operations.Conv2d(WIDTH, WIDTH, 1, bias=False, **made),
        )
        self.att = conv3x3(2 * channels, WIDTH, operations, bias=True, **made)
        self.fc = nn.Sequential(
            operations.Linear(WIDTH, SQUEEZED, bias=False, **made),
            nn.ReLU(inplace=True),
            operations.Linear(SQUEEZED, WIDTH, bias=False, **made),
            nn.Sigmoid(),
        )
        self.conv2 = operations.Conv2d(WIDTH, 1, 1, bias=False, **made)

    def excitation(self, splatted_BCHW: Tensor, aligned_BCHW: Tensor) -> Tensor:
        """Weights of the channels, shape (B, 64, 1, 1), from the features of the whole frame.

        The mean of a convolution is the convolution of the means that its taps see. Each tap sees the frame without the
        rows or columns that it never reaches, so sums over the frame and its edges replace the convolution.
        """
        means_BC33 = torch.cat([tap_means(splatted_BCHW), tap_means(aligned_BCHW)], dim=1)
        squeezed_BC11 = functional.conv2d(means_BC33, self.att.weight.float(), self.att.bias.float())
        weights_BC = self.fc(squeezed_BC11.flatten(1).to(splatted_BCHW.dtype))
        return weights_BC[:, :, None, None]

    def forward(self, hole_B1HW: Tensor, excitation_BC11: Tensor) -> Tensor:
        """The mask of a tile: from 0 for the first frame towards 1 for the second."""
        return self.conv2(self.conv1(hole_B1HW) * excitation_BC11).abs().tanh()


class AttentionMerge(nn.Module):
    """The dilations of all levels, with their name in the published files."""

    def __init__(self, operations: Any, **made: Any) -> None:
        super().__init__()
        levels = {str(level): AdaptiveDilation(width, operations, **made) for level, width in enumerate(LEVEL_CHANNELS)}
        self.softbinary: Any = nn.ModuleDict(levels)

    def at(self, level: int) -> AdaptiveDilation:
        """The dilation of one level; level 0 is full size."""
        return self.softbinary[str(level)]


def tap_means(x_BCHW: Tensor) -> Tensor:
    """The mean of what each tap of a zero-padded 3x3 convolution sees, in float32, shape (B, C, 3, 3)."""
    height, width = x_BCHW.shape[2:]
    rows_BCH, columns_BCW = x_BCHW.sum(dim=3, dtype=torch.float32), x_BCHW.sum(dim=2, dtype=torch.float32)
    total_BC = rows_BCH.sum(dim=2)
    # The upper taps never see the last row, the left ones never the last column, and so on.
    unseen_rows = (rows_BCH[..., -1], torch.zeros_like(total_BC), rows_BCH[..., 0])
    unseen_columns = (columns_BCW[..., -1], torch.zeros_like(total_BC), columns_BCW[..., 0])
    ends_y, ends_x = (-1, None, 0), (-1, None, 0)
    sums = []
    for unseen_row_BC, end_y in zip(unseen_rows, ends_y, strict=True):
        for unseen_column_BC, end_x in zip(unseen_columns, ends_x, strict=True):
            twice_BC = 0.0 if end_y is None or end_x is None else x_BCHW[:, :, end_y, end_x].float()
            sums.append(total_BC - unseen_row_BC - unseen_column_BC + twice_BC)
    return torch.stack(sums, dim=2).unflatten(2, (3, 3)) / (height * width)
