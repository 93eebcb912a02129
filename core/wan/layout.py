"""How Wan packs frames into latent frames, and how its image-to-video models are told where keyframes stand.

Wan's video autoencoder makes one latent frame of frame 0 and one of every four frames after it. Beside the noise, the
models take a clip in which unknown frames are grey, encoded, and a mask with four slots for each latent frame, one for
each of its frames; frame 0 has all four slots of its latent frame. That is how Wan2.1-I2V, FLF2V, Wan2.1-Fun-InP,
Wan2.2-I2V-A14B and SemFi (arXiv 2507.05173, its public code at commit 1616ca7) are conditioned. Wan2.2-TI2V-5B has no
such input: there whole latent frames are pinned.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import torch
from torch import Tensor

from ..errors import InbetweenError
from ..keyframes.keyframe_set import Keyframe, KeyframeSet
from ..timing.frame_counts import check_frame_count
from ..timing.latent_grid import LatentGrid

OtherLengths = Literal["refuse", "snap up"]
OTHER_LENGTHS: tuple[OtherLengths, ...] = get_args(OtherLengths)

WAN = LatentGrid(first=1, step=4)
LONGEST_TRAINED = 81  # frames
GREY = 0.5  # what unknown frames show, in [0, 1]


def frames_made(frame_count: int, other_lengths: OtherLengths = "refuse", grid: LatentGrid = WAN) -> int:
    """How many frames the model makes where `frame_count` are wanted.

    Args:
        frame_count: both ends included.
        other_lengths: what to do with a count that does not fit the grid (4n+1): "refuse" it, or "snap up" to the next
            that does, as SemFi does.
        grid: of the model.

    Raises:
        InbetweenError: fewer frames than two latent frames hold (5), or a count to refuse; it names the nearest that
            can be made.
    """
    fewest, *more = (grid.frames(latent_frames) for latent_frames in (2, 3, 4))
    if frame_count < fewest:
        examples = ", ".join(map(str, (fewest, *more)))
        raise InbetweenError(f"frame_count is {frame_count}; Wan makes {fewest} frames or more ({examples}, ...).")
    if other_lengths == "refuse":
        check_frame_count(frame_count, grid.rule)
    return grid.neighbours(frame_count)[1]


def known_frames(keyframes: KeyframeSet, made: int, inner_strength: float = 1.0) -> tuple[Keyframe, ...]:
    """The frames that the model is given, each with the strength it is given with.

    Where more frames are made than wanted and the last of them is a keyframe, the surplus shows it, too: it stays at
    its frame, and nothing new has to be invented behind it.

    Args:
        keyframes: on the time line that was asked for.
        made: from `frames_made`.
        inner_strength: 0..1, times the strength of keyframes that belong neither to the beginning nor to the end. (To
            the beginning belong those in a row from frame 0.)

    Returns:
        Sorted by frame; without keyframes of strength 0.
    """
    beginning = _in_a_row(keyframes.frames, 0, 1)
    ending = _in_a_row(keyframes.frames, keyframes.frame_count - 1, -1)
    known = [
        keyframe if keyframe.frame in beginning | ending else _weakened(keyframe, inner_strength)
        for keyframe in keyframes.keyframes
    ]
    last = known[-1]
    if last.frame == keyframes.frame_count - 1:
        known += [replace(last, frame=frame) for frame in range(keyframes.frame_count, made)]
    return tuple(keyframe for keyframe in known if keyframe.strength > 0)


def guidance_clip(known: Sequence[Keyframe], made: int, height: int, width: int) -> Tensor:
    """What the model is shown: the known frames, and grey where none is known.

    A frame of strength s is mixed with grey, s of it: 0 is as if it were not known, 1 is the image to the last bit.

    Returns:
        Frames of shape (made, height, width, 3) in [0, 1], float32, on the device of the images.
    """
    device = known[0].image_HWC.device if known else None
    clip_THWC = torch.full((made, height, width, 3), GREY, device=device)
    for keyframe in known:
        clip_THWC[keyframe.frame] = (
            keyframe.image_HWC
            if keyframe.strength == 1
            else torch.lerp(clip_THWC[keyframe.frame], keyframe.image_HWC.to(clip_THWC), keyframe.strength)
        )
    return clip_THWC


def known_levels(known: Sequence[Keyframe], made: int, grid: LatentGrid = WAN) -> Tensor:
    """How firmly each frame is known: shape (grid.step, latent frames), from 0, unknown, to 1."""
    levels_ST = torch.zeros(grid.step, grid.latent_frames(made))
    for keyframe in known:
        latent_frame, slot = grid.place_of(keyframe.frame)
        levels_ST[slice(None) if keyframe.frame == 0 else slot, latent_frame] = keyframe.strength
    return levels_ST


def pinned_frames(keyframes: KeyframeSet, grid: LatentGrid = WAN) -> dict[int, Keyframe]:
    """The keyframe of each latent frame to pin, for a model that is given whole latent frames only.

    Raises:
        InbetweenError: two keyframes in one latent frame.
    """
    pinned: dict[int, Keyframe] = {}
    for keyframe in keyframes.keyframes:
        latent_frame, _ = grid.place_of(keyframe.frame)
        if latent_frame in pinned:
            held = grid.frames_of(latent_frame)
            raise InbetweenError(
                f"keyframes stand at frames {pinned[latent_frame].frame} and {keyframe.frame}, but this model is given "
                f"frames {held[0]} to {held[-1]} as one; move one of them out, or use a Wan model that is no "
                "TI2V-5B."
            )
        pinned[latent_frame] = keyframe
    return pinned


def _in_a_row(frames: Sequence[int], start: int, step: int) -> set[int]:
    """The frames from `start` on, in steps, as far as there is no gap."""
    row = set()
    while start in frames:
        row.add(start)
        start += step
    return row


def _weakened(keyframe: Keyframe, share: float) -> Keyframe:
    return replace(keyframe, strength=share * keyframe.strength)
