"""From features of an audio encoder to the tokens that the blocks look at.

FantasyTalking and EchoMimicV3's preview project each feature by itself (AudioProjModel of their model.py and
wan_transformer3d_audio.py); EchoMimicV3's flash makes 32 tokens of all features of a latent frame (AudioProjModel of
wan_transformer3d_audio_2512.py). Names of tensors are theirs.
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

LAYERS = 12  # of wav2vec2-base, that flash looks at
CONTEXT_TOKENS = 32
FIRST_SLOTS, LATER_SLOTS = (NeighbourWindows().slots(frames) for frames in (WAN.first, WAN.step))  # of flash: 5, 8


@dataclass(frozen=True, eq=False)
class Tokens:
    """tokens_FLD: L for each latent frame. heard_FL: bool, False for those of slots without sound."""

    tokens_FLD: Tensor
    heard_FL: Tensor


@dataclass(frozen=True, eq=False)
class ModelState:
    """What a projector can look at besides sound, in one evaluation of a video model.

    places_BSC: embedded patches before the first block, latent frame by latent frame. modulation_B6C: of the blocks by
    time. time_BC: the embedded time. end_difference_CHW: the end latent minus the start latent of the clip, for the
    model's eyes; None where it is not known.
    """

    places_BSC: Tensor
    modulation_B6C: Tensor
    time_BC: Tensor
    end_difference_CHW: Tensor | None = None


@dataclass(frozen=True)
class ProjectorSizes:
    """What is known of a projector from a file.

    shapes: of the adapter's tensors by our names. tokens: their width. channels: of the video model. heads: of
    attention to it.
    """

    shapes: Mapping[str, tuple[int, ...]]
    tokens: int
    channels: int
    heads: int


class Projector(nn.Module, ABC):
    """From the features that each latent frame hears to tokens.

    feature_width: channels of the features. looks_at_model: `refined` makes other tokens of them in every evaluation of
    the video model. looks_at_ends: it wants to know how the last frame of the clip differs from the first.
    """

    looks_at_model: ClassVar[bool] = False
    looks_at_ends: ClassVar[bool] = False

    def __init__(self, feature_width: int) -> None:
        super().__init__()
        self.feature_width = feature_width

    @classmethod
    @abstractmethod
    def of_sizes(cls, sizes: ProjectorSizes, operations: ModuleType | Any = nn) -> "Projector":
        """A projector for the tensors of a file, without weights.

        Raises:
            KeyError: a tensor that says how large it is, is not in the file.
        """

    @abstractmethod
    def forward(self, windows: AudioWindows) -> Tokens:
        """Tokens of all latent frames, before the model is known."""

    def refined(self, tokens_FLD: Tensor, state: ModelState) -> Tensor:
        """Tokens for one evaluation of a model.

        Args:
            tokens_FLD: those of `forward`, of the latent frames that are evaluated.
            state: of the model, for a batch of B.

        Returns:
            Shape (B, F, L, D).
        """
        return tokens_FLD.expand(len(state.places_BSC), -1, -1, -1)


class TokenProjector(Projector):
    """A token for each feature; zeros where there is none."""

    def __init__(self, features: int, tokens: int, operations: ModuleType | Any = nn) -> None:
        super().__init__(features)
        self.proj = operations.Linear(features, tokens, bias=False)
        self.norm = operations.LayerNorm(tokens)

    @classmethod
    def of_sizes(cls, sizes: ProjectorSizes, operations: ModuleType | Any = nn) -> "TokenProjector":
        """See `Projector`."""
        return cls(sizes.shapes["projector.proj.weight"][1], sizes.tokens, operations)

    def forward(self, windows: AudioWindows) -> Tokens:
        """As many tokens as slots."""
        tokens_FLD = self.norm(self.proj(windows.features_FWD))
        return Tokens(tokens_FLD * windows.heard_FW[..., None].to(tokens_FLD), windows.heard_FW)


class NeighbourProjector(Projector):
    """32 tokens of all layers of the features of a latent frame."""

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
        """Features of shape (latent frames, 8, 12, channels), of which the first latent frame has 5."""
        first, later = windows.features_FWD[:1, :FIRST_SLOTS], windows.features_FWD[1:]
        inner = torch.cat([self.proj1(first.flatten(1)), self.proj1_vf(later.flatten(1))]).relu()
        tokens_FLD = self.norm(self.proj3(self.proj2(inner).relu()).unflatten(-1, (CONTEXT_TOKENS, -1)))
        return Tokens(tokens_FLD, torch.ones(tokens_FLD.shape[:2], dtype=torch.bool, device=tokens_FLD.device))
