"""The window rules of the published audio adapters: which audio features each latent frame of a clip uses.

FantasyTalking (Fantasy-AMAP/fantasy-talking at commit 8c2d0c9) and StableAvatar (Francis-Rings/StableAvatar at 46c0492)
use `CentredWindows`. EchoMimicV3 (antgroup/echomimic_v3 at 7e89489) uses `TwoPerFrameWindows` in its preview version
and `NeighbourWindows` in its flash version. All rules follow the latent grid of the span, so they work for any video
model.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

import torch
from torch import Tensor

from .timing import (
    ENCODER_RATE,
    FEATURE_SPAN,
    FEATURE_STEP,
    FEATURES_PER_SECOND,
    Span,
    at_times,
    feature_count,
    samples_for,
)


@dataclass(frozen=True, eq=False)
class WindowIndices:
    """The windows of a clip as feature numbers.

    indices_FW: int64, shape (latent frames, slots); always valid feature numbers.
    heard_FW: mask, bool, shape (latent frames, slots); False for empty slots, where a window reaches beyond the sound
        or is shorter than the others.
    """

    indices_FW: Tensor
    heard_FW: Tensor


@dataclass(frozen=True, eq=False)
class AudioWindows:
    """The windows of a clip: the features that each latent frame uses.

    features_FWD: shape (latent frames, slots, channels). If the adapter uses several layers of the encoder, they form
        an axis before the channels.
    heard_FW: mask; False for empty slots.
    delays_FW: distance of each feature from the middle of its latent frame, in latent frames; positive if later.
    positions_F: position of each latent frame in the clip, 0 to 1.
    """

    features_FWD: Tensor
    heard_FW: Tensor
    delays_FW: Tensor
    positions_F: Tensor

    def silenced(self) -> "AudioWindows":
        """The same windows with features of zero."""
        return replace(self, features_FWD=torch.zeros_like(self.features_FWD))


@dataclass(frozen=True)
class Excerpt:
    """The part of a sound to run through the audio encoder for a clip.

    start: seconds into the sound; negative before it starts.
    samples: length at 16 kHz.
    lead: number of features that come before the first feature of the clip.
    frames: number of features that the encoder must produce, one per frame; None for its usual fifty per second.
    """

    start: Fraction
    samples: int
    lead: int
    frames: int | None = None


class WindowRule(ABC):
    """How an adapter assigns the features of a clip to its latent frames.

    inside_encoder: the encoder itself resamples the features to the frame rate, so features that were computed without
        this rule cannot be used.
    """

    inside_encoder: ClassVar[bool] = False

    @abstractmethod
    def wanted(self, span: Span) -> int:
        """The number of encoder features that belong to a clip."""

    @abstractmethod
    def excerpt(self, span: Span, sound_seconds: Fraction, context_seconds: Fraction) -> Excerpt:
        """The part of a sound to run through the encoder for a clip.

        Args:
            span: the clip's stretch of the sound.
            sound_seconds: length of the sound.
            context_seconds: how much sound to add before and after the clip, as far as there is any.
        """

    @abstractmethod
    def feature_seconds(self, span: Span) -> tuple[Fraction, Fraction]:
        """Seconds from one feature in the windows to the next, and seconds that one feature covers."""

    @abstractmethod
    def indices(self, features: int, span: Span) -> WindowIndices:
        """The windows of a clip as feature numbers, given its number of features at the rate of the windows."""

    def windowed_count(self, span: Span) -> int:
        """The number of features that the windows of a clip are cut from."""
        return self.wanted(span)

    def resampled(self, features: Tensor, span: Span) -> Tensor:
        """Resample the encoder's features of a clip to the rate of the windows; features are the first axis."""
        return features

    def hear(self, features: Tensor, span: Span) -> AudioWindows:
        """The windows of a clip.

        Args:
            features: encoder features, starting with the first one of the clip; shape (features, channels) or
                (features, layers, channels). Surplus features are ignored.
            span: the clip's stretch of the sound.
        """
        return self.cut(self.resampled(features[: self.wanted(span)], span), span)

    def cut(self, features: Tensor, span: Span) -> AudioWindows:
        """As `hear`, for features that are already at the rate of the windows and all belong to the clip."""
        windows = self.indices(len(features), span)
        mask = windows.heard_FW.view(*windows.heard_FW.shape, *[1] * (features.ndim - 1))
        count = len(windows.indices_FW)
        return AudioWindows(
            features[windows.indices_FW] * mask,
            windows.heard_FW,
            self.delays(windows, span),
            torch.arange(count) / (count - 1),
        )

    def delays(self, windows: WindowIndices, span: Span) -> Tensor:
        """The distance of each feature in a window from the middle of its latent frame.

        Returns:
            In latent frames, positive for later features; float32, shape (latent frames, slots).
        """
        step, length = (float(seconds * ENCODER_RATE) for seconds in self.feature_seconds(span))
        seconds_FW = (windows.indices_FW * step + length / 2) / ENCODER_RATE
        frames = [span.grid.frames_of(latent_frame) for latent_frame in range(len(windows.indices_FW))]
        middles_F = torch.tensor([(each.start + each.stop) / 2 for each in frames])  # in frames
        return (seconds_FW * float(span.fps) - middles_F[:, None]) / span.grid.step

    def stretches(self, span: Span) -> list[tuple[float, float]]:
        """Start and end of the sound that each latent frame uses, in seconds from frame 0; (0, 0) if it uses none."""
        windows = self.indices(self.windowed_count(span), span)
        step, length = (float(seconds) for seconds in self.feature_seconds(span))
        numbers = [indices_W[heard_W] for indices_W, heard_W in zip(windows.indices_FW, windows.heard_FW, strict=True)]
        return [
            (int(each.min()) * step, int(each.max()) * step + length) if len(each) else (0.0, 0.0) for each in numbers
        ]


