"""PerVFI and RAFT in the host: model folders, loading and memory."""

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

PERVFI = ModelFolder(("frame_interpolation",), "v00.pth or vb.pth from https://github.com/mulns/PerVFI")
FLOWS = ModelFolder(("optical_flow",), "https://download.pytorch.org/models/raft_large_C_T_SKHT_V1-22a6c225.pth")


class PerVFIKind:
    """PerVFI's entry in the engine registry."""

    names = ()

    def detects(self, tensors: Collection[str]) -> bool:
        """Whether a file with these tensor names is a PerVFI model."""
        return has_tensor(tensors, *pervfi.MARKS.values())

    def load(self, name: str, optical_flow: Any = None) -> "PerVFIEngine":
        """See `load_pervfi`."""
        return load_pervfi(name, optical_flow)


class PerVFIEngine:
    """PerVFI with its source of flow. A run loads the weights onto the device; the host unloads them as needed."""

    def __init__(self, patcher: ModelPatcher, flow_patcher: ModelPatcher | None) -> None:
        self._patcher, self._flow_patcher = patcher, flow_patcher
        self._flow: FlowSource = DisFlow() if flow_patcher is None else raft.RaftFlow(flow_patcher.model)

    @property
    def name(self) -> str:
        """The name of the engine in reports."""
        return engine_name(self._patcher.model.variant, self._flow)

    def start(self, settings: Settings, height: int, width: int) -> AnyRange:
        """Load the weights onto the device, and check how much memory is left."""
        network, device = self._patcher.model, self._patcher.load_device
        patchers = [self._patcher] if self._flow_patcher is None else [self._patcher, self._flow_patcher]
        wanted = min(whole_bytes(network, height * width), int(0.7 * model_management.get_total_memory(device)))
        load_whole(patchers, wanted)
        own = own_settings(PerVFISettings, settings)
        free_bytes = model_management.get_free_memory(device)
        return AnyRange(PerVFIInterpolator(network, self._flow, own, device, free_bytes))


def load_pervfi(file: str, optical_flow: ModelPatcher | None = None) -> PerVFIEngine:
    """Load PerVFI from a file in models/frame_interpolation.

    Args:
        file: name of the file in that folder.
        optical_flow: the host's OPTICAL_FLOW; if it is None, the flow is found without a model.

    Raises:
        InbetweenError: the file is missing, damaged or not PerVFI, or the flow model is not RAFT.
    """
    if optical_flow is not None and not isinstance(getattr(optical_flow, "model", None), RAFT):
        found = type(getattr(optical_flow, "model", optical_flow)).__name__
        raise InbetweenError(f"optical_flow is {found}; connect RAFT from Load Optical Flow, or disconnect it.")
    loaded = read_file(PERVFI.path(file), pervfi.WANTED)
    device = model_management.get_torch_device()
    dtype = torch.float16 if model_management.should_use_fp16(device) else torch.float32
    network = pervfi.build(loaded, comfy.ops.disable_weight_init, dtype, name=file)
    return PerVFIEngine(_patcher(network), optical_flow)


def load_optical_flow(file: str) -> ModelPatcher:
    """Load RAFT from a file in models/optical_flow, as the host's OPTICAL_FLOW.

    Raises:
        InbetweenError: the file is missing, damaged or not RAFT.
    """
    return _patcher(raft.build(read_file(FLOWS.path(file), raft.WANTED), name=file))


def _patcher(network: Any) -> ModelPatcher:
    # Always loaded whole: the network is small, and it reads weights in ways that a host that streams them would miss.
    return ModelPatcher(network, model_management.get_torch_device(), model_management.unet_offload_device())
