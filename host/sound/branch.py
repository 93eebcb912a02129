"""Attaches an audio branch to the host's Wan models: every block attends to sound as well as to text and images.

Hooks sit on the cross-attention of each block while the model is loaded. One hook keeps the query. Another attends to
the audio with it and adds the result to the input of the output projection. `forward` and the attention function stay
as they are, so replacements from other nodes keep working.

The hooks get their data from `transformer_options`. Conditioning carries frame ids, which the host batches, splits and
cuts into context windows like a latent. For each evaluation of the network, a wrapper turns them into an
`AudioEvaluation`. Without frame ids, nothing is added.

Each application of an adapter has its own numbered name. If two clones of a model have hooks with the same names, the
host may switch from one to the other without reloading hooks. So hooks store nothing about their clone: they look up
their data by name.
"""

from collections.abc import Callable, Iterator
from typing import Any

from comfy.ldm.wan.model import sinusoidal_embedding_1d
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import PatcherInjection, WrappersMP
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ...networks.sound import AudioAdapter
from ...networks.sound.evaluation import AudioEvaluation, BranchSettings, ModelCall, RunCache
from .sequential_attention import SequenceHooks, SequentialAttention

PREFIX = "diffusion_model"


class AudioBranch:
    """One adapter for one model and one clip; `attach` adds it to the model."""

    def __init__(self, name: str, patch: ModelPatcher, settings: BranchSettings) -> None:
        self.name, self.patch, self.settings = name, patch, settings
        self._cache: RunCache | None = None

    @property
    def adapter(self) -> AudioAdapter:
        """The network; the host may move it between devices."""
        return self.patch.model

    def attach(self, patched: ModelPatcher) -> None:
        """Add the branch to a clone of a model. The layers do not change until the host loads the clone."""
        patched.set_additional_models(self.name, [self.patch])
        patched.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, self.name, self._sample)
        patched.add_wrapper_with_key(WrappersMP.DIFFUSION_MODEL, self.name, self._evaluate)
        sequential = self.adapter.config.sequential
        patched.set_injections(self.name, [_ModelHooks(self.name, sequential).as_injection()])
        if sequential:
            for number, block in enumerate(patched.model.diffusion_model.blocks):
                forward = SequentialAttention(self.name, number, block)
                patched.add_object_patch(f"{PREFIX}.blocks.{number}.cross_attn.forward", forward)

    def _sample(self, executor: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Wrap a run of the sampler."""
        self._cache = RunCache()
        try:
            return executor(*args, **kwargs)
        finally:
            self._cache = None

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
        """Wrap one evaluation of the network."""
        options = dict(transformer_options or {})
        frame_ids_B2F11 = kwargs.pop(self.name, None)
        if frame_ids_B2F11 is not None and self.settings.scale:
            network = executor.class_obj
            has_reference = network.ref_conv is not None and kwargs.get("reference_latent") is not None
            call = self._call(network, x, timestep, frame_ids_B2F11, has_reference)
            evaluation = AudioEvaluation(self.adapter, self.settings, self._cache or RunCache(), call)
            options[self.name] = evaluation if evaluation.rows else None
        return executor(x, timestep, context, clip_fea, time_dim_concat, options, **kwargs)

    def _call(
        self, network: Any, x: Tensor, timestep: Tensor, frame_ids_B2F11: Tensor, has_reference: bool
    ) -> ModelCall:
        """Describe an evaluation of the host's Wan model, which pads x to whole patches."""
        _, height, width = network.patch_size
        rows, columns = -(-x.shape[-2] // height), -(-x.shape[-1] // width)
        time_BC = None
        if self.adapter.projector.uses_model_state:
            sine = sinusoidal_embedding_1d(network.freq_dim, timestep.flatten())
            time_BC = network.time_embedding(sine.to(x.dtype))
        return ModelCall(
            frame_ids_B2F11,
            latent_frames=x.shape[2],
            grid=(rows, columns),
            first_place=rows * columns if has_reference else 0,
            heads=network.num_heads,
            time_BC=time_BC,
            dtype=x.dtype,
            device=x.device,
        )


class _ModelHooks:
    """Adds the hooks when the host loads the model, and removes them when it unloads it."""

    def __init__(self, name: str, sequential: bool) -> None:
        self._name, self._sequential = name, sequential
        self._handles: list[RemovableHandle] = []

    def as_injection(self) -> PatcherInjection:
        """The hooks in the host's form."""
        return PatcherInjection(inject=self._inject, eject=self._eject)

    def _inject(self, patcher: ModelPatcher) -> None:
        blocks = patcher.model.diffusion_model.blocks
        self._handles.append(blocks[0].register_forward_pre_hook(self._refine, with_kwargs=True))
        for number, block in enumerate(blocks):
            if self._sequential:
                self._handles += SequenceHooks(self._name).add_to(block)
            else:
                self._handles += _AttentionHooks(self._name, number).add_to(block.cross_attn)

    def _eject(self, _: ModelPatcher) -> None:
        while self._handles:
            self._handles.pop().remove()

    def _refine(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Runs before the first block, whose arguments are the embedded patches and the modulation of all blocks."""
        evaluation: AudioEvaluation | None = kwargs["transformer_options"].get(self._name)
        if evaluation is not None:
            evaluation.refine(args[0], kwargs["e"].squeeze(1))


class _AttentionHooks:
    """The hooks of one cross-attention. They store evaluation and query only while it runs."""

    def __init__(self, name: str, number: int) -> None:
        self._name, self._number = name, number
        self._evaluation: AudioEvaluation | None = None
        self._query_BSC: Tensor | None = None

    def add_to(self, attention: Any) -> Iterator[RemovableHandle]:
        """Add the hooks; yields their handles."""
        yield attention.register_forward_pre_hook(self._begin, with_kwargs=True)
        yield attention.norm_q.register_forward_hook(self._take_query)
        yield attention.o.register_forward_pre_hook(self._add)
        yield attention.register_forward_hook(self._end, always_call=True)

    def _begin(self, _: nn.Module, __: Any, kwargs: dict[str, Any]) -> None:
        self._evaluation, self._query_BSC = kwargs["transformer_options"].get(self._name), None

    def _take_query(self, _: nn.Module, __: Any, query_BSC: Tensor) -> None:
        if self._evaluation is not None:
            self._query_BSC = query_BSC

    def _add(self, _: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if self._evaluation is None or self._query_BSC is None:
            return None
        return (self._evaluation.add(inputs[0], self._query_BSC, self._number), *inputs[1:])

    def _end(self, *_: Any) -> None:
        self._evaluation = self._query_BSC = None
