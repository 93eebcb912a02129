"""
The layers of Stable Video Diffusion by the host's names, and by diffusers' names.

The network has four levels with two residual blocks each; all levels but the coarsest have attention (arXiv
2311.15127). Diffusers' names are from version 0.27.0; the host keeps those of Stability-AI/generative-models.
"""

import re

from ...core.errors import InbetweenError

PREFIX = "diffusion_model."
TO_V, TO_OUT = "to_v.weight", "to_out.0.weight"

_ATTENTION = ".time_stack.0.attn1"
_DOWN, _UP = (1, 2, 4, 5, 7, 8), tuple(range(3, 12))

# The temporal self-attention layers, each with the number of times the latent is halved before it.
TEMPORAL_LAYERS: dict[str, int] = {
    **{f"input_blocks.{block}.1{_ATTENTION}": (block - 1) // 3 for block in _DOWN},
    f"middle_block.1{_ATTENTION}": 3,
    **{f"output_blocks.{block}.1{_ATTENTION}": 3 - block // 3 for block in _UP},
}
UP_LAYERS = tuple(layer for layer in TEMPORAL_LAYERS if layer.startswith("output_blocks."))

_ENDS = {
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}
_BLOCK = re.compile(
    r"(?P<part>down|up)_blocks\.(?P<level>\d)\.(?P<kind>resnets|attentions|downsamplers|upsamplers)\.(?P<number>\d)\."
    r"(?P<inner>.+)"
)
_MIDDLE = re.compile(r"mid_block\.(?P<kind>resnets|attentions)\.(?P<number>\d)\.(?P<inner>.+)")
_RESIDUAL = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_TEMPORAL = (
    ("temporal_transformer_blocks.", "time_stack."),
    ("time_pos_embed.linear_1.", "time_pos_embed.0."),
    ("time_pos_embed.linear_2.", "time_pos_embed.2."),
)


def host_name(name: str) -> str:
    """The host's name, without a prefix, of a tensor in diffusers' UNetSpatioTemporalConditionModel.

    Raises:
        InbetweenError: the network has no such tensor.
    """
    module, _, leaf = name.rpartition(".")
    if module in _ENDS:
        return f"{_ENDS[module]}.{leaf}"
    if found := _MIDDLE.fullmatch(name):
        kind, number, inner = found["kind"], int(found["number"]), found["inner"]
        return f"middle_block.{1 if kind == 'attentions' else 2 * number}.{_inner_name(kind, inner, name)}"
    if found := _BLOCK.fullmatch(name):
        kind, level, number, inner = found["kind"], int(found["level"]), int(found["number"]), found["inner"]
        if found["part"] == "down":
            place = f"input_blocks.{3 * level + (3 if kind == 'downsamplers' else 1 + number)}"
        else:
            place = f"output_blocks.{3 * level + (2 if kind == 'upsamplers' else number)}"
        slot = {"resnets": 0, "attentions": 1, "downsamplers": 0, "upsamplers": 1 if level == 0 else 2}[kind]
        return f"{place}.{slot}.{_inner_name(kind, inner, name)}"
    raise _unknown(name)


def _inner_name(kind: str, inner: str, name: str) -> str:
    match kind:
        case "downsamplers":
            return inner.replace("conv.", "op.", 1)
        case "upsamplers":
            return inner
        case "attentions":
            for theirs, ours in _TEMPORAL:
                inner = inner.replace(theirs, ours, 1) if inner.startswith(theirs) else inner
            return inner
    if inner.startswith("time_mixer."):
        return inner
    side, layer, leaf = [*inner.split("."), "", ""][:3]
    if side not in ("spatial_res_block", "temporal_res_block") or layer not in _RESIDUAL:
        raise _unknown(name)
    return f"{'time_stack.' if side == 'temporal_res_block' else ''}{_RESIDUAL[layer]}.{leaf}"


def _unknown(name: str) -> InbetweenError:
    return InbetweenError(f"{name} is not a tensor of a Stable Video Diffusion UNet.")


# Diffusers' names of the temporal self-attention layers, by the host's names.
DIFFUSERS_LAYERS: dict[str, str] = {
    host_name(f"{layer}.temporal_transformer_blocks.0.attn1.to_v.weight").removesuffix(f".{TO_V}"): (
        f"{layer}.temporal_transformer_blocks.0.attn1"
    )
    for layer in (
        *(f"down_blocks.{level}.attentions.{number}" for level in range(3) for number in range(2)),
        "mid_block.attentions.0",
        *(f"up_blocks.{level}.attentions.{number}" for level in range(1, 4) for number in range(3)),
    )
}
