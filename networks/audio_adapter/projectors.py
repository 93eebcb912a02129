"""From features of an audio encoder to the tokens that the blocks look at.

FantasyTalking and EchoMimicV3's preview project each feature by itself (AudioProjModel of their model.py and
wan_transformer3d_audio.py); EchoMimicV3's flash makes 32 tokens of all features of a latent frame (AudioProjModel of
wan_transformer3d_audio_2512.py). Names of tensors are theirs.
"""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from ...core.audio_timing import FIRST_SLOTS, LATER_SLOTS

LAYERS = 12  # of wav2vec2-base, that flash looks at
CONTEXT_TOKENS = 32


@dataclass(frozen=True, eq=False)
class Heard:
    """The features that each latent frame of a clip hears.

    features_FWD: shape (latent frames, slots, channels), with the encoder's layers before the channels where the
    adapter looks at several. heard_FW: bool, False for slots without sound. delays_FW: of each slot from the middle of
    its latent frame, in latent frames. positions_F: of each latent frame in the clip, 0 to 1.
    """

    features_FWD: Tensor
    heard_FW: Tensor
    delays_FW: Tensor
    positions_F: Tensor

    def silenced(self) -> "Heard":
        """The same with features of zero."""
        return Heard(torch.zeros_like(self.features_FWD), self.heard_FW, self.delays_FW, self.positions_F)


@dataclass(frozen=True, eq=False)
class Tokens:
    """tokens_FLD: L for each latent frame. heard_FL: bool, False for those of slots without sound."""

    tokens_FLD: Tensor
    heard_FL: Tensor


class TokenProjector(nn.Module):
    """A token for each feature; zeros where there is none."""

    def __init__(self, features: int, tokens: int, operations: ModuleType | Any = nn) -> None:
        super().__init__()
        self.proj = operations.Linear(features, tokens, bias=False)
        self.norm = operations.LayerNorm(tokens)

    def forward(self, heard: Heard) -> Tokens:
        """As many tokens as slots."""
        tokens_FLD = self.norm(self.proj(heard.features_FWD))
        return Tokens(tokens_FLD * heard.heard_FW[..., None].to(tokens_FLD), heard.heard_FW)


class NeighbourProjector(nn.Module):
    """32 tokens of all layers of the features of a latent frame."""

    def __init__(self, features: int, inner: int, tokens: int, operations: ModuleType | Any = nn) -> None:
        super().__init__()
        self.proj1 = operations.Linear(FIRST_SLOTS * LAYERS * features, inner)
        self.proj1_vf = operations.Linear(LATER_SLOTS * LAYERS * features, inner)
        self.proj2 = operations.Linear(inner, inner)
        self.proj3 = operations.Linear(inner, CONTEXT_TOKENS * tokens)
        self.norm = operations.LayerNorm(tokens)

    def forward(self, heard: Heard) -> Tokens:
        """Features of shape (latent frames, 8, 12, channels), of which the first latent frame has 5."""
        first, later = heard.features_FWD[:1, :FIRST_SLOTS], heard.features_FWD[1:]
        inner = torch.cat([self.proj1(first.flatten(1)), self.proj1_vf(later.flatten(1))]).relu()
        tokens_FLD = self.norm(self.proj3(self.proj2(inner).relu()).unflatten(-1, (CONTEXT_TOKENS, -1)))
        return Tokens(tokens_FLD, torch.ones(tokens_FLD.shape[:2], dtype=torch.bool, device=tokens_FLD.device))
