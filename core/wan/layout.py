"""How Wan packs frames into latent frames, and how its image-to-video models are conditioned on keyframes.

Wan's video autoencoder encodes frame 0 as one latent frame, and every four frames after it as another. In addition to
the noise, the models take two inputs: an encoded clip in which unknown frames are grey, and a mask with four slots per
latent frame, one for each of its frames. Frame 0 takes all four slots of its latent frame. Wan2.1-I2V, FLF2V,
Wan2.1-Fun-InP, Wan2.2-I2V-A14B and SemFi (arXiv 2507.05173, its public code at commit 1616ca7) all work this way.
Wan2.2-TI2V-5B has no such inputs; for it, whole latent frames are pinned instead.
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
GREY = 0.5  # the value of unknown frames, in [0, 1]


def frames_made(frame_count: int, other_lengths: OtherLengths = "refuse", grid: LatentGrid = WAN) -> int:
    """The number of frames to generate if `frame_count` are requested.

    Args:
        frame_count: frames in all, both ends included.
        other_lengths: what to do if the count does not fit the grid (4n+1): "refuse" it, or "snap up" to the next one
            that fits, as SemFi does.
        grid: the latent grid of the model.

    Raises:
        InbetweenError: fewer frames than fill two latent frames (5), or a count that does not fit and is refused; the
            error names the nearest that fit.
    """
    fewest, *more = (grid.frames(latent_frames) for latent_frames in (2, 3, 4))
    if frame_count < fewest:
        examples = ", ".join(map(str, (fewest, *more)))
        raise InbetweenError(f"frame_count is {frame_count}; Wan needs {fewest} frames or more ({examples}, ...).")
    if other_lengths == "refuse":
        check_frame_count(frame_count, grid.rule)
    return grid.neighbours(frame_count)[1]


def known_frames(keyframes: KeyframeSet, made: int, inner_strength: float = 1.0) -> tuple[Keyframe, ...]:
    """The frames that condition the model, each with its strength.

    If more frames are generated than requested, and the last requested frame is a keyframe, the surplus frames repeat
    it. The keyframe stays at its frame, and the model has nothing new to invent after it.

    Args:
        keyframes: the keyframes on the requested timeline.
        made: number of frames to generate, from `frames_made`.
        inner_strength: 0..1, multiplied with the strength of inner keyframes. Keyframes in an unbroken row from the
            first frame, or to the last frame, are not inner ones.

    Returns:
        Sorted by frame, without keyframes of strength 0.
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
    """The clip that the model is conditioned on: the known frames, and grey for all others.

    Strength mixes a frame with grey: 0 is plain grey, as if the frame were unknown, and 1 is exactly the image.

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
    """The strength of each frame for the mask: shape (grid.step, latent frames), 0 for unknown frames to 1."""
    levels_ST = torch.zeros(grid.step, grid.latent_frames(made))
    for keyframe in known:
        latent_frame, slot = grid.place_of(keyframe.frame)
        levels_ST[slice(None) if keyframe.frame == 0 else slot, latent_frame] = keyframe.strength
    return levels_ST


def pinned_frames(keyframes: KeyframeSet, grid: LatentGrid = WAN) -> dict[int, Keyframe]:
    """The keyframe for each latent frame to pin, for a model that can only be conditioned on whole latent frames.

    Raises:
        InbetweenError: two keyframes are in one latent frame.
    """
    pinned: dict[int, Keyframe] = {}
    for keyframe in keyframes.keyframes:
        latent_frame, _ = grid.place_of(keyframe.frame)
        if latent_frame in pinned:
            shared = grid.frames_of(latent_frame)
            raise InbetweenError(
                f"keyframes are at frames {pinned[latent_frame].frame} and {keyframe.frame}, but this model takes "
                f"frames {shared[0]} to {shared[-1]} as one; move one of them out, or use a Wan model other than "
                "TI2V-5B."
            )
        pinned[latent_frame] = keyframe
    return pinned


def _in_a_row(frames: Sequence[int], start: int, step: int) -> set[int]:
    """The frames from `start` on, in steps, up to the first gap."""
    row = set()
    while start in frames:
        row.add(start)
        start += step
    return row


def _weakened(keyframe: Keyframe, share: float) -> Keyframe:
    return replace(keyframe, strength=share * keyframe.strength)
