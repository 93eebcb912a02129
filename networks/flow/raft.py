"""RAFT optical flow with torchvision's network: reading files in either layout, and running it with less memory.

Teed and Deng, "RAFT: Recurrent All-Pairs Field Transforms for Optical Flow", ECCV 2020. The original key layout is from
github.com/princeton-vl/RAFT (raft-sintel.pth); torchvision's `C_T_SKHT_V1` has the same weights.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models.optical_flow import raft_large
from torchvision.models.optical_flow.raft import RAFT

from ...core.errors import InbetweenError
from ..weight_files import bare_tensors

UPDATES = 12
STRIDE = 8  # pixels per feature
SMALLEST_SIDE = 128  # for shorter sides, the coarsest correlations are empty
MOST_PIXELS = 1 << 20  # memory grows with the square of this: 1.4 GB per direction here, 90 GB at 4K
WANTED = "a RAFT-large file: torchvision's raft_large, or raft-sintel.pth from github.com/princeton-vl/RAFT"

# Original names to torchvision's, in one table for each part of a name.
_ENCODERS = {"fnet": "feature_encoder", "cnet": "context_encoder"}
_UPDATE_BLOCK = {
    "encoder.convc1": "update_block.motion_encoder.convcorr1.0",
    "encoder.convc2": "update_block.motion_encoder.convcorr2.0",
    "encoder.convf1": "update_block.motion_encoder.convflow1.0",
    "encoder.convf2": "update_block.motion_encoder.convflow2.0",
    "encoder.conv": "update_block.motion_encoder.conv.0",
    "flow_head.conv1": "update_block.flow_head.conv1",
    "flow_head.conv2": "update_block.flow_head.conv2",
    "mask.0": "mask_predictor.convrelu.0",
    "mask.2": "mask_predictor.conv",
    **{
        f"gru.conv{gate}{half}": f"update_block.recurrent_block.convgru{half}.conv{gate}"
        for gate in "zrq"
        for half in (1, 2)
    },
}
_WITHIN_ENCODER = (
    (re.compile(r"conv1\.(.*)"), r"convnormrelu.0.\1"),
    (re.compile(r"norm1\.(.*)"), r"convnormrelu.1.\1"),
    (re.compile(r"conv2\.(.*)"), r"conv.\1"),
    (re.compile(r"(layer\d\.\d)\.conv(\d)\.(.*)"), r"\1.convnormrelu\2.0.\3"),
    (re.compile(r"(layer\d\.\d)\.norm([12])\.(.*)"), r"\1.convnormrelu\2.1.\3"),
    (re.compile(r"(layer\d\.\d\.downsample\..*)"), r"\1"),
)
_ALIAS = re.compile(r"[fc]net\.layer\d\.\d\.norm3\.")  # the same tensors as downsample.1, saved twice


class RaftFlow:
    """A loaded RAFT as a source of flow for engines."""

    name = "RAFT flow"

    def __init__(self, network: RAFT) -> None:
        self._network = network

    def both_ways(self, first_HWC: Tensor, second_HWC: Tensor) -> tuple[Tensor, Tensor]:
        """As `flow_both_ways` in this module, for two images in [0, 1] of shape (H, W, 3)."""
        device = next(self._network.parameters()).device
        first_13HW, second_13HW = (
            image_HWC.to(device, torch.float32).movedim(2, 0)[None] for image_HWC in (first_HWC, second_HWC)
        )
        # The memory of a failed attempt is free only once its error is gone.
        with suppress(torch.OutOfMemoryError):
            forward_12HW, backward_12HW = flow_both_ways(self._network, first_13HW, second_13HW)
            return forward_12HW[0], backward_12HW[0]
        forward_12HW, backward_12HW = flow_both_ways(self._network, first_13HW, second_13HW, together=False)
        return forward_12HW[0], backward_12HW[0]


def build(loaded: Any, name: str = "the file") -> RAFT:
    """Build torchvision's RAFT from the tensors of a file.

    Args:
        loaded: a state dict in torchvision's layout or the original one, with or without "module." before every key.
        name: name of the file for errors.

    Raises:
        InbetweenError: the file is not RAFT-large, or is incomplete.
    """
    if not isinstance(loaded, Mapping):
        raise InbetweenError(f"{name} contains no named weights; use {WANTED}.")
    tensors = bare_tensors(loaded)
    if any(key.startswith(("fnet.", "cnet.")) for key in tensors):
        tensors = {_torchvision_key(key): tensor for key, tensor in tensors.items() if not _ALIAS.match(key)}
    network = raft_large(weights=None, progress=False)
    wanted = {key: tensor.shape for key, tensor in network.state_dict().items()}
    # Only some versions of torch save the batch counters, and they are not used.
    tensors = {key: tensor for key, tensor in tensors.items() if not key.endswith(".num_batches_tracked")}
    needed = {key for key in wanted if not key.endswith(".num_batches_tracked")}
    misshapen = {key for key in needed & tensors.keys() if tensors[key].shape != wanted[key]}
    wrong = sorted((needed ^ tensors.keys()) | misshapen)
    if wrong:
        raise InbetweenError(
            f'{name} differs from RAFT-large in {len(wrong)} tensors, such as "{wrong[0]}"; use {WANTED}.'
        )
    network.load_state_dict(tensors, strict=False)
    return network.eval().requires_grad_(False).float()


def flow_both_ways(
    network: RAFT, first_B3HW: Tensor, second_B3HW: Tensor, together: bool = True
) -> tuple[Tensor, Tensor]:
    """Find where each pixel of each frame is in the other frame.

    Each frame is encoded once for both directions, and the flow is upsampled once instead of after every update. The
    result is the same as from running the network twice.

    Args:
        network: torchvision's RAFT, on the device of the frames.
        first_B3HW, second_B3HW: RGB in [0, 1], float32, of any size. Above about 1 MP, the flow is computed at that
            size, then its size and its values are scaled up. Frames are padded by repeating their edges.
        together: compute all flows in one batch; else one after the other, with less memory.

    Returns:
        flow_B2HW from the first frame to the second and back, in pixels, channel 0 = x.
    """
    batch, _, height, width = first_B3HW.shape
    frames_N3HW = torch.cat([first_B3HW, second_B3HW])
    scale = min(1.0, (MOST_PIXELS / (height * width)) ** 0.5)
    if scale < 1:
        size = (round(height * scale), round(width * scale))
        frames_N3HW = functional.interpolate(frames_N3HW, size, mode="bilinear", align_corners=False, antialias=True)
    small_height, small_width = frames_N3HW.shape[2:]
    right, bottom = _missing(small_width), _missing(small_height)
    frames_N3HW = functional.pad(frames_N3HW, (0, right, 0, bottom), mode="replicate") * 2 - 1
    features_NCHW, context_NCHW = network.feature_encoder(frames_N3HW), network.context_encoder(frames_N3HW)
    others_NCHW = features_NCHW.roll(batch, dims=0)
    at_once = 2 * batch if together else 1
    found = [
        _flow(network, *each)
        for each in zip(*(x.split(at_once) for x in (features_NCHW, others_NCHW, context_NCHW)), strict=True)
    ]
    flow_N2HW = torch.cat(found)[:, :, :small_height, :small_width]
    if scale < 1:
        ratio_211 = flow_N2HW.new_tensor([width / small_width, height / small_height])[:, None, None]
        flow_N2HW = functional.interpolate(flow_N2HW, (height, width), mode="bilinear", align_corners=False)
        flow_N2HW = flow_N2HW * ratio_211
    forward_B2HW, backward_B2HW = flow_N2HW.split(batch)
    return forward_B2HW, backward_B2HW


def _flow(network: RAFT, features_NCHW: Tensor, others_NCHW: Tensor, context_NCHW: Tensor) -> Tensor:
    """Flow from frames to other frames at full size, from the features of both and the context of the first ones."""
    network.corr_block.build_pyramid(features_NCHW, others_NCHW)
    state = network.update_block.hidden_state_size
    hidden_NCHW, context_NCHW = context_NCHW[:, :state].tanh(), context_NCHW[:, state:].relu()
    height, width = features_NCHW.shape[2:]
    device = features_NCHW.device
    y_HW, x_HW = torch.meshgrid(
        torch.arange(height, device=device, dtype=torch.float32),
        torch.arange(width, device=device, dtype=torch.float32),
        indexing="ij",
    )
    start_N2HW = torch.stack([x_HW, y_HW]).expand(features_NCHW.shape[0], -1, -1, -1)
    flow_N2HW = torch.zeros_like(start_N2HW)
    for _ in range(UPDATES):
        correlations_NCHW = network.corr_block.index_pyramid(centroids_coords=start_N2HW + flow_N2HW)
        hidden_NCHW, step_N2HW = network.update_block(hidden_NCHW, context_NCHW, correlations_NCHW, flow_N2HW)
        flow_N2HW = flow_N2HW + step_N2HW
    network.corr_block.corr_pyramid = []  # frees as much memory as everything else takes
    if network.mask_predictor is None:  # RAFT-small
        return STRIDE * functional.interpolate(flow_N2HW, scale_factor=STRIDE, mode="bilinear", align_corners=True)
    return _upsampled(flow_N2HW, network.mask_predictor(hidden_NCHW))


def _upsampled(flow_N2HW: Tensor, mask_NMHW: Tensor) -> Tensor:
    """Upsample flow: each fine pixel is a weighted mean of the nine coarse ones around it (the paper's appendix B)."""
    height, width = flow_N2HW.shape[2:]
    weights_N19abHW = mask_NMHW.unflatten(1, (1, 9, STRIDE, STRIDE)).softmax(dim=2)
    around_N29P = functional.unfold(STRIDE * flow_N2HW, 3, padding=1).unflatten(1, (2, 9))
    around_N2911HW = around_N29P.unflatten(3, (height, width))[:, :, :, None, None]
    fine_N2abHW = (weights_N19abHW * around_N2911HW).sum(dim=2)
    return functional.pixel_shuffle(fine_N2abHW.flatten(1, 3), STRIDE)


def _missing(side: int) -> int:
    return max(SMALLEST_SIDE, -(-side // STRIDE) * STRIDE) - side


def _torchvision_key(key: str) -> str:
    part, _, rest = key.partition(".")
    if part in _ENCODERS:
        for pattern, replacement in _WITHIN_ENCODER:
            if pattern.fullmatch(rest):
                return f"{_ENCODERS[part]}.{pattern.sub(replacement, rest)}"
    base, _, leaf = rest.rpartition(".")
    return f"{_UPDATE_BLOCK.get(base, base)}.{leaf}"
