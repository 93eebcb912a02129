"""Audio adapter files: recognising them, and renaming their tensors to our names.

| adapter | identifying tensor | tensors of each block |
|---|---|---|
| FantasyTalking (Fantasy-AMAP/fantasy-talking at 8c2d0c9) | `proj_model.proj.weight` | `audio_processor.blocks.N.cross_attn.processor.{k,v}_proj` |
| StableAvatar 1.3B (Francis-Rings/StableAvatar at 46c0492) | `vocal_projector.proj_model.proj.weight` | `blocks.N.cross_attn.{k,v}_vocal` |
| EchoMimicV3 preview (antgroup/echomimic_v3 at 7e89489) | `audio2token.proj.weight` | `blocks.N.cross_attn.{k,v}_audio`, `norm_k_audio` |
| EchoMimicV3 flash (the same) | `audio_injection.proj1.weight` | the same, with biases |
| BBF, our format 1 | `audio_adapter.proj_model.proj.weight` | as EchoMimicV3, biases and norm optional |

The file may be a checkpoint of a whole model, with any prefix, or wrapped as trainers save it. Only the adapter's
tensors are read.

Format 1 of `inbetween_audio_adapter`, for BBF, is a safetensors file:

| tensors | shape |
|---|---|
| `audio_adapter.proj_model.{proj.weight, norm.*}` | tokens x 768 |
| `audio_adapter.blocks.{0,1}.*`, `audio_adapter.final_head.*` | as `vocal_projector` of StableAvatar |
| `audio_adapter.offset.{0,2}.*` | 256 to tokens to tokens; the last layer is zero before training |
| `audio_adapter.diff.patch.*` | 64 to 512 |
| `audio_adapter.diff.mlp.{0,2}.*` | 1027 to tokens to 6 x tokens; the last layer is zero before training |
| `audio_adapter.time.*` | model width to tokens; only if they differ |
| `blocks.N.cross_attn.{k,v}_audio.{weight,bias}`, `norm_k_audio.weight` | bias and norm optional; `v` is zero before training |

Its metadata are `format` = `inbetween_audio_adapter`, `format_version` = `1`, and `adapter`: a JSON object with any of
`fps`, `heads`, `features` (`last` or `mean of layers`), `windows` (`centred` or `two a frame`), `masks_padding`,
`silence` (`no branch`, `zero tokens` or `zero features`) and `sequential`; see `AdapterConfig`.
"""  # noqa: E501 - a table

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from ...core.errors import InbetweenError
from ..weight_files import TensorFile
from .adapter import AudioAdapter
from .bbf import BBFProjector
from .branch import AudioKeysValues
from .config import (
    BBF,
    DECLARED_FEATURES,
    DECLARED_WINDOWS,
    ECHOMIMIC_FLASH,
    ECHOMIMIC_PREVIEW,
    FANTASY_TALKING,
    SILENCES,
    STABLE_AVATAR,
    AdapterConfig,
)
from .projectors import NeighbourProjector, Projector, ProjectorSizes, TokenProjector
from .vocal_projector import HEADS, VocalProjector

WANTED = (
    "FantasyTalking (fantasytalking_model.ckpt), StableAvatar 1.3B (transformer3d-square.pt or -rec-vec.pt), "
    "EchoMimicV3 (diffusion_pytorch_model.safetensors of preview or flash), or a BBF adapter"
)
FORMAT, VERSION = "inbetween_audio_adapter", "1"

_BLOCK = r"blocks\.(\d+)\.cross_attn\."


@dataclass(frozen=True)
class _Layout:
    """The tensor names of one kind of adapter.

    config: configuration of the adapter.
    projector: class of its projector.
    key: the tensor that identifies the layout.
    prefix: prefix of the projector's tensor names.
    block: pattern for the tensor names of a block; its groups are number, layer, and weight or bias.
    """

    config: AdapterConfig
    projector: type[Projector]
    key: str
    prefix: str
    block: str


