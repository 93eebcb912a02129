"""Optical flow as pictures: direction and length as colours, and newly visible areas as a mask.

The colours follow Baker et al., "A Database and Evaluation Methodology for Optical Flow", IJCV 2011 (the Middlebury
colour wheel).
"""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..errors import InbetweenError, TooFewFramesError
from ..flow.optical_flow import flow_both_ways, flow_length
from ..flow.splatting import SplatGeometry
from ..pictures.images import check_frames
from ..progress import ProgressCallback, no_progress

# The colours of the wheel, and the number of steps from each to the next.
_WHEEL = (
    ((255, 0, 0), 15),  # red to yellow
    ((255, 255, 0), 6),  # yellow to green
    ((0, 255, 0), 4),  # green to cyan
    ((0, 255, 255), 11),  # cyan to blue
    ((0, 0, 255), 13),  # blue to magenta
    ((255, 0, 255), 6),  # magenta to red
)
HOLE = 0.5  # a pixel is a hole if splatted pixels land on less than this share of its surroundings
SCALE_QUANTILE = 0.995  # of the motion, for the automatic scale; a few wild pixels must not set it
MOST_SAMPLES = 100_000
TEXT = (40, 40, 40)
BYTES_PER_PIXEL = 20  # of each pair: its flow in half precision, holes and picture in float32
_SHORTEST = 1e-3  # pixels; the smallest motion that may get the full colour


@dataclass(frozen=True)
class FlowView:
    """The motion in a clip of T + 1 frames as pictures.

    flow_THWC: one picture for each pair of frames, float32 in [0, 1]; white where nothing moves.
    holes_THW: float32, 1 where the second frame of a pair shows what the first one hides.
    report: the scale, and the pairs with the largest motion.
    """

    flow_THWC: Tensor
    holes_THW: Tensor
    report: str


def view_flow(
    frames_THWC: Tensor,
    longest: float = 0.0,
    legend: bool = True,
    on_frames: ProgressCallback = no_progress,
) -> FlowView:
    """Show the motion from each frame to the next.

    Flow is slow to estimate, so it is kept until the scale is known, in half precision, which is accurate to 0.1%.

    Args:
        frames_THWC: a clip of two or more frames in [0, 1].
        longest: motion, in pixels, shown at full saturation; anything longer is darkened. 0 uses the largest motion in
            the clip (the 99.5th percentile), so that all pictures share one scale.
        legend: draw the colour wheel and the scale in a corner.
        on_frames: called with n after n more pairs; may raise to stop the work.

    Raises:
        InbetweenError: fewer than two frames, frames smaller than 16x16, or a negative scale.
    """
    check_frames(frames_THWC, "images")
    count = frames_THWC.shape[0] - 1
    if count < 1:
        raise TooFewFramesError("images has one frame; connect a clip of 2 or more.", 1)
    if not (longest == 0 or _SHORTEST <= longest < float("inf")):
        raise InbetweenError(f"longest is {longest:g}; give 0 (automatic) or a number of pixels.")
    height, width = frames_THWC.shape[1:3]
    flows_T2HW = torch.empty(count, 2, height, width, dtype=torch.float16)
    holes_THW = torch.empty(count, height, width)
    means, peaks = [], []
    for pair, (first_HWC, second_HWC) in enumerate(pairwise(frames_THWC)):
        flow_2HW, _ = flow_both_ways(first_HWC, second_HWC)
        flows_T2HW[pair] = flow_2HW
        holes_THW[pair] = _holes(flow_2HW)
        length_HW = flow_length(flow_2HW)
        means.append(float(length_HW.mean()))
        peaks.append(_percentile(length_HW))
        on_frames(1)
    scale = longest or max(peaks) or 1.0
    pictures_THWC = torch.empty(count, height, width, 3)
    for picture_HWC, flow_2HW in zip(pictures_THWC, flows_T2HW, strict=True):
        picture_HWC.copy_(flow_colours(flow_2HW.float() / scale))
        if legend:
            _draw_legend(picture_HWC, scale)
    return FlowView(pictures_THWC, holes_THW, _report(means, peaks, holes_THW, scale))


