"""Which of an audio encoder's features each latent frame of a clip hears: the window rules of the published adapters.

`CentredWindows` are those of FantasyTalking (Fantasy-AMAP/fantasy-talking at commit 8c2d0c9) and StableAvatar
(Francis-Rings/StableAvatar at 46c0492), `TwoPerFrameWindows` those of EchoMimicV3's preview (antgroup/echomimic_v3 at
7e89489), `NeighbourWindows` those of its flash. All read the frames of a latent frame off the grid of the clip's span,
so a rule serves any video model.
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
    """The features that each latent frame hears, by number.

    indices_FW: int64 of shape (latent frames, slots), each in range. heard_FW: bool, False for a slot without a
    feature: the window reaches beyond the sound, or is shorter than others.
    """

    indices_FW: Tensor
    heard_FW: Tensor


@dataclass(frozen=True, eq=False)
class AudioWindows:
    """The features that each latent frame of a clip hears.

    features_FWD: shape (latent frames, slots, channels), with the encoder's layers before the channels where the
    adapter looks at several. heard_FW: bool, False for slots without sound. delays_FW: of each slot from the middle of
    its latent frame, in latent frames. positions_F: of each latent frame in the clip, 0 to 1.
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
    """The part of a sound that an audio encoder is given for a clip.

    start: seconds in the sound, below 0 before it. samples: its length at 16 kHz. lead: features that the encoder makes
    of it before the first one of the clip. frames: the encoder is to make this many features of it, one for each frame;
    None for its own fifty a second.
    """

    start: Fraction
    samples: int
    lead: int
    frames: int | None = None


class WindowRule(ABC):
    """How an adapter divides the features of a clip among the clip's latent frames.

    inside_encoder: features are brought to the rate of the frames inside the encoder, so features that were made
    without this rule do not serve.
    """

    inside_encoder: ClassVar[bool] = False

    @abstractmethod
    def wanted(self, span: Span) -> int:
        """How many of the encoder's features belong to a clip."""

    @abstractmethod
    def excerpt(self, span: Span, sound_seconds: Fraction, context_seconds: Fraction) -> Excerpt:
        """What the encoder is given for a clip.

        Args:
            span: of the clip in the sound.
            sound_seconds: how long the sound is.
            context_seconds: how much of the sound before and after the clip the encoder listens to as well, as far as
                there is any.
        """

    @abstractmethod
    def feature_seconds(self, span: Span) -> tuple[Fraction, Fraction]:
        """Seconds from one feature in the windows to the next, and seconds that one of them hears."""

    @abstractmethod
    def indices(self, features: int, span: Span) -> WindowIndices:
        """The windows of a clip, given how many features there are for it at the rate of the windows."""

    def windowed_count(self, span: Span) -> int:
        """How many features the windows of a clip are cut from."""
        return self.wanted(span)

    def resampled(self, features: Tensor, span: Span) -> Tensor:
        """The encoder's features of a clip at the rate of the windows; both go feature by feature."""
        return features

    def hear(self, features: Tensor, span: Span) -> AudioWindows:
        """The windows of a clip.

        Args:
            features: of the encoder, from the first one of the clip on; shape (features, channels), or (features,
                layers, channels). More than are wanted are left out.
            span: of the clip.
        """
        return self.cut(self.resampled(features[: self.wanted(span)], span), span)

    def cut(self, features: Tensor, span: Span) -> AudioWindows:
        """As `hear`, for features that are at the rate of the windows already; all of them belong to the clip."""
        windows = self.indices(len(features), span)
        heard = windows.heard_FW.view(*windows.heard_FW.shape, *[1] * (features.ndim - 1))
        count = len(windows.indices_FW)
        return AudioWindows(
            features[windows.indices_FW] * heard,
            windows.heard_FW,
            self.delays(windows, span),
            torch.arange(count) / (count - 1),
        )

    def delays(self, windows: WindowIndices, span: Span) -> Tensor:
        """How far each feature of a window is from the middle of its latent frame.

        Returns:
            Latent frames, float32 of shape (latent frames, slots), above 0 for features that come later.
        """
        step, length = (float(seconds * ENCODER_RATE) for seconds in self.feature_seconds(span))
        seconds_FW = (windows.indices_FW * step + length / 2) / ENCODER_RATE
        frames = [span.grid.frames_of(latent_frame) for latent_frame in range(len(windows.indices_FW))]
        middles_F = torch.tensor([(each.start + each.stop) / 2 for each in frames])  # in frames
        return (seconds_FW * float(span.fps) - middles_F[:, None]) / span.grid.step

    def stretches(self, span: Span) -> list[tuple[float, float]]:
        """From where to where each latent frame hears, in seconds from frame 0; twice 0 where it hears nothing."""
        windows = self.indices(self.windowed_count(span), span)
        step, length = (float(seconds) for seconds in self.feature_seconds(span))
        heard = [indices_W[heard_W] for indices_W, heard_W in zip(windows.indices_FW, windows.heard_FW, strict=True)]
        return [
            (int(each.min()) * step, int(each.max()) * step + length) if len(each) else (0.0, 0.0) for each in heard
        ]


