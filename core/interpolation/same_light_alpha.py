"""Two frames with alpha, matched in light and contrast: invisible colours steer neither light nor motion."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..flow.visible_flow import Flows, visible_flows
from ..pictures.alpha import INVISIBLE, contrasting_ground, over_ground, spread_colours
from .same_light import SameLight

# A pixel's photometric error is raised by UNSEEN_ERROR each time that alpha falls to 1 / e of what it was, and what
# is seen counts SEEN_WEIGHT times as much as in opaque frames. So what lies around it, unseen, takes its motion.
UNSEEN_ERROR, SEEN_WEIGHT = 1 / 60, 10.0
LEAST_ALPHA = 1e-6
# Alpha is at most this many times what lands in a place, from the frame from which more does. Uneven motion leaves gaps
# of a few pixels between what lands, which do not count.
MOST_LANDING, LANDING_GAP = 2.0, 5


@dataclass(frozen=True, eq=False)
class SameLightWithAlpha(SameLight):
    """As `SameLight`, for premultiplied frames of four channels.

    shown_13HW: in front of a grey from which they differ.
    ground: that grey.
    """

    ground: float = 0.0

    @classmethod
    def of(cls, first_13HW: Tensor, second_13HW: Tensor) -> "SameLight":
        """Find the change of light where the frames are seen, and undo it in the second."""
        given = first_13HW, second_13HW
        # With their colours spread over what is not seen, frames change their light all over.
        plain = SameLight.of(*map(spread_colours, given))
        alphas = [each_14HW[:, 3:] for each_14HW in given]

        def veiled(colours: tuple[Tensor, Tensor]) -> list[Tensor]:
            return [
                torch.cat([colours_13HW * alpha_11HW, alpha_11HW], dim=1)
                for colours_13HW, alpha_11HW in zip(colours, alphas, strict=True)
            ]

        first_14HW, second_14HW = veiled((plain.first_13HW, plain.second_13HW))
        shown_HWC = [each_14HW[0].movedim(0, 2) for each_14HW in veiled(plain.shown_13HW)]
        ground = contrasting_ground(*shown_HWC)
        shown_13HW = [over_ground(each_HWC, ground).movedim(2, 0)[None] for each_HWC in shown_HWC]
        return cls(given, first_14HW, second_14HW, (shown_13HW[0], shown_13HW[1]), plain.light, plain.limits, ground)

    @property
    def are_given(self) -> bool:
        """Never: errors are those of what is seen."""
        return False

    def flows(self, find: Callable[[Tensor, Tensor], Flows]) -> Flows:
        """The flow of what is seen; see `SameLight.flows`."""
        return visible_flows(find, self.first_13HW, self.second_13HW, self.shown_13HW, self.ground)

    def errors(self, forward_12HW: Tensor, backward_12HW: Tensor) -> tuple[Tensor, Tensor]:
        """As `SameLight.errors`, larger where less is seen, so that the motion of what is seen prevails."""
        errors = super().errors(forward_12HW, backward_12HW)
        unseen = (
            -UNSEEN_ERROR * (SEEN_WEIGHT * each_14HW[:, 3:].clamp(LEAST_ALPHA, 1)).log() / self.contrast()
            for each_14HW in self.given_13HW
        )
        first_11HW, second_11HW = (error + each for error, each in zip(errors, unseen, strict=True))
        return first_11HW, second_11HW

    def cleaned(self, first_T3HW: Tensor, second_T3HW: Tensor, landing_T2HW: Tensor) -> tuple[Tensor, Tensor]:
        """Both frames, warped to one time, empty where nothing that is seen lands, from either frame.

        Between two things the motion is a mixture of theirs, which may fetch a piece of one of them.
        """
        landing_T1HW = landing_T2HW.amax(dim=1, keepdim=True)
        for sign in (1, -1):  # widened, then narrowed again
            landing_T1HW = sign * functional.max_pool2d(sign * landing_T1HW, LANDING_GAP, 1, LANDING_GAP // 2)
        most_T1HW = MOST_LANDING * landing_T1HW
        first_T3HW, second_T3HW = (
            each_T4HW * (most_T1HW / each_T4HW[:, 3:].clamp(min=LEAST_ALPHA)).clamp(0, 1)
            for each_T4HW in (first_T3HW, second_T3HW)
        )
        return first_T3HW, second_T3HW

    def relit(self, frames_T3HW: Tensor, time_T111: Tensor) -> Tensor:
        """As `SameLight.relit`, for colours as they are before alpha is applied."""
        if self.light is None and self.limits == (0, 1):
            return frames_T3HW
        alpha_T1HW = frames_T3HW[:, 3:]
        colours_T3HW = frames_T3HW[:, :3] / alpha_T1HW.clamp(min=INVISIBLE)
        return torch.cat([super().relit(colours_T3HW, time_T111) * alpha_T1HW, alpha_T1HW], dim=1)
