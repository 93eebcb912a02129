"""Which frames of a clip are bad: how much each flickers, is blurred, or shows everything twice.

Each score compares a frame with the two beside it, so the first and the last frame have none.
"""

from collections.abc import Collection

import cv2
import numpy as np
from torch import Tensor

from ..errors import InbetweenError
from ..flow.clip_motion import measure_motion, small
from ..pictures.images import check_frames, luma
from ..progress import ProgressCallback, no_progress
from .flow_interpolator import FlowInterpolator

SCORES = ("flicker", "blur", "ghost")

MOVING = 0.02  # luma by which the frames on both sides of a place differ where something moves
MOVING_SHARE = 0.002  # of the area below which nothing moves
FLAT = 1e-4  # mean Laplacian of a picture without detail


def score_frames(frames_THWC: Tensor, score: str, on_frames: ProgressCallback = no_progress) -> list[float]:
    """Rate every frame of a clip.

    Args:
        frames_THWC: three or more frames in [0, 1].
        score: "flicker": mean difference of luma from both neighbours after their motion was undone. "blur": share of
            the fine detail of the neighbours that the frame lacks, 0 to 1. "ghost": 0 if things stand half-way between
            where the neighbours have them, 1 if they stand twice, as in a cross-fade.
        on_frames: called with n after n more frames; may raise to stop the work.

    Returns:
        One number of 0 or more for each frame, larger is worse; 0 for the first and the last.

    Raises:
        InbetweenError: fewer than three frames, frames that are not RGB or not finite, or a score of another name.
    """
    check_frames(frames_THWC, "images")
    if frames_THWC.shape[0] < 3:
        raise InbetweenError(f"images holds {frames_THWC.shape[0]} frames; to find bad ones, connect 3 or more.")
    if score == "flicker":
        return list(measure_motion(frames_THWC, on_frames).flicker)
    if score == "blur":
        return _blur(frames_THWC, on_frames)
    if score == "ghost":
        return _ghost(frames_THWC, on_frames)
    raise InbetweenError(f'score is "{score}"; choose {", ".join(SCORES)}.')


def worst_frames(scores: list[float], count: int, passed_over: Collection[int] = ()) -> list[int]:
    """The numbers, ascending, of the `count` frames with the highest scores above 0 that are not passed over."""
    bad = [frame for frame, score in enumerate(scores) if score > 0 and frame not in passed_over]
    return sorted(sorted(bad, key=lambda frame: -scores[frame])[:count])


def _blur(frames_THWC: Tensor, on_frames: ProgressCallback) -> list[float]:
    detail = []
    for frame_HWC in frames_THWC:
        laplacian_HW = cv2.Laplacian(luma(frame_HWC.cpu()).numpy(), cv2.CV_32F)
        detail.append(float(np.abs(laplacian_HW).mean()))
        on_frames(1)
    blur = [0.0] * len(detail)
    for frame in range(1, len(detail) - 1):
        # The less detailed neighbour, or the frame after a blurred one would be blamed for it.
        usual = min(detail[frame - 1], detail[frame + 1])
        if usual > FLAT:
            blur[frame] = max(0.0, 1 - detail[frame] / usual)
    return blur


def _ghost(frames_THWC: Tensor, on_frames: ProgressCallback) -> list[float]:
    interpolator = FlowInterpolator()
    ghost = [0.0] * frames_THWC.shape[0]
    beside = [small(frames_THWC[0]), small(frames_THWC[1])]
    for frame in range(1, len(ghost) - 1):
        beside.append(small(frames_THWC[frame + 1]))
        moved_HW = luma(interpolator.prepare(beside[0], beside[2]).render([0.5]).frames_THWC[0])
        before_HW, here_HW, after_HW = (luma(each_HWC) for each_HWC in beside)
        moving_HW = (before_HW - after_HW).abs() > MOVING
        if moving_HW.float().mean() > MOVING_SHARE:
            faded_HW = (before_HW + after_HW) / 2
            apart = float((moved_HW - faded_HW).abs()[moving_HW].mean())
            nearer = float((here_HW - moved_HW).abs()[moving_HW].mean() - (here_HW - faded_HW).abs()[moving_HW].mean())
            ghost[frame] = min(1.0, max(0.0, nearer / max(apart, 1e-3)))
        beside.pop(0)
        on_frames(1)
    on_frames(2)
    return ghost
