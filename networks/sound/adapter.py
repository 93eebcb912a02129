"""An audio adapter: the projector that computes audio tokens, and keys and values for each block."""

from collections.abc import Iterable

import torch
from torch import nn

from ...core.sound.windows import AudioWindows
from .branch import AudioKeysValues
from .config import AdapterConfig
from .projectors import Projector, Tokens


class AudioAdapter(nn.Module):
    """An adapter as it was trained.

    config: how to use it.
    projector: computes tokens from audio features.
    blocks: keys and values of the tokens, for each block of the video model.
    channels: width of the video model.
    """

    def __init__(
        self, config: AdapterConfig, projector: Projector, blocks: Iterable[AudioKeysValues], channels: int
    ) -> None:
        super().__init__()
        self.config = config
        self.projector = projector
        self.blocks = nn.ModuleList(blocks)
        self.channels = channels

    @property
    def model_depth(self) -> int:
        """The number of blocks of the video model."""
        return len(self.blocks)

    def tokens(self, windows: AudioWindows) -> Tokens:
        """The tokens of all latent frames, before `Projector.refined`."""
        return self.projector(windows)

    def silence(self, windows: AudioWindows) -> Tokens | None:
        """The tokens for silence; None if the adapter adds nothing in silence."""
        match self.config.silence:
            case "no branch":
                return None
            case "zero features":
                return self.projector(windows.silenced())
            case "zero tokens":
                tokens = self.projector(windows)
                return Tokens(torch.zeros_like(tokens.tokens_FLD), tokens.heard_FL)
