"""RIFE and FILM as engines. The host loads both and manages their memory.

Frames are the same as from the host's node Run Frame Interpolation Model. This module adds arbitrary times, cuts,
halving and reports.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from comfy.model_patcher import ModelPatcher
from torch import Tensor
from torch.nn import functional

from ...core.errors import InbetweenError
from ...core.interpolation.any_range import AnyRange
from ...core.interpolation.contract import FramePair, Rendered, Settings
from ...networks.model_kinds import has_tensor
from ..runtime import load_whole

PAGE = "https://huggingface.co/Comfy-Org/frame_interpolation"


@dataclass(frozen=True)
class HostKind:
    """The entry of RIFE or FILM in the engine registry.

    title: name of the engine in reports.
    marks: tensor names; each of its files contains at least one of them, with any prefix.
    versions: for errors, the versions or files that the host can load.
    by_halving: see `Interpolator` in core/interpolation/contract.py.
    """

    title: str
    marks: tuple[str, ...]
    versions: str
    by_halving: bool
    names: tuple[str, ...] = ()

    def detects(self, tensors: Collection[str]) -> bool:
        """Whether a file with these tensor names is a model of this engine."""
        return has_tensor(tensors, *self.marks)

    def load(self, name: str, optical_flow: Any = None) -> "HostEngine":
        """Let the host load a file in models/frame_interpolation; no flow model is needed.

        Raises:
            InbetweenError: the host cannot load this version of the model.
        """
        # Imported only here, so that a host without this loader still has all other engines.
        from comfy_extras.nodes_frame_interpolation import FrameInterpolationModelLoader

        try:
            interp_model = FrameInterpolationModelLoader.execute(name).result[0]
        except (ValueError, RuntimeError) as error:
            # The host's error for an unknown network, and torch's error for layers of other sizes.
            if not str(error).startswith(("Unrecognized frame interpolation", "Error(s) in loading state_dict")):
                raise
            raise InbetweenError(
                f"{name} is a version of {self.title} that ComfyUI cannot load; use {self.versions} from {PAGE}."
            ) from None
        return HostEngine(interp_model, self)


RIFE = HostKind(
    "RIFE",
    ("block0.conv0.0.0.weight", "blocks.0.conv0.0.0.weight", "encode.cnn0.weight"),
    "RIFE 4.25 or 4.26",
    by_halving=False,
)
# Published FILM always renders the middle frame, and reaches other times by halving:
# github.com/google-research/frame-interpolation, models/film_net/interpolator.py and eval/util.py.
FILM = HostKind(
    "FILM", ("extract.extract_sublevels.convs.0.0.conv.weight",), "film_net_fp16.safetensors", by_halving=True
)


class HostEngine:
    """A model of the host. A run loads the weights onto the device; the host unloads them as needed."""

    def __init__(self, interp_model: ModelPatcher, kind: HostKind) -> None:
        self.interp_model, self.kind, self.name = interp_model, kind, kind.title

    def start(self, settings: Settings, height: int, width: int) -> AnyRange:
        """Load the weights onto the device, and make room to render a frame.

        Raises:
            InbetweenError: frames of this size are too small for the network.
        """
        network, dtype = self.interp_model.model, self.interp_model.model_dtype()
        smallest = _smallest_side(network)
        if min(height, width) < smallest:
            raise InbetweenError(
                f"the images are {width}x{height} but {self.name} needs at least {smallest}x{smallest}; scale them up "
                f"to {max(width, smallest)}x{max(height, smallest)} or more."
            )
        needed = network.memory_used_forward((1, height, width, 3), dtype)
        load_whole([self.interp_model], needed)
        device, bytes_per_pixel = self.interp_model.load_device, math.ceil(needed / (height * width))
        return AnyRange(HostInterpolator(network, device, dtype, self.kind, bytes_per_pixel))


class HostInterpolator:
    """One run over the frames of a sequence. The features of a frame are reused for the next pair."""

    def __init__(
        self,
        network: torch.nn.Module,
        device: torch.device,
        dtype: torch.dtype,
        kind: HostKind,
        bytes_per_pixel: int,
    ) -> None:
        self.network, self.device, self.dtype = network, device, dtype
        self.name, self.by_halving, self.bytes_per_pixel = kind.title, kind.by_halving, bytes_per_pixel
        self._latest: tuple[Tensor, Any] | None = None

    @torch.no_grad()
    def prepare(self, first_HWC: Tensor, second_HWC: Tensor) -> FramePair:
        """Compute the features of both frames; see `Interpolator.prepare`."""
        first_13HW, second_13HW = self._padded(first_HWC), self._padded(second_HWC)
        features = {"img0": self._features(first_HWC, first_13HW), "img1": self._features(second_HWC, second_13HW)}
        self._latest = (second_HWC, features["img1"])
        height, width = first_HWC.shape[:2]
        return HostPair(self.network, first_13HW, second_13HW, features, height, width)

    def _padded(self, frame_HWC: Tensor) -> Tensor:
        align = getattr(self.network, "pad_align", 1)
        frame_13HW = frame_HWC.movedim(2, 0)[None].to(dtype=self.dtype, device=self.device)
        below, right = (-side % align for side in frame_13HW.shape[2:])
        return functional.pad(frame_13HW, (0, right, 0, below), mode="reflect") if below or right else frame_13HW

    def _features(self, frame_HWC: Tensor, frame_13HW: Tensor) -> Any:
        if self._latest is not None:
            latest_HWC, features = self._latest
            if latest_HWC.device == frame_HWC.device and torch.equal(latest_HWC, frame_HWC):
                return features
        return self.network.extract_features(frame_13HW)  # type: ignore[operator]


@dataclass(frozen=True, eq=False)
class HostPair:
    """Two padded frames, in the network's type and on its device, their features, and the size before padding."""

    network: torch.nn.Module
    first_13HW: Tensor
    second_13HW: Tensor
    features: dict[str, Any]
    height: int
    width: int

    @torch.no_grad()
    def render(self, times: Sequence[float]) -> Rendered:
        """Render the in-betweens at these times; see `FramePair.render`. Nothing is reported as blended."""
        several = getattr(self.network, "forward_multi_timestep", None)
        if several is not None:  # FILM, which takes one pair and any number of times
            made_T3HW = several(self.first_13HW, self.second_13HW, list(times), cache=dict(self.features))
        else:
            first_T3HW, second_T3HW = (
                frame_13HW.expand(len(times), -1, -1, -1) for frame_13HW in (self.first_13HW, self.second_13HW)
            )
            time_T111 = first_T3HW.new_tensor(list(times))[:, None, None, None]
            time_T1HW = time_T111.expand(-1, 1, *first_T3HW.shape[2:])
            made_T3HW = self.network(first_T3HW, second_T3HW, timestep=time_T1HW, cache=dict(self.features))
        made_T3HW = made_T3HW[:, :, : self.height, : self.width].float().clamp(0, 1)
        return Rendered(made_T3HW.movedim(1, 3), (0.0,) * len(times))


def _smallest_side(network: Any) -> int:
    """The shortest side, in pixels, for which padding by reflection and every level of the pyramid work."""
    return max(getattr(network, "pad_align", 1) // 2 + 1, 2 ** (getattr(network, "pyramid_levels", 1) - 1))
