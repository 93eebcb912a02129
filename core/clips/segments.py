"""Cut a keyframe set into segments that share their end frames."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from torch import Tensor

from ..errors import InbetweenError
from ..keyframes.keyframe_set import Keyframe, KeyframeSet
from ..pictures.images import check_frames, size_text
from .join import MOST_CLIPS

MAX_SEED = 2**64 - 1
_OWN_SEED = re.compile(r"\s*(?P<segment>\d+)\s*:\s*(?P<seed>\d+)\s*", re.ASCII)


@dataclass(frozen=True, eq=False)
class Segment:
    """The frames from one keyframe to another, both included, to be generated on their own.

    frames: half-open range of frame numbers on the whole timeline; the next segment starts at `frames.stop - 1`.
    keyframes: the keyframes on the segment's own timeline: at frames 0 and `len(frames) - 1`, and any between them.
    seed: 0 to 2**64 - 1.
    prompt: text for this segment alone.
    """

    frames: range
    keyframes: KeyframeSet
    seed: int
    prompt: str


def segment_ranges(keyframes: KeyframeSet, longest: int | None = None) -> tuple[range, ...]:
    """Where to cut a keyframe set: at every inner keyframe, or at as few as a limit allows.

    Args:
        keyframes: must have keyframes at frame 0 and at the last frame.
        longest: most frames in a segment, both ends included; None cuts at every keyframe.

    Returns:
        Half-open ranges of frames; each starts with the last frame of the one before.

    Raises:
        InbetweenError: the first or last frame has no keyframe, two keyframes are too far apart for the limit, or
            there are too many segments.
    """
    frames, end = keyframes.frames, keyframes.frame_count - 1
    if frames[0] != 0 or frames[-1] != end:
        raise InbetweenError(
            f"the keyframes run from frame {frames[0]} to {frames[-1]} of {keyframes.frame_count} frames; segments "
            f"need one at frame 0 and one at frame {end}."
        )
    ranges, start = [], 0
    for before, after in pairwise(frames):
        if longest is not None and after - before + 1 > longest:
            raise InbetweenError(
                f"frames {before} to {after} are {after - before + 1} frames, but a segment may have {longest}; add a "
                "keyframe between them, or allow longer segments."
            )
        if before != start and (longest is None or after - start + 1 > longest):
            ranges.append(range(start, before + 1))
            start = before
    ranges.append(range(start, end + 1))
    if len(ranges) > MOST_CLIPS:
        raise InbetweenError(
            f"the keyframes give {len(ranges)} segments, but at most {MOST_CLIPS} can be joined; allow longer segments."
        )
    return tuple(ranges)


def cut_segments(
    keyframes: KeyframeSet, seeds: Sequence[int], prompts: Sequence[str] = ("",), longest: int | None = None
) -> tuple[Segment, ...]:
    """Cut a keyframe set, and give each segment its seed and prompt.

    Args:
        keyframes, longest: as for `segment_ranges`.
        seeds: one for each segment, or one for all: segment k then uses seed + k, so that no two segments are alike.
        prompts: one for each segment, or one for all.

    Returns:
        The segments in order. Their lengths add up to `frame_count + len(segments) - 1`.

    Raises:
        InbetweenError: as `segment_ranges`, or a seed is out of range, or the number of seeds or prompts is wrong.
    """
    ranges = segment_ranges(keyframes, longest)
    for seed in seeds:
        if not 0 <= seed <= MAX_SEED:
            raise InbetweenError(f"the seed {seed} is out of range; give 0 to {MAX_SEED}.")
    all_seeds = counted_seeds(seeds[0], len(ranges)) if len(seeds) == 1 else seeds
    all_prompts = list(prompts) * len(ranges) if len(prompts) == 1 else prompts
    for name, values in (("seeds", all_seeds), ("prompts", all_prompts)):
        if len(values) != len(ranges):
            raise InbetweenError(
                f"{len(values)} {name} for {len(ranges)} segments; give one for all, or {len(ranges)}."
            )
    return tuple(
        Segment(frames, part_of(keyframes, frames), seed, prompt)
        for frames, seed, prompt in zip(ranges, all_seeds, all_prompts, strict=True)
    )


def plan_segments(
    keyframes: KeyframeSet, seed: int, own_seeds: str = "", prompts: str = "", longest: int | None = None
) -> tuple[Segment, ...]:
    """Cut a keyframe set, with seeds and prompts as an artist writes them.

    Args:
        keyframes, longest: as for `segment_ranges`.
        seed: seed of the first segment; the second uses the next number, and so on.
        own_seeds: different seeds for single segments; see `with_own_seeds`.
        prompts: one per line; see `prompt_lines`.

    Raises:
        InbetweenError: as `cut_segments` and `with_own_seeds`.
    """
    segments = cut_segments(keyframes, [seed], prompt_lines(prompts), longest)
    seeds = with_own_seeds([segment.seed for segment in segments], own_seeds)
    return tuple(replace(segment, seed=own) for segment, own in zip(segments, seeds, strict=True))


def describe(segments: Sequence[Segment]) -> str:
    """The frames and seed of each segment, on one line."""
    parts = [f"{each.frames[0]} to {each.frames[-1]} (seed {each.seed})" for each in segments]
    return f"{len(parts)} segment{'s' * (len(parts) > 1)}: frames {', '.join(parts)}."


def prompt_lines(text: str) -> list[str]:
    """The lines that are not empty, one prompt each; for an empty text, one empty prompt."""
    return [line.strip() for line in text.splitlines() if line.strip()] or [""]


def counted_seeds(seed: int, count: int) -> list[int]:
    """A seed for each segment, counting up from the given one."""
    return [(seed + number) & MAX_SEED for number in range(count)]


def with_own_seeds(seeds: Sequence[int], text: str) -> list[int]:
    """Replace some of the seeds.

    Args:
        seeds: one for each segment.
        text: such as "2: 77, 5: 3", which gives segment 2 seed 77 and segment 5 seed 3. Segments are counted from 1.

    Raises:
        InbetweenError: the text cannot be read, a segment does not exist, or a seed is out of range.
    """
    replaced = list(seeds)
    for entry in filter(str.strip, text.split(",")):
        found = _OWN_SEED.fullmatch(entry)
        if found is None:
            raise InbetweenError(
                f'own_seeds: cannot read "{entry.strip()}"; write segment and seed such as 2: 77, 5: 3, or leave it '
                "empty."
            )
        segment, seed = int(found["segment"]), int(found["seed"])
        if not 1 <= segment <= len(seeds):
            raise InbetweenError(f"own_seeds: there is no segment {segment}; use 1 to {len(seeds)}.")
        if seed > MAX_SEED:
            raise InbetweenError(f"own_seeds: the seed {seed} is out of range; give 0 to {MAX_SEED}.")
        replaced[segment - 1] = seed
    return replaced


def part_of(keyframes: KeyframeSet, frames: range) -> KeyframeSet:
    """The keyframes within a range of frames, on a timeline that starts with the range."""
    inside = [replace(each, frame=each.frame - frames.start) for each in keyframes.keyframes if each.frame in frames]
    return KeyframeSet(len(frames), tuple(inside))


def with_context(keyframes: KeyframeSet, before_THWC: Tensor, context_frames: int) -> KeyframeSet:
    """Start a segment earlier, with frames of the previous segment, so that it continues the motion.

    Args:
        keyframes: keyframes of the segment; its first frame is the last frame of the clip before.
        before_THWC: the clip that was generated for the previous segment.
        context_frames: how many of that clip's last frames the segment starts with; 1 is its own first keyframe alone.

    Returns:
        A timeline longer by `context_frames - 1`. The shared frame is the segment's own keyframe, not the generated
        frame.

    Raises:
        InbetweenError: the clip before is too short, of another size, not RGB or not finite, or context_frames is
            below 1.
    """
    if context_frames < 1:
        raise InbetweenError(f"context_frames is {context_frames}; give 1 or more.")
    earlier = context_frames - 1
    check_frames(before_THWC[-context_frames:], "the clip before")
    if len(before_THWC) < context_frames:
        raise InbetweenError(
            f"the clip before has {len(before_THWC)} frames, but context_frames is {context_frames}; "
            f"set context_frames to {len(before_THWC)} or fewer."
        )
    if before_THWC.shape[1:3] != (keyframes.height, keyframes.width):
        raise InbetweenError(
            f"the clip before is {size_text(before_THWC)} but the keyframes are {keyframes.width}x{keyframes.height}; "
            "connect the clip generated for the previous segment."
        )
    first = len(before_THWC) - context_frames
    context = [Keyframe(number, before_THWC[first + number].clone()) for number in range(earlier)]
    moved = [replace(each, frame=each.frame + earlier) for each in keyframes.keyframes]
    return KeyframeSet(keyframes.frame_count + earlier, (*context, *moved))


def keyframes_with_context(segments: Sequence[Segment], context_frames: int) -> Iterator[KeyframeSet]:
    """The keyframes of each segment when it starts with frames of the previous segment, which do not exist yet.

    Use this to check all segments before generating the first one. The first keyframe stands in for the missing frames.

    Raises:
        InbetweenError: a segment has fewer frames than the next one starts with.
    """
    frames_before = 0
    for segment in segments:
        keyframes = segment.keyframes
        if frames_before and context_frames > 1:
            stand_in_THWC = keyframes.keyframes[0].image_HWC.expand(frames_before, -1, -1, -1)
            keyframes = with_context(keyframes, stand_in_THWC, context_frames)
        yield keyframes
        frames_before = keyframes.frame_count


def one_segment(
    keyframes: KeyframeSet,
    number: int,
    longest: int | None = None,
    before_THWC: Tensor | None = None,
    context_frames: int = 1,
) -> tuple[KeyframeSet, str]:
    """One segment of a timeline, and a report that says which.

    Args:
        keyframes, longest: as for `segment_ranges`.
        number: the segment, counted from 1.
        before_THWC, context_frames: as for `with_context`.

    Raises:
        InbetweenError: there is no such segment, or as `segment_ranges` and `with_context`.
    """
    ranges = segment_ranges(keyframes, longest)
    if not 1 <= number <= len(ranges):
        raise InbetweenError(f"segment is {number}, but there are {len(ranges)}; give 1 to {len(ranges)}.")
    frames = ranges[number - 1]
    part = part_of(keyframes, frames)
    report = f"Segment {number} of {len(ranges)}: frames {frames[0]} to {frames[-1]} ({len(frames)} frames)"
    if before_THWC is not None and context_frames > 1:
        part = with_context(part, before_THWC, context_frames)
        report += f", after {context_frames - 1} frames of the previous segment"
    return part, f"{report}."


def check_step_split(high_noise_steps: int, steps: int) -> None:
    """Raise InbetweenError unless steps are left for model_low, the second of two models."""
    if high_noise_steps >= steps:
        raise InbetweenError(
            f"high_noise_steps is {high_noise_steps} of {steps} steps, which leaves none for model_low; give "
            f"{steps - 1} or fewer."
        )
