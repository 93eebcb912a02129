"""Audio in one evaluation of a video model: the tokens of each row of the batch, and their effect on each block.

A row is one member of the batch: one condition, or one part of the clip. Each row has frame ids, which give its latent
frames within the clip, and whether it gets sound or silence.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...core.errors import InbetweenError
from ...core.sound.windows import AudioWindows
from .adapter import AudioAdapter
from .branch import attend_to_audio
from .projectors import ModelState, Tokens
from .token_table import TokenTable

SOUND, SILENCE = 1, 0


def frame_ids(latent_frames: int, with_sound: bool) -> Tensor:
    """The frame ids for conditioning: the number of each latent frame, and whether it gets sound or silence.

    Returns:
        int32 of shape (1, 2, latent frames, 1, 1). The host batches, splits and cuts it like a latent, and never
        converts integers to the dtype of the model.
    """
    numbers = torch.arange(latent_frames, dtype=torch.int32)
    sounds = torch.full_like(numbers, SOUND if with_sound else SILENCE)
    return torch.stack([numbers, sounds])[None, :, :, None, None]


@dataclass(frozen=True, eq=False)
class BranchSettings:
    """The audio of a clip, and how to add it.

    windows: the features of all latent frames.
    scale: factor for the result.
    region_F1HW: mask, 0 to 1, of the area that the audio affects, at any resolution; one for all latent frames or one
        for each. None for the whole picture.
    end_difference_CHW: the end latent minus the start latent, for an adapter that uses it.
    """

    windows: AudioWindows
    scale: float = 1.0
    region_F1HW: Tensor | None = None
    end_difference_CHW: Tensor | None = None


@dataclass(eq=False)
class RunCache:
    """Results that all steps of a run share: tokens, their keys and values by block, and regions by grid."""

    table: TokenTable | None = None
    keys_values: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    regions: dict[tuple[int, int], Tensor] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ModelCall:
    """One evaluation of a video model. A place is the position of one patch in the model's sequence.

    frame_ids_B2F11: the frame ids of each row; see `frame_ids`.
    latent_frames: number of latent frames evaluated.
    grid: rows and columns of places in a latent frame.
    first_place: the first place of the clip; places before and after the clip belong to reference images.
    heads: number of attention heads of the model.
    time_BC: the time embedding, for an adapter that uses the model's state.
    dtype, device: where and in which dtype the model computes.
    """

    frame_ids_B2F11: Tensor
    latent_frames: int
    grid: tuple[int, int]
    first_place: int
    heads: int
    time_BC: Tensor | None
    dtype: torch.dtype
    device: torch.device

    @property
    def places(self) -> slice:
        """The places of the clip."""
        rows, columns = self.grid
        return slice(self.first_place, self.first_place + rows * columns * self.latent_frames)


class AudioEvaluation:
    """The audio of all rows of a call. `rows` are the rows to which the branch adds something."""

    def __init__(self, adapter: AudioAdapter, settings: BranchSettings, cache: RunCache, call: ModelCall) -> None:
        self._adapter, self._settings, self._cache, self._call = adapter, settings, cache, call
        self._frames_BF = call.frame_ids_B2F11[:, 0, :, 0, 0].long()
        self._sounds = [bool(row.any()) for row in call.frame_ids_B2F11[:, 1]]
        self._check()
        if cache.table is None:
            cache.table = TokenTable.of_clip(adapter, self._windows())
        self._table = cache.table
        self.rows = [row for row, sounds in enumerate(self._sounds) if sounds or self._table.silence_F is not None]
        self._entries_RF = self._frames_BF[:0]
        if self.rows:
            entries = [self._table.entries(self._frames_BF[row], self._sounds[row]) for row in self.rows]
            self._entries_RF = torch.stack(entries)
        self._tokens, self._refined = self._table.tokens, False

    def refine(self, places_BSC: Tensor, modulation_B6C: Tensor) -> None:
        """Let the tokens attend to the input of the model's first block, if the adapter does that.

        Args:
            places_BSC: embedded patches at all places of the model.
            modulation_B6C: modulation of its blocks.
        """
        if not self._adapter.projector.uses_model_state:
            return
        assert self._call.time_BC is not None
        places_BSC = places_BSC[:, self._call.places]
        difference_CHW = self._settings.end_difference_CHW
        if difference_CHW is not None:
            difference_CHW = difference_CHW.to(self._call.device, self._call.dtype)
        distinct, group_of = self._distinct_rows(places_BSC)
        refined, heard = [], []
        for row in distinct:
            one = slice(row, row + 1)
            state = ModelState(places_BSC[one], modulation_B6C[one], self._call.time_BC[one], difference_CHW)
            tokens = self._table.of_frames(self._frames_BF[row])
            refined.append(self._adapter.projector.refined(tokens.tokens_FLD, state)[0])
            heard.append(tokens.heard_FL)
        silent = self._table.silent
        self._tokens = Tokens(torch.cat([*refined, silent.tokens_FLD]), torch.cat([*heard, silent.heard_FL]))
        self._entries_RF, self._refined = self._refined_entries(len(distinct), group_of), True

    def add(self, x_BSC: Tensor, query_BSC: Tensor, block: int) -> Tensor:
        """Add the attention to the audio to the input of a block's output projection.

        Args:
            x_BSC: the input of the projection without audio.
            query_BSC: normalised query of the block's cross-attention.
            block: number of the block.
        """
        added_RSC = self._attended(query_BSC, block)
        if len(self.rows) == len(x_BSC) and added_RSC.shape == x_BSC.shape:
            return torch.add(x_BSC, added_RSC)
        with_sound = x_BSC.clone()
        with_sound[self.rows, self._call.places] += added_RSC
        return with_sound

    def _check(self) -> None:
        given = len(self._settings.windows.heard_FW)
        if self._frames_BF.shape[1] != self._call.latent_frames or int(self._frames_BF.max()) >= given:
            raise InbetweenError(
                f"Apply Audio Adapter has a latent of {given} latent frames, but {self._call.latent_frames} are "
                "sampled; connect the same latent to the node and to the sampler."
            )

    def _windows(self) -> AudioWindows:
        """The windows, on the device and in the dtype of the model."""
        windows, device = self._settings.windows, self._call.device
        return AudioWindows(
            windows.features_FWD.to(device, self._call.dtype),
            windows.heard_FW.to(device),
            windows.delays_FW.to(device),
            windows.positions_F.to(device),
        )

    def _attended(self, query_BSC: Tensor, block: int) -> Tensor:
        """The attention of a block to the audio, for each of `rows` at the places of the clip."""
        keys_ELC, values_ELC = self._keys_values(block)
        masks = self._adapter.config.masks_padding and not self._table.all_heard
        heard_RFL = self._tokens.heard_FL[self._entries_RF] if masks else None
        query_RSC = (query_BSC if len(self.rows) == len(query_BSC) else query_BSC[self.rows])[:, self._call.places]
        attended_RSC = attend_to_audio(
            query_RSC, keys_ELC[self._entries_RF], values_ELC[self._entries_RF], self._call.heads, heard_RFL
        )
        if self._settings.scale != 1:
            attended_RSC = attended_RSC * self._settings.scale
        region_RS1 = self._region()
        return attended_RSC if region_RS1 is None else attended_RSC * region_RS1

    def _keys_values(self, block: int) -> tuple[Tensor, Tensor]:
        """Keys and values of all tokens. They are cached for the run, unless the tokens were refined."""
        layer = self._adapter.blocks[block]
        if self._refined:
            return layer(self._tokens.tokens_FLD)
        if block not in self._cache.keys_values:
            self._cache.keys_values[block] = layer(self._tokens.tokens_FLD)
        return self._cache.keys_values[block]

    def _distinct_rows(self, places_BSC: Tensor) -> tuple[list[int], dict[int, int]]:
        """Group the rows with sound, so that rows with the same latent frames and patches are refined only once.

        Returns:
            The first row of each group, and for each row with sound the number of its group.
        """
        distinct: list[int] = []
        group_of: dict[int, int] = {}
        for row in (row for row in self.rows if self._sounds[row]):
            for group, first in enumerate(distinct):
                same_frames = torch.equal(self._frames_BF[row], self._frames_BF[first])
                if same_frames and torch.equal(places_BSC[row], places_BSC[first]):
                    group_of[row] = group
                    break
            else:
                group_of[row] = len(distinct)
                distinct.append(row)
        return distinct, group_of

    def _refined_entries(self, groups: int, group_of: dict[int, int]) -> Tensor:
        """As `_entries_RF`, for a table with the latent frames of each group, followed by the entries for silence."""
        frames = self._call.latent_frames
        here_F = torch.arange(frames, device=self._call.device)
        entries = []
        for number, row in enumerate(self.rows):
            if row in group_of:
                entries.append(group_of[row] * frames + here_F)
            else:
                entries.append(self._entries_RF[number] - self._table.sound_entries + groups * frames)
        return torch.stack(entries)

    def _region(self) -> Tensor | None:
        """The region mask at each place of each row, shape (rows, places, 1)."""
        region_F1HW, grid = self._settings.region_F1HW, self._call.grid
        if region_F1HW is None:
            return None
        if grid not in self._cache.regions:
            small_F1HW = torch.nn.functional.interpolate(region_F1HW.float(), grid, mode="area")
            self._cache.regions[grid] = small_F1HW.flatten(1).to(self._call.device, self._call.dtype)
        region_FS = self._cache.regions[grid]
        if len(region_FS) == 1:
            return region_FS.repeat(1, self._call.latent_frames)[..., None]
        return region_FS[self._frames_BF[self.rows]].flatten(1)[..., None]
