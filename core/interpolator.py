"""What a two-frame interpolator is: the contract between the engines and the code that runs them over a sequence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class PairReport:
    """What happened between two frames.

    is_cut: the frames have nothing in common, so the nearer one is held.
    blended: share of the area, 0 to 1, where no motion could be trusted and the frames are cross-faded.
    """

    is_cut: bool
    blended: float


class FramePair(Protocol):
    """Two frames with everything that does not depend on the time worked out."""

    @property
    def report(self) -> PairReport:
        """What happened between the two frames."""
        ...

    def render(self, times: Sequence[float]) -> Tensor:
        """Make the frames at these times.

        Args:
            times: each in (0, 1), 0 being the first frame and 1 the second; all are made at once.

        Returns:
            frames_THWC, float32 in [0, 1], on the interpolator's device, one for each time.
        """
        ...


class Interpolator(Protocol):
    """Makes frames between two frames."""

    @property
    def name(self) -> str:
        """How reports call the engine."""
        ...

    def prepare(self, first_HWC: Tensor, second_HWC: Tensor) -> FramePair:
        """Work out once what all frames between these two need.

        Args:
            first_HWC, second_HWC: images of one size, (H, W, 3), floating, in [0, 1], on any device.

        Raises:
            InbetweenError: the engine cannot take frames of this size.
        """
        ...
