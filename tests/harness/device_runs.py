"""
One run of every engine and every network, for tests that compare devices, precisions and amounts of memory.

To add an engine or a network, add a line to `ENGINES` or `NETWORKS`. Each run loads everything itself, because the host
decides on loading which device and type a model gets. Call `boot_host` and create the tiny models first.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from example_values import moving_clip
from golden.audio.weights import LAYOUTS

# By how it is called here: what Load Interpolator is asked for, and Load Optical Flow.
ENGINES: dict[str, tuple[str, str | None]] = {
    "weight-free": (FlowInterpolator.name, None),
    "PerVFI v00": ("v00.pth", None),
    "PerVFI vb": ("vb.pth", None),
    "PerVFI vb with RAFT": ("vb.pth", "raft_large.pth"),
    "RIFE": ("rife.safetensors", None),
}


def _result(node: str, output: int = 0, **inputs: object) -> Any:
    """An output of a node of the pack."""
    from comfyui_inbetween.nodes import ALL_NODES

    (node_class,) = [each for each in ALL_NODES if each.__name__ == node]
    with torch.inference_mode():
        return node_class.execute(**inputs).result[output]


def engine(name: str, output: int = 0) -> Any:
    """An engine from its loader, or as INTERP_MODEL, which is output 1."""
    file, flow = ENGINES[name]
    optical_flow = {"optical_flow": _result("InbetweenOpticalFlowLoader", file=flow)} if flow else {}
    return _result("InbetweenInterpolatorLoader", output, interpolator=file, **optical_flow)


def interpolated(name: str, multiplier: int = 5, sources: int = 3, given: Any = None) -> torch.Tensor:
    """Frames between pictures by an engine, loaded here or given; a second pair uses what is known of the first."""
    return _result(
        "InbetweenInterpolate",
        interpolator=given or engine(name),
        frames=moving_clip(sources, 40, 48),
        timing={"timing": "multiplier", "multiplier": multiplier},
        easing={"easing": "linear"},
        temperature=0.3,
        seed=5,
    )


def interpolated_with_grain(name: str, grain: str) -> torch.Tensor:
    """Three frames between two with grain."""
    from grainy_clips import grainy_pan

    return _result(
        "InbetweenInterpolate",
        interpolator=engine(name),
        frames=grainy_pan(2),
        timing={"timing": "multiplier", "multiplier": 4},
        easing={"easing": "linear"},
        grain=grain,
    )


def interpolated_by_the_host(name: str) -> torch.Tensor:
    """Frames half-way between pictures, by the host's own node."""
    from comfy_extras.nodes_frame_interpolation import FrameInterpolate

    with torch.inference_mode():
        return FrameInterpolate.execute(engine(name, 1), moving_clip(2, 40, 48), 2).result[0]


def _wan(**mixture: str) -> torch.Tensor:
    from comfyui_inbetween.host.wan.lora_library import load_mixture
    from golden.semfi import runs as wan_runs

    model = wan_runs.load("wan_seeded")
    if mixture:
        model = wan_runs.applied(model, load_mixture("semfi.ckpt"), 41, **mixture)
    return wan_runs.sampled(model)


def _svd(memory: str) -> torch.Tensor:
    """One evaluation, with guidance that differs from frame to frame."""
    from golden.gi import runs as svd_runs

    guider = svd_runs.guider(svd_runs.load(), **svd_runs.WEIGHTED, memory=memory)
    return svd_runs.predicted(guider, svd_runs.noisy(1.0), 1.0).cpu()


def _sound(layout: str) -> torch.Tensor:
    """With sound, against silence and another text; BBF knows of the ends as well."""
    from golden.audio import runs as audio_runs

    patch = audio_runs.load_adapter(_folder(), layout)
    ends = {"end_difference_CHW": torch.linspace(-1, 1, 16 * 4 * 4).view(16, 4, 4)} if layout == "bbf" else {}
    region = {"region_F1HW": torch.linspace(0, 1, 12).view(3, 1, 2, 2)}
    heard = audio_runs.heard_features(layout, patch)
    patched = audio_runs.listening_model(audio_runs.load_wan(), patch, heard, **ends, **region)
    text, other = audio_runs.texts()
    return audio_runs.sampled(
        patched, audio_runs.conditioning(text, True), audio_runs.conditioning(other, False), steps=1
    )


@cache
def _folder() -> Path:
    import tempfile

    return Path(tempfile.mkdtemp(prefix="inbetween-adapters-"))


AT_ONCE, ONE_BY_ONE = "both directions at once", "one direction at a time"

# What comes out is of the size that the network's own outputs have.
NETWORKS: dict[str, Callable[[], torch.Tensor]] = {
    "Wan": _wan,
    "Wan with a merged mixture": lambda: _wan(method="merge"),
    "Wan with a mixture beside it": lambda: _wan(method="bypass"),
    "SVD, both directions at once": lambda: _svd(AT_ONCE),
    "SVD, one direction at a time": lambda: _svd(ONE_BY_ONE),
    **{f"Wan that hears by {layout}": lambda layout=layout: _sound(layout) for layout in LAYOUTS},
}
