"""Running an engine in the host, over a sequence or over frames to be refined: memory, progress, interruption."""

from collections.abc import Mapping, Sequence
from typing import Any

import comfy.model_management as model_management
import torch
from torch import Tensor

from ...core.errors import InbetweenError
from ...core.interpolation.contract import PUBLISHED, Engine, Interpolator, Settings
from ...core.interpolation.cuts import FOUND_CUTS, CutRule
from ...core.interpolation.frame_choice import choose_frames
from ...core.keyframes.keyframe_set import KeyframeSet
from ...core.timing.moments import Instant
from ...samplers.interpolation.frame_interpolation import InterpolationReport, interpolate_frames
from ...samplers.interpolation.refinement import Refinement, refine_frames
from ..runtime import Progress

MOST_AT_ONCE = 8  # frames of one pair; more bring a GPU nothing


def interpolate(
    sources: Sequence[Tensor] | Tensor,
    instants: Sequence[Instant],
    engine: Engine,
    settings: Settings = PUBLISHED,
    recursive: bool = False,
    cuts: CutRule = FOUND_CUTS,
) -> tuple[Tensor, InterpolationReport]:
    """Make the frames at `instants` in the host's image memory, with its progress bar and interruption.

    Args:
        sources: images of shape (H, W, 3) in [0, 1], all of one size.
        instants: one for each new frame.
        engine: from `engines.load_interpolator`.
        settings: by name; the engine takes those it knows.
        recursive: halve each gap again and again instead of making each frame at its time.
        cuts: where cuts are, and what is shown there.

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
    report = interpolate_frames(sources, instants, interpolator, result_THWC, progress, batch, recursive, cuts)
    return result_THWC, report


def refine(
    frames_THWC: Tensor,
    which: Mapping[str, Any],
    engine: Engine,
    settings: Settings = PUBLISHED,
    strength: float = 1.0,
    keyframes: KeyframeSet | None = None,
) -> tuple[Tensor, Refinement]:
    """Make chosen frames anew, as `samplers.refinement.refine_frames` says, in the host's image memory.

    Args:
        frames_THWC: a clip in [0, 1].
        which: the frames, as arguments of `core.frame_choice.choose_frames`.
        engine: from `engines.load_interpolator`.
        settings: by name; the engine takes those it knows.
        strength: 0 leaves frames as they are, 1 replaces them.
        keyframes: stay untouched.

    Raises:
        InbetweenError: no frames can be chosen so, the result does not fit into memory, or a setting is out of its
            range.
    """
    passes = choose_frames(frames_THWC, keyframes, **which, progress=Progress)
    kept = () if keyframes is None else keyframes.frames
    count, height, width = frames_THWC.shape[:3]
    result_THWC = result_frames(count, height, width)
    progress = Progress(max(1, sum(frame not in kept for chosen in passes for frame in chosen)))
    interpolator = engine.start(settings, height, width)
    return result_THWC, refine_frames(frames_THWC, passes, interpolator, strength, kept, result_THWC, progress)


def result_frames(count: int, height: int, width: int) -> Tensor:
    """Memory for a result of shape (count, height, width, 3), where and in the type in which the host keeps images.

    Raises:
        InbetweenError: it does not fit.
    """
    dtype, device = model_management.intermediate_dtype(), model_management.intermediate_device()
    try:
        return torch.empty((count, height, width, 3), dtype=dtype, device=device)
    except (MemoryError, RuntimeError):
        size = count * height * width * 3 * model_management.dtype_size(dtype)
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
