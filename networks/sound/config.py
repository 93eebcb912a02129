"""Configurations of the public audio adapters: everything in which their training differs."""

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
    """How an adapter was trained, and therefore how to use it.

    name: its name in reports and errors.
    fps: frame rate it was trained at.
    features: which layers of the audio encoder it uses: the last, the mean of all, or all after the first, separately.
    windows: which features each latent frame uses.
    masks_padding: whether attention skips the empty slots of a window; if not, they are tokens of zeros.
    silence: what replaces the sound in conditions without sound.
    level: how the waveform is levelled.
    guidance: the conditions compared in the published code.
    text_scale, audio_scale: the published scales for them.
    sequential: whether images and audio are attended to after the text, instead of together with it.
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
        """The features that the adapter uses.

        Args:
            layers: layers of the encoder, from the input of its first block to its output, each of shape
                (features, channels).

        Returns:
            Shape (features, channels), or (features, layers, channels) for "all layers".
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

# Values that format 1 of our files may declare. BBF's projector takes one feature at a time, which excludes the others.
DECLARED_FEATURES: tuple[Features, ...] = ("last", "mean of layers")
DECLARED_WINDOWS: Mapping[str, WindowRule] = {"centred": CentredWindows(), "two a frame": TwoPerFrameWindows()}
