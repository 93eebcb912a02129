"""Two frames matched in light and contrast, for an engine that compares their colours."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..flow.light_search import find_light_change
from ..flow.warping import backward_warp
from ..pictures.contrast import ToneRange, even_lumas
from ..pictures.images import luma
from ..pictures.light import LightChange
from ..pictures.value_range import compressed, expanded, extremes


@dataclass(frozen=True, eq=False)
class SameLight:
    """Two frames in the light of the first.

    given_13HW: both frames as they are.
    first_13HW, second_13HW: in one light, and with values beyond 1 compressed; the frames themselves if neither is
        needed.
    shown_13HW: the same with what one frame clips clipped in both, for whatever compares their colours.
    light: the change from the first to the second, or None; with a value for each pixel if it is not uniform.
    limits: the least and the greatest value that a frame between them may have: 0 and 1, or those of the frames given.
    """

    given_13HW: tuple[Tensor, Tensor]
    first_13HW: Tensor
    second_13HW: Tensor
    shown_13HW: tuple[Tensor, Tensor]
    light: LightChange | None
    limits: tuple[float, float]

    @classmethod
    def of(cls, first_13HW: Tensor, second_13HW: Tensor) -> "SameLight":
        """Find the change of light between two frames, float32, and undo it in the second."""
        light = find_light_change(first_13HW, second_13HW)
        return cls.by(None if light is None else light.at_size(*first_13HW.shape[2:]), first_13HW, second_13HW)

    @classmethod
    def by(cls, light: LightChange | None, first_13HW: Tensor, second_13HW: Tensor) -> "SameLight":
        """Undo a change of light, with values for each pixel unless it is uniform, in the second of two frames."""
        given = shown = (first_13HW, second_13HW)
        if light is not None:
            second_13HW = light.undone(second_13HW)
            shown = light.clipped_alike(*given)
        limits = extremes(*given)
        if limits != (0, 1):
            first_13HW, second_13HW = compressed(first_13HW), compressed(second_13HW)
            shown = compressed(shown[0]), compressed(shown[1])
        return cls(given, first_13HW, second_13HW, shown, light, limits)

    def cleaned(self, first_T3HW: Tensor, second_T3HW: Tensor, landing_T2HW: Tensor) -> tuple[Tensor, Tensor]:
        """Both frames, warped to one time, where a clipped value in one of them gives way to a higher one in the other.

        A lamp that is too bright for one frame may be seen in the other, and a clipped value is the least it can be.

        Args:
            first_T3HW, second_T3HW: the frames.
            landing_T2HW: how much of each frame lands in each place.
        """
        if self.light is None:
            return first_T3HW, second_T3HW
        highest_T3HW = torch.maximum(first_T3HW, second_T3HW)
        ceiling_first, ceiling_second = self.light.ceilings(*self.given_13HW)
        return (
            torch.where(first_T3HW >= ceiling_first, highest_T3HW, first_T3HW),
            torch.where(second_T3HW >= ceiling_second, highest_T3HW, second_T3HW),
        )

    def relit(self, frames_T3HW: Tensor, time_T111: Tensor) -> Tensor:
        """Frames like `first_13HW`, brought into the light at these times and to the values of the frames given."""
        if self.limits != (0, 1):
            frames_T3HW = expanded(frames_T3HW)
        return frames_T3HW if self.light is None else self.light.put_back(frames_T3HW, time_T111)

    def light_of_first(self, second_13HW: Tensor) -> Tensor:
        """A picture in the light of the second frame, brought into that of the first."""
        return second_13HW if self.light is None else self.light.undone(second_13HW)

    def light_of_second(self, first_13HW: Tensor) -> Tensor:
        """A picture in the light of the first frame, brought into that of the second."""
        return first_13HW if self.light is None else self.light.put_back(first_13HW, 1.0)

    def flows(self, find: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """The flow from the first frame to the second and back, by a function of two frames of shape (H, W, 3)."""
        return find(*(shown_13HW[0].movedim(0, 2) for shown_13HW in self.shown_13HW))

    @property
    def are_given(self) -> bool:
        """Whether the frames are compared as they were given."""
        return self.light is None and self.limits == (0, 1)

    def errors(self, forward_12HW: Tensor, backward_12HW: Tensor) -> tuple[Tensor, Tensor]:
        """Mean colour difference between each pixel of a frame and the one that its flow points at, for both frames."""
        first_13HW, second_13HW = self.shown_13HW
        to_second_13HW = backward_warp(second_13HW, forward_12HW)
        to_first_13HW = backward_warp(first_13HW, backward_12HW)
        return (
            (first_13HW - to_second_13HW).abs().mean(dim=1, keepdim=True),
            (second_13HW - to_first_13HW).abs().mean(dim=1, keepdim=True),
        )

    def contrast(self) -> float:
        """By what differences of colour are to be multiplied so that they mean the same in every picture."""
        lumas_HW = even_lumas(*(luma(frame_13HW[0].movedim(0, 2)) for frame_13HW in self.shown_13HW))
        return ToneRange.of(*lumas_HW).contrast
