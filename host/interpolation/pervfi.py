"""PerVFI and RAFT in the host: their folders, their memory."""

from collections.abc import Collection
from typing import Any

import comfy.model_management as model_management
import comfy.ops
import torch
from comfy.model_patcher import ModelPatcher
from torchvision.models.optical_flow.raft import RAFT

from ...core.errors import InbetweenError
from ...core.flow.optical_flow import DisFlow
from ...core.interpolation.any_range import AnyRange
from ...core.interpolation.contract import Settings, own_settings
from ...networks.flow import raft
from ...networks.interpolation import pervfi
from ...networks.interpolation.pervfi.interpolator import FlowSource, PerVFIInterpolator, engine_name, whole_bytes
from ...networks.interpolation.pervfi.settings import PerVFISettings
from ...networks.model_kinds import has_tensor
from ...networks.weight_files import read_file
from ..model_files import ModelFolder
from ..runtime import load_whole

PERVFI = ModelFolder(("frame_interpolation",), "v00.pth or vb.pth of https://github.com/mulns/PerVFI")
FLOWS = ModelFolder(("optical_flow",), "https://download.pytorch.org/models/raft_large_C_T_SKHT_V1-22a6c225.pth")


class PerVFIKind:
    """PerVFI in the registry of engines."""

    names = ()

    def detects(self, tensors: Collection[str]) -> bool:
        """Whether a file with tensors of these names is for this engine."""
        return has_tensor(tensors, *pervfi.MARKS.values())

    def load(self, name: str, optical_flow: Any = None) -> "PerVFIEngine":
        """As `load_pervfi`."""
        return load_pervfi(name, optical_flow)


class PerVFIEngine:
    """PerVFI with the source of its flow; the weights go to the device for a run, and leave it when others need it."""

    def __init__(self, patcher: ModelPatcher, flow_patcher: ModelPatcher | None) -> None:
        self._patcher, self._flow_patcher = patcher, flow_patcher
        self._flow: FlowSource = DisFlow() if flow_patcher is None else raft.RaftFlow(flow_patcher.model)

    @property
    def name(self) -> str:
        """How reports call the engine."""
        return engine_name(self._patcher.model.variant, self._flow)

    def start(self, settings: Settings, height: int, width: int) -> AnyRange:
        """Bring the weights to the device and see how much memory is left."""
        network, device = self._patcher.model, self._patcher.load_device
        patchers = [self._patcher] if self._flow_patcher is None else [self._patcher, self._flow_patcher]
        wanted = min(whole_bytes(network, height * width), int(0.7 * model_management.get_total_memory(device)))
        load_whole(patchers, wanted)
        own = own_settings(PerVFISettings, settings)
        free_bytes = model_management.get_free_memory(device)
        return AnyRange(PerVFIInterpolator(network, self._flow, own, device, free_bytes))


def load_pervfi(file: str, optical_flow: ModelPatcher | None = None) -> PerVFIEngine:
    """PerVFI from a file of models/frame_interpolation.

    Args:
        file: its name there.
        optical_flow: the host's OPTICAL_FLOW; without it the flow is found without a model.

    Raises:
        InbetweenError: the file is missing, damaged or another model, or the flow is not RAFT.
    """
    if optical_flow is not None and not isinstance(getattr(optical_flow, "model", None), RAFT):
        found = type(getattr(optical_flow, "model", optical_flow)).__name__
        raise InbetweenError(f"optical_flow is {found}; connect RAFT from Load Optical Flow, or nothing.")
    loaded = read_file(PERVFI.path(file), pervfi.WANTED)
    device = model_management.get_torch_device()
    dtype = torch.float16 if model_management.should_use_fp16(device) else torch.float32
    network = pervfi.build(loaded, comfy.ops.disable_weight_init, dtype, name=file)
    return PerVFIEngine(_patcher(network), optical_flow)


def load_optical_flow(file: str) -> ModelPatcher:
    """RAFT from a file of models/optical_flow, as the host's OPTICAL_FLOW.

    Raises:
        InbetweenError: the file is missing, damaged or another model.
    """
    return _patcher(raft.build(read_file(FLOWS.path(file), raft.WANTED), name=file))


def _patcher(network: Any) -> ModelPatcher:
    # Small, and read in ways that a host which streams weights would not see: always loaded as a whole.
    return ModelPatcher(network, model_management.get_torch_device(), model_management.unet_offload_device())
