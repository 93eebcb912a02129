"""BBF's audio adapter: StableAvatar's projector plus the time of each token and the difference between the end frames.

The paper, Beyond Boundary Frames (arXiv 2512.03590), lists the inputs of the adapter and their order: audio embedding,
temporal offset, difference of the start and end latents, time, and the model's query tokens. It says no more, and
neither code nor weights are public. This implementation is our reading of it, saved as format 1 of
`inbetween_audio_adapter`:

- Offset: a sine embedding of each token's delay from the middle of its latent frame, in latent frames, and of the
  latent frame's position in the clip. It goes through two layers and is added to the token.
- Difference: the end latent minus the start latent, embedded in patches of 2x2. The mean and standard deviation over
  the patches, together with the mean, root mean square and largest absolute value of the difference itself, go through
  two layers. The result is added to the modulation of both blocks.

The last layer of both starts at zero, and so do the values of the branch. So an untrained adapter changes nothing, and
StableAvatar's weights work in it as they are.
"""

import math
from dataclasses import replace
from types import ModuleType
from typing import Any, ClassVar

import torch
from einops import rearrange
from torch import Tensor, nn

from ...core.sound.windows import AudioWindows
from .projectors import ModelState, Tokens
from .vocal_projector import HEADS, VocalProjector

SINES = 256  # channels of the sine embedding: half for the delay, half for the position
LATENT_CHANNELS, PATCH = 16, 2
PATCH_CHANNELS = 512
SCALARS = 3
_SLOWEST = 10000.0


class OffsetEmbedding(nn.Sequential):
    """Embeds the delay of a token and the position of its latent frame."""

    def __init__(self, tokens: int, operations: ModuleType | Any = nn) -> None:
        super().__init__(operations.Linear(SINES, tokens), nn.SiLU(), operations.Linear(tokens, tokens))

    def embed(self, delays_FW: Tensor, positions_F: Tensor, dtype: torch.dtype) -> Tensor:
        """Embed delays in latent frames and positions from 0 to 1; shape (F, W, D), in a given dtype."""
        both = torch.stack([delays_FW, positions_F[:, None].expand_as(delays_FW)], dim=-1)
        return self(sines(both, SINES // 2).flatten(-2).to(dtype))


class DifferenceEmbedding(nn.Module):
    """Embeds the end latent minus the start latent as a change of modulation."""

    def __init__(self, tokens: int, operations: ModuleType | Any = nn) -> None:
        super().__init__()
        self.patch = operations.Linear(LATENT_CHANNELS * PATCH**2, PATCH_CHANNELS)
        self.mlp = nn.Sequential(
            operations.Linear(2 * PATCH_CHANNELS + SCALARS, tokens), nn.SiLU(), operations.Linear(tokens, 6 * tokens)
        )

    def forward(self, difference_CHW: Tensor) -> Tensor:
        """From shape (16, H, W), H and W even, to (1, 6, D)."""
        patches = rearrange(difference_CHW, "c (h p) (w q) -> (h w) (c p q)", p=PATCH, q=PATCH)
        embedded = self.patch(patches)
        scalars = torch.stack(
            [difference_CHW.mean(), difference_CHW.square().mean().sqrt(), difference_CHW.abs().amax()]
        )
        summary = torch.cat([embedded.mean(dim=0), embedded.std(dim=0, correction=0), scalars])
        return self.mlp(summary).unflatten(-1, (6, -1))[None]


class BBFProjector(VocalProjector):
    """The projector that the module docstring describes."""

    uses_end_difference: ClassVar[bool] = True

    def __init__(
        self, features: int, tokens: int, channels: int, heads: int = HEADS, operations: ModuleType | Any = nn
    ) -> None:
        super().__init__(features, tokens, channels, heads, operations)
        self.offset = OffsetEmbedding(tokens, operations)
        self.diff = DifferenceEmbedding(tokens, operations)
        # The time embedding has the width of the model; project it if the tokens have another width.
        self.time = operations.Linear(channels, tokens) if tokens != channels else nn.Identity()

    def forward(self, windows: AudioWindows) -> Tokens:
        """Tokens with their offset embedding; they do not depend on the video model."""
        tokens = super().forward(windows)
        offsets_FLD = self.offset.embed(windows.delays_FW, windows.positions_F, tokens.tokens_FLD.dtype)
        return Tokens(tokens.tokens_FLD + offsets_FLD * tokens.heard_FL[..., None].to(offsets_FLD), tokens.heard_FL)

    def refined(self, tokens_FLD: Tensor, state: ModelState) -> Tensor:
        """As in VocalProjector, but with the difference between the ends added to the modulation, if it is given."""
        modulation_B6D, time_BD = self.time(state.modulation_B6C), self.time(state.time_BC)
        if state.end_difference_CHW is not None:
            modulation_B6D = modulation_B6D + self.diff(state.end_difference_CHW)
        return super().refined(tokens_FLD, replace(state, modulation_B6C=modulation_B6D, time_BC=time_BD))


def sines(numbers: Tensor, channels: int) -> Tensor:
    """Sines, then cosines, at frequencies from 1 down to 1 / 10000; from shape (...) to (..., channels)."""
    half = channels // 2
    frequencies = torch.exp(-math.log(_SLOWEST) * torch.arange(half, device=numbers.device) / half)
    angles = numbers[..., None].float() * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def start_untrained(projector: BBFProjector) -> None:
    """Zero the last layers of both embeddings, so that training starts from StableAvatar's projector."""
    for layer in (projector.offset[-1], projector.diff.mlp[-1]):
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)
