"""Where sound stands on the time axis of the frames: seconds, samples, features of an audio encoder, latent frames.

Everything goes by time. wav2vec2 listens at 16000 samples a second and makes a feature of 400 samples every 320, fifty
a second. A clip of n frames takes n / fps seconds of sound. Which features a latent frame of a video model hears is a
rule of the audio adapter; the rules here are those of FantasyTalking (Fantasy-AMAP/fantasy-talking at commit 8c2d0c9),
StableAvatar (Francis-Rings/StableAvatar at 46c0492) and EchoMimicV3 (antgroup/echomimic_v3 at 7e89489).
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from .errors import InbetweenError
from .frames import exact
from .wan_layout import FEWEST_FRAMES, SLOTS, latent_frame_count

ENCODER_RATE = 16000  # samples per second
FEATURE_STEP = 320  # samples from one feature to the next
FEATURE_SPAN = 400  # samples that one feature is made of
FEATURES_PER_SECOND = ENCODER_RATE // FEATURE_STEP

MOST_SECONDS = 7200  # of sound for one clip; more is a slip of the keyboard, and would take all the memory

SPREAD = 4  # features heard on each side beyond the frames of a latent frame
FIRST_SLOTS, LATER_SLOTS = 5, 8  # features of the first and of later latent frames, one feature for each frame


@dataclass(frozen=True)
class Span:
    """The sound that belongs to a clip.

    start: seconds in the audio at which frame 0 begins; below 0 before the audio. frame_count: of the clip.
    fps: frames per second.
    """

    start: Fraction
    frame_count: int
    fps: Fraction

    @property
    def seconds(self) -> Fraction:
        """How long the clip lasts."""
        return self.frame_count / self.fps

    @property
    def encoder_samples(self) -> int:
        """Samples at 16 kHz that the clip lasts, not counting a broken one."""
        return math.floor(self.seconds * ENCODER_RATE)


def span_of_clip(
    frame_count: int, fps: float | Fraction, start_seconds: float | Fraction = 0, offset_ms: float | Fraction = 0
) -> Span:
    """The sound of a clip.

    Args:
        frame_count: 4n+1, at least 5.
        fps: frames per second, above 0.
        start_seconds: where in the audio frame 0 stands, 0 or more.
        offset_ms: milliseconds by which the sound comes later than the pictures; below 0 earlier.

    Raises:
        InbetweenError: a rate, time or number of frames that there cannot be, or a clip shorter than the 25 ms of one
            feature or longer than two hours.
    """
    if frame_count < FEWEST_FRAMES:
        raise InbetweenError(
            f"the clip has {frame_count} frame{'s' * (frame_count != 1)}; audio adapters need {FEWEST_FRAMES} or more."
        )
    size = offset_ms if offset_ms > 0 else -offset_ms
    later = exact(size, "offset_ms", positive=False) / 1000 * (-1 if offset_ms < 0 else 1)
    start = exact(start_seconds, "start_seconds", positive=False) - later
    span = Span(start, frame_count, exact(fps, "fps"))
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
    """How many features wav2vec2 makes of so many samples at 16 kHz."""
    return max(0, (samples - FEATURE_SPAN) // FEATURE_STEP + 1)


def samples_for(features: int) -> int:
    """The fewest samples at 16 kHz of which wav2vec2 makes so many features; at least 1 feature."""
    return (features - 1) * FEATURE_STEP + FEATURE_SPAN


@dataclass(frozen=True, eq=False)
class Windows:
    """The features that each latent frame hears.

    indices_FW: numbers of features, int64 of shape (latent frames, slots), each in range. heard_FW: bool, False for a
    slot that has no feature, since the window reaches beyond the sound or is shorter than others.
    """

    indices_FW: Tensor
    heard_FW: Tensor


def centred_windows(features: int, frame_count: int, spread: int = SPREAD) -> Windows:
    """Windows around the middle of each latent frame's four frames, as FantasyTalking, StableAvatar and EchoMimicV3's
    preview have them.

    A window has the features of four frames, one more, and `spread` on each side. That of latent frame 0 ends where
    that of latent frame 1 would begin without its spread. Features before the sound or after it are missing; the slots
    of those that are there come first.

    Args:
        features: that there are for exactly the time of the clip.
        frame_count: of the clip, 4n+1, at least 5.
        spread: see above.

    Returns:
        Windows of 2 * half + 1 + 2 * spread slots, half being the whole features of two frames.
    """
    per_frame = features / frame_count
    half = int(per_frame * SLOTS / 2)
    centres = [
        int((per_frame * ((latent_frame - 1) * SLOTS + 1) + per_frame * (latent_frame * SLOTS + 1)) / 2) - 1
        for latent_frame in range(1, latent_frame_count(frame_count))
    ]
    firsts = torch.tensor([centres[0] - 3 * half, *(centre - half for centre in centres)]) - spread
    wanted_FW = firsts[:, None] + torch.arange(2 * (half + spread) + 1)
    inside_FW = (wanted_FW >= 0) & (wanted_FW < features)
    heard_first = torch.argsort(~inside_FW, dim=1, stable=True)
    return Windows(wanted_FW.gather(1, heard_first).clamp(0, features - 1), inside_FW.gather(1, heard_first))


def neighbour_windows(frame_count: int) -> Windows:
    """Windows where there is one feature for each frame, as EchoMimicV3's flash has them.

    Latent frame 0 hears frames -2 to 2 in 5 of 8 slots, latent frame t frames 4t - 5 to 4t + 2; at the ends of the clip
    the first or the last feature stands in for what would lie beyond.

    Args:
        frame_count: of the clip, 4n+1, at least 5.
    """
    count = latent_frame_count(frame_count)
    slots = torch.arange(LATER_SLOTS)
    wanted_FW = SLOTS * torch.arange(count)[:, None] - (LATER_SLOTS - 3) + slots
    wanted_FW[0] = slots - FIRST_SLOTS // 2
    heard_FW = torch.ones_like(wanted_FW, dtype=torch.bool)
    heard_FW[0, FIRST_SLOTS:] = False
    return Windows(wanted_FW.clamp(0, frame_count - 1), heard_FW)


def delays(windows: Windows, fps: Fraction) -> Tensor:
    """How far each feature of a window is from the middle of its latent frame.

    Args:
        windows: of features that are fifty a second, from the beginning of the clip.
        fps: frames per second of the clip.

    Returns:
        Latent frames, float32 of shape (latent frames, slots), above 0 for features that come later.
    """
    seconds_FW = (windows.indices_FW * FEATURE_STEP + FEATURE_SPAN / 2) / ENCODER_RATE
    latent_frames = torch.arange(len(windows.indices_FW))
    middles_F = torch.where(latent_frames > 0, SLOTS * latent_frames - (SLOTS / 2 - 1), 0.5)  # in frames
    return (seconds_FW * float(fps) - middles_F[:, None]) / SLOTS


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
