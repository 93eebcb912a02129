"""Any engine under the host's own node Run Frame Interpolation Model, by its INTERP_MODEL contract.

A model of the host is passed on as it is. Ours are wrapped; the contract has no room for settings, so they are the
published ones, and motion is found by the engine.
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
    """What the host asks of a frame interpolation model; float32, whatever it does to its own."""

    pad_align = 1  # an engine pads frames itself

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine

    def get_dtype(self) -> torch.dtype:
        """The type frames come in."""
        return torch.float32

    def memory_used_forward(self, shape: Sequence[int], dtype: torch.dtype) -> int:
        """Nothing beforehand: the engine makes room when it starts."""
        return 0

    def extract_features(self, frame_13HW: Tensor) -> None:
        """Features are the engine's affair."""

    def forward_multi_timestep(
        self, first_13HW: Tensor, second_13HW: Tensor, times: Sequence[float], cache: dict
    ) -> Tensor:
        """The frames at these times between two in [0, 1], of shape (T, 3, H, W)."""
        interpolator = self.engine.start(PUBLISHED, *first_13HW.shape[2:])
        first_HWC, second_HWC = first_13HW[0].movedim(0, 2), second_13HW[0].movedim(0, 2)
        sources = first_HWC, second_HWC
        if FOUND_CUTS.is_cut(sources, 0):
            pair = FOUND_CUTS.pair(sources, 0, interpolator.device)
        else:
            pair = interpolator.prepare(first_HWC, second_HWC)
        return pair.render(times).frames_THWC.movedim(3, 1)

    def forward(self, first_T3HW: Tensor, second_T3HW: Tensor, timestep: Tensor, cache: dict) -> Tensor:
        """The same for one pair repeated, with each time as a picture; asked when all times at once did not fit."""
        times = timestep[:, 0, 0, 0].tolist()
        return self.forward_multi_timestep(first_T3HW[:1], second_T3HW[:1], times, cache)


def as_interp_model(engine: Engine) -> ModelPatcher:
    """An engine as the host's INTERP_MODEL; of RIFE and FILM the one that the host's own loader makes."""
    if isinstance(engine, HostEngine):
        return engine.interp_model
    device = model_management.get_torch_device()
    return ModelPatcher(InterpModel(engine), device, model_management.intermediate_device())
