"""A table of audio tokens, in which latent frames look up the tokens that they attend to."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.sound.windows import AudioWindows
from .adapter import AudioAdapter
from .projectors import Tokens


@dataclass(frozen=True, eq=False)
class TokenTable:
    """One entry for each latent frame with sound, followed by one for each distinct silence.

    Silence is usually the same for most latent frames, so they share entries.

    tokens: tokens of all entries.
    sound_entries: number of entries with sound.
    silence_F: for each latent frame of the clip, its entry for silence; None if the adapter adds nothing in silence.
    all_heard: whether no entry has empty slots.
    """

    tokens: Tokens
    sound_entries: int
    silence_F: Tensor | None
    all_heard: bool

    @classmethod
    def of_clip(cls, adapter: AudioAdapter, windows: AudioWindows) -> "TokenTable":
        """The tokens of a clip, before `Projector.refined`."""
        sound, silent = adapter.tokens(windows), adapter.silence(windows)
        if silent is None:
            return cls(sound, len(sound.tokens_FLD), None, bool(sound.heard_FL.all()))
        keys_FN = torch.cat([silent.tokens_FLD.flatten(1), silent.heard_FL.to(silent.tokens_FLD.dtype)], dim=1)
        distinct, kind_F = keys_FN.unique(dim=0, return_inverse=True)
        first_of_kind = [int((kind_F == kind).nonzero()[0, 0]) for kind in range(len(distinct))]
        tokens = Tokens(
            torch.cat([sound.tokens_FLD, silent.tokens_FLD[first_of_kind]]),
            torch.cat([sound.heard_FL, silent.heard_FL[first_of_kind]]),
        )
        sound_entries = len(sound.tokens_FLD)
        return cls(tokens, sound_entries, sound_entries + kind_F, bool(tokens.heard_FL.all()))

    @property
    def silent(self) -> Tokens:
        """The tokens for silence."""
        return Tokens(self.tokens.tokens_FLD[self.sound_entries :], self.tokens.heard_FL[self.sound_entries :])

    def of_frames(self, frames_F: Tensor) -> Tokens:
        """The tokens with sound of some latent frames of the clip."""
        return Tokens(self.tokens.tokens_FLD[frames_F], self.tokens.heard_FL[frames_F])

    def entries(self, frames_F: Tensor, with_sound: bool) -> Tensor:
        """The entries of some latent frames of the clip. Without sound, the table must have entries for silence."""
        if with_sound:
            return frames_F
        assert self.silence_F is not None
        return self.silence_F[frames_F]
