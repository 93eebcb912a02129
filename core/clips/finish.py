"""Finish generated frames: trim them, match their colours to the keyframes, and put the keyframes back."""

from bisect import bisect_right
from collections.abc import Container
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor

from ..errors import InbetweenError, TooFewFramesError
from ..keyframes.keyframe_set import KeyframeSet
from ..pictures.alpha import difference as picture_difference
from ..pictures.alpha import has_alpha, is_same_picture, with_alpha
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
from .put_back import Correction

PutBack = Literal["replace", "replace and blend", "off"]
PUT_BACK_MODES: tuple[PutBack, ...] = get_args(PutBack)


@dataclass(frozen=True)
class Finished:
    """Finished frames, shape (T, H, W, 3), and a report: what was done, then one line per keyframe."""

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
    """Trim to the timeline of the keyframes, match colours to the keyframes, put them back, and close the loop.

    Colour matching undoes a drift of colour or contrast. At each keyframe it finds the map from the OKLab mean and
    covariance of the generated frame to those of the keyframe. Between two keyframes it mixes the results of their two
    maps. It mixes the corrections, not the statistics, so colour changes that belong to the motion stay.

    Blending spreads what the engine missed at a keyframe over the neighbouring frames, fading out linearly. Things that
    stand elsewhere are moved along optical flow, and the rest of the difference is added (see `put_back.Correction`).
    If the engine hit the keyframe, nothing changes.

    Args:
        frames_THWC: generated frames, RGB or RGB with alpha; values beyond [0, 1] are kept; not modified.
        keyframes: the keyframes that the frames were generated from.
        put_back: "off" leaves the frames, "replace" sets each keyframe exactly, "replace and blend" also corrects its
            neighbours.
        blend_frames: frames corrected on each side of a keyframe; stops short of the next keyframe.
        match_colour: undo a drift of colour. Frames before the first or after the last keyframe get the correction of
            the nearest one.
        loop: drop the last frame, which repeats the first.
        on_frames: called with n after the colours of n more frames have been matched; may raise to stop the work.

    Returns:
        Exactly `keyframes.frame_count` frames (one less for a loop), with the type and device of the input, and a
        report.

    Raises:
        InbetweenError: there are too few frames, their size differs from that of the keyframes, or the first and last
            keyframe of a loop differ.
    """
    _check(frames_THWC, keyframes, loop)
    pictures = _pictures(frames_THWC, keyframes)
    given, needed = frames_THWC.shape[0], keyframes.frame_count
    finished_THWC = frames_THWC[:needed].clone()
    steps = [f"{needed - loop} frames"]
    if given > needed:
        steps[0] += f", {given - needed} trimmed from the end"
    if loop:
        steps[0] += f", frame {needed - 1} dropped because it repeats frame 0 in a loop"
    notes = dict.fromkeys(keyframes.frames, "")
    if match_colour:
        notes = _match_colours(finished_THWC, pictures, on_frames)
        steps.append("colours matched")
    if put_back == "off":
        steps.append("keyframes left as generated")
    else:
        corrections = _put_back(finished_THWC, pictures, blend_frames if put_back == "replace and blend" else 0)
        for frame, note in corrections.items():
            notes[frame] += note
        blended = f", blended over {blend_frames} frames on each side" if put_back == "replace and blend" else ""
        steps.append(f"keyframes put back{blended}")
    if loop:
        finished_THWC = finished_THWC[:-1]
    lines = _compared(frames_THWC[:needed], finished_THWC, pictures, put_back != "off")
    described = [f"Keyframe at frame {frame}: {line}{notes[frame]}." for frame, line in lines.items()]
    return Finished(finished_THWC, "\n".join(["; ".join(steps) + ".", *described]))


def _check(frames_THWC: Tensor, keyframes: KeyframeSet, loop: bool) -> None:
    check_frames(frames_THWC, "images", alpha=True)
    if keyframes.has_alpha and not has_alpha(frames_THWC):
        raise InbetweenError(
            "the keyframes have alpha but the frames do not; connect frames with alpha, or their MASK to transparency, "
            "or keyframes without alpha."
        )
    given, needed = frames_THWC.shape[0], keyframes.frame_count
    if given < needed:
        raise TooFewFramesError(
            f"{given} frames came in but the keyframes need {needed}; generate {needed} frames, "
            f"or set frame_count of Keyframes to {given}.",
            given,
        )
    if frames_THWC.shape[1:3] != (keyframes.height, keyframes.width):
        raise InbetweenError(
            f"the frames are {size_text(frames_THWC)} but the keyframes are {keyframes.width}x{keyframes.height}; "
            "set width, height or multiple_of of Keyframes to match."
        )
    if loop:
        last = needed - 1
        fix = "switch on loop in Keyframes, or switch it off here"
        missing = [frame for frame in (0, last) if frame not in keyframes.frames]
        if missing:
            raise InbetweenError(
                f"a loop needs the same keyframe at frame 0 and at the last frame, {last}, but there is none at frame "
                f"{missing[0]}; {fix}."
            )
        if not is_same_picture(keyframes.pictures[0], keyframes.pictures[-1]):
            raise InbetweenError(
                f"a loop must end with the picture it starts with, but the keyframes at frames 0 and {last} differ; "
                f"{fix}."
            )


