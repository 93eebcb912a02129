"""Forward-backward consistency: how well optical flow explains two frames; and whether there is a cut between them.

After Sundaram, Brox and Keutzer, "Dense Point Trajectories by GPU-Accelerated Large Displacement Optical Flow", ECCV
2010: a pixel is matched if following the flow forward and back returns to where it started.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..pictures.alpha import has_alpha, seen_pair, visibility
from .optical_flow import flow_length
from .scene_likeness import coarse_picture, likeness_of
from .visible_flow import brought_together
from .warping import backward_warp

CUT_THRESHOLD = 0.5  # likeness below which two frames show different scenes


@dataclass(frozen=True, eq=False)
class Consistency:
    """How well two frames agree along the flows between them.

    first_error_11HW, second_error_11HW: photometric error, the mean colour difference between each pixel of a frame
        and the pixel that its flow points at.
    residual: mean photometric error of both frames, 0 to 1.
    unmatched: share of the pixels of both frames whose flow forward and back does not return to its start.
    """

    first_error_11HW: Tensor
    second_error_11HW: Tensor
    residual: float
    unmatched: float

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
        return Consistency(first_error_11HW, second_error_11HW, residual, unmatched)


def is_cut_between(first_HWC: Tensor, second_HWC: Tensor, threshold: float = CUT_THRESHOLD) -> bool:
    """Whether two frames show different scenes: the one test of cuts for all engines and nodes.

    Args:
        first_HWC, second_HWC: RGB, or RGB with alpha, of one size, floating, in [0, 1], on any device.
        threshold: the likeness below which there is a cut; 0 finds none. See `core.flow.scene_likeness`.
    """
    if threshold <= 0:
        return False
    if has_alpha(first_HWC):
        return _is_cut_of_seen(first_HWC, second_HWC, threshold)
    return likeness_of(coarse_picture(first_HWC), coarse_picture(second_HWC)) < threshold


def _is_cut_of_seen(first_HWC: Tensor, second_HWC: Tensor, threshold: float) -> bool:
    """`is_cut_between` for frames with alpha.

    A thing that appears or goes away is no cut. Over nothing, things move farther than a scene does, so frames are also
    compared after the shift that brings them together.
    """
    if not (visibility(first_HWC).any() and visibility(second_HWC).any()):
        return False
    seen = seen_pair(first_HWC, second_HWC)
    if not is_cut_between(*seen, threshold):
        return False
    together = brought_together(first_HWC, second_HWC)
    return together is None or is_cut_between(*seen_pair(*together), threshold)


def is_same_scene(first_HWC: Tensor, second_HWC: Tensor) -> bool:
    """Whether the colours of two frames can be compared: no cut between them, and none is blank unless both are."""
    return likeness_of(coarse_picture(first_HWC), coarse_picture(second_HWC), fades=False) >= CUT_THRESHOLD


def _followed(own_13HW: Tensor, other_13HW: Tensor, flow_12HW: Tensor, flow_back_12HW: Tensor) -> tuple[Tensor, float]:
    """The photometric error of a frame, of shape (1, 1, H, W), and the share of its pixels that are unmatched."""
    warped_15HW = backward_warp(torch.cat([other_13HW, flow_back_12HW], dim=1), flow_12HW)
    error_11HW = (own_13HW - warped_15HW[:, :3]).abs().mean(dim=1, keepdim=True)
    miss_1HW = flow_length(flow_12HW + warped_15HW[:, 3:])  # from where the flow forward and back ends to its start
    return error_11HW, float((miss_1HW > 1 + 0.05 * flow_length(flow_12HW)).float().mean())
