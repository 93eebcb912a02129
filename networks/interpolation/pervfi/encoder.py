"""What PerVFI computes once for a frame or a pair, for any time: features, and the importance of each pixel.

The feature encoder and the importance metric are from softmax splatting (Niklaus and Liu, CVPR 2020), whose weights
were the starting point for the published ones. Key layout of github.com/mulns/PerVFI at 89d90f1.
"""

from typing import Any

import torch
from torch import Tensor, nn

from ....core.flow.warping import backward_warp
from .layers import Chain, Residual, activated, conv3x3, conv_prelu_conv

LEVEL_CHANNELS = (35, 64, 96)  # of the features at full, half and quarter size; the first three are the frame itself


class FeatureEncoder(nn.Module):
    """Features of one frame at full, half and quarter size."""

    def __init__(self, operations: Any, **made: Any) -> None:
        super().__init__()

        def stage(channels_in: int, channels_out: int, stride: int) -> nn.Sequential:
            return nn.Sequential(
                conv3x3(channels_in, channels_out, operations, stride, **made),
                nn.PReLU(channels_out, **made),
                conv3x3(channels_out, channels_out, operations, **made),
                nn.PReLU(channels_out, **made),
            )

        self.netOne = stage(3, 32, 1)
        self.netTwo = stage(32, 64, 2)
        self.netThr = stage(64, 96, 2)

    def forward(self, frame_B3HW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features of LEVEL_CHANNELS channels, of a frame in -1..1 whose sides are multiples of 4."""
        full_BCHW = self.netOne(frame_B3HW)
        half_BCHW = self.netTwo(full_BCHW)
        return torch.cat([frame_B3HW, full_BCHW], dim=1), half_BCHW, self.netThr(half_BCHW)


class ImportanceMetric(nn.Module):
    """How unimportant each pixel of a frame is if several land on the same place: a small U-Net over four sizes."""

    def __init__(self, operations: Any, **made: Any) -> None:
        super().__init__()
        self.netInput = conv3x3(3, 12, operations, **made)
        self.netError = conv3x3(1, 4, operations, **made)
        widths = (16, 32, 64, 96)
        for row, width in enumerate(widths):
            layers = activated((width, width, width), operations, **made)
            self.add_module(f"{row}x0 - {row}x1", Residual(layers, width, width, operations, **made))
        for row in range(3):
            wide, narrow = widths[row + 1], widths[row]
            self.add_module(f"{row}x0 - {row + 1}x0", Chain(activated((narrow, wide, wide), operations, 2, **made)))
            up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
            layers = [up, *activated((wide, narrow, narrow), operations, **made)]
            self.add_module(f"{row + 1}x1 - {row}x1", Chain(layers))
        self.netOutput = conv_prelu_conv((16, 16, 1), operations, **made)

    def forward(self, features_BCHW: Tensor, others_BCHW: Tensor, flow_B2HW: Tensor) -> Tensor:
        """Rate the pixels of a frame.

        Args:
            features_BCHW, others_BCHW: full-size features of the frame and of the other frame.
            flow_B2HW: from the frame to the other, in pixels.

        Returns:
            One channel; the larger the value, the less a pixel counts.
        """
        warped_BCHW = backward_warp(others_BCHW, flow_B2HW, outside="zeros")
        error_B1HW = (features_BCHW - warped_BCHW).abs().mean(dim=1, keepdim=True)
        column = [torch.cat([self.netInput(features_BCHW[:, :3]), self.netError(error_B1HW)], dim=1)]
        for row in range(3):
            column.append(self.get_submodule(f"{row}x0 - {row + 1}x0")(column[row]))
        x_BCHW = self.get_submodule("3x0 - 3x1")(column[3])
        for row in (2, 1, 0):
            across_BCHW = self.get_submodule(f"{row}x0 - {row}x1")(column[row])
            x_BCHW = across_BCHW + self.get_submodule(f"{row + 1}x1 - {row}x1")(x_BCHW)
        return self.netOutput(x_BCHW)


class FeaturePyramid(nn.Module):
    """The two networks, with their names in the published files."""

    def __init__(self, operations: Any, dtype: torch.dtype, device: torch.device | str | None) -> None:
        super().__init__()
        self.netEncode = FeatureEncoder(operations, dtype=dtype, device=device)
        self.netSoftmetric = ImportanceMetric(operations, dtype=torch.float32, device=device)
