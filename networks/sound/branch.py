"""The audio branch that all adapters share: keys and values for sound, in addition to those for text and images.

In every block of a Wan image-to-video model, the query of the cross-attention attends to text and to images. With the
branch it also attends to sound: each latent frame to its own audio tokens only. The three results are added before the
block's output projection. Key layouts: FantasyTalking's model.py at commit 8c2d0c9, StableAvatar's
wan_fantasy_transformer3d_1B.py at 46c0492, EchoMimicV3's wan_transformer3d_audio*.py at 7e89489.
"""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

EPS = 1e-6


class AudioKeysValues(nn.Module):
    """Keys and values of the audio tokens for one block."""

    def __init__(self, tokens: int, channels: int, bias: bool, norms: bool, operations: ModuleType | Any = nn) -> None:
        super().__init__()
        self.k = operations.Linear(tokens, channels, bias=bias)
        self.v = operations.Linear(tokens, channels, bias=bias)
        self.norm_k = operations.RMSNorm(channels, eps=EPS) if norms else nn.Identity()

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """From tokens of shape (..., token width) to keys and values of shape (..., channels)."""
        return self.norm_k(self.k(tokens)), self.v(tokens)


def attend_to_audio(
    query_BSC: Tensor, keys_BFLC: Tensor, values_BFLC: Tensor, heads: int, heard_BFL: Tensor | None = None
) -> Tensor:
    """Let the places of each latent frame attend to the audio tokens of that latent frame.

    Args:
        query_BSC: normalised query of the block's cross-attention, one latent frame after another.
        keys_BFLC, values_BFLC: keys and values of L tokens for each latent frame.
        heads: number of attention heads of the block.
        heard_BFL: mask, bool, of the tokens to attend to; None for all. A latent frame without any token gets zeros.

    Returns:
        The result to add before the block's output projection, in the shape of the query.
    """
    batch, frames = keys_BFLC.shape[:2]
    places = query_BSC.shape[1] // frames

    def split(x: Tensor, length: int) -> Tensor:
        return x.reshape(batch * frames, length, heads, -1).transpose(1, 2)

    mask = None if heard_BFL is None else heard_BFL.reshape(batch * frames, 1, 1, -1)
    none_heard = None
    if mask is not None:
        none_heard = ~mask.any(dim=-1, keepdim=True)
        mask = mask | none_heard
    tokens = keys_BFLC.shape[2]
    attended = nn.functional.scaled_dot_product_attention(
        split(query_BSC, places), split(keys_BFLC, tokens), split(values_BFLC, tokens), attn_mask=mask
    )
    if none_heard is not None:
        attended = torch.where(none_heard, attended.new_zeros(()), attended)
    return attended.transpose(1, 2).reshape(query_BSC.shape)
