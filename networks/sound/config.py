"""What each public audio adapter was trained with, where they differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from ...core.sound.waveforms import Level
from ...core.sound.windows import CentredWindows, NeighbourWindows, TwoPerFrameWindows, WindowRule

Features = Literal["last", "mean of layers", "all layers"]
Silence = Literal["no branch", "zero tokens", "zero features"]
Guidance = Literal["text, then audio", "audio, then text", "audio only"]

GUIDANCES: tuple[Guidance, ...] = get_args(Guidance)
SILENCES: tuple[Silence, ...] = get_args(Silence)


@dataclass(frozen=True)
class AdapterConfig:
    """How an adapter was trained, and so how it is to be used.

    name: for reports. fps: frames per second it was trained at.
    features: of the audio encoder: its last layer, the mean of all layers, or all layers after the first by themselves.
    windows: which of the features each latent frame hears.
    masks_padding: slots of a window without sound are left out; else they are looked at as zeros.
    silence: what takes the place of sound where guidance wants none.
    level: of the waveform. guidance: the published form of it, with its scales for text and audio.
    sequential: image and audio look after the text has been added, not beside it.
    """

    name: str
    fps: float
    features: Features
    windows: WindowRule
    masks_padding: bool
    silence: Silence
    level: Level
    guidance: Guidance
    text_scale: float
    audio_scale: float
    sequential: bool = False

    def features_of(self, layers: Sequence[Tensor]) -> Tensor:
        """The features that the adapter takes.

        Args:
            layers: of the encoder, from what goes into its first block to its output, each (features, channels).

        Returns:
            Shape (features, channels), or (features, layers, channels) of all layers.
        """
        match self.features:
            case "last":
                return layers[-1]
            case "mean of layers":
                return torch.stack(tuple(layers)).mean(dim=0)
            case "all layers":
                return torch.stack(tuple(layers[1:]), dim=1)


FANTASY_TALKING = AdapterConfig(
    "FantasyTalking",
    fps=23,
    features="last",
    windows=CentredWindows(),
    masks_padding=True,
    silence="no branch",
    level="zero mean, unit variance",
    guidance="text, then audio",
    text_scale=5,
    audio_scale=5,
)
STABLE_AVATAR = AdapterConfig(
    "StableAvatar",
    fps=25,
    features="last",
    windows=CentredWindows(),
    masks_padding=False,
    silence="zero tokens",
    level="zero mean, unit variance",
    guidance="audio, then text",
    text_scale=3,
    audio_scale=5,
)
ECHOMIMIC_PREVIEW = AdapterConfig(
    "EchoMimicV3 preview",
    fps=25,
    features="last",
    windows=TwoPerFrameWindows(),
    masks_padding=False,
    silence="zero features",
    level="zero mean, unit variance",
    guidance="text, then audio",
    text_scale=4,
    audio_scale=2.9,
)
ECHOMIMIC_FLASH = AdapterConfig(
    "EchoMimicV3 flash",
    fps=25,
    features="all layers",
    windows=NeighbourWindows(),
    masks_padding=False,
    silence="zero features",
    level="-23 LUFS",
    guidance="audio only",
    text_scale=1,
    audio_scale=3,
)
BBF = AdapterConfig(
    "BBF",
    fps=25,
    features="last",
    windows=CentredWindows(),
    masks_padding=True,
    silence="zero tokens",
    level="zero mean, unit variance",
    guidance="audio, then text",
    text_scale=3,
    audio_scale=5,
)

# What format 1 of our files can declare: those of one feature at a time, as the projector of BBF takes them.
DECLARED_FEATURES: tuple[Features, ...] = ("last", "mean of layers")
DECLARED_WINDOWS: Mapping[str, WindowRule] = {"centred": CentredWindows(), "two a frame": TwoPerFrameWindows()}
