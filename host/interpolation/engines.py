"""The registry of interpolation engines: what the loader lists, and which engine a file belongs to.

To add an engine, write an `EngineKind` (see `core/interpolation/contract.py`) and add it to `ENGINES`.
"""

from typing import Any

from ...core.errors import InbetweenError
from ...core.interpolation.contract import Engine, EngineKind
from ...core.interpolation.flow_interpolator import FlowInterpolator
from ...networks.interpolation import pervfi
from ...networks.model_kinds import what_it_is
from ...networks.weight_files import TensorFile
from ..model_files import ModelFolder
from .pervfi import PERVFI, PerVFIKind
from .rife_film import FILM, PAGE, RIFE
from .weight_free import WeightFreeKind

# The first that detects a file loads it.
ENGINES: tuple[EngineKind, ...] = (WeightFreeKind(), PerVFIKind(), FILM, RIFE)
WEIGHT_FREE = FlowInterpolator.name
FILES = ModelFolder(PERVFI.folders, f"{PERVFI.wanted}, or RIFE or FILM from {PAGE}")
WANTED = f"{pervfi.WANTED}, or a RIFE or FILM file"


def interpolator_names() -> list[str]:
    """What the loader lists: engines without a model, then the model files."""
    return [*(name for engine in ENGINES for name in engine.names), *FILES.names()]


def check_interpolator(name: str) -> None:
    """Raise InbetweenError unless there is an interpolator with this name; the error says where to get one."""
    if not any(name in engine.names for engine in ENGINES):
        FILES.check(name, f'choose "{WEIGHT_FREE}"')


def load_interpolator(name: str, optical_flow: Any = None) -> Engine:
    """Load the engine for a name in `interpolator_names`.

    Args:
        name: an engine without a model, or a file.
        optical_flow: the host's OPTICAL_FLOW, for engines that need a flow model.

    Raises:
        InbetweenError: there is no such name; the file is damaged, belongs to no engine, or is of a version that is
            not supported; or the flow model is not RAFT.
    """
    check_interpolator(name)
    return _kind_of(name).load(name, optical_flow)


def _kind_of(name: str) -> EngineKind:
    named = next((engine for engine in ENGINES if name in engine.names), None)
    if named is not None:
        return named
    tensors = TensorFile(FILES.path(name), WANTED).shapes
    if not tensors:
        raise InbetweenError(f"{name} contains no named weights; use {WANTED}.")
    detected = next((engine for engine in ENGINES if engine.detects(tensors)), None)
    if detected is None:
        raise InbetweenError(f"{name} {what_it_is(tensors)}; use {WANTED}.")
    return detected
