"""The audio branch on the host's Wan: in every block sound is added beside text and images.

Hooks stand on a block's cross-attention while the model is loaded: one sees the query, one adds what it sees of sound
to what goes into the output projection. `forward` and the attention function stay as they are, so whatever other nodes
have put into their places acts as before. What a call of the network is to do travels with the call: conditioning
carries marks, which the host batches, splits and cuts into context windows like any other, and a wrapper of the
network reads them. Without marks nothing is added.

Names are by number, since the host keeps a loaded model as it is when another clone with the same names comes: hooks
only look up what travels under their name, so those of an earlier clone serve as well.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from comfy.ldm.wan.model import sinusoidal_embedding_1d
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import PatcherInjection, WrappersMP
from torch import Tensor

from ..core.errors import InbetweenError
from ..networks.audio_adapter.adapter import AudioAdapter
from ..networks.audio_adapter.branch import attend_to_audio
from ..networks.audio_adapter.projectors import Heard, Tokens
from ..networks.audio_adapter.vocal_projector import ModelState
from .sequential_attention import SequenceHooks, SequentialAttention

PREFIX = "diffusion_model"
SOUND, SILENCE = 1, 0


def marks(latent_frames: int, sound: bool) -> Tensor:
    """What conditioning carries: the number of each latent frame, and whether it is to hear sound or none.

    Returns:
        int32 of shape (1, 2, latent frames, 1, 1); whole numbers keep their type in the host, however the model
        computes.
    """
    numbers = torch.arange(latent_frames, dtype=torch.int32)
    return torch.stack([numbers, torch.full_like(numbers, SOUND if sound else SILENCE)])[None, :, :, None, None]


@dataclass(frozen=True, eq=False)
class Listening:
    """What an adapter hears in a clip, and how it is added.

    heard: of all latent frames. scale: times what is added. region_F1HW: 0 to 1, where it is added, of any size, one
    for all latent frames or one for each; None everywhere. difference_CHW: the end latent minus the start latent, for
    an adapter that wants it.
    """

    heard: Heard
    scale: float = 1.0
    region_F1HW: Tensor | None = None
    difference_CHW: Tensor | None = None


@dataclass(eq=False)
class Run:
    """What does not depend on the step: tokens of sound, then of silence; their keys and values by block."""

    tokens: Tokens | None = None
    all_heard: bool = True
    silent_from: int = 0
    silence_F: Tensor | None = None
    keys_values: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    regions: dict[tuple[int, int], Tensor] = field(default_factory=dict)


class AudioBranch:
    """One adapter on one model for one clip; `attach` puts it there."""

    def __init__(self, name: str, patch: ModelPatcher, listening: Listening) -> None:
        self.name, self.patch, self.listening = name, patch, listening
        self._run: Run | None = None

    @property
    def adapter(self) -> AudioAdapter:
        """Its network, wherever the host keeps it at the moment."""
        return self.patch.model

    def attach(self, patched: ModelPatcher) -> None:
        """Put it on a clone of a model that may be changed; the layers are untouched until the host loads it."""
        patched.set_additional_models(self.name, [self.patch])
        patched.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, self.name, self._sample)
        patched.add_wrapper_with_key(WrappersMP.DIFFUSION_MODEL, self.name, self._evaluate)
        patched.set_injections(self.name, [_Hooks(self.name, self.adapter.rules.sequential).as_injection()])
        if self.adapter.rules.sequential:
            for number, block in enumerate(patched.model.diffusion_model.blocks):
                forward = SequentialAttention(self.name, number, block.cross_attn)
                patched.add_object_patch(f"{PREFIX}.blocks.{number}.cross_attn.forward", forward)

    def _sample(self, executor: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._run = Run()
        try:
            return executor(*args, **kwargs)
        finally:
            self._run = None

    def _evaluate(
        self,
        executor: Any,
        x: Tensor,
        timestep: Tensor,
        context: Tensor,
        clip_fea: Tensor | None = None,
        time_dim_concat: Tensor | None = None,
        transformer_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Tensor:
        options = dict(transformer_options or {})
        marked = kwargs.pop(self.name, None)
        if marked is not None and self.listening.scale:
            reference = kwargs.get("reference_latent") if executor.class_obj.ref_conv is not None else None
            call = AudioCall(self, executor.class_obj, x, timestep, marked, reference is not None, self._run or Run())
            options[self.name] = call if call.rows else None
        return executor(x, timestep, context, clip_fea, time_dim_concat, options, **kwargs)


class AudioCall:
    """One call of the network: which of its rows hear which tokens.

    rows: of the batch, that get anything. Tokens that do not depend on the step are those of the run.
    """

    def __init__(
        self,
        branch: AudioBranch,
        network: Any,
        x: Tensor,
        timestep: Tensor,
        marked_B2F11: Tensor,
        has_reference: bool,
        run: Run,
    ) -> None:
        self._branch, self._network, self._run = branch, network, run
        self._timestep, self._device, self._dtype = timestep, x.device, x.dtype
        _, height, width = network.patch_size
        self._grid = -(-x.shape[-2] // height), -(-x.shape[-1] // width)
        self._latent_frames = x.shape[2]
        per_frame = self._grid[0] * self._grid[1]
        first = per_frame if has_reference else 0
        self._places = slice(first, first + per_frame * self._latent_frames)  # others are of references
        self._frames_BF = marked_B2F11[:, 0, :, 0, 0].long()
        self._sounds = [bool(row.any()) for row in marked_B2F11[:, 1]]
        self.normed_with: Callable[[Tensor], Tensor]  # of the block that runs, where image and sound look after text
        self._check()
        if run.tokens is None:
            self._make_tokens()
        no_branch = run.silence_F is None
        self.rows = [row for row, sounds in enumerate(self._sounds) if sounds or not no_branch]
        self._refined: Tokens | None = None
        self._index_RF = self._static_index()

    def see_model(self, places_BSC: Tensor, modulation: Tensor) -> None:
        """Take what the model knows before its first block, for tokens that look at it."""
        if not self._branch.adapter.depends_on_model:
            return
        assert self._run.tokens is not None
        places_BSC, modulation_B6C = places_BSC[:, self._places], modulation.squeeze(1)
        sine = sinusoidal_embedding_1d(self._network.freq_dim, self._timestep.flatten())
        time_BC = self._network.time_embedding(sine.to(self._dtype))
        own, sounding = self._rows_alike(places_BSC)
        made, heard = [], []
        for row in own:
            frames_F = self._frames_BF[row]
            one = slice(row, row + 1)
            state = ModelState(places_BSC[one], modulation_B6C[one], time_BC[one])
            tokens_FLD = self._run.tokens.tokens_FLD[frames_F]
            made.append(self._branch.adapter.refined(tokens_FLD, state, self._difference())[0])
            heard.append(self._run.tokens.heard_FL[frames_F])
        silent = slice(self._run.silent_from, None)
        made.append(self._run.tokens.tokens_FLD[silent])
        heard.append(self._run.tokens.heard_FL[silent])
        self._refined = Tokens(torch.cat(made), torch.cat(heard))
        self._index_RF = self._refined_index(own, sounding)

    def add(self, x_BSC: Tensor, query_BSC: Tensor, block: int) -> Tensor:
        """What goes into a block's output projection, with what the query sees of sound."""
        seen_RSC = self.seen(query_BSC, block)
        if len(self.rows) == len(x_BSC) and seen_RSC.shape == x_BSC.shape:
            return torch.add(x_BSC, seen_RSC)
        with_sound = x_BSC.clone()
        with_sound[self.rows, self._places] += seen_RSC
        return with_sound

    def seen(self, query_BSC: Tensor, block: int) -> Tensor:
        """What the rows that hear something see of it, for the places of the clip."""
        keys_PLC, values_PLC = self._keys_values(block)
        masks = self._branch.adapter.rules.masks_padding and not self._run.all_heard
        heard = self._tokens().heard_FL[self._index_RF] if masks else None
        query_RSC = (query_BSC if len(self.rows) == len(query_BSC) else query_BSC[self.rows])[:, self._places]
        seen = attend_to_audio(
            query_RSC, keys_PLC[self._index_RF], values_PLC[self._index_RF], self._network.num_heads, heard
        )
        if self._branch.listening.scale != 1:
            seen = seen * self._branch.listening.scale
        region_BS1 = self._region()
        return seen if region_BS1 is None else seen * region_BS1

    def _check(self) -> None:
        heard = len(self._branch.listening.heard.heard_FW)
        if self._frames_BF.shape[1] != self._latent_frames or int(self._frames_BF.max()) >= heard:
            raise InbetweenError(
                f"Apply Audio Adapter was given a latent of {heard} latent frames, but {self._latent_frames} are "
                "sampled; connect one and the same latent to both."
            )

    def _make_tokens(self) -> None:
        """Tokens of all latent frames with sound, and of those without as many as differ."""
        given = self._branch.listening.heard
        heard = Heard(
            given.features_FWD.to(self._device, self._dtype),
            *(each.to(self._device) for each in (given.heard_FW, given.delays_FW, given.positions_F)),
        )
        adapter, run = self._branch.adapter, self._run
        made, silent = adapter.tokens(heard), adapter.silence(heard)
        run.tokens, run.silent_from = made, len(made.tokens_FLD)
        if silent is not None:
            both_FN = torch.cat([silent.tokens_FLD.flatten(1), silent.heard_FL.to(self._dtype)], dim=1)
            kinds, kind_F = both_FN.unique(dim=0, return_inverse=True)
            of_kind = [int((kind_F == kind).nonzero()[0, 0]) for kind in range(len(kinds))]
            run.silence_F = run.silent_from + kind_F
            run.tokens = Tokens(
                torch.cat([made.tokens_FLD, silent.tokens_FLD[of_kind]]),
                torch.cat([made.heard_FL, silent.heard_FL[of_kind]]),
            )
        run.all_heard = bool(run.tokens.heard_FL.all())

    def _tokens(self) -> Tokens:
        tokens = self._refined or self._run.tokens
        assert tokens is not None
        return tokens

    def _static_index(self) -> Tensor:
        """For each row that hears something and each of its latent frames, the number of its tokens."""
        index = [
            frames_F if sounds or self._run.silence_F is None else self._run.silence_F[frames_F]
            for frames_F, sounds in zip(self._frames_BF, self._sounds, strict=True)
        ]
        return torch.stack([index[row] for row in self.rows]) if self.rows else self._frames_BF[:0]

    def _rows_alike(self, places_BSC: Tensor) -> tuple[list[int], dict[int, int]]:
        """Rows with sound that differ, and for every row with sound which of those it is."""
        own: list[int] = []
        sounding: dict[int, int] = {}
        for row in (row for row in self.rows if self._sounds[row]):
            for number, other in enumerate(own):
                alike = torch.equal(self._frames_BF[row], self._frames_BF[other])
                if alike and torch.equal(places_BSC[row], places_BSC[other]):
                    sounding[row] = number
                    break
            else:
                sounding[row] = len(own)
                own.append(row)
        return own, sounding

    def _refined_index(self, own: list[int], sounding: dict[int, int]) -> Tensor:
        frames = self._latent_frames
        here_F = torch.arange(frames, device=self._device)
        index = []
        for number, row in enumerate(self.rows):
            if row in sounding:
                index.append(sounding[row] * frames + here_F)
            else:
                index.append(self._index_RF[number] - self._run.silent_from + len(own) * frames)
        return torch.stack(index)

    def _keys_values(self, block: int) -> tuple[Tensor, Tensor]:
        layer = self._branch.adapter.blocks[block]
        if self._refined is not None:
            return layer(self._refined.tokens_FLD)
        if block not in self._run.keys_values:
            self._run.keys_values[block] = layer(self._tokens().tokens_FLD)
        return self._run.keys_values[block]

    def _difference(self) -> Tensor | None:
        difference = self._branch.listening.difference_CHW
        return None if difference is None else difference.to(self._device, self._dtype)

    def _region(self) -> Tensor | None:
        """How much of sound each place of each row gets, of shape (rows, places, 1)."""
        region_F1HW = self._branch.listening.region_F1HW
        if region_F1HW is None:
            return None
        if self._grid not in self._run.regions:
            small = torch.nn.functional.interpolate(region_F1HW.float(), self._grid, mode="area")
            self._run.regions[self._grid] = small.flatten(1).to(self._device, self._dtype)
        of_frames = self._run.regions[self._grid]
        if len(of_frames) == 1:
            return of_frames.repeat(1, self._latent_frames)[..., None]
        return of_frames[self._frames_BF[self.rows]].flatten(1)[..., None]


