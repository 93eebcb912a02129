"""An audio adapter: what makes tokens of sound, and the keys and values of each block."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from .bbf import BBFProjector
from .branch import AudioKeysValues
from .projectors import Heard, NeighbourProjector, TokenProjector, Tokens
from .rules import Rules
from .vocal_projector import ModelState, VocalProjector

Projector = TokenProjector | NeighbourProjector | VocalProjector


class AudioAdapter(nn.Module):
    """One adapter, as it was trained.

    rules: how it wants to be used. feature_width: channels of the audio encoder's features. channels: of the model it
    belongs to. model_depth: blocks of that model.
    """

    def __init__(
        self, rules: Rules, projector: Projector, blocks: Iterable[AudioKeysValues], feature_width: int, channels: int
    ) -> None:
        super().__init__()
        self.rules = rules
        self.projector = projector
        self.blocks = nn.ModuleList(blocks)
        self.feature_width, self.channels = feature_width, channels

    @property
    def model_depth(self) -> int:
        """Blocks of the model it belongs to."""
        return len(self.blocks)

    @property
    def depends_on_model(self) -> bool:
        """Whether its tokens are made anew in every evaluation."""
        return isinstance(self.projector, VocalProjector)

    @property
    def wants_ends(self) -> bool:
        """Whether it wants to know how the last frame differs from the first."""
        return isinstance(self.projector, BBFProjector)

    def tokens(self, heard: Heard) -> Tokens:
        """Tokens of all latent frames, before the model is known."""
        return self.projector(heard)

    def silence(self, heard: Heard) -> Tokens | None:
        """The tokens that stand for no sound; None where that is no branch at all."""
        match self.rules.silence:
            case "no branch":
                return None
            case "zero features":
                return self.projector(heard.silenced())
            case "zero tokens":
                made = self.projector(heard)
                return Tokens(torch.zeros_like(made.tokens_FLD), made.heard_FL)

    def refined(self, tokens_FLD: Tensor, state: ModelState, difference_CHW: Tensor | None = None) -> Tensor:
        """Tokens for one evaluation of a model, of shape (B, F, L, D); only where `depends_on_model`."""
        if isinstance(self.projector, BBFProjector):
            return self.projector.refined(tokens_FLD, state, difference_CHW)
        assert isinstance(self.projector, VocalProjector)
        return self.projector.refined(tokens_FLD, state)
