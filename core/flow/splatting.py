"""Forward warping (splatting): each pixel moves along its flow and is shared among the four pixels around its target.

After Niklaus and Liu, "Softmax Splatting for Video Frame Interpolation", CVPR 2020, equations 3 to 13.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

MODES = ("sum", "average", "linear", "softmax")
EPSILONS = ("addeps", "zeroeps", "clipeps")
EPSILON = 1e-7

# A target less than a pixel off the frame still has corners inside it. The canvas has a border this wide, in which the
# other corners land, and which is cropped at the end. No mask is needed, and a NaN outside the frame stays outside.
BORDER = 2


@dataclass(frozen=True)
class SplatGeometry:
    """Where the pixels of a flow land, and with which bilinear weights; reusable for any number of tensors.

    indices_B4N: int64, flat positions of the four corners on a canvas with a border of BORDER pixels.
    weights_B4N: bilinear weights, equation 4; float32 (float64 for a float64 flow).
    """

    indices_B4N: Tensor
    weights_B4N: Tensor
    height: int
    width: int

    @staticmethod
    def of(flow_B2HW: Tensor) -> "SplatGeometry":
        """Compute the geometry of a flow.

        Args:
            flow_B2HW: displacement in pixels, channel 0 = x. Pixels are dropped if their target is not finite, or is
                off the frame by a pixel or more.

        Returns:
            The geometry, on the flow's device; differentiable with respect to the flow.
        """
        flow_B2HW = _at_least_float32(flow_B2HW)
        _, _, height, width = flow_B2HW.shape
        columns_W = torch.arange(width, device=flow_B2HW.device, dtype=flow_B2HW.dtype)
        rows_H = torch.arange(height, device=flow_B2HW.device, dtype=flow_B2HW.dtype)
        x_BHW = columns_W + flow_B2HW[:, 0]
        y_BHW = rows_H[:, None] + flow_B2HW[:, 1]
        # Test this before any conversion to integers, which would overflow on 1e12 and is undefined for NaN.
        near_BHW = (x_BHW > -1) & (x_BHW < width) & (y_BHW > -1) & (y_BHW < height)
        x_BHW = torch.where(near_BHW, x_BHW, -BORDER)
        y_BHW = torch.where(near_BHW, y_BHW, -BORDER)
        left_BHW, top_BHW = x_BHW.detach().floor(), y_BHW.detach().floor()
        to_right_BHW, to_bottom_BHW = x_BHW - left_BHW, y_BHW - top_BHW
        to_left_BHW, to_top_BHW = 1 - to_right_BHW, 1 - to_bottom_BHW
        stride = width + BORDER + 1
        first_BHW = (top_BHW.long() + BORDER) * stride + left_BHW.long() + BORDER
        indices_B4HW = torch.stack([first_BHW, first_BHW + 1, first_BHW + stride, first_BHW + stride + 1], dim=1)
        weights_B4HW = torch.stack(
            [
                to_left_BHW * to_top_BHW,
                to_right_BHW * to_top_BHW,
                to_left_BHW * to_bottom_BHW,
                to_right_BHW * to_bottom_BHW,
            ],
            dim=1,
        )
        return SplatGeometry(indices_B4HW.flatten(2), weights_B4HW.flatten(2), height, width)

    def splat(self, values_BCHW: Tensor) -> Tensor:
        """Add up what lands on each pixel: summation splatting, equation 3.

        Args:
            values_BCHW: any number of channels, any floating type.

        Returns:
            The sums, with the shape of the values and the type of the weights.
        """
        batch, channels, height, width = values_BCHW.shape
        if (batch, height, width) != (self.weights_B4N.shape[0], self.height, self.width):
            raise ValueError(f"values {tuple(values_BCHW.shape)} do not fit a flow of {self.height} x {self.width}")
        values_BCN = values_BCHW.to(self.weights_B4N.dtype).flatten(2)
        rows, columns = height + BORDER + 1, width + BORDER + 1
        canvas_BCM = values_BCN.new_zeros(batch, channels, rows * columns)
        for sample in range(batch):
            for corner in range(4):
                shares_CN = values_BCN[sample] * self.weights_B4N[sample, corner]
                canvas_BCM[sample].index_add_(1, self.indices_B4N[sample, corner], shares_CN)
        canvas_BCHW = canvas_BCM.unflatten(2, (rows, columns))
        return canvas_BCHW[:, :, BORDER : BORDER + height, BORDER : BORDER + width].contiguous()


def splat(
    values_BCHW: Tensor,
    flow_B2HW: Tensor,
    mode: str = "softmax",
    importance_B1HW: Tensor | None = None,
    epsilon: str = "addeps",
) -> Tensor:
    """Warp values forward along a flow (Niklaus and Liu 2020, equations 3, 6, 9 and 12 for the four modes).

    Args:
        values_BCHW: the values to move; any floating type, computed in float32 (float64 stays float64).
        flow_B2HW: displacement in pixels, channel 0 = x; multiply it by t to warp to time t.
        mode: "sum" adds; "average" divides by the sum of weights; "linear" first weights by the importance Z, and
            "softmax" by exp(Z).
        importance_B1HW: Z of each pixel, for "linear" and "softmax" only. exp(Z) must fit float32, so keep Z within
            about -80..80. The maximum is not subtracted: with "addeps" the result depends on the size of the weights,
            not only on their ratios, and trained networks rely on that.
        epsilon: keeps the division safe where nothing lands: "addeps" adds 1e-7 to the divisor, "zeroeps" replaces 0
            by 1, "clipeps" raises the divisor to 1e-7.

    Returns:
        The warped values in the type of the input; 0 where nothing lands.
    """
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}; use one of {', '.join(MODES)}")
    if (importance_B1HW is not None) != (mode in ("linear", "softmax")):
        raise ValueError(f"mode {mode!r} takes {'no' if importance_B1HW is not None else 'an'} importance")
    geometry = SplatGeometry.of(flow_B2HW)
    if mode == "sum":
        return geometry.splat(values_BCHW).to(values_BCHW.dtype)
    wide_BCHW = _at_least_float32(values_BCHW)
    if importance_B1HW is None:
        weight_B1HW = wide_BCHW.new_ones(wide_BCHW.shape[0], 1, *wide_BCHW.shape[2:])
    else:
        weight_B1HW = _at_least_float32(importance_B1HW)
        weight_B1HW = weight_B1HW.exp() if mode == "softmax" else weight_B1HW
    sums_BCHW = geometry.splat(torch.cat([wide_BCHW * weight_B1HW, weight_B1HW], dim=1))
    return normalized(sums_BCHW, epsilon).to(values_BCHW.dtype)


def normalized(sums_BCHW: Tensor, epsilon: str = "addeps") -> Tensor:
    """Divide splatted sums by their last channel, the splatted weight, and drop that channel.

    Args:
        sums_BCHW: result of `SplatGeometry.splat` for weighted values and, as the last channel, their weight.
        epsilon: as for `splat`.
    """
    divisor_B1HW = sums_BCHW[:, -1:]
    if epsilon == "addeps":
        divisor_B1HW = divisor_B1HW + EPSILON
    elif epsilon == "zeroeps":
        divisor_B1HW = torch.where(divisor_B1HW == 0, 1.0, divisor_B1HW)
    elif epsilon == "clipeps":
        divisor_B1HW = divisor_B1HW.clamp(min=EPSILON)
    else:
        raise ValueError(f"epsilon is {epsilon!r}; use one of {', '.join(EPSILONS)}")
    return sums_BCHW[:, :-1] / divisor_B1HW


def _at_least_float32(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()
