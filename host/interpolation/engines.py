"""The engines between two frames: what the loader lists, and whose a file is.

A new engine is a file with an `EngineKind`, as `core/interpolation/contract.py` has it, and an entry in `ENGINES`.
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

ENGINES: tuple[EngineKind, ...] = (WeightFreeKind(), PerVFIKind(), FILM, RIFE)  # asked in this order
WEIGHT_FREE = FlowInterpolator.name
FILES = ModelFolder(PERVFI.folders, f"{PERVFI.wanted}, or RIFE or FILM of {PAGE}")
WANTED = f"{pervfi.WANTED}, or a RIFE or FILM file"


def interpolator_names() -> list[str]:
    """What the loader offers: engines without a model, then the files."""
    return [*(name for engine in ENGINES for name in engine.names), *FILES.names()]


def check_interpolator(name: str) -> None:
    """Raise InbetweenError unless there is an interpolator of this name; the error says where it is to be had."""
    if not any(name in engine.names for engine in ENGINES):
        FILES.check(name, f'choose "{WEIGHT_FREE}"')


def load_interpolator(name: str, optical_flow: Any = None) -> Engine:
    """The engine behind a name of `interpolator_names`.

    Args:
        name: an engine without a model, or a file.
        optical_flow: the host's OPTICAL_FLOW, for engines that are given the motion.

    Raises:
        InbetweenError: there is none of that name, the file is damaged, for no engine or of a version that cannot be
            run, or the flow is not RAFT.
    """
    check_interpolator(name)
    return _kind_of(name).load(name, optical_flow)


def _kind_of(name: str) -> EngineKind:
    named = next((engine for engine in ENGINES if name in engine.names), None)
    if named is not None:
        return named
    tensors = TensorFile(FILES.path(name), WANTED).shapes
    if not tensors:
        raise InbetweenError(f"{name} holds no weights by name; use {WANTED}.")
    detected = next((engine for engine in ENGINES if engine.detects(tensors)), None)
    if detected is None:
        raise InbetweenError(f"{name} {what_it_is(tensors)}; use {WANTED}.")
    return detected
