"""What a two-frame interpolator is: the contract between the engines and the code that runs them over a sequence."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

# What a node offers of settings, by name. An engine takes those it knows, by `own_settings`, and passes the rest over.
Settings = Mapping[str, Any]
PUBLISHED: Settings = MappingProxyType({})  # nothing set: every engine as published

OwnSettings = TypeVar("OwnSettings")


def own_settings(kind: type[OwnSettings], settings: Settings) -> OwnSettings:
    """The settings of one engine out of all that were given.

    Args:
        kind: the engine's own dataclass, with a default for each field.
        settings: by name; other engines' are passed over, missing ones have their default.
    """
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in settings.items() if name in names})


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

    @property
    def by_halving(self) -> bool:
        """Whether a gap is halved again and again wherever that reaches all its frames.

        For an engine that was published to be used so: it knows the time 1/2 only. Times that halving does not reach
        are rendered directly, and reports say that they are beyond its training.
        """
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

    def start(self, settings: Settings, height: int, width: int) -> Interpolator:
        """Get ready for frames of one size.

        Raises:
            InbetweenError: a setting is out of its range, or frames of this size cannot be taken.
        """
        ...


class EngineKind(Protocol):
    """One entry of the registry of engines: what the loader lists, and whose a model file is."""

    @property
    def names(self) -> Sequence[str]:
        """What the loader lists for it beside model files: of an engine without a model its name, else nothing."""
        ...

    def detects(self, tensors: Collection[str]) -> bool:
        """Whether a file with tensors of these names is for this engine; the names as they are in the file."""
        ...

    def load(self, name: str, optical_flow: Any) -> Engine:
        """Make the engine.

        Args:
            name: one of `names`, or a file that `detects` claimed.
            optical_flow: the host's OPTICAL_FLOW or None, for engines that are given the motion.

        Raises:
            InbetweenError: the file is damaged or of a version that cannot be run, or the flow is not RAFT.
        """
        ...
