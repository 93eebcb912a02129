"""Frame arithmetic: how many frames a duration needs, and which counts an engine accepts.

A clip of n frames at f frames per second lasts n / f seconds. Frame numbers start at 0, and frame counts include both
ends. All arithmetic uses exact fractions: 0.1 s at 30 fps is 3 frames, not 3.0000000000000004.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

from ..errors import InbetweenError
from ..limits import number_of, shown
from .latent_grid import ANY, LatentGrid

Rounding = Literal["nearest", "up", "down"]

FRAME_RULES = (ANY, "4n+1", "8n+1")  # the rules that nodes offer; the arithmetic accepts every rule of LatentGrid
ROUNDINGS: tuple[Rounding, ...] = get_args(Rounding)

MOST_FRAMES = 100_000  # more is a typing error: over an hour at 24 fps
MOST_SAMPLES_A_SECOND = 1_000_000  # more is not a recording, and would use up the memory


def check_frame_count(frame_count: int, rule: str = ANY, minimum: int = 2) -> None:
    """Raise InbetweenError, naming the nearest valid counts, unless `frame_count` is valid.

    rule: as for `LatentGrid.of_rule`.
    """
    if frame_count < minimum:
        raise InbetweenError(f"frame_count is {frame_count}; at least {minimum} frames are needed.")
    if frame_count > MOST_FRAMES:
        raise InbetweenError(f"frame_count is {frame_count}; at most {MOST_FRAMES} frames are possible.")
    grid = LatentGrid.of_rule(rule)
    if not grid.fits(frame_count):
        below, above = grid.neighbours(frame_count)
        raise InbetweenError(f"frame_count {frame_count} breaks the rule {rule}; use {below} or {above}.")


def exact(value: float | Fraction, name: str, positive: bool = True) -> Fraction:
    """Convert a decimal number as typed to an exact fraction.

    Args:
        value: a number such as 23.976; a Fraction passes unchanged.
        name: the input it came from, for the error.
        positive: whether to refuse zero.

    Raises:
        InbetweenError: NaN, infinite, negative, or zero where a positive number is needed.
    """
    allowed = "a number above 0" if positive else "0 or more"
    if isinstance(value, Fraction):
        typed, number = float(value), value
    else:
        typed = number_of(value, name, False, f"give {allowed}")
        if not isinstance(typed, int) and not math.isfinite(typed):
            raise InbetweenError(f"{name} is {typed}; give {allowed}.")
        number = Fraction(typed) if isinstance(typed, int) else Fraction(repr(typed))
    if number < 0 or (positive and number == 0):
        raise InbetweenError(f"{name} is {shown(typed)}; give {allowed}.")
    return number


@dataclass(frozen=True)
class FrameCount:
    """A number of frames at a rate, and a report on how it was computed."""

    frame_count: int
    fps: Fraction
    report: str


def count_frames(
    seconds: float | Fraction, fps: float | Fraction, rule: str = ANY, rounding: Rounding = "nearest"
) -> FrameCount:
    """The number of frames that lasts `seconds` at `fps`, rounded once, to a count that the rule allows.

    Args:
        seconds: duration, 0 or more.
        fps: frames per second, above 0.
        rule: "any", or a rule such as "4n+1" for video models whose VAE packs four frames into one latent frame.
        rounding: "nearest" (ties go up), "up" (never shorter than requested) or "down" (never longer, unless even the
            shortest clip that the rule allows is).

    Raises:
        InbetweenError: seconds or fps is out of range, or the rule cannot be read.
    """
    grid = LatentGrid.of_rule(rule)
    duration, rate = exact(seconds, "seconds", positive=False), exact(fps, "fps")
    exact_count = duration * rate
    steps = (exact_count - grid.first) / grid.step
    whole = {"nearest": math.floor(steps + Fraction(1, 2)), "up": math.ceil(steps), "down": math.floor(steps)}[rounding]
    frame_count = grid.frames(max(whole, 0) + 1)
    lasting = f"{float(frame_count / rate):.6g} s"
    how = "exact" if frame_count == exact_count else f"from {float(exact_count):.6g}, rule {rule}, rounding {rounding}"
    report = f"{float(duration):.6g} s at {float(rate):.6g} fps: {frame_count} frames ({how}), lasting {lasting}."
    return FrameCount(frame_count, rate, report)


def audio_seconds(sample_count: int, sample_rate: int) -> Fraction:
    """The exact length of a piece of audio.

    Raises:
        InbetweenError: the sample rate is not in 1 to 1,000,000, or there are no samples.
    """
    rate = number_of(sample_rate, "the sample rate of the audio", True, "load it again with a valid rate")
    if not 0 < rate <= MOST_SAMPLES_A_SECOND:
        raise InbetweenError(f"the audio has a sample rate of {shown(rate)}; load it again with a valid rate.")
    if sample_count <= 0:
        raise InbetweenError("the audio is empty; connect a clip that has sound.")
    return Fraction(sample_count, int(rate))
