"""The time axis that sound and frames share: seconds, audio samples, and features of an audio encoder.

wav2vec2 works at 16000 samples per second. It computes one feature from 400 samples, and the next one 320 samples
later, which makes fifty features per second. A clip of n frames lasts n / fps seconds. For the features that each
latent frame uses, see `windows.py`.
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
FEATURE_SPAN = 400  # samples that one feature is computed from
FEATURES_PER_SECOND = ENCODER_RATE // FEATURE_STEP

MOST_SECONDS = 7200  # of sound for one clip; more is a typing error, and would use up the memory


@dataclass(frozen=True)
class Span:
    """The stretch of audio that belongs to a clip.

    start: seconds into the audio at which frame 0 starts; negative if the clip starts before the audio.
    frame_count, fps: length and frame rate of the clip.
    grid: how the video model packs frames into latent frames.
    """

    start: Fraction
    frame_count: int
    fps: Fraction
    grid: LatentGrid = WAN

    @property
    def seconds(self) -> Fraction:
        """Length of the clip in seconds."""
        return self.frame_count / self.fps

    @property
    def latent_frames(self) -> int:
        """Number of latent frames in the clip."""
        return self.grid.latent_frames(self.frame_count)

    @property
    def encoder_samples(self) -> int:
        """Length of the clip in whole samples at 16 kHz."""
        return math.floor(self.seconds * ENCODER_RATE)


def span_of_clip(
    frame_count: int,
    fps: float | Fraction,
    start_seconds: float | Fraction = 0,
    offset_ms: float | Fraction = 0,
    grid: LatentGrid = WAN,
) -> Span:
    """The stretch of audio that belongs to a clip.

    Args:
        frame_count: enough for two latent frames; on Wan's grid 4n+1, at least 5.
        fps: frames per second, above 0.
        start_seconds: the time in the audio at which frame 0 starts, 0 or more.
        offset_ms: delay of the audio in milliseconds; negative to advance it.
        grid: the latent grid of the video model.

    Raises:
        InbetweenError: the rate or a time is out of range, there are too few frames, or the clip is shorter than the
            25 ms of one feature or longer than two hours.
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
            f"{frame_count} frames at {float(span.fps):g} fps are too short for an audio adapter; set fps to "
            f"{float(most):g} or less."
        )
    if span.seconds > MOST_SECONDS:
        raise InbetweenError(
            f"{frame_count} frames at {float(span.fps):g} fps last longer than two hours; set fps to the frame rate of "
            "the clip."
        )
    return span


def feature_count(samples: int) -> int:
    """The number of features that wav2vec2 computes from a number of samples at 16 kHz."""
    return max(0, (samples - FEATURE_SPAN) // FEATURE_STEP + 1)


def samples_for(features: int) -> int:
    """The fewest samples at 16 kHz from which wav2vec2 computes a number of features, 1 or more."""
    return (features - 1) * FEATURE_STEP + FEATURE_SPAN


def at_times(features_LD: Tensor, times_N: Tensor) -> Tensor:
    """Interpolate linearly between features.

    Args:
        features_LD: float, shape (features, channels).
        times_N: where to interpolate, counted in features from the first; clamped to the first and the last.

    Returns:
        Shape (times, channels).
    """
    times_N = times_N.clamp(0, len(features_LD) - 1)
    before_N = times_N.floor().long()
    after_N = (before_N + 1).clamp(max=len(features_LD) - 1)
    share_N1 = (times_N - before_N)[:, None].to(features_LD)
    return torch.lerp(features_LD[before_N], features_LD[after_N], share_N1)
