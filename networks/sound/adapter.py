"""An audio adapter: what makes tokens of sound, and the keys and values of each block."""

from collections.abc import Iterable

import torch
from torch import nn

from ...core.sound.windows import AudioWindows
from .branch import AudioKeysValues
from .config import AdapterConfig
from .projectors import Projector, Tokens


class AudioAdapter(nn.Module):
    """One adapter, as it was trained.

    config: how it is to be used. projector: from what is heard to tokens. blocks: keys and values of tokens for each
    block of the model it belongs to. channels: of that model.
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
        """Blocks of the model it belongs to."""
        return len(self.blocks)

    def tokens(self, windows: AudioWindows) -> Tokens:
        """Tokens of all latent frames, before the model is known."""
        return self.projector(windows)

    def silence(self, windows: AudioWindows) -> Tokens | None:
        """The tokens that stand for no sound; None where nothing is added without sound."""
        match self.config.silence:
            case "no branch":
                return None
            case "zero features":
                return self.projector(windows.silenced())
            case "zero tokens":
                made = self.projector(windows)
                return Tokens(torch.zeros_like(made.tokens_FLD), made.heard_FL)
