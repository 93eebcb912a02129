"""Optical flow of pictures with alpha: what is seen may move farther than its own size over nothing.

Nothing else moves in such a picture, so the shift that brings both pictures together best is found first, over the
whole range, and dense flow then finds the rest.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from ..pictures.alpha import contrasting_ground, has_alpha, over_ground, premultiplied
from .optical_flow import flow_both_ways

Flows = tuple[Tensor, Tensor]  # from the first frame to the second and back, each of shape (2, H, W)

SEARCHED_SIDE = 128  # pixels on the longer side at which the shift is sought
LEAST_SHIFT = 4  # pixels; shorter shifts are left to the dense flow
ALIKE = 0.7  # the shift is used if it leaves at most this share of the difference


def flows_as_seen(first_HWC: Tensor, second_HWC: Tensor) -> Flows:
    """As `flow_both_ways`, for two images of which both have alpha, or none."""
    if not has_alpha(first_HWC):
        return flow_both_ways(first_HWC, second_HWC)
    both_14HW = [premultiplied(each_HWC.float()).movedim(2, 0)[None] for each_HWC in (first_HWC, second_HWC)]
    ground = contrasting_ground(*(each_14HW[0].movedim(0, 2) for each_14HW in both_14HW))
    shown = [over_ground(each_14HW.movedim(1, 3), ground).movedim(3, 1) for each_14HW in both_14HW]
    return visible_flows(flow_both_ways, both_14HW[0], both_14HW[1], (shown[0], shown[1]), ground)


def visible_flows(
    find: Callable[[Tensor, Tensor], Flows], first_14HW: Tensor, second_14HW: Tensor, shown_13HW: Flows, ground: float
) -> Flows:
    """Find the flow between two frames of which parts are invisible.

    Args:
        find: finds the flow between two RGB frames of shape (H, W, 3).
        first_14HW, second_14HW: premultiplied.
        shown_13HW: the same frames in front of a grey.
        ground: that grey.
    """
    across, down = _common_shift(first_14HW, second_14HW)
    if max(abs(across), abs(down)) < LEAST_SHIFT:
        return find(*(each_13HW[0].movedim(0, 2) for each_13HW in shown_13HW))
    # Both on one canvas, the second moved back by the shift; nothing is cut off.
    height, width = first_14HW.shape[2:]
    left = max(across, 0), max(-across, 0)
    top = max(down, 0), max(-down, 0)
    placed = [
        functional.pad(
            shown_13HW[which],
            (left[which], abs(across) - left[which], top[which], abs(down) - top[which]),
            value=ground,
        )
        for which in (0, 1)
    ]
    forward_2HW, backward_2HW = find(*(each_13HW[0].movedim(0, 2) for each_13HW in placed))
    shift_211 = forward_2HW.new_tensor([across, down])[:, None, None]
    forward_2HW = forward_2HW[:, top[0] : top[0] + height, left[0] : left[0] + width] + shift_211
    backward_2HW = backward_2HW[:, top[1] : top[1] + height, left[1] : left[1] + width] - shift_211
    return forward_2HW.contiguous(), backward_2HW.contiguous()


def _common_shift(first_14HW: Tensor, second_14HW: Tensor) -> tuple[int, int]:
    """How far what is seen moves as a whole, in pixels to the right and down; (0, 0) if no shift explains it well."""
    height, width = first_14HW.shape[2:]
    scale = min(1.0, SEARCHED_SIDE / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    small = [functional.interpolate(each, size, mode="area")[0].cpu() for each in (first_14HW, second_14HW)]
    # Premultiplied pictures are 0 where nothing is seen, so the least squares shift is where they correlate most.
    padded = 2 * size[0], 2 * size[1]
    spectra = [torch.fft.rfft2(each_4hw, s=padded) for each_4hw in small]
    products_hw = torch.fft.irfft2((spectra[0].conj() * spectra[1]).sum(dim=0), s=padded)
    energy = sum(float(each_4hw.square().sum()) for each_4hw in small)
    best = int(products_hw.argmax())
    down, across = best // padded[1], best % padded[1]
    before, after = (energy - 2 * float(products_hw.flatten()[place]) for place in (0, best))
    if after > ALIKE * before:
        return 0, 0
    down, across = (
        place - 2 * side if place >= side else place for place, side in zip((down, across), size, strict=True)
    )
    return round(across * width / size[1]), round(down * height / size[0])
