"""StableAvatar's projector: audio tokens attend to the input of the video model, with its time modulation.

arXiv 2508.08248. Tensor names and computation follow vocal_projector_fantasy_1B.py in Francis-Rings/StableAvatar at
commit 46c0492. A block has no self-attention, although its modulation has values for one.
"""

from types import ModuleType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...core.sound.windows import AudioWindows
from .branch import EPS
from .projectors import ModelState, Projector, ProjectorSizes, TokenProjector, Tokens

HEADS = 8  # as published; cannot be read from the shapes
BLOCKS = 2


class VocalCrossAttention(nn.Module):
    """The tokens of each latent frame attend to the places of the same latent frame."""

    def __init__(self, tokens: int, channels: int, heads: int, operations: ModuleType | Any = nn) -> None:
        super().__init__()
        self._heads = heads
        self.q, self.o = operations.Linear(tokens, tokens), operations.Linear(tokens, tokens)
        self.k, self.v = operations.Linear(channels, tokens), operations.Linear(channels, tokens)
        self.norm_q, self.norm_k = operations.RMSNorm(tokens, eps=EPS), operations.RMSNorm(tokens, eps=EPS)

    def forward(self, tokens_BTD: Tensor, places_BSC: Tensor, frames: int) -> Tensor:
        """Attend; tokens and places both run one latent frame after another. Returns the shape of the tokens."""

        def split(x: Tensor) -> Tensor:
            return x.reshape(len(x) * frames, x.shape[1] // frames, self._heads, -1).transpose(1, 2)

        query, key = self.norm_q(self.q(tokens_BTD)), self.norm_k(self.k(places_BSC))
        attended = nn.functional.scaled_dot_product_attention(split(query), split(key), split(self.v(places_BSC)))
        return self.o(attended.transpose(1, 2).reshape(tokens_BTD.shape))


class VocalAttentionBlock(nn.Module):
    """A block of modulation, cross-attention and a modulated feed-forward layer."""

    def __init__(self, tokens: int, channels: int, heads: int, operations: ModuleType | Any = nn) -> None:
        super().__init__()
        self.norm1 = operations.LayerNorm(tokens, eps=EPS, elementwise_affine=False)
        self.norm3 = operations.LayerNorm(tokens, eps=EPS)
        self.cross_attn = VocalCrossAttention(tokens, channels, heads, operations)
        self.norm2 = operations.LayerNorm(tokens, eps=EPS, elementwise_affine=False)
        self.ffn = nn.Sequential(
            operations.Linear(tokens, 2 * tokens), nn.GELU(approximate="tanh"), operations.Linear(2 * tokens, tokens)
        )
        self.modulation = nn.Parameter(torch.empty(1, 6, tokens))

    def forward(self, tokens_BTD: Tensor, modulation_B6D: Tensor, places_BSC: Tensor, frames: int) -> Tensor:
        """From shape (B, T, D) to the same shape."""
        shift, scale, gate, ffn_shift, ffn_scale, ffn_gate = (
            self.modulation.to(modulation_B6D) + modulation_B6D
        ).chunk(6, dim=1)
        x = tokens_BTD + (self.norm1(tokens_BTD) * (1 + scale) + shift) * gate
        x = x + self.cross_attn(self.norm3(x), places_BSC, frames)
        return x + self.ffn(self.norm2(x) * (1 + ffn_scale) + ffn_shift) * ffn_gate


class FinalHead(nn.Module):
    """The last layer: a modulated projection to the tokens that the model's blocks attend to."""

    def __init__(self, tokens: int, operations: ModuleType | Any = nn) -> None:
        super().__init__()
        self.norm = operations.LayerNorm(tokens, eps=EPS, elementwise_affine=False)
        self.final_proj = operations.Linear(tokens, tokens)
        self.modulation = nn.Parameter(torch.empty(1, 2, tokens))

    def forward(self, tokens_BTD: Tensor, time_BD: Tensor) -> Tensor:
        """From shape (B, T, D) to the same shape."""
        shift, scale = (self.modulation.to(time_BD) + time_BD[:, None]).chunk(2, dim=1)
        return self.final_proj(self.norm(tokens_BTD) * (1 + scale) + shift)


class VocalProjector(Projector):
    """One token per feature, refined in every evaluation of the model."""

    uses_model_state: ClassVar[bool] = True

    def __init__(
        self, features: int, tokens: int, channels: int, heads: int = HEADS, operations: ModuleType | Any = nn
    ) -> None:
        super().__init__(features)
        self.heads = heads
        self.proj_model = TokenProjector(features, tokens, operations)
        self.blocks = nn.ModuleList(VocalAttentionBlock(tokens, channels, heads, operations) for _ in range(BLOCKS))
        self.final_head = FinalHead(tokens, operations)

    @classmethod
    def of_sizes(cls, sizes: ProjectorSizes, operations: ModuleType | Any = nn) -> "VocalProjector":
        """See `Projector`."""
        features = sizes.shapes["projector.proj_model.proj.weight"][1]
        return cls(features, sizes.tokens, sizes.channels, sizes.heads, operations)

    def forward(self, windows: AudioWindows) -> Tokens:
        """The tokens before `refined`, which do not depend on the model."""
        return self.proj_model(windows)

    def refined(self, tokens_FLD: Tensor, state: ModelState) -> Tensor:
        """See `Projector`: the tokens attend to the places of their latent frame, with the modulation of the time."""
        frames = len(tokens_FLD)
        x = tokens_FLD.flatten(0, 1).expand(len(state.places_BSC), -1, -1)
        for block in self.blocks:
            x = block(x, state.modulation_B6C, state.places_BSC, frames)
        return self.final_head(x, state.time_BC).unflatten(1, (frames, -1))
