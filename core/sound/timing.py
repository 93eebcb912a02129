"""Where sound stands on the time axis of the frames: seconds, samples, features of an audio encoder.

Everything goes by time. wav2vec2 listens at 16000 samples a second and makes a feature of 400 samples every 320, fifty
a second. A clip of n frames takes n / fps seconds of sound. Which features a latent frame hears: `audio_windows.py`.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from ..errors import InbetweenError
from ..timing.frame_counts import exact
from ..timing.latent_grid import LatentGrid
from ..wan.layout import WAN

ENCODER_RATE = 16000  # samples per second
FEATURE_STEP = 320  # samples from one feature to the next
FEATURE_SPAN = 400  # samples that one feature is made of
FEATURES_PER_SECOND = ENCODER_RATE // FEATURE_STEP

MOST_SECONDS = 7200  # of sound for one clip; more is a slip of the keyboard, and would take all the memory


@dataclass(frozen=True)
class Span:
    """The sound that belongs to a clip.

    start: seconds in the audio at which frame 0 begins; below 0 before the audio. frame_count: of the clip.
    fps: frames per second. grid: how the video model packs the frames into latent frames.
    """

    start: Fraction
    frame_count: int
    fps: Fraction
    grid: LatentGrid = WAN

    @property
    def seconds(self) -> Fraction:
        """How long the clip lasts."""
        return self.frame_count / self.fps

    @property
    def latent_frames(self) -> int:
        """How many latent frames the clip has."""
        return self.grid.latent_frames(self.frame_count)

    @property
    def encoder_samples(self) -> int:
        """How many whole samples at 16 kHz the clip lasts."""
        return math.floor(self.seconds * ENCODER_RATE)


def span_of_clip(
    frame_count: int,
    fps: float | Fraction,
    start_seconds: float | Fraction = 0,
    offset_ms: float | Fraction = 0,
    grid: LatentGrid = WAN,
) -> Span:
    """The sound of a clip.

    Args:
        frame_count: two latent frames or more; on Wan's grid 4n+1, at least 5.
        fps: frames per second, above 0.
        start_seconds: where in the audio frame 0 stands, 0 or more.
        offset_ms: milliseconds by which the sound comes later than the pictures; below 0 earlier.
        grid: of the video model.

    Raises:
        InbetweenError: an impossible rate or time, too few frames, or a clip shorter than the 25 ms of one feature or
            longer than two hours.
    """
    fewest = grid.frames(2)
    if frame_count < fewest:
        raise InbetweenError(
            f"the clip has {frame_count} frame{'s' * (frame_count != 1)}; audio adapters need {fewest} or more."
        )
    size = offset_ms if offset_ms > 0 else -offset_ms
    later = exact(size, "offset_ms", positive=False) / 1000 * (-1 if offset_ms < 0 else 1)
    start = exact(start_seconds, "start_seconds", positive=False) - later
    span = Span(start, frame_count, exact(fps, "fps"), grid)
    if span.encoder_samples < FEATURE_SPAN:
        most = Fraction(frame_count * ENCODER_RATE, FEATURE_SPAN)
        raise InbetweenError(
            f"{frame_count} frames at {float(span.fps):g} fps are too short to hear anything in them; set fps to "
            f"{float(most):g} or less."
        )
    if span.seconds > MOST_SECONDS:
        raise InbetweenError(
            f"{frame_count} frames at {float(span.fps):g} fps last longer than two hours; set fps to that of the clip."
        )
    return span


def feature_count(samples: int) -> int:
    """How many features wav2vec2 makes of a number of samples at 16 kHz."""
    return max(0, (samples - FEATURE_SPAN) // FEATURE_STEP + 1)


def samples_for(features: int) -> int:
    """The fewest samples at 16 kHz of which wav2vec2 makes a number of features, 1 or more."""
    return (features - 1) * FEATURE_STEP + FEATURE_SPAN


def at_times(features_LD: Tensor, times_N: Tensor) -> Tensor:
    """Features between features.

    Args:
        features_LD: float, one after the other, shape (features, channels).
        times_N: where to look, in features from the first; what lies outside is the first or the last.

    Returns:
        Linear mixtures of neighbours, shape (times, channels).
    """
    times_N = times_N.clamp(0, len(features_LD) - 1)
    before_N = times_N.floor().long()
    after_N = (before_N + 1).clamp(max=len(features_LD) - 1)
    share_N1 = (times_N - before_N)[:, None].to(features_LD)
    return torch.lerp(features_LD[before_N], features_LD[after_N], share_N1)
