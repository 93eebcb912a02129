"""Converts the tensor names of LoRAs from any trainer to those that the host reads for Wan.

These are `diffusion_model.<layer>.<part>`. The host also reads kohya's names, but silently ignores those of
DiffSynth-Studio, PEFT and diffusers.
"""

import re
from collections.abc import Iterable, Iterator

from torch import Tensor

from ...core.wan.lora_mixture import LowRank

PREFIX = "diffusion_model."
_KOHYA = re.compile(r"lora_unet__?(?=\w)")  # VideoX-Fun writes two underscores
_WRAPPINGS = re.compile(r"(?:(?:base_model|model|module|pipe|dit|unet|transformer|diffusion_model)\.)+")
_ADAPTER = re.compile(r"\.(lora_[AB])\.[^.]+\.(weight|bias)$")  # PEFT inserts the adapter's name
_PART = re.compile(
    r"\.(lora_(?:A|B|up|down|mid)(?:\.(?:weight|bias))?|lora\.(?:up|down)\.weight|alpha|diff|diff_b|dora_scale|set_weight"
    r"|lora_magnitude_vector(?:\.[\w.]+)?|hada_w[12]_[abt]|hada_t[12]|lokr_w[12](?:_[ab])?|lokr_t2|w_norm|b_norm)$"
)
_RENAMED = {".lora.down.weight": ".lora_A.weight", ".lora.up.weight": ".lora_B.weight"}
_DIFFUSERS_LAYERS = (
    ("attn1.to_out.0", "self_attn.o"),
    ("attn2.to_out.0", "cross_attn.o"),
    ("attn1.to_", "self_attn."),
    ("attn2.to_", "cross_attn."),
    ("attn2.add_k_proj", "cross_attn.k_img"),
    ("attn2.add_v_proj", "cross_attn.v_img"),
    ("attn2.norm_added_k", "cross_attn.norm_k_img"),
    ("attn1.", "self_attn."),
    ("attn2.", "cross_attn."),
    ("condition_embedder.text_embedder.linear_1", "text_embedding.0"),
    ("condition_embedder.text_embedder.linear_2", "text_embedding.2"),
    ("condition_embedder.time_embedder.linear_1", "time_embedding.0"),
    ("condition_embedder.time_embedder.linear_2", "time_embedding.2"),
    ("condition_embedder.time_proj", "time_projection.1"),
    ("condition_embedder.image_embedder.ff.net.0.proj", "img_emb.proj.1"),
    ("condition_embedder.image_embedder.ff.net.2", "img_emb.proj.3"),
    ("ffn.net.0.proj", "ffn.0"),
    ("ffn.net.2", "ffn.2"),
    ("proj_out", "head.head"),
)


def split_name(name: str) -> tuple[str, str] | None:
    """Split a tensor's name into layer and part, such as ("diffusion_model.blocks.0.ffn.0", "lora_A.weight").

    Returns:
        The layer by the host's name, or by kohya's, and the part; None if the tensor is not part of a LoRA.
    """
    name = _ADAPTER.sub(r".\1.\2", name)
    for theirs, ours in _RENAMED.items():
        name = name.removesuffix(theirs) + ours if name.endswith(theirs) else name
    found = _PART.search(name)
    if found is None:
        return None
    layer, part = name[: found.start()], found[1]
    if _KOHYA.match(layer):
        return _KOHYA.sub("lora_unet_", layer, count=1), part
    layer = _WRAPPINGS.sub("", layer, count=1) if _WRAPPINGS.match(layer) else layer
    for theirs, ours in _DIFFUSERS_LAYERS:
        if theirs in layer:
            layer = layer.replace(theirs, ours)
            break
    return PREFIX + layer, part


def layers_of(names: Iterable[str]) -> set[str]:
    """The layers that a LoRA with these tensors changes."""
    return {split[0] for split in map(split_name, names) if split is not None}


def host_names(layer: str, change: LowRank) -> Iterator[tuple[str, Tensor]]:
    """A change of a layer as named tensors that the host's LoRA loader reads."""
    yield f"{layer}.lora_A.weight", change.down_RI
    yield f"{layer}.lora_B.weight", change.up_OR
    if change.bias_O is not None:
        yield f"{layer}.diff_b", change.bias_O
