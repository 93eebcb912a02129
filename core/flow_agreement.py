"""How far the flows between two frames agree with the frames and with each other, and whether there is a cut."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .likeness import layout_correlation
from .warping import fetch_along

# Cut: the flow there and back misses its start nearly everywhere, warping explains hardly any of the difference, and
# the frames differ in their broad layout too. With a change of light they do not: it is cross-faded.
CUT_STRAY_SHARE = 0.6
CUT_UNEXPLAINED = 0.75
CUT_DIFFERENCE = 0.03
CUT_CORRELATION = 0.6


@dataclass(frozen=True)
class Agreement:
    """What is known of the flow from one frame to the other.

    mismatch_11HW: mean difference of colour between each pixel and what its flow points at.
    stray_share: share of the pixels whose flow there and back misses its start.
    """

    mismatch_11HW: Tensor
    stray_share: float

    @staticmethod
    def of(own_13HW: Tensor, other_13HW: Tensor, flow_12HW: Tensor, flow_back_12HW: Tensor) -> "Agreement":
        """Follow the flow of a frame to the other one, and back."""
        fetched_15HW = fetch_along(torch.cat([other_13HW, flow_back_12HW], dim=1), flow_12HW)
        mismatch_11HW = (own_13HW - fetched_15HW[:, :3]).abs().mean(dim=1, keepdim=True)
        detour_11HW = _length(flow_12HW + fetched_15HW[:, 3:])
        return Agreement(mismatch_11HW, float((detour_11HW > 1 + 0.05 * _length(flow_12HW)).float().mean()))


def is_cut(first_13HW: Tensor, second_13HW: Tensor, forth: Agreement, back: Agreement) -> bool:
    """Whether two frames in [0, 1] have nothing in common, given how the flows both ways agree with them."""
    difference = float((first_13HW - second_13HW).abs().mean())
    unexplained = float(forth.mismatch_11HW.mean() + back.mismatch_11HW.mean()) / 2 / max(difference, 1e-6)
    stray_share = (forth.stray_share + back.stray_share) / 2
    if difference < CUT_DIFFERENCE or stray_share < CUT_STRAY_SHARE or unexplained < CUT_UNEXPLAINED:
        return False
    return layout_correlation(first_13HW[0].movedim(0, 2), second_13HW[0].movedim(0, 2)) < CUT_CORRELATION


def _length(flow_12HW: Tensor) -> Tensor:
    # Tensor.norm over two channels is several times slower than this.
    return (flow_12HW[:, :1].square() + flow_12HW[:, 1:].square()).sqrt()
