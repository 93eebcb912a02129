"""Running an engine in the host, over a sequence or on frames to refine: memory, progress, interruption."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import comfy.model_management as model_management
from torch import Tensor

from ...core.interpolation.contract import PUBLISHED, Engine, Interpolator, Settings, own_settings
from ...core.interpolation.cuts import FOUND_CUTS, CutRule
from ...core.interpolation.frame_choice import choose_frames
from ...core.interpolation.grained import KEEP, GrainChoice
from ...core.interpolation.left_alone import LeavingAlone, united_mask
from ...core.interpolation.lost import LostMask, LostSettings
from ...core.keyframes.keyframe_set import KeyframeSet
from ...core.timing.moments import Instant
from ...samplers.interpolation.frame_interpolation import InterpolationReport, interpolate_frames
from ...samplers.interpolation.refinement import Refinement, refine_frames
from ..frame_memory import check_room_for_images, check_room_like, empty_frames
from ..runtime import Progress

MOST_AT_ONCE = 8  # frames of one pair in a batch; larger batches are no faster on a GPU


def interpolate(
    sources: Sequence[Tensor] | Tensor,
    instants: Sequence[Instant],
    engine: Engine,
    settings: Settings = PUBLISHED,
    recursive: bool = False,
    cuts: CutRule = FOUND_CUTS,
    still_mask: Tensor | None = None,
    lost: LostMask | None = None,
    grain: GrainChoice = KEEP,
) -> tuple[Tensor, InterpolationReport]:
    """Render the frames at `instants` into the host's image memory, with its progress bar and interruption.

    Args:
        sources: images of shape (H, W, 3), or (H, W, 4) with alpha, in [0, 1], all of one size.
        instants: one for each frame to render.
        engine: from `engines.load_interpolator`.
        settings: by name; the engine takes those it knows.
        recursive: halve each gap repeatedly instead of rendering each frame directly at its time.
        cuts: where the cuts are, and what is shown there.
        still_mask: a MASK, 1 where the picture is not moved; see `united_mask`.
        lost: takes the mask of where motion was not followed.
        grain: whether frames keep the grain of the sources.

    Returns:
        Frames of shape (len(instants), H, W, 3 or 4) in [0, 1], with alpha if the sources have it, and a report on the
        gaps between the sources.

    Raises:
        InbetweenError: the result does not fit into free memory, a setting is out of its range, a time cannot be
            reached, or the mask is not one.
    """
    height, width, channels = sources[0].shape
    left_11HW = None if still_mask is None else united_mask(still_mask, height, width)
    if channels == 4:  # and its mask
        check_room_for_images(len(instants), height, width, 5)
    result_THWC = empty_frames(len(instants), height, width, channels)
    progress = Progress(len(instants))
    interpolator = engine.start(settings, height, width)
    if left_11HW is not None:
        interpolator = LeavingAlone(interpolator, left_11HW)
    batch = frames_at_once(interpolator, height * width)
    report = interpolate_frames(
        sources, instants, interpolator, result_THWC, progress, batch, recursive, cuts, lost, grain
    )
    return result_THWC, replace(report, when_lost=own_settings(LostSettings, settings).when_lost)


def refine(
    frames_THWC: Tensor,
    which: Mapping[str, Any],
    engine: Engine,
    settings: Settings = PUBLISHED,
    strength: float = 1.0,
    keyframes: KeyframeSet | None = None,
    still_mask: Tensor | None = None,
    grain: GrainChoice = KEEP,
) -> tuple[Tensor, Refinement]:
    """Render chosen frames again, in the host's image memory; see `refine_frames`.

    Args:
        frames_THWC: a clip in [0, 1], RGB or RGB with alpha.
        which: which frames, as arguments for `choose_frames`.
        engine: from `engines.load_interpolator`.
        settings: by name; the engine takes those it knows.
        strength: 0 keeps the frames unchanged, 1 replaces them.
        keyframes: frames that are never changed.
        still_mask: a MASK, 1 where all frames stay as they are; see `united_mask`.
        grain: whether rebuilt frames keep the grain of their neighbours.

    Raises:
        InbetweenError: the choice of frames is not valid, the result does not fit into free memory, or a setting is out
            of range.
    """
    check_room_like(frames_THWC, len(frames_THWC))
    passes = choose_frames(frames_THWC, keyframes, **which, progress=Progress)
    kept = () if keyframes is None else keyframes.frames
    height, width = frames_THWC.shape[1:3]
    left_11HW = None if still_mask is None else united_mask(still_mask, height, width)
    result_THWC = empty_frames(*frames_THWC.shape)
    progress = Progress(max(1, sum(frame not in kept for chosen in passes for frame in chosen)))
    interpolator = engine.start(settings, height, width)
    weight: float | Tensor = strength
    if left_11HW is not None:
        interpolator = LeavingAlone(interpolator, left_11HW)
        weight = strength * (1 - left_11HW[0].movedim(0, 2))
    done = refine_frames(frames_THWC, passes, interpolator, weight, kept, result_THWC, progress, grain)
    return result_THWC, done


def frames_at_once(interpolator: Interpolator, pixels: int) -> int:
    """How many frames to render in one batch: as many as fit easily; one on a CPU, where batches are slower."""
    if model_management.is_device_cpu(interpolator.device):
        return 1
    needed = interpolator.bytes_per_pixel * pixels
    model_management.free_memory(MOST_AT_ONCE * needed, interpolator.device)
    fitting = int(model_management.get_free_memory(interpolator.device) * 0.8 // needed)
    return max(1, min(MOST_AT_ONCE, fitting))
