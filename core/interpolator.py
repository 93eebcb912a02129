"""What a two-frame interpolator is: the contract between the engines and the code that runs them over a sequence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

PRIMARY_FRAMES = ("first", "nearer", "both")


@dataclass(frozen=True)
class RenderSettings:
    """How frames are made, for engines that have a choice; others pass it over.

    temperature: standard deviation of the noise a frame is made of; 0 makes the most likely frame.
    seed: the same seed makes the same frames.
    primary_frame: the frame that the picture is made of, while the other one only fills its holes: always the first,
        the one nearer in time, or whichever of the two makes the better frame.
    """

    temperature: float = 0.3
    seed: int = 0
    primary_frame: str = PRIMARY_FRAMES[0]


@dataclass(frozen=True)
class Rendered:
    """Frames made between two others.

    frames_THWC: float32 in [0, 1], on the interpolator's device.
    blended: for each of them the share of its area, 0 to 1, where no motion could be trusted and the two frames are
        visibly cross-faded.
    """

    frames_THWC: Tensor
    blended: tuple[float, ...]


class FramePair(Protocol):
    """Two frames with everything that does not depend on the time worked out."""

    @property
    def is_cut(self) -> bool:
        """Whether the frames have nothing in common, so that the nearer one is held."""
        ...

    def render(self, times: Sequence[float]) -> Rendered:
        """Make the frames at these times, each in (0, 1), 0 being the first frame and 1 the second; all at once."""
        ...


class Interpolator(Protocol):
    """Makes frames between two frames, in one run."""

    @property
    def name(self) -> str:
        """How reports call the engine."""
        ...

    @property
    def device(self) -> torch.device:
        """Where frames are rendered."""
        ...

    @property
    def bytes_per_pixel(self) -> int:
        """Memory of the device that rendering takes for each pixel of each frame rendered at once."""
        ...

    def prepare(self, first_HWC: Tensor, second_HWC: Tensor) -> FramePair:
        """Work out once what all frames between these two need.

        Args:
            first_HWC, second_HWC: images of one size, (H, W, 3), floating, in [0, 1], on any device.

        Raises:
            InbetweenError: the engine cannot take frames of this size.
        """
        ...


class Engine(Protocol):
    """What a graph passes on: makes an interpolator for each run, and keeps nothing of it."""

    @property
    def name(self) -> str:
        """How reports call the engine."""
        ...

    def start(self, settings: RenderSettings, height: int, width: int) -> Interpolator:
        """Get ready for frames of one size.

        Raises:
            InbetweenError: a setting is out of its range.
        """
        ...
