"""Lifts signs that stand still off two frames, as a layer with soft edges, and restores what is behind them.

Optical flow drags a sign along with what moves around it, and tears it. Its edge cannot be followed at all: it is a
mixture of two things that move differently. So the sign is lifted off both frames, what is behind is interpolated as if
it were not there, and the sign is laid over the result.
"""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import torch
from torch import Tensor

from ..flow.warping import backward_warp
from ..pictures.filling import painted_in
from .same_light import SameLight
from .soft_edge import SoftEdge

# Rings of pixels around a sign, by their distance from it. The soft edge is as many rings wide as are less transparent
# than CLEAR.
RINGS = (0.0, 1.2, 1.7, 2.3, 3.1)
CLEAR = 0.96
DISTURBED = 8.0  # pixels: nearer to a sign, the motion found is not trusted

NOISE = 0.02  # a change behind a sign by no more than this says nothing about its transparency

Two = tuple[Tensor, Tensor]  # one for each frame


@dataclass(frozen=True, eq=False)
class StillLayer:
    """Signs in front of two frames, and the frames without them.

    colours_13HW: the signs in each frame, times their opacity.
    opacity_11HW: 0 where there is no sign, 1 where it hides what is behind.
    behind_13HW: both frames without the signs.
    known_11HW: for both, 1 where that is seen in one of the frames, and 0 where it is painted in from around.
    flows_12HW: the motion of what is behind, from the first frame and from the second, in pixels.
    """

    colours_13HW: Two
    opacity_11HW: Tensor
    behind_13HW: Two
    known_11HW: Two
    flows_12HW: Two

    def over(self, frames_T3HW: Tensor, time_T111: Tensor) -> Tensor:
        """Lay the signs over frames of what is behind them, at these times."""
        return torch.lerp(*self.colours_13HW, time_T111) + (1 - self.opacity_11HW) * frames_T3HW


@dataclass(frozen=True, eq=False)
class Hidden:
    """What hides the scene behind it.

    sign_11HW: bool, pixels that show a sign and nothing behind it; its soft edge is yet to be found.
    left_11HW: 1 where the picture is to be left as it is, with any values in between; 0 elsewhere.
    """

    sign_11HW: Tensor
    left_11HW: Tensor

    @classmethod
    def of(cls, sign_11HW: Tensor | None, left_11HW: Tensor | None) -> "Hidden | None":
        """Put both together; None if nothing is hidden."""
        if left_11HW is None or not bool((left_11HW > 0).any()):
            return None if sign_11HW is None else cls(sign_11HW, torch.zeros_like(sign_11HW, dtype=torch.float32))
        return cls(torch.zeros_like(left_11HW, dtype=torch.bool) if sign_11HW is None else sign_11HW, left_11HW)

    def distance(self) -> Tensor:
        """Distance of each pixel from what is hidden, in pixels; shape (1, 1, H, W)."""
        free_HW = (~self.sign_11HW & (self.left_11HW == 0))[0, 0].cpu().numpy().astype(np.uint8)
        distance_HW = cv2.distanceTransform(free_HW, cv2.DIST_L2, 5)
        return torch.from_numpy(distance_HW).to(self.left_11HW.device)[None, None]

    def painted(self, first_13HW: Tensor, second_13HW: Tensor) -> Two:
        """Both frames with what is hidden painted in from around, for whatever looks for motion."""
        seen_11HW = (self.distance() > RINGS[-1]).float()
        return painted_in(first_13HW, seen_11HW), painted_in(second_13HW, seen_11HW)