_ECHO_BLOCK = _BLOCK + r"(k|v|norm_k)_audio\.(weight|bias)$"
_LAYOUTS = (
    _Layout(
        FANTASY_TALKING,
        TokenProjector,
        "proj_model.proj.weight",
        "proj_model.",
        r"(?:audio_processor\.)?" + _BLOCK + r"(?:processor\.)?(k|v)_proj\.(weight)$",
    ),
    _Layout(
        STABLE_AVATAR,
        VocalProjector,
        "vocal_projector.proj_model.proj.weight",
        "vocal_projector.",
        _BLOCK + r"(k|v)_vocal\.(weight|bias)$",
    ),
    _Layout(ECHOMIMIC_PREVIEW, TokenProjector, "audio2token.proj.weight", "audio2token.", _ECHO_BLOCK),
    _Layout(ECHOMIMIC_FLASH, NeighbourProjector, "audio_injection.proj1.weight", "audio_injection.", _ECHO_BLOCK),
    _Layout(BBF, BBFProjector, "audio_adapter.proj_model.proj.weight", "audio_adapter.", _ECHO_BLOCK),
)
# Longest first: FantasyTalking's key is also the end of StableAvatar's key and of ours.
_BY_LENGTH = sorted(_LAYOUTS, key=lambda layout: -len(layout.key))


def read_adapter(path: Path, operations: ModuleType | Any = nn) -> AudioAdapter:
    """Read the audio adapter in a file, to the CPU and in the dtype of the file.

    Args:
        path: a .safetensors file, or a .ckpt, .pt, .pth or .bin file saved by torch.
        operations: provides the classes of linear layers and norms.

    Raises:
        InbetweenError: the file cannot be read, contains no known adapter, or is incomplete.
    """
    name, file = path.name, TensorFile(path, WANTED)
    layout, prefix = _layout_of(file, name)
    names = _our_names(layout, prefix, file.shapes)
    shapes = {ours: file.shapes[stored] for stored, ours in names.items()}
    depth = _depth(shapes, name)
    config, heads = layout.config, HEADS
    if layout.config is BBF:
        config, heads = _declared(file.metadata, name)
        tokens = shapes["blocks.0.k.weight"][-1]
        if tokens % heads:
            raise InbetweenError(
                f"{name} declares {heads} heads, which do not divide {tokens} channels; save it with another number."
            )
    try:
        with torch.device("meta"):
            adapter = _built(config, layout.projector, shapes, depth, heads, operations)
        adapter.load_state_dict(
            {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}, strict=True, assign=True
        )
    except (KeyError, RuntimeError) as error:
        raise InbetweenError(f"{name} looks like {layout.config.name} but {_mismatch(error)}; use {WANTED}.") from None
    stored = file.read(names)
    adapter.load_state_dict({ours: stored[published] for published, ours in names.items()}, strict=True, assign=True)
    return adapter.requires_grad_(False).eval()


def save_bbf_adapter(adapter: AudioAdapter, path: Path) -> Path:
    """Save a BBF adapter in format 1: tensors named as in the table above, and the configuration as metadata.

    Raises:
        InbetweenError: the adapter is not a BBF adapter.
    """
    if not isinstance(adapter.projector, BBFProjector):
        raise InbetweenError(f"{adapter.config.name} is not a BBF adapter; only BBF adapters can be saved.")
    tensors = {}
    for name, tensor in adapter.state_dict().items():
        block = re.match(r"blocks\.(\d+)\.(k|v|norm_k)\.(weight|bias)$", name)
        published = (
            f"blocks.{block[1]}.cross_attn.{block[2]}_audio.{block[3]}"
            if block
            else name.replace("projector.", "audio_adapter.", 1)
        )
        tensors[published] = tensor.contiguous()
    config = adapter.config
    declared = {
        "fps": config.fps,
        "heads": adapter.projector.heads,
        "features": config.features,
        "masks_padding": config.masks_padding,
        "silence": config.silence,
        "sequential": config.sequential,
    }
    save_file(tensors, path, {"format": FORMAT, "format_version": VERSION, "adapter": json.dumps(declared)})
    return path


