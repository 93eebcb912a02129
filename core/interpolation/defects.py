"""Scores for defects in a clip: flicker, blur, ghosting, and frames that are missing.

Each score compares a frame with both of its neighbours, so the first and the last frame are not scored.
"""

from collections.abc import Collection

import cv2
import numpy as np
from torch import Tensor

from ..clips.copies import find_copies
from ..errors import InbetweenError
from ..flow.clip_motion import at_measured_size, measure_motion
from ..flow.consistency import is_cut_between
from ..pictures.contrast import ToneRange
from ..pictures.images import check_frames, luma
from ..progress import ProgressCallback, no_progress
from .flow_interpolator import FlowInterpolator

SCORES = ("flicker", "blur", "ghost", "missing")

MOVING = 0.02  # difference in luma between both neighbours above which a pixel is moving; less in dark and flat frames
MOVING_SHARE = 0.002  # share of moving pixels up to which nothing moves
FLAT = 1e-4  # mean Laplacian up to which a picture has no detail


def score_frames(frames_THWC: Tensor, score: str, on_frames: ProgressCallback = no_progress) -> list[float]:
    """Score every frame of a clip.

    Args:
        frames_THWC: three or more frames in [0, 1].
        score: "flicker" is the mean difference in luma from both neighbours after motion compensation. "blur" is the
            share of the neighbours' fine detail that the frame lacks, 0 to 1. "ghost" is 0 if moving things are
            half-way between their places in the two neighbours, and 1 if they appear in both places, as in a
            cross-fade. "missing" is above 0 for frames that only repeat the frame before, and grows with the motion
            around them; see `core.clips.copies`.
        on_frames: called with n after n more frames; may raise to stop the work.

    Returns:
        One number per frame, 0 or more; larger is worse. The first and the last frame have 0.

    Raises:
        InbetweenError: fewer than three frames, frames that are not RGB or not finite, or an unknown score.
    """
    check_frames(frames_THWC, "images")
    if frames_THWC.shape[0] < 3:
        raise InbetweenError(f"images has {frames_THWC.shape[0]} frames; to find defects, connect 3 or more.")
    if score == "flicker":
        return list(measure_motion(frames_THWC, on_frames).flicker)
    if score == "blur":
        return _blur(frames_THWC, on_frames)
    if score == "ghost":
        return _ghost(frames_THWC, on_frames)
    if score == "missing":
        hidden = find_copies(frames_THWC, on_frames).hidden
        return [hidden.get(frame, 0.0) * (frame < len(frames_THWC) - 1) for frame in range(len(frames_THWC))]
    raise InbetweenError(f'score is "{score}"; choose {", ".join(SCORES)}.')


def worst_frames(scores: list[float], count: int, excluded: Collection[int] = ()) -> list[int]:
    """The numbers, ascending, of the `count` frames with the highest scores above 0, without those excluded."""
    bad = [frame for frame, score in enumerate(scores) if score > 0 and frame not in excluded]
    return sorted(sorted(bad, key=lambda frame: -scores[frame])[:count])


def _blur(frames_THWC: Tensor, on_frames: ProgressCallback) -> list[float]:
    detail = []
    for frame_HWC in frames_THWC:
        laplacian_HW = cv2.Laplacian(luma(frame_HWC.cpu()).numpy(), cv2.CV_32F)
        detail.append(float(np.abs(laplacian_HW).mean()))
        on_frames(1)
    blur = [0.0] * len(detail)
    for frame in range(1, len(detail) - 1):
        # Compare with the less detailed neighbour, so that a lasting loss of detail, as at a cut, does not count.
        expected = min(detail[frame - 1], detail[frame + 1])
        if expected > FLAT:
            blur[frame] = max(0.0, 1 - detail[frame] / expected)
    return blur


def _ghost(frames_THWC: Tensor, on_frames: ProgressCallback) -> list[float]:
    interpolator = FlowInterpolator()
    ghost = [0.0] * frames_THWC.shape[0]
    window = [at_measured_size(frames_THWC[0]), at_measured_size(frames_THWC[1])]  # the frame and its neighbours
    for frame in range(1, len(ghost) - 1):
        window.append(at_measured_size(frames_THWC[frame + 1]))
        moved_HW = luma(interpolator.prepare(window[0], window[2]).render([0.5]).frames_THWC[0])
        before_HW, here_HW, after_HW = (luma(each_HWC) for each_HWC in window)
        contrast = max(1.0, ToneRange.of(before_HW, after_HW).contrast)
        moving_HW = (before_HW - after_HW).abs() > MOVING / contrast
        if moving_HW.float().mean() > MOVING_SHARE and not is_cut_between(window[0], window[2]):
            # Is the frame nearer to a cross-fade than to a true in-between? Divide by how far apart those two are.
            faded_HW = (before_HW + after_HW) / 2
            apart = float((moved_HW - faded_HW).abs()[moving_HW].mean())
            nearer = float((here_HW - moved_HW).abs()[moving_HW].mean() - (here_HW - faded_HW).abs()[moving_HW].mean())
            ghost[frame] = min(1.0, max(0.0, nearer / max(apart, 1e-3 / contrast)))
        window.pop(0)
        on_frames(1)
    on_frames(2)  # the first and the last frame
    return ghost