@dataclass(frozen=True)
class CentredWindows(WindowRule):
    """Windows around the middle of each latent frame, over features within the time of the clip.

    A window has the features of one latent frame, plus one, plus `spread` on each side. Apart from the spread, the
    window of latent frame 0 ends where the window of latent frame 1 starts. Slots beyond the first or last feature are
    empty; they come after the filled slots.
    """

    spread: int = 4

    def wanted(self, span: Span) -> int:
        """The features that end within the clip."""
        return feature_count(span.encoder_samples)

    def excerpt(self, span: Span, sound_seconds: Fraction, context_seconds: Fraction) -> Excerpt:
        """An excerpt that starts a whole number of features before the clip."""
        context = _whole_features(context_seconds)
        lead = min(context, max(_whole_features(span.start), 0))
        start = span.start - Fraction(lead * FEATURE_STEP, ENCODER_RATE)
        own = lead * FEATURE_STEP + max(span.encoder_samples, samples_for(self.wanted(span)))
        available = int((sound_seconds - start) * ENCODER_RATE)
        return Excerpt(start, max(own, min(own + context * FEATURE_STEP, available)), lead)

    def feature_seconds(self, span: Span) -> tuple[Fraction, Fraction]:
        """The encoder's own step and length."""
        return Fraction(FEATURE_STEP, ENCODER_RATE), Fraction(FEATURE_SPAN, ENCODER_RATE)

    def indices(self, features: int, span: Span) -> WindowIndices:
        """Windows of 2 * half + 1 + 2 * spread slots, where `half` is half a latent frame in whole features."""
        per_frame = features / span.frame_count
        half = int(per_frame * span.grid.step / 2)
        later = [span.grid.frames_of(latent_frame) for latent_frame in range(1, span.latent_frames)]
        centres = [int((per_frame * frames.start + per_frame * frames.stop) / 2) - 1 for frames in later]
        firsts = torch.tensor([centres[0] - 3 * half, *(centre - half for centre in centres)]) - self.spread
        indices_FW = firsts[:, None] + torch.arange(2 * (half + self.spread) + 1)
        inside_FW = (indices_FW >= 0) & (indices_FW < features)
        filled_first = torch.argsort(~inside_FW, dim=1, stable=True)
        indices_FW = indices_FW.gather(1, filled_first).clamp(0, features - 1)
        return WindowIndices(indices_FW, inside_FW.gather(1, filled_first))


@dataclass(frozen=True)
class TwoPerFrameWindows(CentredWindows):
    """Centred windows over features that are resampled to exactly two per frame, whatever the frame rate."""

    def wanted(self, span: Span) -> int:
        """The features that start within the clip; the last one may reach a little beyond it."""
        return -(-span.encoder_samples // FEATURE_STEP)

    def windowed_count(self, span: Span) -> int:
        """Two features per frame."""
        return 2 * span.frame_count

    def feature_seconds(self, span: Span) -> tuple[Fraction, Fraction]:
        """Half a frame, and the encoder's own length."""
        return 1 / span.fps / 2, Fraction(FEATURE_SPAN, ENCODER_RATE)

    def resampled(self, features: Tensor, span: Span) -> Tensor:
        """Interpolate between neighbouring features, by time."""
        times = torch.arange(2 * span.frame_count) * (FEATURES_PER_SECOND / (2 * float(span.fps)))
        return at_times(features, times)


@dataclass(frozen=True)
class NeighbourWindows(WindowRule):
    """Windows over one feature per frame: those of the frames in a latent frame, and of `spread` frames on each side.

    On Wan's grid, latent frame 0 uses frames -2 to 2 in 5 of its 8 slots, and latent frame t uses frames 4t - 5 to
    4t + 2. Beyond the ends of the clip, the first or last feature is repeated.
    """

    spread: int = 2
    inside_encoder: ClassVar[bool] = True

    def slots(self, frames: int) -> int:
        """The number of features that a latent frame with this number of frames uses."""
        return frames + 2 * self.spread

    def wanted(self, span: Span) -> int:
        """One feature per frame."""
        return span.frame_count

    def excerpt(self, span: Span, sound_seconds: Fraction, context_seconds: Fraction) -> Excerpt:
        """An excerpt that starts and ends a whole number of frames before and after the clip."""
        after = sound_seconds - span.start - span.seconds
        lead, trail = (max(int(min(context_seconds, available) * span.fps), 0) for available in (span.start, after))
        longer = replace(span, start=span.start - lead / span.fps, frame_count=lead + span.frame_count + trail)
        return Excerpt(longer.start, longer.encoder_samples, lead, longer.frame_count)

    def feature_seconds(self, span: Span) -> tuple[Fraction, Fraction]:
        """The step and the length are one frame each."""
        return 1 / span.fps, 1 / span.fps

    def indices(self, features: int, span: Span) -> WindowIndices:
        """Windows with the slots of a later latent frame; latent frame 0 leaves some of them empty."""
        first, later = (self.slots(frames) for frames in (span.grid.first, span.grid.step))
        starts = torch.tensor([span.grid.frames_of(latent_frame).start for latent_frame in range(span.latent_frames)])
        indices_FW = starts[:, None] - self.spread + torch.arange(later)
        heard_FW = torch.ones_like(indices_FW, dtype=torch.bool)
        heard_FW[0, first:] = False
        return WindowIndices(indices_FW.clamp(0, features - 1), heard_FW)


def _whole_features(seconds: Fraction) -> int:
    """The number of whole features in a stretch of time."""
    return int(seconds * FEATURES_PER_SECOND)