def _layout_of(file: TensorFile, name: str) -> tuple[_Layout, str]:
    """The layout of a file, and the prefix of all its tensor names."""
    for layout in _BY_LENGTH:
        for stored in file.shapes:
            if stored == layout.key or stored.endswith(f".{layout.key}"):
                return layout, stored.removesuffix(layout.key)
    raise InbetweenError(f"{name} contains no known audio adapter; use {WANTED}.")


def _our_names(layout: _Layout, prefix: str, stored_names: Mapping[str, Any]) -> dict[str, str]:
    """Our name for each stored tensor of the adapter."""
    names = {}
    for stored in stored_names:
        if not stored.startswith(prefix):
            continue
        inner = stored.removeprefix(prefix)
        block = re.match(layout.block, inner)
        if block:
            names[stored] = f"blocks.{block[1]}.{block[2]}.{block[3]}"
        elif inner.startswith(layout.prefix):
            names[stored] = "projector." + inner.removeprefix(layout.prefix)
    return names


def _depth(shapes: Mapping[str, tuple[int, ...]], name: str) -> int:
    """The number of blocks.

    Raises:
        InbetweenError: blocks are missing.
    """
    numbers = {int(part[1]) for part in (re.match(r"blocks\.(\d+)\.k\.weight$", each) for each in shapes) if part}
    missing = sorted(set(range(max(numbers, default=0) + 1)) - numbers)
    if missing:
        raise InbetweenError(f"{name} has no audio keys for block {missing[0]}; download it again, or use {WANTED}.")
    return len(numbers)


def _built(
    config: AdapterConfig,
    projector: type[Projector],
    shapes: Mapping[str, tuple[int, ...]],
    depth: int,
    heads: int,
    operations: ModuleType | Any,
) -> AudioAdapter:
    """An adapter without weights, with the sizes from a file."""
    channels, tokens = shapes["blocks.0.k.weight"]
    bias, norms = "blocks.0.k.bias" in shapes, "blocks.0.norm_k.weight" in shapes
    built = projector.of_sizes(ProjectorSizes(shapes, tokens, channels, heads), operations)
    blocks = (AudioKeysValues(tokens, channels, bias, norms, operations) for _ in range(depth))
    return AudioAdapter(config, built, blocks, channels)


def _declared(metadata: Mapping[str, str], name: str) -> tuple[AdapterConfig, int]:
    """The configuration and number of heads that a BBF file declares, with the values of `BBF` as defaults.

    Raises:
        InbetweenError: the file has another format or version, or declares an invalid setting.
    """
    if metadata.get("format", FORMAT) != FORMAT or metadata.get("format_version", VERSION) != VERSION:
        raise InbetweenError(
            f"{name} has format {metadata.get('format')} {metadata.get('format_version')}, but this version reads "
            f"{FORMAT} {VERSION}; update ComfyUI-Inbetween."
        )
    try:
        declared = dict(json.loads(metadata.get("adapter", "{}")))
        heads = int(declared.pop("heads", HEADS))
        if "windows" in declared:
            declared["windows"] = DECLARED_WINDOWS[declared["windows"]]
        config = replace(BBF, **declared)
        known = config.silence in SILENCES and config.features in DECLARED_FEATURES
        fits = known and float(config.fps) > 0 and heads > 0
    except (ValueError, TypeError, KeyError):
        fits = False
    if not fits:
        raise InbetweenError(f"{name} declares settings that are invalid in {FORMAT} {VERSION}; save it again.")
    return config, heads


def _mismatch(error: Exception) -> str:
    """A short form of torch's message about tensors that do not match."""
    if isinstance(error, KeyError):
        return f"lacks {error.args[0]}"
    lines = [line.strip() for line in str(error).splitlines()[1:] if line.strip()]
    return (lines[0] if lines else str(error).splitlines()[0]).rstrip(".")[:200]
