"""How opaque the soft edge of a sign is, pixel by pixel.

A pixel of opacity a shows a * colour + (1 - a) * what is behind.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..pictures.filling import pull_push_filled

# Standard deviations: of a colour fetched from the other frame, of one painted in (at least), of the colour of an edge,
# and of the opacity from what is expected.
FETCHED, PAINTED, EDGE, SPREAD = 0.02, 0.03, 0.1, 0.35
KNOWN = 0.9  # share of a fetched pixel that has to be seen in the other frame
DISTINCT = 0.04  # what is behind has to change by more than this to show how transparent a pixel is
NEIGHBOURS = 5  # pixels: the colour of an edge is a mean over a square of this size, taken twice
PLAIN = 0.001  # the weight of the sign's own colour in that mean, which counts where no edge was measured
STEPS = 33  # opacities that are tried for each pixel


@dataclass(frozen=True, eq=False)
class SoftEdge:
    """The N pixels of a soft edge, in two frames.

    is_edge_HW: which pixels these are.
    frames_13HW, behind_13HW: both frames, and what is behind the sign in each.
    known_11HW: for each frame, 1 where what is behind is seen in either frame, and 0 where it is painted in.
    seen_11HW: 1 where no sign is, and no edge of one.
    """

    is_edge_HW: Tensor
    frames_13HW: tuple[Tensor, Tensor]
    behind_13HW: tuple[Tensor, Tensor]
    known_11HW: tuple[Tensor, Tensor]
    seen_11HW: Tensor

    def opacity(self, sign_11HW: Tensor, expected_11HW: Tensor) -> Tensor:
        """The opacity of each pixel of the edge, shape (N,).

        Where what is behind is known in both frames, its change from frame to frame gives the opacity without the
        colour. Elsewhere the most likely opacity is taken, with the colour of the edge around.

        Args:
            sign_11HW: bool, the sign without its edge.
            expected_11HW: the opacity that is expected.
        """
        measured_N, evidence_N = self._measured()
        likely_N = self._likely(self._colours(measured_N, evidence_N, sign_11HW), expected_11HW)
        return torch.lerp(likely_N, measured_N, evidence_N / (evidence_N + DISTINCT**2))

    def _at(self, picture_1CHW: Tensor) -> Tensor:
        """The pixels of the edge, shape (N, C)."""
        return picture_1CHW[0, :, self.is_edge_HW].T

    def _measured(self) -> tuple[Tensor, Tensor]:
        """The opacity by how much less a pixel changes than what is behind; and the squared change behind, if known."""
        change_N3 = self._at(self.frames_13HW[0] - self.frames_13HW[1])
        behind_N3 = self._at(self.behind_13HW[0] - self.behind_13HW[1])
        squared_N = behind_N3.square().sum(dim=1)
        clear_N = (change_N3 * behind_N3).sum(dim=1) / squared_N.clamp(min=1e-9)
        is_known_N = (self._at(torch.minimum(*self.known_11HW)) > KNOWN)[:, 0]
        return 1 - clear_N.clamp(0, 1), squared_N * is_known_N

    def _colours(self, measured_N: Tensor, evidence_N: Tensor, sign_11HW: Tensor) -> Tensor:
        """The colour of the edge around each pixel, from where its opacity is measured; shape (N, 3)."""
        opacity_N1 = measured_N[:, None]
        mean_13HW, behind_13HW = (torch.lerp(*both, 0.5) for both in (self.frames_13HW, self.behind_13HW))
        premultiplied_N3 = self._at(mean_13HW) - (1 - opacity_N1) * self._at(behind_13HW)
        weight_N1 = evidence_N[:, None] * opacity_N1
        plain_11HW = PLAIN * sign_11HW.float()
        sums_14HW = torch.cat([plain_11HW * mean_13HW, plain_11HW], dim=1)
        sums_14HW[0, :, self.is_edge_HW] = torch.cat([weight_N1 * premultiplied_N3, weight_N1 * opacity_N1], dim=1).T
        for _ in range(2):
            sums_14HW = functional.avg_pool2d(sums_14HW, NEIGHBOURS, 1, NEIGHBOURS // 2)
        return self._at(pull_push_filled(sums_14HW[:, :3], sums_14HW[:, 3:]))

    def _likely(self, colour_N3: Tensor, expected_11HW: Tensor) -> Tensor:
        """The mean of the opacities that are likely, given the colour of the edge; shape (N,)."""
        tried_A = torch.linspace(0, 1, STEPS, device=colour_N3.device)
        unlikely_NA = ((tried_A - self._at(expected_11HW)) / SPREAD).square()
        for frame_13HW, behind_13HW, known_11HW in zip(
            self.frames_13HW, self.behind_13HW, self.known_11HW, strict=True
        ):
            is_known_N1 = self._at(known_11HW) > KNOWN
            uncertain_N1 = torch.where(is_known_N1, FETCHED**2, self._at(self._variance(frame_13HW)))
            variance_NA = (1 - tried_A).square() * uncertain_N1 + (EDGE * tried_A).square() + (FETCHED / 2) ** 2
            behind_N3, frame_N3 = self._at(behind_13HW), self._at(frame_13HW)
            mixed_NA3 = torch.lerp(behind_N3[:, None], colour_N3[:, None], tried_A[:, None])
            unlikely_NA += (frame_N3[:, None] - mixed_NA3).square().sum(dim=2) / variance_NA + 3 * variance_NA.log()
        return ((-unlikely_NA / 2).softmax(dim=1) * tried_A).sum(dim=1)

    def _variance(self, frame_13HW: Tensor) -> Tensor:
        """How much colours vary around what is painted in: mean of the channels, shape (1, 1, H, W)."""
        square_13HW = pull_push_filled(frame_13HW.square() * self.seen_11HW, self.seen_11HW)
        mean_13HW = pull_push_filled(frame_13HW * self.seen_11HW, self.seen_11HW)
        return (square_13HW - mean_13HW.square()).mean(dim=1, keepdim=True).clamp(min=PAINTED**2)