def lift(first_13HW: Tensor, second_13HW: Tensor, hidden: Hidden, light: SameLight, flows_12HW: Two) -> StillLayer:
    """Lift signs off two frames.

    Args:
        first_13HW, second_13HW: the frames, float32 on one device.
        hidden: what hides the scene.
        light, flows_12HW: the change of light, and the motion both ways in pixels, between the painted frames.
    """
    distance_11HW = hidden.distance()
    trusted_11HW = (distance_11HW > DISTURBED).float()
    flows_12HW = painted_in(flows_12HW[0], trusted_11HW), painted_in(flows_12HW[1], trusted_11HW)
    frames = (first_13HW, second_13HW)
    width = RINGS[-1]
    while True:
        seen_11HW = (distance_11HW > width).float()
        behind = _Behind.of(frames, seen_11HW, light, flows_12HW)
        clear_R = behind.clear_by_ring(frames, distance_11HW)
        narrower = max(RINGS[1], _soft_width(clear_R))
        if narrower >= width:
            break
        width = narrower
    opacity_11HW = torch.maximum(hidden.sign_11HW.float(), hidden.left_11HW)
    is_edge_HW = ((seen_11HW == 0) & (opacity_11HW == 0))[0, 0]
    edge = SoftEdge(is_edge_HW, frames, behind.frames_13HW, behind.known_11HW, seen_11HW)
    opacity_11HW[0, 0, is_edge_HW] = edge.opacity(hidden.sign_11HW, _opacity_by_ring(clear_R, distance_11HW))
    colours = [
        (frame_13HW - (1 - opacity_11HW) * behind_13HW) * (opacity_11HW > 0)
        for frame_13HW, behind_13HW in zip(frames, behind.frames_13HW, strict=True)
    ]
    return StillLayer((colours[0], colours[1]), opacity_11HW, behind.frames_13HW, behind.known_11HW, flows_12HW)


@dataclass(frozen=True, eq=False)
class _Behind:
    """What is behind the signs of both frames: from the other frame where it is seen there, else painted in."""

    frames_13HW: Two
    known_11HW: Two

    @classmethod
    def of(cls, frames_13HW: Two, seen_11HW: Tensor, light: SameLight, flows_12HW: Two) -> "_Behind":
        """Put together what is seen in either frame (1), moved by the flow and brought into the light of the other."""
        first_13HW, second_13HW = (painted_in(frame_13HW, seen_11HW) for frame_13HW in frames_13HW)
        from_second_13HW = backward_warp(light.light_of_first(second_13HW), flows_12HW[0], "bicubic")
        from_first_13HW = light.light_of_second(backward_warp(first_13HW, flows_12HW[1], "bicubic"))
        # What is hidden in the other frame as well is not known.
        shown0_11HW, shown1_11HW = (backward_warp(seen_11HW, flow_12HW).square() for flow_12HW in flows_12HW)

        def whole(own_13HW: Tensor, other_13HW: Tensor, shown_11HW: Tensor) -> Tensor:
            return torch.lerp(torch.lerp(own_13HW, other_13HW, shown_11HW), own_13HW, seen_11HW)

        return cls(
            (whole(first_13HW, from_second_13HW, shown0_11HW), whole(second_13HW, from_first_13HW, shown1_11HW)),
            (torch.maximum(seen_11HW, shown0_11HW), torch.maximum(seen_11HW, shown1_11HW)),
        )

    def clear_by_ring(self, frames_13HW: Two, distance_11HW: Tensor) -> list[float]:
        """Mean transparency of each ring: how much of the change behind it is seen; 0 where nothing is known."""
        both_11HW = self.known_11HW[0] * self.known_11HW[1]
        seen_13HW, behind_13HW = frames_13HW[0] - frames_13HW[1], self.frames_13HW[0] - self.frames_13HW[1]
        agreement_11HW = both_11HW * (seen_13HW * behind_13HW).sum(dim=1, keepdim=True)
        evidence_11HW = both_11HW * behind_13HW.square().sum(dim=1, keepdim=True)
        return [
            float((agreement_11HW[ring].sum() / (evidence_11HW[ring].sum() + NOISE**2)).clamp(0, 1))
            for ring in _rings(distance_11HW)
        ]


def _soft_width(clear_R: list[float]) -> float:
    """How far from a sign its edge ends: beyond, every ring is clear."""
    width = RINGS[-1]
    for ring in reversed(range(len(clear_R))):
        if clear_R[ring] < CLEAR:
            break
        width = RINGS[ring]
    return width


def _opacity_by_ring(clear_R: list[float], distance_11HW: Tensor) -> Tensor:
    """The mean opacity of the ring of each pixel."""
    opacity_11HW = torch.zeros_like(distance_11HW)
    for ring_11HW, clear in zip(_rings(distance_11HW), clear_R, strict=True):
        opacity_11HW[ring_11HW] = 1 - clear
    return opacity_11HW


def _rings(distance_11HW: Tensor) -> list[Tensor]:
    """The pixels of each ring."""
    return [(distance_11HW > inner) & (distance_11HW <= outer) for inner, outer in pairwise(RINGS)]
