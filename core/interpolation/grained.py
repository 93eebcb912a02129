"""Lets every engine keep the grain of the frames it is given."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from ..flow.grain import Grain, find_grain, may_have_grain, seed_of
from ..flow.optical_flow import SMALLEST_SIDE, flow_both_ways
from ..pictures.alpha import has_alpha
from .contract import FramePair, Interpolator, Rendered
from .flow_interpolator import FlowPair
from .same_light import SameLight

GrainChoice = Literal["keep", "as rendered"]
GRAIN_CHOICES: tuple[GrainChoice, ...] = ("keep", "as rendered")
KEEP, AS_RENDERED = GRAIN_CHOICES


def with_grain(interpolator: Interpolator, choice: GrainChoice) -> Interpolator:
    """The interpolator, which keeps the grain of the frames it is given if that is the choice."""
    return Grained(interpolator) if choice == KEEP else interpolator


class Grained:
    """An interpolator whose frames have the grain of those given.

    Pairs without grain are passed on as they are, and so are frames with alpha, whose hidden colours say nothing.
    """

    def __init__(self, inner: Interpolator) -> None:
        """Wrap an interpolator."""
        self.inner = inner
        self.name, self.device, self.by_halving = inner.name, inner.device, inner.by_halving
        self.bytes_per_pixel = inner.bytes_per_pixel

    @torch.no_grad()
    def prepare(self, first_HWC: Tensor, second_HWC: Tensor) -> FramePair:
        """Prepare the pair, and measure its grain if it has any; see `Interpolator.prepare`."""
        pair = self.inner.prepare(first_HWC, second_HWC)
        if min(first_HWC.shape[:2]) < SMALLEST_SIDE or has_alpha(first_HWC):
            return pair
        given_13HW = self._image(first_HWC), self._image(second_HWC)
        if not may_have_grain(*given_13HW):
            return pair
        grain = _grain_of(pair, given_13HW)
        return pair if grain is None else _GrainedPair(pair, grain, given_13HW)

    def _image(self, frame_HWC: Tensor) -> Tensor:
        return frame_HWC.to(self.device, torch.float32).nan_to_num(0, 1, 0).permute(2, 0, 1)[None].contiguous()


def _grain_of(pair: FramePair, given_13HW: tuple[Tensor, Tensor]) -> Grain | None:
    if isinstance(pair, FlowPair):
        frames, motion_12HW = pair.frames, pair.first.motion_12HW
    else:
        frames = SameLight.of(*given_13HW)
        flow_2HW, _ = flow_both_ways(*(shown_13HW[0].movedim(0, 2) for shown_13HW in frames.shown_13HW))
        motion_12HW = flow_2HW[None].to(given_13HW[0].device)
    second_13HW = given_13HW[1] if frames.light is None else frames.light.undone(given_13HW[1])
    return find_grain(given_13HW, second_13HW, motion_12HW)


@dataclass(frozen=True, eq=False)
class _GrainedPair:
    """A pair of frames with grain."""

    inner: FramePair
    grain: Grain
    given_13HW: tuple[Tensor, Tensor]

    @torch.no_grad()
    def render(self, times: Sequence[float]) -> Rendered:
        """The frames with the grain of those given; see `FramePair.render`."""
        rendered = self.inner.render(times)
        seeds = [seed_of(self.given_13HW[0][0].movedim(0, 2), time) for time in times]
        grainy_T3HW = self.grain.added_to(rendered.frames_THWC.movedim(3, 1), self.given_13HW, times, seeds)
        return replace(rendered, frames_THWC=grainy_T3HW.movedim(1, 3).contiguous())
