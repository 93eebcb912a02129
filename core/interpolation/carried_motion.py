"""A frame moved on along its own motion, as measured between it and its neighbour in the same shot."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..flow.optical_flow import flow_length
from ..flow.visible_flow import flows_as_seen
from ..flow.warping import backward_warp
from ..pictures.alpha import premultiplied, straight, visibility
from ..pictures.value_range import extremes

FOLLOWED = 0.5  # share of the frame whose motion must be known; with less, the frame is held
STEPS = 4  # of the fixed-point iteration that inverts the motion
SURROUNDINGS = 31  # pixels across, over which motion is filled and smoothed


@dataclass(frozen=True, eq=False)
class CarriedFrame:
    """A frame and how it moves.

    frame_HWC: float32, RGB, or RGB with alpha.
    motion_12HW: motion of its pixels over one gap, in pixels; None if it is not known, and the frame is held.
    """

    frame_HWC: Tensor
    motion_12HW: Tensor | None

    @torch.no_grad()
    def moved(self, share: float) -> Tensor:
        """The frame after a share of the gap, of its own shape, in its own range; its edge pixels are repeated."""
        if self.motion_12HW is None:
            return self.frame_HWC
        back_12HW = -share * self.motion_12HW
        for _ in range(STEPS):  # a pixel comes from where the motion of that place leads to it
            back_12HW = -share * backward_warp(self.motion_12HW, back_12HW)
        frame_HWC = premultiplied(self.frame_HWC)
        moved_1CHW = backward_warp(frame_HWC.movedim(2, 0)[None], back_12HW, "bicubic")
        moved_1HWC = moved_1CHW.movedim(1, 3).clamp(frame_HWC.min(), frame_HWC.max())
        return straight(moved_1HWC, extremes(self.frame_HWC[..., :3]))[0]


@torch.no_grad()
def carried_frame(frame_HWC: Tensor, other_HWC: Tensor | None, ratio: float = 1.0) -> CarriedFrame:
    """Find out how a frame moves away from another one of its shot, at constant speed.

    Args:
        frame_HWC: float32.
        other_HWC: the frame on its other side, on any device, at least 16 pixels a side; None if there is none.
        ratio: the length of the gap to fill, in lengths of the gap between the two.
    """
    if other_HWC is None:
        return CarriedFrame(frame_HWC, None)
    to_other_2HW, from_other_2HW = flows_as_seen(frame_HWC, other_HWC.to(frame_HWC))
    to_other_12HW, from_other_12HW = to_other_2HW[None], from_other_2HW[None]
    miss_1HW = flow_length(to_other_12HW + backward_warp(from_other_12HW, to_other_12HW))
    known_11HW = (miss_1HW <= 1 + 0.05 * flow_length(to_other_12HW)).float()[:, None]
    seen_HW1 = visibility(frame_HWC)
    if (known_11HW * seen_HW1.movedim(2, 0)).sum() < FOLLOWED * seen_HW1.sum():
        return CarriedFrame(frame_HWC, None)
    return CarriedFrame(frame_HWC, -ratio * _filled(to_other_12HW, known_11HW))


def _filled(motion_12HW: Tensor, known_11HW: Tensor) -> Tensor:
    """The motion, replaced where it is not known by the mean of what is known around, or of all; then smoothed.

    Smooth motion bends edges between things a little, where a sudden change would tear them.
    """
    mean_121 = (motion_12HW * known_11HW).sum((2, 3), keepdim=True) / known_11HW.sum()

    def around(values: Tensor) -> Tensor:
        return functional.avg_pool2d(values, SURROUNDINGS, 1, SURROUNDINGS // 2, count_include_pad=False)

    weight_11HW = around(known_11HW)
    near_12HW = (around(motion_12HW * known_11HW) + 0.01 * mean_121) / (weight_11HW + 0.01)
    return around(around(torch.where(known_11HW > 0, motion_12HW, near_12HW)))
