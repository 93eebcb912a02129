"""A Mixture of LoRA: a universal LoRA, and experts that are each trained for one frame count; the nearest one is used.

From SemFi, arXiv 2507.05173, section 3.2. Three details come from its public code (commit 1616ca7): the frame count is
rounded up to 4n+1 before choosing, a tie goes to the shorter expert, and both matrices of a LoRA have a bias.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, TypeAlias, get_args, runtime_checkable

import torch
from torch import Tensor

from ..errors import InbetweenError
from .layout import WAN, frames_made

ExpertChoice = Literal["nearest", "two nearest", "fixed"]
EXPERT_CHOICES: tuple[ExpertChoice, ...] = get_args(ExpertChoice)


@dataclass(frozen=True, eq=False)
class LowRank:
    """A low-rank change to one linear layer: x -> up @ (down @ x) + bias.

    down_RI, up_OR: the matrices, already multiplied by alpha / rank.
    bias_O: the bias, or None.
    """

    down_RI: Tensor
    up_OR: Tensor
    bias_O: Tensor | None = None

    @classmethod
    def of_affine(cls, down_RI: Tensor, down_bias_R: Tensor, up_OR: Tensor, up_bias_O: Tensor) -> "LowRank":
        """Combine two layers with biases, up (down x + a) + b, into one change with the bias up a + b, in float32."""
        return cls(down_RI, up_OR, up_OR.float() @ down_bias_R.float() + up_bias_O.float())

    def times(self, strength: float) -> "LowRank":
        """The change multiplied by a strength, in float32 so that nothing is rounded; unchanged for a strength of 1."""
        if strength == 1:
            return self
        return LowRank(
            self.down_RI, strength * self.up_OR.float(), None if self.bias_O is None else strength * self.bias_O
        )


def concatenated(changes: Sequence[LowRank]) -> LowRank:
    """The sum of several changes as one: concatenate the ranks, and add the biases. This is exact."""
    biases = [change.bias_O for change in changes if change.bias_O is not None]
    dtype = max((change.up_OR.dtype for change in changes), key=lambda dtype: dtype.itemsize)
    return LowRank(
        torch.cat([change.down_RI.to(dtype) for change in changes]),
        torch.cat([change.up_OR.to(dtype) for change in changes], dim=1),
        sum(biases[1:], biases[0]) if biases else None,
    )


class _Named(Protocol):
    """A LoRA that is read when it is needed.

    name: name for reports.
    model: the model it was trained on, if the file says so; else empty.
    """

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...


@runtime_checkable
class LowRankSource(_Named, Protocol):
    """A LoRA that changes only linear layers."""

    def changes(self) -> Mapping[str, LowRank]:
        """The changes by layer, such as `diffusion_model.blocks.0.self_attn.q`."""


class TensorSource(_Named, Protocol):
    """A LoRA from any trainer, which may also change norms, or be of any other kind that the host can load."""

    def tensors(self) -> Mapping[str, Tensor]:
        """Its tensors, with names for the host, such as `diffusion_model.blocks.0.self_attn.q.lora_A.weight`."""


LoraSource: TypeAlias = LowRankSource | TensorSource


@dataclass(frozen=True, eq=False)
class Expert:
    """A LoRA, and the frame count it was trained for, both ends included."""

    frame_count: int
    lora: LoraSource


@dataclass(frozen=True, eq=False)
class LoraMixture:
    """An optional universal LoRA, and any number of experts, sorted by frame count.

    Raises:
        InbetweenError: two experts have the same frame count, or a frame count is below 1.
    """

    universal: LoraSource | None = None
    experts: tuple[Expert, ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "experts", tuple(sorted(self.experts, key=lambda expert: expert.frame_count)))
        taken: dict[int, Expert] = {}
        for expert in self.experts:
            if expert.frame_count < 1:
                raise InbetweenError(f"{expert.lora.name} is for {expert.frame_count} frames; give 1 or more.")
            if expert.frame_count in taken:
                raise InbetweenError(
                    f"two experts are for {expert.frame_count} frames, {taken[expert.frame_count].lora.name} and "
                    f"{expert.lora.name}; give one of them another number of frames."
                )
            taken[expert.frame_count] = expert

    @property
    def frame_counts(self) -> tuple[int, ...]:
        """The frame counts that the experts were trained for, ascending."""
        return tuple(expert.frame_count for expert in self.experts)

    def with_expert(self, frame_count: int, lora: LoraSource) -> "LoraMixture":
        """This mixture with another expert; refuses a frame count that already has one."""
        return replace(self, experts=(*self.experts, Expert(frame_count, lora)))

    def with_universal(self, lora: LoraSource) -> "LoraMixture":
        """This mixture with a universal LoRA; refuses a second one."""
        if self.universal is not None:
            raise InbetweenError(
                f"the mixture already has a universal LoRA, {self.universal.name}; add {lora.name} as an expert "
                "instead."
            )
        return replace(self, universal=lora)

    def with_lora(self, lora: LoraSource, trained_frames: int | None) -> "LoraMixture":
        """This mixture with another LoRA: an expert for `trained_frames`, or the universal LoRA if that is None."""
        return self.with_universal(lora) if trained_frames is None else self.with_expert(trained_frames, lora)

    def choose(
        self, choice: ExpertChoice, frame_count: int, trained_frames: int | None = None
    ) -> tuple[tuple[Expert, float], ...]:
        """The experts for a clip, each with its share; the shares add up to 1.

        Args:
            choice: "nearest" or "two nearest", see `nearest` and `nearest_two`; or "fixed" for the expert trained for
                `trained_frames`.
            frame_count: frames of the clip, both ends included.
            trained_frames: for "fixed" only.

        Raises:
            InbetweenError: the clip is too short for Wan, or the mixture has no such expert.
        """
        frames_made(frame_count, "snap up")
        if choice == "two nearest":
            return self.nearest_two(frame_count)
        if choice == "fixed" and trained_frames is not None:
            return ((self.expert_for(trained_frames), 1.0),)
        return ((self.nearest(frame_count), 1.0),)

    def expert_for(self, frame_count: int) -> Expert:
        """The expert trained for exactly this frame count; if there is none, the error lists the counts there are."""
        for expert in self.experts:
            if expert.frame_count == frame_count:
                return expert
        raise InbetweenError(f"there is no expert for {frame_count} frames; choose {self._listed()}.")

    def nearest(self, frame_count: int) -> Expert:
        """The expert with the frame count nearest to that of the clip; in a tie, the shorter one.

        Args:
            frame_count: frames of the clip; rounded up to 4n+1.

        Raises:
            InbetweenError: the mixture has no experts.
        """
        made = self._made(frame_count)
        return min(self.experts, key=lambda expert: (abs(made - expert.frame_count), expert.frame_count))

    def nearest_two(self, frame_count: int) -> tuple[tuple[Expert, float], ...]:
        """The experts on both sides of a frame count, with shares by distance that add up to 1.

        If there are no experts on both sides, or one matches exactly, the nearest one alone. The paper always uses one.
        """
        made = self._made(frame_count)
        below = [expert for expert in self.experts if expert.frame_count <= made]
        above = [expert for expert in self.experts if expert.frame_count >= made]
        if not below or not above or below[-1] is above[0]:
            return ((self.nearest(frame_count), 1.0),)
        share = (made - below[-1].frame_count) / (above[0].frame_count - below[-1].frame_count)
        return ((below[-1], 1 - share), (above[0], share))

    def _made(self, frame_count: int) -> int:
        if not self.experts:
            raise InbetweenError("the mixture has no expert; add one with Extend Mixture of LoRA.")
        return WAN.neighbours(frame_count)[1]

    def _listed(self) -> str:
        *others, last = [str(count) for count in self.frame_counts] or ["none"]
        return f"{', '.join(others)} or {last}" if others else last
