"""Last touches on generated frames: the right number of them, the keyframes' colours, and the keyframes themselves."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from ..errors import InbetweenError
from ..keyframes.keyframe_set import KeyframeSet
from ..pictures.colour import (
    ColourTransfer,
    blend_transfers,
    colour_statistics,
    colour_step,
    colour_transfer,
    mean_colour,
)
from ..pictures.images import check_frames, size_text
from ..progress import ProgressCallback, no_progress

PutBack = Literal["replace", "replace and blend", "off"]
PUT_BACK_MODES: tuple[PutBack, ...] = get_args(PutBack)


@dataclass(frozen=True)
class Finished:
    """Finished frames of shape (T, H, W, 3), and a report: what was done, then one line for each keyframe."""

    frames_THWC: Tensor
    report: str


def finish_frames(
    frames_THWC: Tensor,
    keyframes: KeyframeSet,
    put_back: PutBack = "replace",
    blend_frames: int = 2,
    match_colour: bool = False,
    loop: bool = False,
    on_frames: ProgressCallback = no_progress,
) -> Finished:
    """Trim to the time line of the keyframes, match the colours to the keyframes, put them back, close the loop.

    Matching undoes a drift of colour or contrast: at each keyframe the map from the generated frame's OKLab mean and
    covariance to the keyframe's is found, between two keyframes the results of their maps are mixed. It is the
    correction that is mixed, not the keyframes' statistics, so what changes colour by moving keeps changing.

    Blending spreads what is still wrong at a keyframe (keyframe minus generated frame) over the frames beside it,
    fading out linearly. Where the engine hit the keyframe nothing changes, so nothing is ghosted.

    Args:
        frames_THWC: generated frames in [0, 1]; not written to.
        keyframes: where the frames were to go through.
        put_back: "off" leaves the frames, "replace" sets each keyframe exactly, "replace and blend" also corrects its
            neighbours.
        blend_frames: frames corrected on each side; stops short of the next keyframe.
        match_colour: undo the drift of colours between keyframes; before the first and after the last one its
            correction is kept.
        loop: leave out the last frame, which shows the first one again.
        on_frames: called with n after the colours of n more frames were matched; may raise to stop the work.

    Returns:
        Exactly `keyframes.frame_count` frames, in a loop one less, of the type and on the device of the given ones,
        and a report.

    Raises:
        InbetweenError: too few frames, frames of another size than the keyframes, or a loop that does not end with
            the keyframe it begins with.
    """
    _check(frames_THWC, keyframes, loop)
    given, wanted = frames_THWC.shape[0], keyframes.frame_count
    finished_THWC = frames_THWC[:wanted].clone()
    steps = [f"{wanted - loop} frames"]
    if given > wanted:
        steps[0] += f", {given - wanted} trimmed from the end"
    if loop:
        steps[0] += f", frame {wanted - 1} left out because a loop shows frame 0 again there"
    notes = dict.fromkeys(keyframes.frames, "")
    if match_colour:
        notes = _match_colours(finished_THWC, keyframes, on_frames)
        steps.append("colours matched")
    if put_back == "off":
        steps.append("keyframes left as generated")
    else:
        _put_back(finished_THWC, keyframes, blend_frames if put_back == "replace and blend" else 0)
        blended = f", blended over {blend_frames} frames to each side" if put_back == "replace and blend" else ""
        steps.append(f"keyframes put back{blended}")
    if loop:
        finished_THWC = finished_THWC[:-1]
    lines = _compared(frames_THWC[:wanted], finished_THWC, keyframes, put_back != "off")
    described = [f"Keyframe at {frame}: {line}{notes[frame]}." for frame, line in lines.items()]
    return Finished(finished_THWC, "\n".join(["; ".join(steps) + ".", *described]))


def _check(frames_THWC: Tensor, keyframes: KeyframeSet, loop: bool) -> None:
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
    if loop:
        placed, last = keyframes.keyframes, wanted - 1
        mend = "switch on loop in Keyframes, or switch it off here"
        missing = [frame for frame in (0, last) if frame not in keyframes.frames]
        if missing:
            raise InbetweenError(
                f"a loop needs the same keyframe at frame 0 and at the last frame, {last}, but none stands at frame "
                f"{missing[0]}; {mend}."
            )
        if not torch.equal(placed[0].image_HWC, placed[-1].image_HWC):
            raise InbetweenError(
                f"a loop ends with the picture it begins with, but the keyframes at frames 0 and {last} differ; {mend}."
            )


def _match_colours(frames_THWC: Tensor, keyframes: KeyframeSet, on_frames: ProgressCallback) -> dict[int, str]:
    """Correct the frames in place; says of each keyframe what could not be matched."""
    transfers = [
        colour_transfer(
            colour_statistics([frames_THWC[keyframe.frame]]),
            colour_statistics([keyframe.image_HWC.to(frames_THWC)]),
        )
        for keyframe in keyframes.keyframes
    ]
    for frame in range(keyframes.frame_count):
        frames_THWC[frame] = _correction(frame, keyframes.frames, transfers).apply(frames_THWC[frame])
        on_frames(1)
    return {frame: transfer.shortfall for frame, transfer in zip(keyframes.frames, transfers, strict=True)}


def _correction(frame: int, key_frames: tuple[int, ...], transfers: list[ColourTransfer]) -> ColourTransfer:
    """The correction at a frame: that of the keyframe there, between two a mixture, outside that of the nearest."""
    after = bisect_right(key_frames, frame)
    if after in (0, len(key_frames)):
        return transfers[max(after - 1, 0)]
    share = (frame - key_frames[after - 1]) / (key_frames[after] - key_frames[after - 1])
    return blend_transfers(transfers[after - 1], transfers[after], share)


def _put_back(frames_THWC: Tensor, keyframes: KeyframeSet, blend_frames: int) -> None:
    """Set each keyframe in place and spread its correction over `blend_frames` frames to each side."""
    for keyframe in keyframes.keyframes:
        key_HWC = keyframe.image_HWC.to(frames_THWC)
        error_HWC = key_HWC - frames_THWC[keyframe.frame]
        frames_THWC[keyframe.frame] = key_HWC
        for frame, share in _faded(keyframe.frame, keyframes, blend_frames):
            frames_THWC[frame].add_(error_HWC, alpha=share).clamp_(0.0, 1.0)


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


def _compared(generated_THWC: Tensor, finished_THWC: Tensor, keyframes: KeyframeSet, replaced: bool) -> dict[int, str]:
    """For each keyframe how far it was missed and how far the colour jumps there, before and after finishing.

    The jump before is the one that putting back alone would leave. In a loop the last frame shows frame 0 again.
    """
    placed = {keyframe.frame: keyframe.image_HWC for keyframe in keyframes.keyframes}
    lines = {}
    for frame, image_HWC in placed.items():
        key_HWC = image_HWC.to(generated_THWC)
        beside = [each for each in (frame - 1, frame + 1) if 0 <= each < keyframes.frame_count]
        before = [(placed if replaced and each in placed else generated_THWC)[each] for each in (frame, *beside)]
        after = [finished_THWC[each % len(finished_THWC)] for each in (frame, *beside)]
        difference = _then(_difference(key_HWC, generated_THWC[frame]), _difference(key_HWC, after[0]))
        lines[frame] = f"difference {difference}; colour step {_then(_largest_step(*before), _largest_step(*after))}"
    return lines


def _then(before: float, after: float) -> str:
    first, second = f"{before:.4f}", f"{after:.4f}"
    return first if first == second else f"{first}, after {second}"


def _difference(first_HWC: Tensor, second_HWC: Tensor) -> float:
    return (first_HWC - second_HWC).abs().mean(dtype=torch.float32).item()


def _largest_step(frame_HWC: Tensor, *beside_HWC: Tensor) -> float:
    own_3 = mean_colour(frame_HWC)
    return max(colour_step(own_3, mean_colour(each_HWC)) for each_HWC in beside_HWC)