@dataclass(frozen=True)
class CentredWindows(WindowRule):
    """Windows around the middle of each latent frame, of the features that lie within the time of the clip.

    A window has the features of one latent frame's frames, one more, and `spread` on each side. Without their spread,
    the window of latent frame 0 ends where that of latent frame 1 begins. Features before the sound or after it are
    missing; the slots of those that are there come first.
    """

    spread: int = 4

    def wanted(self, span: Span) -> int:
        """Features of which the encoder hears nothing after the clip."""
        return feature_count(span.encoder_samples)

    def excerpt(self, span: Span, sound_seconds: Fraction, context_seconds: Fraction) -> Excerpt:
        """Begins a whole number of features before the clip."""
        context = _whole_features(context_seconds)
        lead = min(context, max(_whole_features(span.start), 0))
        start = span.start - Fraction(lead * FEATURE_STEP, ENCODER_RATE)
        own = lead * FEATURE_STEP + max(span.encoder_samples, samples_for(self.wanted(span)))
        there = int((sound_seconds - start) * ENCODER_RATE)
        return Excerpt(start, max(own, min(own + context * FEATURE_STEP, there)), lead)

    def feature_seconds(self, span: Span) -> tuple[Fraction, Fraction]:
        """Those of the encoder."""
        return Fraction(FEATURE_STEP, ENCODER_RATE), Fraction(FEATURE_SPAN, ENCODER_RATE)

    def indices(self, features: int, span: Span) -> WindowIndices:
        """Windows of 2 * half + 1 + 2 * spread slots, half being the whole features of half a latent frame's time."""
        per_frame = features / span.frame_count
        half = int(per_frame * span.grid.step / 2)
        later = [span.grid.frames_of(latent_frame) for latent_frame in range(1, span.latent_frames)]
        centres = [int((per_frame * frames.start + per_frame * frames.stop) / 2) - 1 for frames in later]
        firsts = torch.tensor([centres[0] - 3 * half, *(centre - half for centre in centres)]) - self.spread
        wanted_FW = firsts[:, None] + torch.arange(2 * (half + self.spread) + 1)
        inside_FW = (wanted_FW >= 0) & (wanted_FW < features)
        heard_first = torch.argsort(~inside_FW, dim=1, stable=True)
        return WindowIndices(wanted_FW.gather(1, heard_first).clamp(0, features - 1), inside_FW.gather(1, heard_first))


@dataclass(frozen=True)
class TwoPerFrameWindows(CentredWindows):
    """Centred windows of exactly two features for each frame, whatever the frames last."""

    def wanted(self, span: Span) -> int:
        """Features that begin in the clip; the last of them may hear a little of what comes after it."""
        return -(-span.encoder_samples // FEATURE_STEP)

    def windowed_count(self, span: Span) -> int:
        """Two for each frame."""
        return 2 * span.frame_count

    def feature_seconds(self, span: Span) -> tuple[Fraction, Fraction]:
        """Half a frame, and what the encoder hears."""
        return 1 / span.fps / 2, Fraction(FEATURE_SPAN, ENCODER_RATE)

    def resampled(self, features: Tensor, span: Span) -> Tensor:
        """Mixtures of neighbouring features, by time."""
        times = torch.arange(2 * span.frame_count) * (FEATURES_PER_SECOND / (2 * float(span.fps)))
        return at_times(features, times)


@dataclass(frozen=True)
class NeighbourWindows(WindowRule):
    """One feature for each frame: a latent frame hears those of its own frames, and of `spread` frames on each side.

    With Wan's grid latent frame 0 hears frames -2 to 2 in 5 of 8 slots, latent frame t frames 4t - 5 to 4t + 2. At the
    ends of the clip the first or the last feature stands in for those beyond.
    """

    spread: int = 2
    inside_encoder: ClassVar[bool] = True

    def slots(self, frames: int) -> int:
        """How many features a latent frame of so many frames hears."""
        return frames + 2 * self.spread

    def wanted(self, span: Span) -> int:
        """One for each frame."""
        return span.frame_count

    def excerpt(self, span: Span, sound_seconds: Fraction, context_seconds: Fraction) -> Excerpt:
        """Begins and ends a whole number of frames before and after the clip."""
        after = sound_seconds - span.start - span.seconds
        lead, trail = (max(int(min(context_seconds, there) * span.fps), 0) for there in (span.start, after))
        longer = replace(span, start=span.start - lead / span.fps, frame_count=lead + span.frame_count + trail)
        return Excerpt(longer.start, longer.encoder_samples, lead, longer.frame_count)

    def feature_seconds(self, span: Span) -> tuple[Fraction, Fraction]:
        """A frame, and a frame."""
        return 1 / span.fps, 1 / span.fps

    def indices(self, features: int, span: Span) -> WindowIndices:
        """Windows of as many slots as a later latent frame needs."""
        first, later = (self.slots(frames) for frames in (span.grid.first, span.grid.step))
        begins = torch.tensor([span.grid.frames_of(latent_frame).start for latent_frame in range(span.latent_frames)])
        wanted_FW = begins[:, None] - self.spread + torch.arange(later)
        heard_FW = torch.ones_like(wanted_FW, dtype=torch.bool)
        heard_FW[0, first:] = False
        return WindowIndices(wanted_FW.clamp(0, features - 1), heard_FW)


def _whole_features(seconds: Fraction) -> int:
    """Whole features in a time."""
    return int(seconds * FEATURES_PER_SECOND)
