"""Optical flow of pictures with alpha: what is seen may move farther than its own size over nothing.

Nothing but what is seen moves in such a picture, so it can be sought over the whole range: first the shifts that bring
the most of both pictures together, one after another, then the dense flow that is left after each of them. Each pixel
takes the flow that explains its surroundings best.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from ..pictures.alpha import contrasting_ground, has_alpha, over_ground, premultiplied
from .optical_flow import flow_both_ways
from .warping import backward_warp

Flows = tuple[Tensor, Tensor]  # from the first frame to the second and back, each of shape (2, H, W)
Shift = tuple[int, int]  # to the right and down, in pixels

SEARCHED_SIDE = 128  # pixels on the longer side at which shifts are sought
MOST_SHIFTS = 4
LEAST_SHIFT = 4  # pixels; shifts that differ by less lead to the same dense flow
ALIKE = 0.8  # a shift is used if it leaves at most this share of the difference
EXPLAINED = 0.3  # difference, as a share of what is seen, up to which a place is explained by a shift
UNEXPLAINED = 0.05  # share of what is seen up to which no further shift is sought
AROUND = 11  # pixels across, over which the differences along two flows are compared
BETTER = 0.8  # a further flow is taken where it leaves at most this share of the difference


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
    best: Flows | None = None
    errors: list[Tensor] = []
    for shift in find_shifts(first_14HW, second_14HW):
        flows = _flows_after(find, shown_13HW, ground, shift)
        new = [
            _error(own_14HW, other_14HW, flow_2HW)
            for own_14HW, other_14HW, flow_2HW in zip(
                (first_14HW, second_14HW), (second_14HW, first_14HW), flows, strict=True
            )
        ]
        if best is None:
            best, errors = flows, new
            continue
        better = [new_1HW < BETTER * old_1HW for new_1HW, old_1HW in zip(new, errors, strict=True)]
        best = torch.where(better[0], flows[0], best[0]), torch.where(better[1], flows[1], best[1])
        errors = [torch.where(*each) for each in zip(better, new, errors, strict=True)]
    assert best is not None  # there is at least one shift
    return best


def brought_together(first_HWC: Tensor, second_HWC: Tensor) -> tuple[Tensor, Tensor] | None:
    """Two straight frames on one canvas, the second moved back by the shift that explains most; None without one."""
    both_14HW = [premultiplied(each_HWC.float()).movedim(2, 0)[None] for each_HWC in (first_HWC, second_HWC)]
    shift = find_shifts(both_14HW[0], both_14HW[1])[0]
    if shift == (0, 0):
        return None
    placed = _on_one_canvas((first_HWC.movedim(2, 0)[None], second_HWC.movedim(2, 0)[None]), 0, shift)
    return placed[0][0].movedim(0, 2), placed[1][0].movedim(0, 2)


def find_shifts(first_14HW: Tensor, second_14HW: Tensor) -> list[Shift]:
    """The shifts of what is seen from one premultiplied frame to the other, the one that explains most first."""
    height, width = first_14HW.shape[2:]
    scale = min(1.0, SEARCHED_SIDE / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    small = [functional.interpolate(each, size, mode="area")[0].cpu() for each in (first_14HW, second_14HW)]
    seen = sum(float(each_4hw.square().sum()) for each_4hw in small)
    shifts: list[Shift] = []
    for _ in range(MOST_SHIFTS):
        energy = sum(float(each_4hw.square().sum()) for each_4hw in small)
        if energy <= UNEXPLAINED * seen:
            break
        # Premultiplied pictures are 0 where nothing is seen, so the least squares shift is where they correlate most.
        padded = 2 * size[0], 2 * size[1]
        spectra = [torch.fft.rfft2(each_4hw, s=padded) for each_4hw in small]
        products_hw = torch.fft.irfft2((spectra[0].conj() * spectra[1]).sum(dim=0), s=padded)
        place = int(products_hw.argmax())
        if energy - 2 * float(products_hw.flatten()[place]) > ALIKE * energy:
            break
        down, across = (
            each - 2 * side if each >= side else each
            for each, side in zip((place // padded[1], place % padded[1]), size, strict=True)
        )
        small = [_unexplained(small[0], small[1], across, down), _unexplained(small[1], small[0], -across, -down)]
        shift = round(across * width / size[1]), round(down * height / size[0])
        if max(map(abs, shift)) < LEAST_SHIFT:
            shift = 0, 0
        if all(max(abs(shift[0] - other[0]), abs(shift[1] - other[1])) >= LEAST_SHIFT for other in shifts):
            shifts.append(shift)
    return shifts or [(0, 0)]


def _unexplained(own_4hw: Tensor, other_4hw: Tensor, across: int, down: int) -> Tensor:
    """A small frame without the places that the other frame has, too, at a shift of (across, down)."""
    height, width = own_4hw.shape[1:]
    around = functional.pad(other_4hw, (abs(across), abs(across), abs(down), abs(down)))
    moved_4hw = around[:, abs(down) + down :, abs(across) + across :][:, :height, :width]
    apart_1hw = (own_4hw - moved_4hw).abs().mean(dim=0, keepdim=True)
    seen_1hw = own_4hw.mean(dim=0, keepdim=True)
    apart_1hw, seen_1hw = (functional.avg_pool2d(each, 3, 1, padding=1) for each in (apart_1hw, seen_1hw))
    return own_4hw * (apart_1hw > EXPLAINED * seen_1hw)


def _flows_after(find: Callable[[Tensor, Tensor], Flows], shown_13HW: Flows, ground: float, shift: Shift) -> Flows:
    """The flows between two frames of which the second is first moved back by a shift."""
    if shift == (0, 0):
        return find(*(each_13HW[0].movedim(0, 2) for each_13HW in shown_13HW))
    across, down = shift
    height, width = shown_13HW[0].shape[2:]
    left, top = _places(shift)
    flows = find(*(each_13HW[0].movedim(0, 2) for each_13HW in _on_one_canvas(shown_13HW, ground, shift)))
    shift_211 = flows[0].new_tensor([across, down])[:, None, None]
    forward_2HW = flows[0][:, top[0] : top[0] + height, left[0] : left[0] + width] + shift_211
    backward_2HW = flows[1][:, top[1] : top[1] + height, left[1] : left[1] + width] - shift_211
    return forward_2HW.contiguous(), backward_2HW.contiguous()


def _places(shift: Shift) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where two frames are on their canvas, so that nothing is cut off: the left edge of each, and the top of each."""
    across, down = shift
    return (max(across, 0), max(-across, 0)), (max(down, 0), max(-down, 0))


def _on_one_canvas(frames_1CHW: tuple[Tensor, Tensor], ground: float, shift: Shift) -> tuple[Tensor, Tensor]:
    """Both frames in front of a larger ground, the second moved back by a shift."""
    (across, down), (left, top) = shift, _places(shift)
    first_1CHW, second_1CHW = (
        functional.pad(
            each_1CHW,
            (left[which], abs(across) - left[which], top[which], abs(down) - top[which]),
            value=ground,
        )
        for which, each_1CHW in enumerate(frames_1CHW)
    )
    return first_1CHW, second_1CHW


def _error(own_14HW: Tensor, other_14HW: Tensor, flow_2HW: Tensor) -> Tensor:
    """Mean difference between the surroundings of each pixel and what they become along a flow, of shape (1, H, W)."""
    moved_14HW = backward_warp(other_14HW, flow_2HW[None].to(own_14HW), outside="zeros")
    apart_11HW = (own_14HW - moved_14HW).abs().mean(dim=1, keepdim=True) * own_14HW[:, 3:]
    return functional.avg_pool2d(apart_11HW, AROUND, 1, AROUND // 2)[0].to(flow_2HW.device)