class _Hooks:
    """Puts the hooks on when the host loads the model, and takes them off again."""

    def __init__(self, name: str, sequential: bool) -> None:
        self._name, self._sequential = name, sequential
        self._handles: list[Any] = []

    def as_injection(self) -> PatcherInjection:
        return PatcherInjection(inject=self._put_on, eject=self._take_off)

    def _put_on(self, patcher: ModelPatcher) -> None:
        blocks = patcher.model.diffusion_model.blocks
        self._handles.append(blocks[0].register_forward_pre_hook(self._see_model, with_kwargs=True))
        for number, block in enumerate(blocks):
            if self._sequential:
                self._handles += SequenceHooks(self._name).put_on(block)
            else:
                self._handles += _BlockHooks(self._name, number).put_on(block.cross_attn)

    def _take_off(self, _: ModelPatcher) -> None:
        while self._handles:
            self._handles.pop().remove()

    def _see_model(self, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        call: AudioCall | None = kwargs["transformer_options"].get(self._name)
        if call is not None:
            call.see_model(args[0], kwargs["e"])


class _BlockHooks:
    """Those of one cross-attention; the call and the query are known from its beginning to its end."""

    def __init__(self, name: str, number: int) -> None:
        self._name, self._number = name, number
        self._call: AudioCall | None = None
        self._query: Tensor | None = None

    def put_on(self, attention: Any) -> Iterator[Any]:
        yield attention.register_forward_pre_hook(self._begin, with_kwargs=True)
        yield attention.norm_q.register_forward_hook(self._see_query)
        yield attention.o.register_forward_pre_hook(self._add)
        yield attention.register_forward_hook(self._end, always_call=True)

    def _begin(self, _: Any, __: Any, kwargs: dict[str, Any]) -> None:
        self._call, self._query = kwargs["transformer_options"].get(self._name), None

    def _see_query(self, _: Any, __: Any, query_BSC: Tensor) -> None:
        if self._call is not None:
            self._query = query_BSC

    def _add(self, _: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if self._call is None or self._query is None:
            return None
        return (self._call.add(inputs[0], self._query, self._number), *inputs[1:])

    def _end(self, *_: Any) -> None:
        self._call = self._query = None
