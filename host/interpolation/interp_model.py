"""Any engine as an INTERP_MODEL, for the host's own node Run Frame Interpolation Model.

RIFE and FILM are passed on as the host's own models. Other engines are wrapped. An INTERP_MODEL has no settings, so
they run as published, and they find the motion themselves.
"""

from collections.abc import Sequence

import comfy.model_management as model_management
import torch
from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ...core.interpolation.contract import PUBLISHED, Engine
from ...core.interpolation.cuts import FOUND_CUTS
from .rife_film import HostEngine


class InterpModel(torch.nn.Module):
    """An engine with the interface that the host expects of a frame interpolation model; always float32."""

    pad_align = 1  # engines pad frames themselves

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine

    def get_dtype(self) -> torch.dtype:
        """The type that frames must have."""
        return torch.float32

    def memory_used_forward(self, shape: Sequence[int], dtype: torch.dtype) -> int:
        """Reserve nothing: the engine makes room when it starts."""
        return 0

    def extract_features(self, frame_13HW: Tensor) -> None:
        """Do nothing: the engine computes features itself."""

    def forward_multi_timestep(
        self, first_13HW: Tensor, second_13HW: Tensor, times: Sequence[float], cache: dict
    ) -> Tensor:
        """Render the in-betweens of two frames at these times; in [0, 1], shape (T, 3, H, W)."""
        interpolator = self.engine.start(PUBLISHED, *first_13HW.shape[2:])
        first_HWC, second_HWC = first_13HW[0].movedim(0, 2), second_13HW[0].movedim(0, 2)
        sources = first_HWC, second_HWC
        if FOUND_CUTS.is_cut(sources, 0):
            pair = FOUND_CUTS.pair(sources, 0, interpolator.device)
        else:
            pair = interpolator.prepare(first_HWC, second_HWC)
        return pair.render(times).frames_THWC.movedim(3, 1)

    def forward(self, first_T3HW: Tensor, second_T3HW: Tensor, timestep: Tensor, cache: dict) -> Tensor:
        """The same for one pair repeated, with each time as an image; the host calls it if memory ran out before."""
        times = timestep[:, 0, 0, 0].tolist()
        return self.forward_multi_timestep(first_T3HW[:1], second_T3HW[:1], times, cache)


def as_interp_model(engine: Engine) -> ModelPatcher:
    """An engine as the host's INTERP_MODEL; for RIFE and FILM, the model from the host's own loader."""
    if isinstance(engine, HostEngine):
        return engine.interp_model
    device = model_management.get_torch_device()
    return ModelPatcher(InterpModel(engine), device, model_management.intermediate_device())
