"""Backward warping: each pixel takes its value from where its flow points."""

import torch
from torch import Tensor
from torch.nn import functional


def backward_warp(values_BCHW: Tensor, flow_B2HW: Tensor, mode: str = "bilinear", outside: str = "border") -> Tensor:
    """Sample, for each pixel, the value at its position plus its flow.

    Args:
        values_BCHW: the values to sample, floating.
        flow_B2HW: displacement in pixels, channel 0 = x, finite, of the same type.
        mode: "bilinear", "nearest", or "bicubic", which is sharper and overshoots a little at edges.
        outside: the value beyond the frame: "border" repeats the nearest edge pixel, "zeros" is 0.

    Returns:
        warped_BCHW.
    """
    height, width = flow_B2HW.shape[2:]
    x_BHW, y_BHW = _targets(flow_B2HW)
    grid_BHW2 = torch.stack([x_BHW * (2 / (width - 1)) - 1, y_BHW * (2 / (height - 1)) - 1], dim=3)
    return functional.grid_sample(values_BCHW, grid_BHW2, mode=mode, padding_mode=outside, align_corners=True)


def distance_outside(flow_B2HW: Tensor) -> Tensor:
    """How far beyond the frame each pixel's flow points: pixels across plus pixels down, 0 inside. Shape B1HW."""
    height, width = flow_B2HW.shape[2:]
    x_BHW, y_BHW = _targets(flow_B2HW)
    beyond_x_BHW = (x_BHW - x_BHW.clamp(0, width - 1)).abs()
    return (beyond_x_BHW + (y_BHW - y_BHW.clamp(0, height - 1)).abs())[:, None]


def _targets(flow_B2HW: Tensor) -> tuple[Tensor, Tensor]:
    height, width = flow_B2HW.shape[2:]
    columns_W = torch.arange(width, device=flow_B2HW.device, dtype=flow_B2HW.dtype)
    rows_H1 = torch.arange(height, device=flow_B2HW.device, dtype=flow_B2HW.dtype)[:, None]
    return columns_W + flow_B2HW[:, 0], rows_H1 + flow_B2HW[:, 1]
