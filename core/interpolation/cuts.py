"""The in-betweens across a cut."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .contract import Rendered


@dataclass(frozen=True, eq=False)
class CutPair:
    """Two frames with a cut between them: the first is shown up to half-way, then the second.

    first_HWC, second_HWC: float32 in [0, 1], on the interpolator's device.
    """

    first_HWC: Tensor
    second_HWC: Tensor
    is_cut: bool = True

    def render(self, times: Sequence[float]) -> Rendered:
        """The nearer frame at each time; see `FramePair.render`."""
        nearer = [self.first_HWC if time <= 0.5 else self.second_HWC for time in times]
        return Rendered(torch.stack(nearer), (0.0,) * len(times))
