"""A keyframe set cut into segments that share their end frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from .errors import InbetweenError
from .keyframes import Keyframe, KeyframeSet

MAX_SEED = 2**64 - 1


@dataclass(frozen=True, eq=False)
class Segment:
    """The frames from one keyframe to the next, both included, to be made on their own.

    frames: half-open range of frame numbers on the whole time line; the next segment starts at `frames.stop - 1`.
    keyframes: the two ends on the segment's own time line, at frames 0 and `len(frames) - 1`.
    seed: 0..2**64 - 1. prompt: text for this segment alone.
    """

    frames: range
    keyframes: KeyframeSet
    seed: int
    prompt: str


def cut_segments(keyframes: KeyframeSet, seeds: Sequence[int], prompts: Sequence[str] = ("",)) -> tuple[Segment, ...]:
    """Cut at every inner keyframe.

    Args:
        keyframes: must have keyframes at frame 0 and at the last frame.
        seeds: one for all (segment k then takes seed + k, so that no two are alike), or one for each segment.
        prompts: one for all, or one for each segment.

    Returns:
        One segment fewer than keyframes. Their lengths add up to `frame_count + len(segments) - 1`.

    Raises:
        InbetweenError: an open end, a seed out of range, or another number of seeds or prompts.
    """
    if keyframes.frames[0] != 0 or keyframes.frames[-1] != keyframes.frame_count - 1:
        raise InbetweenError(
            f"keyframes stand at {keyframes.frames[0]} to {keyframes.frames[-1]} of {keyframes.frame_count} frames; "
            f"segments need one at frame 0 and one at frame {keyframes.frame_count - 1}."
        )
    pairs = list(pairwise(keyframes.keyframes))
    for seed in seeds:
        if not 0 <= seed <= MAX_SEED:
            raise InbetweenError(f"the seed {seed} is out of range; give 0 to {MAX_SEED}.")
    all_seeds = [(seeds[0] + number) & MAX_SEED for number in range(len(pairs))] if len(seeds) == 1 else seeds
    all_prompts = list(prompts) * len(pairs) if len(prompts) == 1 else prompts
    for name, values in (("seeds", all_seeds), ("prompts", all_prompts)):
        if len(values) != len(pairs):
            raise InbetweenError(f"{len(values)} {name} for {len(pairs)} segments; give one for all, or {len(pairs)}.")
    return tuple(
        Segment(range(first.frame, last.frame + 1), _own_time_line(first, last), seed, prompt)
        for (first, last), seed, prompt in zip(pairs, all_seeds, all_prompts, strict=True)
    )


def join_segments(segments: Sequence[Segment], clips_THWC: Sequence[Tensor]) -> Tensor:
    """Put the finished segments together again; a frame that two share is taken from the earlier one.

    Args:
        segments: from `cut_segments`, in order.
        clips_THWC: for each segment its frames, `len(segment.frames)` of them.

    Returns:
        The whole clip, `segments[-1].frames.stop` frames.

    Raises:
        InbetweenError: a clip has another number of frames than its segment.
    """
    first_THWC = clips_THWC[0]
    joined_THWC = torch.empty(
        (segments[-1].frames.stop, *first_THWC.shape[1:]), dtype=first_THWC.dtype, device=first_THWC.device
    )
    for number, (segment, clip_THWC) in enumerate(zip(segments, clips_THWC, strict=True), start=1):
        if clip_THWC.shape[0] != len(segment.frames):
            raise InbetweenError(
                f"segment {number} has {clip_THWC.shape[0]} frames but needs {len(segment.frames)}; "
                "set its engine to that."
            )
        skip = 0 if number == 1 else 1
        joined_THWC[segment.frames.start + skip : segment.frames.stop] = clip_THWC[skip:]
    return joined_THWC


def _own_time_line(first: Keyframe, last: Keyframe) -> KeyframeSet:
    length = last.frame - first.frame
    ends = (Keyframe(0, first.image_HWC, first.strength), Keyframe(length, last.image_HWC, last.strength))
    return KeyframeSet(length + 1, ends)
