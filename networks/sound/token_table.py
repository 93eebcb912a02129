"""The tokens that the blocks of a model look at, and which of them each latent frame of a batch looks at."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.sound.windows import AudioWindows
from .adapter import AudioAdapter
from .projectors import Tokens


@dataclass(frozen=True, eq=False)
class TokenTable:
    """Tokens in entries: one entry for each latent frame with sound, then one for each kind of silence.

    Silence is mostly the same everywhere, so latent frames share its entries.

    tokens: of all entries. sounding: how many entries are of sound. silence_F: the entry of each latent frame of the
    clip without sound; None where nothing is added without sound. all_heard: no slot of any entry lacks sound.
    """

    tokens: Tokens
    sounding: int
    silence_F: Tensor | None
    all_heard: bool

    @classmethod
    def of_clip(cls, adapter: AudioAdapter, windows: AudioWindows) -> "TokenTable":
        """The tokens that an adapter makes of a clip, before the model is known."""
        made, silent = adapter.tokens(windows), adapter.silence(windows)
        if silent is None:
            return cls(made, len(made.tokens_FLD), None, bool(made.heard_FL.all()))
        both_FN = torch.cat([silent.tokens_FLD.flatten(1), silent.heard_FL.to(silent.tokens_FLD.dtype)], dim=1)
        kinds, kind_F = both_FN.unique(dim=0, return_inverse=True)
        first_of_kind = [int((kind_F == kind).nonzero()[0, 0]) for kind in range(len(kinds))]
        tokens = Tokens(
            torch.cat([made.tokens_FLD, silent.tokens_FLD[first_of_kind]]),
            torch.cat([made.heard_FL, silent.heard_FL[first_of_kind]]),
        )
        sounding = len(made.tokens_FLD)
        return cls(tokens, sounding, sounding + kind_F, bool(tokens.heard_FL.all()))

    @property
    def silent(self) -> Tokens:
        """The entries of silence."""
        return Tokens(self.tokens.tokens_FLD[self.sounding :], self.tokens.heard_FL[self.sounding :])

    def of_frames(self, frames_F: Tensor) -> Tokens:
        """The entries of latent frames of the clip, with sound."""
        return Tokens(self.tokens.tokens_FLD[frames_F], self.tokens.heard_FL[frames_F])

    def entries(self, frames_F: Tensor, with_sound: bool) -> Tensor:
        """The entry that each of some latent frames of the clip looks at; without sound only where silence has one."""
        if with_sound:
            return frames_F
        assert self.silence_F is not None
        return self.silence_F[frames_F]
