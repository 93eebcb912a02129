"""What a result depends on, as one number: only a run with the same number may use finished parts of another."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from comfy.model_patcher import ModelPatcher
from comfy_api.latest import Input, InputImpl

from ...core.interpolation.contract import Engine

SAMPLED = 2**20  # bytes at each end of a file that are read; its size and its time count as well
_ROOT = Path(__file__).resolve().parents[2]
_ROOMS = ("core", "samplers", "networks", "media", "host")


def fingerprint(video: Input.Video, engine: Engine, settings: Mapping[str, Any]) -> str:
    """A number that differs if the video, the engine, a setting or the pack does.

    Args:
        video: the input.
        engine: with its weights.
        settings: everything else that the frames depend on; they can be written as JSON.
    """
    digest = hashlib.sha256()
    digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
    digest.update(engine.name.encode())
    _add_video(digest, video)
    _add_weights(digest, engine)
    _add_code(digest)
    digest.update(torch.__version__.encode())
    return digest.hexdigest()


def _add_video(digest: Any, video: Input.Video) -> None:
    if not isinstance(video, InputImpl.VideoFromFile):
        components = video.get_components()
        digest.update(str(components.frame_rate).encode())
        for frame_HWC in components.images:
            digest.update(frame_HWC.contiguous().cpu().numpy().tobytes())
        if components.audio is not None:
            digest.update(components.audio["waveform"].contiguous().cpu().numpy().tobytes())
        return
    digest.update(repr(video.get_active_trim_window()).encode())
    source = video.get_stream_source()
    if not isinstance(source, str):
        digest.update(source.getbuffer())
        return
    found = os.stat(source)
    digest.update(f"{os.path.abspath(source)} {found.st_size} {found.st_mtime_ns}".encode())
    with open(source, "rb") as file:
        digest.update(file.read(SAMPLED))
        file.seek(max(0, found.st_size - SAMPLED))
        digest.update(file.read(SAMPLED))


def _add_weights(digest: Any, engine: Engine) -> None:
    """The weights of every model that an engine holds."""
    for name, value in sorted(vars(engine).items()) if hasattr(engine, "__dict__") else ():
        if not isinstance(value, ModelPatcher):
            continue
        for key, tensor in sorted(value.model.state_dict().items()):
            digest.update(f"{name} {key} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())


def _add_code(digest: Any) -> None:
    """The code of the pack: an update may change frames."""
    for room in _ROOMS:
        for file in sorted((_ROOT / room).rglob("*.py")):
            digest.update(file.read_bytes())
