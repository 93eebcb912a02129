"""Audio adapters in the four public key layouts and in ours, made from a seed key by key, for a tiny Wan."""

from pathlib import Path

import torch
from golden.semfi.weights import WAN_SIZES, seeded_wan
from random_weights import numbers
from safetensors.torch import save_file

LAYOUTS = ("fantasy_talking", "stable_avatar", "echomimic_preview", "echomimic_flash", "bbf")
CHANNELS, DEPTH = 128, 2  # of the tiny Wan
FEATURES = 64  # of the tiny wav2vec2

Shapes = dict[str, tuple[int, ...]]


def adapter_shapes(
    layout: str, channels: int = CHANNELS, depth: int = DEPTH, features: int = FEATURES, tokens: int = 0
) -> Shapes:
    """Published name and shape of every tensor; tokens: 0 for those of the layout."""
    tokens = tokens or (2 * channels if layout == "fantasy_talking" else channels)
    shapes = dict(_PROJECTORS[layout](features, tokens, channels))
    for block in range(depth):
        shapes |= _block_shapes(layout, block, tokens, channels)
    return shapes


def _block_shapes(layout: str, block: int, tokens: int, channels: int) -> Shapes:
    start = f"blocks.{block}.cross_attn"
    matrix, vector = (channels, tokens), (channels,)
    match layout:
        case "fantasy_talking":
            return {f"audio_processor.{start}.processor.{part}_proj.weight": matrix for part in "kv"}
        case "stable_avatar":
            return {f"{start}.{part}_vocal.{end}": shape for part in "kv" for end, shape in _linear(matrix).items()}
        case "echomimic_preview":
            keys = {f"{start}.{part}_audio.weight": matrix for part in "kv"}
            return keys | {f"{start}.norm_k_audio.weight": vector}
        case "echomimic_flash":
            keys = {f"{start}.{part}_audio.{end}": s for part in "qkv" for end, s in _linear(matrix).items()}
            return keys | {f"{start}.norm_k_audio.weight": vector}
        case _:
            return {f"{start}.{part}_audio.{end}": shape for part in "kv" for end, shape in _linear(matrix).items()}


def _linear(matrix: tuple[int, int]) -> Shapes:
    return {"weight": matrix, "bias": matrix[:1]}


def _projected(prefix: str, features: int, tokens: int) -> Shapes:
    return {
        f"{prefix}proj.weight": (tokens, features),
        f"{prefix}norm.weight": (tokens,),
        f"{prefix}norm.bias": (tokens,),
    }


def _vocal(prefix: str, features: int, tokens: int, channels: int) -> Shapes:
    shapes = _projected(f"{prefix}proj_model.", features, tokens)
    named = {"q": (tokens, tokens), "k": (tokens, channels), "v": (tokens, channels), "o": (tokens, tokens)}
    for block in range(2):
        start = f"{prefix}blocks.{block}."
        shapes[f"{start}modulation"] = (1, 6, tokens)
        matrices = {f"cross_attn.{part}": matrix for part, matrix in named.items()}
        matrices |= {"ffn.0": (2 * tokens, tokens), "ffn.2": (tokens, 2 * tokens)}
        for part, matrix in matrices.items():
            shapes |= {f"{start}{part}.{end}": shape for end, shape in _linear(matrix).items()}
        shapes |= {f"{start}norm3.{end}": (tokens,) for end in ("weight", "bias")}
        shapes |= {f"{start}cross_attn.norm_{part}.weight": (tokens,) for part in "qk"}
    shapes |= {f"{prefix}final_head.final_proj.{end}": s for end, s in _linear((tokens, tokens)).items()}
    return shapes | {f"{prefix}final_head.modulation": (1, 2, tokens)}


def _neighbours(features: int, tokens: int, inner: int = 16) -> Shapes:
    matrices = {
        "proj1": (inner, 5 * 12 * features),
        "proj1_vf": (inner, 8 * 12 * features),
        "proj2": (inner, inner),
        "proj3": (32 * tokens, inner),
    }
    shapes = {
        f"audio_injection.{part}.{end}": s for part, matrix in matrices.items() for end, s in _linear(matrix).items()
    }
    return shapes | {f"audio_injection.norm.{end}": (tokens,) for end in ("weight", "bias")}


def _bbf(features: int, tokens: int, channels: int) -> Shapes:
    shapes = _vocal("audio_adapter.", features, tokens, channels)
    matrices = {
        "offset.0": (tokens, 256),
        "offset.2": (tokens, tokens),
        "diff.patch": (512, 64),
        "diff.mlp.0": (tokens, 1027),
        "diff.mlp.2": (6 * tokens, tokens),
    }
    if tokens != channels:
        matrices["time"] = (tokens, channels)
    return shapes | {f"audio_adapter.{part}.{end}": s for part, m in matrices.items() for end, s in _linear(m).items()}


_PROJECTORS = {
    "fantasy_talking": lambda features, tokens, _: _projected("proj_model.", features, tokens),
    "stable_avatar": lambda features, tokens, channels: _vocal("vocal_projector.", features, tokens, channels),
    "echomimic_preview": lambda features, tokens, _: _projected("audio2token.", features, tokens),
    "echomimic_flash": lambda features, tokens, _: _neighbours(features, tokens),
    "bbf": _bbf,
}


def seeded_adapter(layout: str, seed: int = 0, **sizes: int) -> dict[str, torch.Tensor]:
    """A published file's tensors, all of which have an effect."""
    tensors = seeded_wan(adapter_shapes(layout, **sizes), seed)
    for name in tensors:
        if name.endswith("modulation"):
            tensors[name] = 0.3 * numbers(name, tuple(tensors[name].shape), seed)
    return tensors


def write_adapter(path: Path, layout: str, seed: int = 0, prefix: str = "", **sizes: int) -> Path:
    """A file as published: .ckpt nested as FantasyTalking's, .pt in a state_dict as trainers save, or .safetensors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {prefix + name: tensor for name, tensor in seeded_adapter(layout, seed, **sizes).items()}
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    elif path.suffix == ".ckpt":
        groups: dict[str, dict[str, torch.Tensor]] = {}
        for name, tensor in tensors.items():
            group, _, inner = name.partition(".")
            groups.setdefault(group, {})[inner] = tensor
        torch.save(groups, path)
    else:
        torch.save({"state_dict": tensors}, path)
    return path


def golden_wan_sizes() -> dict[str, object]:
    """The tiny Wan that stored outputs are of: two heads, as the published models have several."""
    return {**WAN_SIZES, "dim": 256, "num_heads": 2}
