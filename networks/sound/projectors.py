"""Projectors: they turn features of an audio encoder into tokens that the blocks attend to.

FantasyTalking and EchoMimicV3 preview project each feature separately (AudioProjModel in their model.py and
wan_transformer3d_audio.py). EchoMimicV3 flash computes 32 tokens from all features of a latent frame (AudioProjModel in
wan_transformer3d_audio_2512.py). Tensor names are as published.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...core.sound.windows import AudioWindows, NeighbourWindows
from ...core.wan.layout import WAN

LAYERS = 12  # layers of wav2vec2-base that flash uses
CONTEXT_TOKENS = 32
FIRST_SLOTS, LATER_SLOTS = (NeighbourWindows().slots(frames) for frames in (WAN.first, WAN.step))  # flash: 5, 8


@dataclass(frozen=True, eq=False)
class Tokens:
    """Audio tokens.

    tokens_FLD: L tokens for each latent frame.
    heard_FL: mask, bool; False for tokens of empty slots.
    """

    tokens_FLD: Tensor
    heard_FL: Tensor


@dataclass(frozen=True, eq=False)
class ModelState:
    """What a projector can use besides sound, in one evaluation of a video model.

    places_BSC: embedded patches before the first block, one latent frame after another.
    modulation_B6C: modulation of the blocks by time.
    time_BC: the time embedding.
    end_difference_CHW: the end latent minus the start latent of the clip, at the model's scale; None if unknown.
    """

    places_BSC: Tensor
    modulation_B6C: Tensor
    time_BC: Tensor
    end_difference_CHW: Tensor | None = None


@dataclass(frozen=True)
class ProjectorSizes:
    """The sizes of a projector, from a file.

    shapes: shapes of the adapter's tensors, by our names.
    tokens: width of the tokens.
    channels: width of the video model.
    heads: number of heads of the attention to the video model.
    """

    shapes: Mapping[str, tuple[int, ...]]
    tokens: int
    channels: int
    heads: int


class Projector(nn.Module, ABC):
    """Computes tokens from the features of each latent frame.

    feature_width: number of channels of the features.
    uses_model_state: whether `refined` changes the tokens in every evaluation of the video model.
    uses_end_difference: whether it uses the difference between the first and the last frame of the clip.
    """

    uses_model_state: ClassVar[bool] = False
    uses_end_difference: ClassVar[bool] = False

    def __init__(self, feature_width: int) -> None:
        super().__init__()
        self.feature_width = feature_width

    @classmethod
    @abstractmethod
    def of_sizes(cls, sizes: ProjectorSizes, operations: ModuleType | Any = nn) -> "Projector":
        """A projector without weights, with the sizes of a file.

        Raises:
            KeyError: a tensor needed to find its size is not in the file.
        """

    @abstractmethod
    def forward(self, windows: AudioWindows) -> Tokens:
        """The tokens of all latent frames, before `refined`."""

    def refined(self, tokens_FLD: Tensor, state: ModelState) -> Tensor:
        """The tokens for one evaluation of a video model.

        Args:
            tokens_FLD: tokens from `forward` for the latent frames evaluated.
            state: state of the model, for a batch of B.

        Returns:
            Shape (B, F, L, D).
        """
        return tokens_FLD.expand(len(state.places_BSC), -1, -1, -1)


class TokenProjector(Projector):
    """One token per feature; zeros for empty slots."""

    def __init__(self, features: int, tokens: int, operations: ModuleType | Any = nn) -> None:
        super().__init__(features)
        self.proj = operations.Linear(features, tokens, bias=False)
        self.norm = operations.LayerNorm(tokens)

    @classmethod
    def of_sizes(cls, sizes: ProjectorSizes, operations: ModuleType | Any = nn) -> "TokenProjector":
        """See `Projector`."""
        return cls(sizes.shapes["projector.proj.weight"][1], sizes.tokens, operations)

    def forward(self, windows: AudioWindows) -> Tokens:
        """One token per slot."""
        tokens_FLD = self.norm(self.proj(windows.features_FWD))
        return Tokens(tokens_FLD * windows.heard_FW[..., None].to(tokens_FLD), windows.heard_FW)


class NeighbourProjector(Projector):
    """32 tokens from all features of a latent frame, in all layers."""

    def __init__(self, features: int, inner: int, tokens: int, operations: ModuleType | Any = nn) -> None:
        super().__init__(features)
        self.proj1 = operations.Linear(FIRST_SLOTS * LAYERS * features, inner)
        self.proj1_vf = operations.Linear(LATER_SLOTS * LAYERS * features, inner)
        self.proj2 = operations.Linear(inner, inner)
        self.proj3 = operations.Linear(inner, CONTEXT_TOKENS * tokens)
        self.norm = operations.LayerNorm(tokens)

    @classmethod
    def of_sizes(cls, sizes: ProjectorSizes, operations: ModuleType | Any = nn) -> "NeighbourProjector":
        """See `Projector`."""
        inner, inputs = sizes.shapes["projector.proj1.weight"]
        return cls(inputs // (FIRST_SLOTS * LAYERS), inner, sizes.tokens, operations)

    def forward(self, windows: AudioWindows) -> Tokens:
        """Takes features of shape (latent frames, 8, 12, channels); the first latent frame uses 5 of the 8 slots."""
        first, later = windows.features_FWD[:1, :FIRST_SLOTS], windows.features_FWD[1:]
        inner = torch.cat([self.proj1(first.flatten(1)), self.proj1_vf(later.flatten(1))]).relu()
        tokens_FLD = self.norm(self.proj3(self.proj2(inner).relu()).unflatten(-1, (CONTEXT_TOKENS, -1)))
        return Tokens(tokens_FLD, torch.ones(tokens_FLD.shape[:2], dtype=torch.bool, device=tokens_FLD.device))
