"""Audio View's work: what an adapter of the host hears, drawn."""

from collections.abc import Collection, Mapping
from typing import Any

from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ..core.audio_timing import Span
from ..core.audio_view import audio_view
from ..core.frames import check_frame_count
from ..core.reports import report_text
from ..core.wan_layout import RULE
from ..core.waveforms import sound_of
from ..networks.audio_adapter import STABLE_AVATAR
from .audio_adapter import about_sound, checked_adapter
from .audio_features import stretches_of


def draw_audio(
    audio: Mapping[str, Any],
    span: Span,
    patch: ModelPatcher | None,
    keyframes: Collection[int],
    size: tuple[int, int],
) -> tuple[Tensor, str]:
    """The picture, and a report.

    Args:
        audio: AUDIO.
        span: of the clip in it.
        patch: whose windows are drawn; None for StableAvatar's.
        keyframes: frames to mark.
        size: width and height of the picture.

    Raises:
        InbetweenError: a length that is not 4n+1, or no sound for it.
    """
    check_frame_count(span.frame_count, RULE)
    rules = checked_adapter(patch).rules if patch is not None else STABLE_AVATAR
    sound = sound_of(audio)
    warnings = list(about_sound(sound, span))
    stretches = stretches_of(span, rules)
    heard = f"{len(stretches)} latent frames of {rules.name}"
    line = (
        f"{span.frame_count} frames at {float(span.fps):g} fps, {heard}, from {float(span.start):.4g} s of the audio."
    )
    return audio_view(sound, span, stretches, keyframes, *size), report_text([line], warnings)