def _pictures(frames_THWC: Tensor, keyframes: KeyframeSet) -> dict[int, Tensor]:
    """The picture of each keyframe by its frame, as the frames are: with alpha if they have it."""
    pictures = dict(zip(keyframes.frames, keyframes.pictures, strict=True))
    if has_alpha(frames_THWC) and not keyframes.has_alpha:
        pictures = {frame: with_alpha(picture_HWC) for frame, picture_HWC in pictures.items()}
    return {frame: picture_HWC.to(frames_THWC) for frame, picture_HWC in pictures.items()}


def _match_colours(frames_THWC: Tensor, pictures: dict[int, Tensor], on_frames: ProgressCallback) -> dict[int, str]:
    """Correct the frames in place. Returns a note for each keyframe on what could not be matched, or ""."""
    transfers = [
        colour_transfer(
            colour_statistics([frames_THWC[frame]]),
            colour_statistics([picture_HWC]),
        )
        for frame, picture_HWC in pictures.items()
    ]
    key_frames = tuple(pictures)
    for frame in range(len(frames_THWC)):
        frames_THWC[frame] = _correction(frame, key_frames, transfers).apply(frames_THWC[frame])
        on_frames(1)
    return {frame: transfer.shortfall for frame, transfer in zip(key_frames, transfers, strict=True)}


def _correction(frame: int, key_frames: tuple[int, ...], transfers: list[ColourTransfer]) -> ColourTransfer:
    """The correction for a frame: a mix of those of the keyframes on either side, or that of the nearest keyframe."""
    after = bisect_right(key_frames, frame)
    if after in (0, len(key_frames)):
        return transfers[max(after - 1, 0)]
    share = (frame - key_frames[after - 1]) / (key_frames[after] - key_frames[after - 1])
    return blend_transfers(transfers[after - 1], transfers[after], share)


def _put_back(frames_THWC: Tensor, pictures: dict[int, Tensor], blend_frames: int) -> dict[int, str]:
    """Set each keyframe in place and spread its correction over `blend_frames` frames on each side.

    Returns a note on the correction of each keyframe whose neighbours were corrected, or "".
    """
    notes = {}
    for key_frame, key_HWC in pictures.items():
        if blend_frames:
            correction = Correction.of(frames_THWC[key_frame].clone(), key_HWC)
            notes[key_frame] = correction.note
            for frame, share in _faded(key_frame, pictures, len(frames_THWC), blend_frames):
                frames_THWC[frame] = correction.applied(frames_THWC[frame], share)
        frames_THWC[key_frame] = key_HWC
    return notes


def _faded(frame: int, key_frames: Container[int], frame_count: int, blend_frames: int) -> list[tuple[int, float]]:
    """The frames around a keyframe that share its correction, each with its share; never another keyframe."""
    faded = []
    for direction in (-1, 1):
        for distance in range(1, blend_frames + 1):
            neighbour = frame + direction * distance
            if not 0 <= neighbour < frame_count or neighbour in key_frames:
                break
            faded.append((neighbour, 1.0 - distance / (blend_frames + 1)))
    return faded


def _compared(
    generated_THWC: Tensor, finished_THWC: Tensor, placed: dict[int, Tensor], replaced: bool
) -> dict[int, str]:
    """For each keyframe, how far it was missed and how far the colour jumps there, before and after finishing.

    The jump "before" is the one that putting the keyframes back would leave on its own.
    """
    lines = {}
    for frame, key_HWC in placed.items():
        neighbours = [each for each in (frame - 1, frame + 1) if 0 <= each < len(generated_THWC)]
        before = [(placed if replaced and each in placed else generated_THWC)[each] for each in (frame, *neighbours)]
        # The modulo is for a loop, whose dropped last frame is frame 0 again.
        after = [finished_THWC[each % len(finished_THWC)] for each in (frame, *neighbours)]
        difference = _before_and_after(
            picture_difference(key_HWC, generated_THWC[frame]), picture_difference(key_HWC, after[0])
        )
        colour_jump = _before_and_after(_largest_step(*before), _largest_step(*after))
        lines[frame] = f"difference {difference}; colour step {colour_jump}"
    return lines


def _before_and_after(before: float, after: float) -> str:
    first, second = f"{before:.4f}", f"{after:.4f}"
    return first if first == second else f"{first} before, {second} after"


def _largest_step(frame_HWC: Tensor, *neighbours_HWC: Tensor) -> float:
    own_3 = mean_colour(frame_HWC)
    return max(colour_step(own_3, mean_colour(each_HWC)) for each_HWC in neighbours_HWC)
