"""A guider for the host that denoises a clip from its first and its last keyframe at the same time, with one SVD."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import comfy.model_management as model_management
import comfy.samplers
import torch
from comfy.conds import CONDConstant
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ...core.errors import InbetweenError
from ...core.pictures.latents import check_latent
from ...core.svd.reverse_motion import ReverseMotion
from ...networks.svd.names import TEMPORAL_LAYERS, UP_LAYERS
from ...samplers.svd.dual_direction import Fusion, fused, guidance_scales
from ..types import Conditioning
from .checks import check_change_fits, check_svd, map_bytes
from .temporal_attention import KEY, Call, Direction, options_for, patch_layers

Method = Literal["generative inbetweening", "rotation only", "time reversal fusion", "forward only"]
METHODS: tuple[Method, ...] = get_args(Method)
Memory = Literal["auto", "both directions at once", "one direction at a time"]
MEMORY: tuple[Memory, ...] = get_args(Memory)

_ENDS = ("start", "end")
_HEADROOM = 1.5  # times the host's memory estimate; the host uses the same factor to choose its batches

# What conditioning and models may contain that both directions at once cannot use: the key, and its name for errors.
_IN_CONDITIONING = {
    "area": "an area",
    "mask": "a mask",
    "control": "a ControlNet",
    "gligen": "GLIGEN",
    "hooks": "hooks",
    "start_percent": "a range of timesteps",
    "end_percent": "a range of timesteps",
    "default": "a default condition",
}
_IN_MODEL = {
    "context_handler": "Context Windows",
    "sampler_calc_cond_batch_function": "a custom evaluation of conditions",
}


@dataclass(frozen=True)
class DirectionSettings:
    """How the two directions are evaluated and fused.

    first_cfg, last_cfg: guidance at the first and the last frame of each direction, in its own frame order.
    """

    method: Method = "generative inbetweening"
    fusion: Fusion = "average"
    first_cfg: float = 2.0
    last_cfg: float = 2.0
    memory: Memory = "auto"


def dual_direction_guider(
    model: ModelPatcher,
    start: Conditioning,
    end: Conditioning,
    reverse_motion: ReverseMotion | None,
    settings: DirectionSettings,
) -> "DualDirectionGuider":
    """The guider for the two ends of a clip.

    Args:
        model: an SVD; not modified.
        start, end: conditioning from SVD Keyframe Conditioning for the first and the last keyframe.
        reverse_motion: required for "generative inbetweening".
        settings: method, fusion, guidance and memory.

    Raises:
        InbetweenError: the model is not an SVD, the reverse motion is missing or does not fit the model, the
            conditioning contains something that cannot be paired, or another node has patched the same layers.
    """
    check_directions(model, reverse_motion, settings)
    for name, conditioning in zip(_ENDS, (start, end), strict=True):
        _check_conditioning(conditioning, name)
    patched = model.clone()
    match settings.method:
        case "generative inbetweening":
            patch_layers(patched, TEMPORAL_LAYERS, reverse_motion)
        case "rotation only":
            patch_layers(patched, UP_LAYERS, None)
    if settings.memory == "both directions at once":
        patched.add_wrapper_with_key(WrappersMP.PREPARE_SAMPLING, KEY, _prepare_for_pairs)
    return DualDirectionGuider(patched, start, end, settings)


def check_directions(model: ModelPatcher, reverse_motion: ReverseMotion | None, settings: DirectionSettings) -> None:
    """Refuse a model and settings that cannot be used together; see `dual_direction_guider`."""
    check_svd(model)
    carried = [what for name, what in _IN_MODEL.items() if name in model.model_options]
    carried += ["copies for several GPUs"] if model.additional_models.get("multigpu") else []
    if carried:
        raise InbetweenError(
            f"the model has {carried[0]}, which cannot be used with both directions at once; remove that node."
        )
    if settings.first_cfg != settings.last_cfg and "sampler_cfg_function" in model.model_options:
        raise InbetweenError(
            "another node already sets the guidance of the model, such as VideoLinearCFGGuidance; remove it, or set "
            'fusion to "average", which leaves guidance by frame to that node.'
        )
    if settings.method != "generative inbetweening":
        return
    if reverse_motion is None:
        raise InbetweenError(
            'reverse_motion is not connected; connect Load Reverse Motion, or set method to "rotation only", which '
            "needs no file but gives poorer results."
        )
    check_change_fits(model, reverse_motion)


class DualDirectionGuider(comfy.samplers.CFGGuider):  # type: ignore[misc] # the host has no types
    """Predicts clean latents from both ends of a clip; for the host's Sampler Custom Advanced.

    The clip and its reverse go through the network as one batch, or one after the other if memory is short. That choice
    is made once per run; nothing else is kept from one evaluation to the next.
    """

    def __init__(
        self, model: ModelPatcher, start: Conditioning, end: Conditioning, settings: DirectionSettings
    ) -> None:
        super().__init__(model)
        self.settings = settings
        self.set_cfg(0.5 * (settings.first_cfg + settings.last_cfg))
        self.inner_set_conds(
            {"positive": start, "negative": _unconditional(start), "end": end, "end_negative": _unconditional(end)}
        )

    def sample(self, noise: Tensor, latent_image: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Sample as the host does, with checks of the latents before and after.

        Raises:
            InbetweenError: the latents do not belong to the conditioning, or the result has NaN or infinite values.
        """
        self._check_latent(latent_image)
        latent = super().sample(noise, latent_image, *args, **kwargs)
        check_latent(latent, "the sampled latent")
        return latent

    def inner_sample(self, noise: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Sample as the host does, but choose the batching once, so that all steps of a run are computed alike."""
        self._evaluate = self._both_at_once if self._has_room(noise) else self._one_at_a_time
        self._maps_device = self._device_for_maps(noise)
        return super().inner_sample(noise, *args, **kwargs)

    def predict_noise(
        self, x: Tensor, timestep: Tensor, model_options: dict[str, Any] | None = None, seed: int | None = None
    ) -> Tensor:
        """Predict clean latents, shape (frames, 4, height, width), in the time of the clip."""
        options = model_options or {}
        scale = self._scale(x)
        clips = [(x, "positive", "negative"), (x.flip(0), "end", "end_negative")]
        if self.settings.method == "forward only":
            conds = [self.conds["positive"], None if _is_one(scale, options) else self.conds["negative"]]
            predicted = comfy.samplers.calc_cond_batch(self.inner_model, conds, x, timestep, options)
            return self._guided(*clips[0], predicted, scale, timestep, options)
        conditional = self._evaluate(x, "positive", "end", timestep, options)
        if _is_one(scale, options):
            unconditional: Sequence[Tensor] = [torch.zeros_like(each) for each in conditional]
        else:
            unconditional = self._evaluate(x, "negative", "end_negative", timestep, options)
        forward, backward = (
            self._guided(*clip, predicted, scale, timestep, options)
            for clip, predicted in zip(clips, zip(conditional, unconditional, strict=True), strict=True)
        )
        return fused(forward, backward, self.settings.fusion)

    def _both_at_once(
        self, x: Tensor, start: str, end: str, timestep: Tensor, options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        model_management.throw_exception_if_processing_interrupted()
        pair = _paired(self.conds[start][0], self.conds[end][0], len(x))
        made = comfy.samplers.calc_cond_batch(
            self.inner_model,
            [[pair]],
            torch.cat([x, x.flip(0)]),
            timestep.repeat(2),
            options_for(Call(Direction.BOTH), options),
        )
        return tuple(made[0].chunk(2))

    def _one_at_a_time(
        self, x: Tensor, start: str, end: str, timestep: Tensor, options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        maps: dict[str, Tensor] = {}
        calls = (
            (x, start, Call(Direction.FORWARD, maps, self._maps_device)),
            (x.flip(0), end, Call(Direction.BACKWARD, maps)),
        )
        made = []
        for clip, name, call in calls:
            model_management.throw_exception_if_processing_interrupted()
            conds = [self.conds[name]]
            (predicted,) = comfy.samplers.calc_cond_batch(
                self.inner_model, conds, clip, timestep, options_for(call, options)
            )
            made.append(predicted)
        return tuple(made)

    def _guided(
        self,
        x: Tensor,
        positive: str,
        negative: str,
        predicted: Sequence[Tensor],
        scale: float | Tensor,
        timestep: Tensor,
        options: dict[str, Any],
    ) -> Tensor:
        """Apply guidance to one direction in its own frame order, with the guidance functions of other nodes."""
        conds = [self.conds[positive], None if _is_one(scale, options) else self.conds[negative]]
        given: dict[str, Any] = {
            "conds": conds,
            "cond_scale": scale,
            "timestep": timestep,
            "input": x,
            "sigma": timestep,
        }
        for change in options.get("sampler_pre_cfg_function", []):
            given |= {"conds_out": list(predicted), "model": self.inner_model, "model_options": options}
            predicted = change(given)
        return comfy.samplers.cfg_function(
            self.inner_model, *predicted, scale, x, timestep, model_options=options, cond=conds[0], uncond=conds[1]
        )

    def _scale(self, x: Tensor) -> float | Tensor:
        first, last = self.settings.first_cfg, self.settings.last_cfg
        if first == last:
            return first
        return guidance_scales(len(x), first, last).to(x).view(-1, 1, 1, 1)

    def _has_room(self, x: Tensor) -> bool:
        if self.settings.memory == "auto":
            needed = self.inner_model.memory_required([2 * len(x), *x.shape[1:]]) * _HEADROOM
            return needed < self.inner_model.current_patcher.get_free_memory(x.device)
        return self.settings.memory == "both directions at once"

    def _device_for_maps(self, x: Tensor) -> torch.device:
        """Where to keep the maps of one direction: on the network's device if there is room, else in main memory."""
        needed = self.inner_model.memory_required(list(x.shape)) * _HEADROOM
        needed += map_bytes(self.model_patcher, len(x), *x.shape[-2:])
        roomy = needed < self.inner_model.current_patcher.get_free_memory(x.device)
        return x.device if roomy else torch.device("cpu")

    def _check_latent(self, latent: Tensor) -> None:
        if latent.is_nested or latent.ndim != 4 or latent.shape[1] != 4:
            raise InbetweenError(
                f"the latent has shape {tuple(latent.shape)}, but SVD takes (frames, 4, height, width); connect the "
                "latent of SVD Keyframe Conditioning."
            )
        for name, key in zip(_ENDS, ("positive", "end"), strict=True):
            image = self.original_conds[key][0]["concat_latent_image"]
            if image.shape[-2:] != latent.shape[-2:]:
                sizes = [f"{each.shape[-1] * 8}x{each.shape[-2] * 8}" for each in (latent, image)]
                raise InbetweenError(
                    f"the latent is for {sizes[0]} pixels but {name} is for {sizes[1]}; connect all three outputs of "
                    "the same SVD Keyframe Conditioning."
                )


def _prepare_for_pairs(
    executor: Any, model: ModelPatcher, noise_shape: Sequence[int], *args: Any, **kwargs: Any
) -> Any:
    """Let the host make room for twice the frames."""
    return executor(model, [2 * noise_shape[0], *noise_shape[1:]], *args, **kwargs)


def _is_one(scale: float | Tensor, options: dict[str, Any]) -> bool:
    """Whether guidance leaves the conditional prediction unchanged, so that the unconditional one is not needed."""
    return not isinstance(scale, Tensor) and scale == 1 and not options.get("disable_cfg1_optimization", False)


def _check_conditioning(conditioning: Conditioning, name: str) -> None:
    if len(conditioning) != 1:
        raise InbetweenError(
            f"{name} contains {len(conditioning)} conditions, but the Dual-Direction Guider takes one; connect SVD "
            "Keyframe Conditioning directly, not a combination."
        )
    values = conditioning[0][1]
    for key, what in _IN_CONDITIONING.items():
        if key in values:
            raise InbetweenError(
                f"{name} has {what}, which cannot be used with both directions at once; connect SVD Keyframe "
                "Conditioning directly."
            )
    if values.get("concat_latent_image") is None:
        raise InbetweenError(
            f"{name} is not conditioning for SVD: it has no image; connect {name} of SVD Keyframe Conditioning."
        )


def _unconditional(conditioning: Conditioning) -> Conditioning:
    """The same without its image: zeros for the embedding and the latent, as in SVD's training for guidance."""
    ((embedding, values),) = conditioning
    blank = torch.zeros_like(values["concat_latent_image"])
    return [[torch.zeros_like(embedding), {**values, "concat_latent_image": blank}]]


def _paired(forward: dict[str, Any], backward: dict[str, Any], frames: int) -> dict[str, Any]:
    """Join two processed conditions into one for twice the frames, the forward one first."""
    joined = {}
    for name, one in forward["model_conds"].items():
        other = backward["model_conds"][name]
        if isinstance(one, CONDConstant):
            joined[name] = one
        else:
            sides = (each.process_cond(batch_size=frames, area=None).cond for each in (one, other))
            joined[name] = type(one)(torch.cat(list(sides)))
    return {**forward, "model_conds": joined}
