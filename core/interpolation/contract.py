"""The contract between two-frame interpolators and the code that runs them over a sequence."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

# The settings of a node, by name. An engine picks those it knows with `own_settings` and ignores the rest.
Settings = Mapping[str, Any]
PUBLISHED: Settings = MappingProxyType({})  # nothing set: every engine runs as published

OwnSettings = TypeVar("OwnSettings")


def own_settings(kind: type[OwnSettings], settings: Settings) -> OwnSettings:
    """Pick the settings of one engine.

    Args:
        kind: the engine's own dataclass, with a default for each field.
        settings: by name; those of other engines are ignored, and missing ones get their default.
    """
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in settings.items() if name in names})


@dataclass(frozen=True)
class Rendered:
    """In-betweens of two frames.

    frames_THWC: float32, in [0, 1] if both frames are, on the interpolator's device.
    blended: for each in-between, the share of its area, 0 to 1, that is visibly cross-faded because no motion could be
        trusted.
    lost_THW: where an in-between does not show motion that was followed, 0 to 1, on the interpolator's device; None if
        the engine does not judge that.
    lost_things: the middles of small things that only one of the two frames shows, so that they are not followed, in
        pixels from the left and from the top.
    lost_lines: for each in-between, where thin lines that both frames show are gone, or None; () if that is not judged.
    """

    frames_THWC: Tensor
    blended: tuple[float, ...]
    lost_THW: Tensor | None = None
    lost_things: tuple[tuple[int, int], ...] = ()
    lost_lines: tuple[tuple[int, int] | None, ...] = ()


class FramePair(Protocol):
    """Two frames, with everything prepared that does not depend on the time of an in-between."""

    def render(self, times: Sequence[float]) -> Rendered:
        """Render the in-betweens at these times as one batch; each in (0, 1), from the first frame to the second."""
        ...


class Interpolator(Protocol):
    """Renders in-betweens of two frames, for one run of a node."""

    @property
    def name(self) -> str:
        """The name of the engine in reports."""
        ...

    @property
    def device(self) -> torch.device:
        """Where frames are rendered."""
        ...

    @property
    def bytes_per_pixel(self) -> int:
        """Device memory that rendering takes, per pixel of every frame in a batch."""
        ...

    @property
    def by_halving(self) -> bool:
        """Whether to render a gap by repeated halving if that reaches all its frames.

        True for engines that were trained for the time 1/2 only and published for use by halving. Times that halving
        does not reach are rendered directly, and reports say that the engine was not trained for them.
        """
        ...

    def prepare(self, first_HWC: Tensor, second_HWC: Tensor) -> FramePair:
        """Compute once what all in-betweens of these two frames need.

        Args:
            first_HWC, second_HWC: images of one size, (H, W, 3), floating, on any device. Values beyond [0, 1] are
                kept.

        Raises:
            InbetweenError: the engine cannot process frames of this size.
        """
        ...


class Engine(Protocol):
    """What nodes pass to each other: starts an interpolator for each run, and keeps no state between runs."""

    @property
    def name(self) -> str:
        """The name of the engine in reports."""
        ...

    def start(self, settings: Settings, height: int, width: int) -> Interpolator:
        """Start an interpolator for frames of one size.

        Raises:
            InbetweenError: a setting is out of range, or the engine cannot process frames of this size.
        """
        ...


class EngineKind(Protocol):
    """One entry of the engine registry: what the loader lists, and which model files belong to the engine."""

    @property
    def names(self) -> Sequence[str]:
        """Entries for the loader's list in addition to model files: the name of an engine without a model, or none."""
        ...

    def detects(self, tensors: Collection[str]) -> bool:
        """Whether a file with these tensor names, as they are in the file, is a model of this engine."""
        ...

    def load(self, name: str, optical_flow: Any) -> Engine:
        """Load the engine.

        Args:
            name: one of `names`, or a file that `detects` accepted.
            optical_flow: the host's OPTICAL_FLOW or None, for engines that need a flow model.

        Raises:
            InbetweenError: the file is damaged or its version is not supported, or the flow model is not RAFT.
        """
        ...
