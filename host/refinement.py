"""Refining frames in the host: memory, progress, interruption."""

from collections.abc import Sequence

from torch import Tensor

from ..core.defects import score_frames, worst_frames
from ..core.interpolator import Engine, RenderSettings
from ..samplers.refinement import Refinement, refine_frames
from .interpolation import result_frames
from .runtime import Progress


def find_worst(frames_THWC: Tensor, score: str, count: int, keyframes: Sequence[int]) -> list[int]:
    """The numbers of at most `count` frames that score worst, as `core.defects` says, and are no keyframes."""
    return worst_frames(score_frames(frames_THWC, score, Progress(len(frames_THWC))), count, keyframes)


def refine(
    frames_THWC: Tensor,
    passes: Sequence[Sequence[int]],
    engine: Engine,
    settings: RenderSettings,
    strength: float,
    keyframes: Sequence[int],
) -> tuple[Tensor, Refinement]:
    """Make frames anew, as `samplers.refinement.refine_frames` says, in the host's image memory.

    Raises:
        InbetweenError: the result does not fit into memory, or a setting is out of its range.
    """
    count, height, width = frames_THWC.shape[:3]
    result_THWC = result_frames(count, height, width)
    progress = Progress(max(1, sum(frame not in keyframes for chosen in passes for frame in chosen)))
    interpolator = engine.start(settings, height, width)
    return result_THWC, refine_frames(frames_THWC, passes, interpolator, strength, keyframes, result_THWC, progress)
