"""Forward-backward consistency: how well optical flow explains two frames, and whether there is a cut between them.

After Sundaram, Brox and Keutzer, "Dense Point Trajectories by GPU-Accelerated Large Displacement Optical Flow", ECCV
2010: a pixel is matched if following the flow forward and back returns to where it started.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..pictures.scene_similarity import layout_correlation
from .optical_flow import flow_both_ways, flow_length
from .warping import backward_warp

# A cut: most pixels are unmatched, warping explains hardly any of the difference, and the broad layout differs too. A
# change of light keeps the layout, so it is cross-faded instead.
CUT_UNMATCHED = 0.6
CUT_UNEXPLAINED = 0.75
CUT_DIFFERENCE = 0.03
CUT_CORRELATION = 0.6


@dataclass(frozen=True, eq=False)
class Consistency:
    """How well two frames agree along the flows between them.

    first_error_11HW, second_error_11HW: photometric error, the mean colour difference between each pixel of a frame
        and the pixel that its flow points at.
    residual: mean photometric error of both frames, 0 to 1.
    unmatched: share of the pixels of both frames whose flow forward and back does not return to its start.
    is_cut: the frames have nothing in common.
    """

    first_error_11HW: Tensor
    second_error_11HW: Tensor
    residual: float
    unmatched: float
    is_cut: bool

    @staticmethod
    def of(first_13HW: Tensor, second_13HW: Tensor, forward_12HW: Tensor, backward_12HW: Tensor) -> "Consistency":
        """Follow both flows forward and back.

        Args:
            first_13HW, second_13HW: float32 in [0, 1].
            forward_12HW, backward_12HW: flow from the first frame to the second and back, in pixels, float32, on the
                device of the frames.
        """
        first_error_11HW, first_unmatched = _followed(first_13HW, second_13HW, forward_12HW, backward_12HW)
        second_error_11HW, second_unmatched = _followed(second_13HW, first_13HW, backward_12HW, forward_12HW)
        residual = float(first_error_11HW.mean() + second_error_11HW.mean()) / 2
        unmatched = (first_unmatched + second_unmatched) / 2
        cut = _is_cut(first_13HW, second_13HW, residual, unmatched)
        return Consistency(first_error_11HW, second_error_11HW, residual, unmatched, cut)


@torch.no_grad()
def is_cut_between(first_HWC: Tensor, second_HWC: Tensor, device: torch.device | str = "cpu") -> bool:
    """Whether two frames have nothing in common, for engines that do not estimate flow themselves.

    The answer is the same as that of `Consistency.is_cut` with the weight-free flow. Flow can take longer than an
    engine needs for a frame, so it is estimated only if the broad layout of the frames differs.

    Args:
        first_HWC, second_HWC: RGB of one size, floating, in [0, 1], on any device.
        device: where frames are compared; the flow itself is always estimated on the CPU.

    Raises:
        InbetweenError: the layouts differ, and a side is shorter than 16 pixels, which is too small for flow.
    """
    first_13HW, second_13HW = (
        frame_HWC.to(device, torch.float32).nan_to_num().clamp(0, 1).movedim(2, 0)[None]
        for frame_HWC in (first_HWC, second_HWC)
    )
    if _difference(first_13HW, second_13HW) < CUT_DIFFERENCE or _same_layout(first_13HW, second_13HW):
        return False
    flows_12HW = (flow_2HW[None].to(device) for flow_2HW in flow_both_ways(first_HWC, second_HWC))
    return Consistency.of(first_13HW, second_13HW, *flows_12HW).is_cut


def _followed(own_13HW: Tensor, other_13HW: Tensor, flow_12HW: Tensor, flow_back_12HW: Tensor) -> tuple[Tensor, float]:
    """The photometric error of a frame, of shape (1, 1, H, W), and the share of its pixels that are unmatched."""
    warped_15HW = backward_warp(torch.cat([other_13HW, flow_back_12HW], dim=1), flow_12HW)
    error_11HW = (own_13HW - warped_15HW[:, :3]).abs().mean(dim=1, keepdim=True)
    miss_1HW = flow_length(flow_12HW + warped_15HW[:, 3:])  # from where the flow forward and back ends to its start
    return error_11HW, float((miss_1HW > 1 + 0.05 * flow_length(flow_12HW)).float().mean())


def _is_cut(first_13HW: Tensor, second_13HW: Tensor, residual: float, unmatched: float) -> bool:
    difference = _difference(first_13HW, second_13HW)
    unexplained = residual / max(difference, 1e-6)
    if difference < CUT_DIFFERENCE or unmatched < CUT_UNMATCHED or unexplained < CUT_UNEXPLAINED:
        return False
    return not _same_layout(first_13HW, second_13HW)


def _difference(first_13HW: Tensor, second_13HW: Tensor) -> float:
    return float((first_13HW - second_13HW).abs().mean())


def _same_layout(first_13HW: Tensor, second_13HW: Tensor) -> bool:
    return layout_correlation(first_13HW[0].movedim(0, 2), second_13HW[0].movedim(0, 2)) >= CUT_CORRELATION
