"""Last touches on generated frames: the right number of them, and the given keyframes exactly where they belong."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from .errors import InbetweenError
from .images import check_frames, size_text
from .keyframes import KeyframeSet

PutBack = Literal["off", "replace", "replace and blend"]
PUT_BACK_MODES: tuple[PutBack, ...] = get_args(PutBack)


@dataclass(frozen=True)
class Finished:
    """Finished frames of shape (frame_count, H, W, 3) and one line on what was done to them."""

    frames_THWC: Tensor
    report: str


def finish_frames(
    frames_THWC: Tensor, keyframes: KeyframeSet, put_back: PutBack = "replace", blend_frames: int = 2
) -> Finished:
    """Trim to the time line of the keyframes and put the keyframes back.

    Blending spreads what the engine got wrong at a keyframe (keyframe minus generated frame) over the frames beside it,
    fading out linearly. Where the engine hit the keyframe nothing changes, so nothing is ghosted.

    Args:
        frames_THWC: generated frames in [0, 1]; not written to.
        keyframes: where the frames were to go through.
        put_back: "off" leaves the frames, "replace" sets each keyframe exactly, "replace and blend" also corrects its
            neighbours.
        blend_frames: frames corrected on each side; stops short of the next keyframe.

    Returns:
        Exactly `keyframes.frame_count` frames, of the type and on the device of the given ones, and a report.

    Raises:
        InbetweenError: too few frames, or frames of another size than the keyframes.
    """
    check_frames(frames_THWC, "images")
    given, wanted = frames_THWC.shape[0], keyframes.frame_count
    if given < wanted:
        raise InbetweenError(
            f"{given} frames came in but the keyframes need {wanted}; let the engine make {wanted}, "
            f"or set frame_count of Keyframes to {given}."
        )
    if frames_THWC.shape[1:3] != (keyframes.height, keyframes.width):
        raise InbetweenError(
            f"the frames are {size_text(frames_THWC)} but the keyframes {keyframes.width}x{keyframes.height}; "
            "set width, height or multiple_of of Keyframes so that they agree."
        )
    finished_THWC = frames_THWC[:wanted].clone()
    report = f"{wanted} frames" + (f", {given - wanted} trimmed from the end" if given > wanted else "")
    if put_back == "off":
        return Finished(finished_THWC, f"{report}; keyframes left as generated.")
    missed = {}
    for keyframe in keyframes.keyframes:
        key_HWC = keyframe.image_HWC.to(finished_THWC)
        error_HWC = key_HWC - frames_THWC[keyframe.frame]
        missed[keyframe.frame] = error_HWC.abs().mean(dtype=torch.float32).item()
        finished_THWC[keyframe.frame] = key_HWC
        if put_back == "replace and blend":
            for frame, share in _faded(keyframe.frame, keyframes, blend_frames):
                finished_THWC[frame].add_(error_HWC, alpha=share).clamp_(0.0, 1.0)
    listed = ", ".join(f"{frame} ({error:.4f})" for frame, error in missed.items())
    how = "put back" if put_back == "replace" else f"put back, blended over {blend_frames} frames to each side"
    return Finished(finished_THWC, f"{report}; keyframes {how} at (mean difference before): {listed}.")


def _faded(frame: int, keyframes: KeyframeSet, blend_frames: int) -> list[tuple[int, float]]:
    """The frames beside a keyframe that share its correction, with their share; never another keyframe."""
    faded = []
    for direction in (-1, 1):
        for distance in range(1, blend_frames + 1):
            beside = frame + direction * distance
            if not 0 <= beside < keyframes.frame_count or beside in keyframes.frames:
                break
            faded.append((beside, 1.0 - distance / (blend_frames + 1)))
    return faded
