"""Lifts signs that stand still off two frames, as a layer with soft edges, and restores what is behind them.

Optical flow drags a sign along with what moves around it, and tears it. Its edge cannot be followed at all: it is a
mixture of two things that move differently. So the sign is lifted off both frames, what is behind is interpolated as if
it were not there, and the sign is laid over the result.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..flow.warping import backward_warp
from ..pictures.filling import painted_in, pull_push_filled
from .same_light import SameLight

# Rings of pixels around a sign, by their distance from it. The soft edge is as many rings wide as are less transparent
# than CLEAR.
RINGS = (0.0, 1.2, 1.7, 2.3, 3.1)
CLEAR = 0.96
DISTURBED = 8.0  # pixels: nearer to a sign, the motion found is not trusted

# Standard deviations of what the opacity of a pixel is judged by: a colour fetched from the other frame, a colour
# painted in (at least), the colour of the edge of a sign, and the opacity itself within one ring.
FETCHED, PAINTED, EDGE, SPREAD = 0.02, 0.03, 0.1, 0.35
KNOWN = 0.9  # share of a fetched pixel that has to be seen in the other frame
DISTINCT = 0.04  # what is behind has to change by more than this to show how transparent a pixel is
NEIGHBOURS = 5  # pixels: the colour of an edge is a mean over a square of this size, taken twice
PLAIN_EDGE = 0.001  # the weight of the sign's own colour in it, where no edge was measured
STEPS = 33  # opacities that are tried for each pixel


@dataclass(frozen=True, eq=False)
class StillLayer:
    """Signs in front of two frames, and the frames without them.

    colours_13HW: the signs in each frame, times their opacity.
    opacity_11HW: 0 where there is no sign, 1 where it hides what is behind.
    behind_13HW: both frames without the signs.
    known_11HW: for both, 1 where that is seen in one of the frames, and 0 where it is painted in from around.
    flows_12HW: the motion of what is behind, from the first frame and from the second, in pixels.
    """

    colours_13HW: tuple[Tensor, Tensor]
    opacity_11HW: Tensor
    behind_13HW: tuple[Tensor, Tensor]
    known_11HW: tuple[Tensor, Tensor]
    flows_12HW: tuple[Tensor, Tensor]

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
        if left_11HW is not None and not bool((left_11HW > 0).any()):
            left_11HW = None
        if sign_11HW is None and left_11HW is None:
            return None
        if sign_11HW is None:
            return cls(torch.zeros_like(left_11HW, dtype=torch.bool), left_11HW)
        return cls(sign_11HW, torch.zeros_like(sign_11HW, dtype=torch.float32) if left_11HW is None else left_11HW)

    def distance(self) -> Tensor:
        """Distance of each pixel from what is hidden, in pixels; shape (1, 1, H, W)."""
        free_HW = (~self.sign_11HW & (self.left_11HW == 0))[0, 0].cpu().numpy().astype(np.uint8)
        distance_HW = cv2.distanceTransform(free_HW, cv2.DIST_L2, 5)
        return torch.from_numpy(distance_HW).to(self.left_11HW.device)[None, None]

    def painted(self, first_13HW: Tensor, second_13HW: Tensor) -> tuple[Tensor, Tensor]:
        """Both frames with what is hidden painted in from around, for whatever looks for motion."""
        seen_11HW = (self.distance() > RINGS[-1]).float()
        return painted_in(first_13HW, seen_11HW), painted_in(second_13HW, seen_11HW)


def lift(
    first_13HW: Tensor, second_13HW: Tensor, hidden: Hidden, light: SameLight, flows_12HW: tuple[Tensor, Tensor]
) -> StillLayer:
    """Lift signs off two frames.

    Args:
        first_13HW, second_13HW: the frames, float32 on one device.
        hidden: what hides the scene.
        light, flows_12HW: the change of light, and the motion both ways in pixels, between the painted frames.
    """
    distance_11HW = hidden.distance()
    trusted_11HW = (distance_11HW > DISTURBED).float()
    forward_12HW, backward_12HW = (painted_in(flow_12HW, trusted_11HW) for flow_12HW in flows_12HW)
    frames = (first_13HW, second_13HW)
    width = RINGS[-1]
    while True:
        seen_11HW = (distance_11HW > width).float()
        behind = _Behind.of(frames, seen_11HW, light, (forward_12HW, backward_12HW))
        clear_R = behind.transparency_by_ring(frames, distance_11HW)
        narrower = max(RINGS[1], _soft_width(clear_R))
        if narrower >= width:
            break
        width = narrower
    edge_HW = ((seen_11HW == 0) & ~hidden.sign_11HW & (hidden.left_11HW == 0))[0, 0]
    opacity_11HW = torch.maximum(hidden.sign_11HW.float(), hidden.left_11HW)
    opacity_11HW[0, 0, edge_HW] = behind.edge_opacity(frames, hidden.sign_11HW, edge_HW, _by_ring(clear_R, distance_11HW))
    colours = (
        (frame_13HW - (1 - opacity_11HW) * behind_13HW) * (opacity_11HW > 0)
        for frame_13HW, behind_13HW in zip(frames, behind.frames_13HW, strict=True)
    )
    return StillLayer(
        tuple(colours), opacity_11HW, behind.frames_13HW, behind.known_11HW, (forward_12HW, backward_12HW)
    )


@dataclass(frozen=True, eq=False)
class _Behind:
    """What is behind the signs of both frames: from the other frame where it is seen there, else painted in.

    seen_11HW: 1 where no sign hides it.
    """

    frames_13HW: tuple[Tensor, Tensor]
    known_11HW: tuple[Tensor, Tensor]
    seen_11HW: Tensor

    @classmethod
    def of(
        cls,
        frames_13HW: tuple[Tensor, Tensor],
        seen_11HW: Tensor,
        light: SameLight,
        flows_12HW: tuple[Tensor, Tensor],
    ) -> "_Behind":
        painted0_13HW, painted1_13HW = (painted_in(frame_13HW, seen_11HW) for frame_13HW in frames_13HW)
        other1_13HW, other0_13HW = light.light_of_first(painted1_13HW), painted0_13HW
        fetched0_13HW = backward_warp(other1_13HW, flows_12HW[0], "bicubic")
        fetched1_13HW = light.light_of_second(backward_warp(other0_13HW, flows_12HW[1], "bicubic"))
        # What is hidden at the other end as well is not known, nor is what comes from beyond the border.
        shown0_11HW, shown1_11HW = (backward_warp(seen_11HW, flow_12HW).square() for flow_12HW in flows_12HW)
        behind = (
            torch.lerp(torch.lerp(own_13HW, fetched_13HW, shown_11HW), own_13HW, seen_11HW)
            for own_13HW, fetched_13HW, shown_11HW in (
                (painted0_13HW, fetched0_13HW, shown0_11HW),
                (painted1_13HW, fetched1_13HW, shown1_11HW),
            )
        )
        known = torch.maximum(seen_11HW, shown0_11HW), torch.maximum(seen_11HW, shown1_11HW)
        return cls(tuple(behind), known, seen_11HW)

    def transparency_by_ring(self, frames_13HW: tuple[Tensor, Tensor], distance_11HW: Tensor) -> list[float]:
        """Mean transparency of each ring: how much of the change behind it is seen. 0 where nothing is known."""
        both_11HW = self.known_11HW[0] * self.known_11HW[1]
        seen_13HW, behind_13HW = frames_13HW[0] - frames_13HW[1], self.frames_13HW[0] - self.frames_13HW[1]
        agreement_11HW = both_11HW * (seen_13HW * behind_13HW).sum(dim=1, keepdim=True)
        evidence_11HW = both_11HW * behind_13HW.square().sum(dim=1, keepdim=True)
        means = []
        for inner, outer in zip(RINGS, RINGS[1:], strict=False):
            ring_11HW = (distance_11HW > inner) & (distance_11HW <= outer)
            mean = agreement_11HW[ring_11HW].sum() / (evidence_11HW[ring_11HW].sum() + FETCHED**2)
            means.append(float(mean.clamp(0, 1)))
        return means

    def edge_opacity(
        self, frames_13HW: tuple[Tensor, Tensor], sign_11HW: Tensor, edge_HW: Tensor, expected_11HW: Tensor
    ) -> Tensor:
        """The opacity of the N pixels of a soft edge.

        A pixel of opacity a shows a * colour + (1 - a) * what is behind. Where that is known in both frames, the change
        from frame to frame gives a without the colour. Elsewhere the most likely a is taken, with the colour of the
        edge around it, which is measured where a is.
        """

        def at(picture_1CHW: Tensor) -> Tensor:
            return picture_1CHW[0, :, edge_HW].T

        behind_N3, frame_N3 = [at(each) for each in self.frames_13HW], [at(each) for each in frames_13HW]
        change_N3 = behind_N3[0] - behind_N3[1]
        known_N = [at(each)[:, 0] > KNOWN for each in self.known_11HW]
        evidence_N = change_N3.square().sum(dim=1) * (known_N[0] & known_N[1])
        through_N = ((frame_N3[0] - frame_N3[1]) * change_N3).sum(dim=1) / change_N3.square().sum(dim=1).clamp(min=1e-9)
        measured_N = 1 - through_N.clamp(0, 1)

        premultiplied_N3 = sum(
            frame - (1 - measured_N[:, None]) * behind for frame, behind in zip(frame_N3, behind_N3, strict=True)
        ) / 2
        sums_14HW = torch.zeros_like(torch.cat([frames_13HW[0], sign_11HW], dim=1))
        plain_13HW = (frames_13HW[0] + frames_13HW[1]) / 2
        sums_14HW[:] = PLAIN_EDGE * sign_11HW * torch.cat([plain_13HW, torch.ones_like(expected_11HW)], dim=1)
        weight_N = evidence_N * measured_N
        sums_14HW[0, :, edge_HW] = torch.cat([premultiplied_N3 * weight_N[:, None], (weight_N * measured_N)[:, None]], 1).T
        for _ in range(2):
            sums_14HW = functional.avg_pool2d(sums_14HW, NEIGHBOURS, 1, NEIGHBOURS // 2)
        colour_N3 = at(pull_push_filled(sums_14HW[:, :3], sums_14HW[:, 3:]))

        tried_A = torch.linspace(0, 1, STEPS, device=frame_N3[0].device)
        cost_NA = ((tried_A - at(expected_11HW)) / SPREAD).square()
        for number in range(2):
            uncertain_N = torch.where(known_N[number], FETCHED**2, at(self._spread(frames_13HW[number]))[:, 0])
            variance_NA = (1 - tried_A).square() * uncertain_N[:, None] + (EDGE * tried_A).square() + (FETCHED / 2) ** 2
            mixed_NA3 = tried_A[:, None] * colour_N3[:, None] + (1 - tried_A)[:, None] * behind_N3[number][:, None]
            cost_NA += (frame_N3[number][:, None] - mixed_NA3).square().sum(dim=2) / variance_NA + 3 * variance_NA.log()
        likely_N = ((-cost_NA / 2).softmax(dim=1) * tried_A).sum(dim=1)
        return torch.lerp(likely_N, measured_N, evidence_N / (evidence_N + DISTINCT**2))

    def _spread(self, frame_13HW: Tensor) -> Tensor:
        """Mean variance of the colours around what is painted in; shape (1, 1, H, W)."""
        moments = (pull_push_filled(each * self.seen_11HW, self.seen_11HW) for each in (frame_13HW.square(), frame_13HW))
        square_13HW, mean_13HW = moments
        return (square_13HW - mean_13HW.square()).mean(dim=1, keepdim=True).clamp(min=PAINTED**2)


def _soft_width(clear_R: list[float]) -> float:
    """How far from a sign its edge ends: beyond, every ring is clear."""
    width = RINGS[-1]
    for ring in reversed(range(len(clear_R))):
        if clear_R[ring] < CLEAR:
            break
        width = RINGS[ring]
    return width


def _by_ring(clear_R: list[float], distance_11HW: Tensor) -> Tensor:
    """The mean opacity of the ring of each pixel."""
    opacity_11HW = torch.zeros_like(distance_11HW)
    for inner, outer, clear in zip(RINGS, RINGS[1:], clear_R, strict=False):
        opacity_11HW = torch.where((distance_11HW > inner) & (distance_11HW <= outer), 1 - clear, opacity_11HW)
    return opacity_11HW
