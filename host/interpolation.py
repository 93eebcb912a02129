"""Interpolators in the host: choosing, memory, progress."""

from collections.abc import Sequence
from typing import Any

import comfy.model_management as model_management
from torch import Tensor

from ..core.errors import InbetweenError
from ..core.flow_interpolator import FlowInterpolator
from ..core.interpolator import Engine, Interpolator, RenderSettings
from ..core.timing import Instant
from ..samplers.frame_interpolation import InterpolationReport, interpolate_frames
from .pervfi import PERVFI, load_pervfi
from .runtime import Progress, compute_device, empty_frames

WEIGHT_FREE = FlowInterpolator.name
MOST_AT_ONCE = 8  # frames of one pair; more bring a GPU nothing


def interpolator_names() -> list[str]:
    """What the loader offers."""
    return [WEIGHT_FREE, *PERVFI.names()]


def check_interpolator(name: str) -> None:
    """Raise InbetweenError unless there is an interpolator of this name; the error says where it is to be had."""
    if name != WEIGHT_FREE:
        PERVFI.check(name, f'choose "{WEIGHT_FREE}"')


def load_interpolator(name: str, optical_flow: Any = None) -> Engine:
    """The engine behind a name of `interpolator_names`.

    Args:
        name: the weight-free engine, or a file.
        optical_flow: the host's OPTICAL_FLOW, for engines from a file.

    Raises:
        InbetweenError: there is none of that name, the file is no PerVFI, or the flow no RAFT.
    """
    check_interpolator(name)
    if name == WEIGHT_FREE:
        return FlowInterpolator(compute_device())
    return load_pervfi(name, optical_flow)


def interpolate(
    sources: Sequence[Tensor] | Tensor,
    instants: Sequence[Instant],
    engine: Engine,
    settings: RenderSettings,
    recursive: bool = False,
) -> tuple[Tensor, InterpolationReport]:
    """Make the frames at `instants` in the host's image memory, with its progress bar and interruption.

    Args:
        sources: images of shape (H, W, 3) in [0, 1], all of one size.
        instants: one for each new frame.
        engine: from `load_interpolator`.
        settings: for the engine.
        recursive: halve each gap again and again instead of making each frame at its time.

    Returns:
        Frames of shape (len(instants), H, W, 3) in [0, 1], and what happened between the sources.

    Raises:
        InbetweenError: the result does not fit into memory, a setting is out of its range, or a time cannot be reached.
    """
    height, width = sources[0].shape[:2]
    result_THWC = result_frames(len(instants), height, width)
    progress = Progress(len(instants))
    interpolator = engine.start(settings, height, width)
    batch = _frames_at_once(interpolator, height * width)
    report = interpolate_frames(sources, instants, interpolator, result_THWC, progress, batch, recursive)
    return result_THWC, report


def result_frames(count: int, height: int, width: int) -> Tensor:
    """Memory for a result, as `empty_frames`.

    Raises:
        InbetweenError: it does not fit.
    """
    try:
        return empty_frames(count, height, width)
    except (MemoryError, RuntimeError):
        size = count * height * width * 3 * model_management.dtype_size(model_management.intermediate_dtype())
        raise InbetweenError(
            f"{count} frames of {width}x{height} need {size / 2**30:.1f} GiB of memory; "
            "ask for fewer or smaller frames."
        ) from None


def _frames_at_once(interpolator: Interpolator, pixels: int) -> int:
    """How many frames to render at once: as many as fit well; on a CPU one, where more are slower."""
    if model_management.is_device_cpu(interpolator.device):
        return 1
    needed = interpolator.bytes_per_pixel * pixels
    model_management.free_memory(MOST_AT_ONCE * needed, interpolator.device)
    fitting = int(model_management.get_free_memory(interpolator.device) * 0.8 // needed)
    return max(1, min(MOST_AT_ONCE, fitting))
