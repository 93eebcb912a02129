"""Interpolators in the host: choosing, memory, progress."""

from collections.abc import Sequence

import comfy.model_management as model_management
from torch import Tensor

from ..core.errors import InbetweenError
from ..core.flow_interpolator import FlowInterpolator
from ..core.interpolator import Interpolator
from ..core.timing import Instant
from ..samplers.frame_interpolation import InterpolationReport, interpolate_frames
from .runtime import Progress, compute_device, empty_frames

WEIGHT_FREE = FlowInterpolator.name
MOST_AT_ONCE = 8  # frames of one pair; more bring a GPU nothing


def interpolator_names() -> list[str]:
    """What the loader offers."""
    return [WEIGHT_FREE]


def load_interpolator(name: str) -> Interpolator:
    """The interpolator behind a name of `interpolator_names`.

    Raises:
        InbetweenError: there is none of that name.
    """
    if name != WEIGHT_FREE:
        raise InbetweenError(f'there is no interpolator "{name}"; choose "{WEIGHT_FREE}".')
    return FlowInterpolator(compute_device())


def interpolate(
    sources: Sequence[Tensor] | Tensor, instants: Sequence[Instant], interpolator: Interpolator
) -> tuple[Tensor, InterpolationReport]:
    """Make the frames at `instants` in the host's image memory, with its progress bar and interruption.

    Args:
        sources: images of shape (H, W, 3) in [0, 1], all of one size.
        instants: one for each new frame.
        interpolator: from `load_interpolator`.

    Returns:
        Frames of shape (len(instants), H, W, 3) in [0, 1], and what happened between the sources.

    Raises:
        InbetweenError: the result does not fit into memory.
    """
    height, width = sources[0].shape[:2]
    try:
        result_THWC = empty_frames(len(instants), height, width)
    except (MemoryError, RuntimeError):
        value_size = model_management.dtype_size(model_management.intermediate_dtype())
        size = len(instants) * height * width * 3 * value_size
        raise InbetweenError(
            f"{len(instants)} frames of {width}x{height} need {size / 2**30:.1f} GiB of memory; "
            "ask for fewer or smaller frames."
        ) from None
    progress, batch = Progress(len(instants)), _frames_at_once(interpolator, height * width)
    return result_THWC, interpolate_frames(sources, instants, interpolator, result_THWC, progress, batch)


def _frames_at_once(interpolator: Interpolator, pixels: int) -> int:
    """How many frames to render at once: as many as fit well; on a CPU one, where more are slower."""
    if model_management.is_device_cpu(interpolator.device):
        return 1
    needed = interpolator.bytes_per_pixel * pixels
    model_management.free_memory(MOST_AT_ONCE * needed, interpolator.device)
    fitting = int(model_management.get_free_memory(interpolator.device) * 0.8 // needed)
    return max(1, min(MOST_AT_ONCE, fitting))
