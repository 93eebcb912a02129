"""What is shown across a cut."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .contract import Rendered


@dataclass(frozen=True, eq=False)
class HeldPair:
    """Two frames with a cut between them: up to half-way the first is shown, then the second.

    first_HWC, second_HWC: float32 in [0, 1], on the interpolator's device.
    """

    first_HWC: Tensor
    second_HWC: Tensor
    is_cut: bool = True

    def render(self, times: Sequence[float]) -> Rendered:
        """The nearer frame at each time, as `FramePair.render` says."""
        held = [self.first_HWC if time <= 0.5 else self.second_HWC for time in times]
        return Rendered(torch.stack(held), (0.0,) * len(times))