def flow_colours(flow_2HW: Tensor) -> Tensor:
    """The colours of a flow: shape (H, W, 3), in [0, 1].

    Direction is hue. A length of 1 has full saturation, shorter motion fades to white, and longer motion is darkened.

    Args:
        flow_2HW: channel 0 = x, to the right; channel 1 = y, downwards; scaled so that full saturation is at length 1.
    """
    wheel_N3 = torch.tensor(
        [
            [(begin + (end - begin) * step / steps) / 255 for begin, end in zip(colour, following, strict=True)]
            for (colour, steps), (following, _) in zip(_WHEEL, _WHEEL[1:] + _WHEEL[:1], strict=True)
            for step in range(steps)
        ]
    )
    angle_HW = torch.atan2(-flow_2HW[1], -flow_2HW[0]) / torch.pi  # as published: red is to the right
    # Use the whole circle; the published code stops one step short, which leaves a seam at red.
    place_HW = (angle_HW + 1) / 2 * len(wheel_N3)
    below_HW = place_HW.floor().long().clamp(max=len(wheel_N3) - 1)
    above_HW = (below_HW + 1) % len(wheel_N3)
    hue_HW3 = torch.lerp(wheel_N3[below_HW], wheel_N3[above_HW], (place_HW - below_HW)[..., None])
    length_HW1 = flow_length(flow_2HW)[..., None]
    return torch.where(length_HW1 <= 1, 1 - length_HW1 * (1 - hue_HW3), hue_HW3 * 0.75)


def _holes(flow_2HW: Tensor) -> Tensor:
    arrived_HW = SplatGeometry.of(flow_2HW[None]).splat(torch.ones_like(flow_2HW[None, :1]))[0, 0]
    around_1HW = functional.avg_pool2d(arrived_HW.clamp(max=1)[None], 5, 1, padding=2, count_include_pad=False)
    return (around_1HW[0] < HOLE).float()


def _percentile(length_HW: Tensor) -> float:
    step = max(1, length_HW.numel() // MOST_SAMPLES)
    return float(torch.quantile(length_HW.flatten()[::step], SCALE_QUANTILE))


def _draw_legend(picture_HWC: Tensor, scale: float) -> None:
    """Draw the wheel in the lower right corner, labelled with the scale; pictures under 64 pixels have no room."""
    shorter = min(picture_HWC.shape[:2])
    if shorter < 64:
        return
    side = max(24, shorter // 6)
    axis = torch.linspace(-1, 1, side)
    wheel_2hw = torch.stack([axis.expand(side, side), axis[:, None].expand(side, side)])
    corner_hwC = picture_HWC[-side - 4 : -4, -side - 4 : -4]
    inside_hw1 = (flow_length(wheel_2hw) <= 1)[..., None]
    corner_hwC.copy_(torch.where(inside_hw1, flow_colours(wheel_2hw), corner_hwC))
    text, size = f"{scale:.3g} px", side / 110
    (text_width, text_height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    label = np.full((text_height + 6, text_width + 6, 3), 255, dtype=np.uint8)
    cv2.putText(label, text, (3, text_height + 2), cv2.FONT_HERSHEY_SIMPLEX, size, TEXT, 1, cv2.LINE_AA)
    bottom, right = picture_HWC.shape[0] - 4, picture_HWC.shape[1] - side - 8
    if right >= label.shape[1]:
        area = picture_HWC[bottom - label.shape[0] : bottom, right - label.shape[1] : right]
        area.copy_(torch.from_numpy(label) / 255)


def _report(means: list[float], peaks: list[float], holes_THW: Tensor, scale: float) -> str:
    lines = [
        f"{len(means)} pairs of frames; full colour is {scale:.3g} px. Mean motion {sum(means) / len(means):.2f} px; "
        f"{float(holes_THW.mean()):.1%} of the area is newly visible."
    ]
    for pair in sorted(range(len(means)), key=lambda pair: -peaks[pair])[:3]:
        holes = float(holes_THW[pair].mean())
        lines.append(
            f"Frames {pair} and {pair + 1}: mean {means[pair]:.2f} px, largest {peaks[pair]:.2f} px, {holes:.1%} holes."
        )
    return "\n".join(lines)
