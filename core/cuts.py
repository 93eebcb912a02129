"""Cuts for engines that find no optical flow of their own: the same test, and what is shown across a cut."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .flow_agreement import CUT_CORRELATION, CUT_DIFFERENCE, Agreement, is_cut
from .interpolator import Rendered
from .likeness import layout_correlation
from .optical_flow import flow_both_ways


@torch.no_grad()
def is_cut_between(first_HWC: Tensor, second_HWC: Tensor, device: torch.device | str = "cpu") -> bool:
    """Whether two frames have nothing in common, by the test that `flow_agreement.is_cut` makes.

    Its quick conditions come first, so that flow, which takes longer than some engines take for a frame, is found only
    between frames that differ in their broad layout.

    Args:
        first_HWC, second_HWC: RGB of one size, floating, in [0, 1], on any device.
        device: where frames are compared.

    Raises:
        InbetweenError: the layouts differ, and a side is shorter than 16 pixels, so that no flow can be found.
    """
    first_13HW, second_13HW = (
        frame_HWC.to(device, torch.float32).nan_to_num().clamp(0, 1).movedim(2, 0)[None]
        for frame_HWC in (first_HWC, second_HWC)
    )
    if float((first_13HW - second_13HW).abs().mean()) < CUT_DIFFERENCE:
        return False
    if layout_correlation(first_13HW[0].movedim(0, 2), second_13HW[0].movedim(0, 2)) >= CUT_CORRELATION:
        return False
    forward_12HW, backward_12HW = (
        flow_2HW[None].to(device, torch.float32) for flow_2HW in flow_both_ways(first_HWC, second_HWC)
    )
    forth = Agreement.of(first_13HW, second_13HW, forward_12HW, backward_12HW)
    back = Agreement.of(second_13HW, first_13HW, backward_12HW, forward_12HW)
    return is_cut(first_13HW, second_13HW, forth, back)


@dataclass(frozen=True, eq=False)
class HeldPair:
    """Two frames with a cut between them: up to half-way the first is shown, then the second.

    first_HWC, second_HWC: float32 in [0, 1], on the interpolator's device.
    """

    first_HWC: Tensor
    second_HWC: Tensor
    is_cut: bool = True

    def render(self, times: Sequence[float]) -> Rendered:
        """The nearer frame at each time, as `FramePair.render` says."""
        held = [self.first_HWC if time <= 0.5 else self.second_HWC for time in times]
        return Rendered(torch.stack(held), (0.0,) * len(times))
