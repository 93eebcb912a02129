"""What each public audio adapter was trained with, where they differ."""

from dataclasses import dataclass
from typing import Literal, get_args

from ...core.waveforms import Level

Features = Literal["last", "mean of layers", "all layers"]
WindowForm = Literal["centred", "two a frame", "neighbours"]
Silence = Literal["no branch", "zero tokens", "zero features"]
Guidance = Literal["text, then audio", "audio, then text", "audio only"]

GUIDANCES: tuple[Guidance, ...] = get_args(Guidance)
SILENCES: tuple[Silence, ...] = get_args(Silence)
FEATURES: tuple[Features, ...] = get_args(Features)


@dataclass(frozen=True)
class Rules:
    """How an adapter wants to be used.

    name: for reports. fps: frames per second it was trained at.
    features: of the audio encoder: its last layer, the mean of all layers, or all layers after the first by themselves.
    windows: "centred" on the features of exactly the clip's time; "two a frame": centred, on exactly two features for
        each frame; "neighbours": on one feature for each frame, made inside of the encoder.
    masks_padding: slots of a window without sound are left out; else they are looked at as zeros.
    silence: what takes the place of sound where guidance wants none.
    level: of the waveform. guidance: the published form of it, with its scales for text and audio.
    sequential: image and audio look after the text has been added, not beside it.
    """

    name: str
    fps: float
    features: Features
    windows: WindowForm
    masks_padding: bool
    silence: Silence
    level: Level
    guidance: Guidance
    text_scale: float
    audio_scale: float
    sequential: bool = False


FANTASY_TALKING = Rules(
    "FantasyTalking",
    fps=23,
    features="last",
    windows="centred",
    masks_padding=True,
    silence="no branch",
    level="zero mean, unit variance",
    guidance="text, then audio",
    text_scale=5,
    audio_scale=5,
)
STABLE_AVATAR = Rules(
    "StableAvatar",
    fps=25,
    features="last",
    windows="centred",
    masks_padding=False,
    silence="zero tokens",
    level="zero mean, unit variance",
    guidance="audio, then text",
    text_scale=3,
    audio_scale=5,
)
ECHOMIMIC_PREVIEW = Rules(
    "EchoMimicV3 preview",
    fps=25,
    features="last",
    windows="two a frame",
    masks_padding=False,
    silence="zero features",
    level="zero mean, unit variance",
    guidance="text, then audio",
    text_scale=4,
    audio_scale=2.9,
)
ECHOMIMIC_FLASH = Rules(
    "EchoMimicV3 flash",
    fps=25,
    features="all layers",
    windows="neighbours",
    masks_padding=False,
    silence="zero features",
    level="-23 LUFS",
    guidance="audio only",
    text_scale=1,
    audio_scale=3,
)
BBF = Rules(
    "BBF",
    fps=25,
    features="last",
    windows="centred",
    masks_padding=True,
    silence="zero tokens",
    level="zero mean, unit variance",
    guidance="audio, then text",
    text_scale=3,
    audio_scale=5,
)
