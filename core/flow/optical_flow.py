"""Dense optical flow between two frames, in both directions, without model files.

It uses OpenCV's DIS: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016.
"""

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..errors import InbetweenError
from ..pictures.contrast import ToneRange, even_lumas
from ..pictures.images import luma
from . import repeated

SMALLEST_SIDE = 16
WORKING_SIDE = 64  # DIS refuses frames that are too small for its patches; smaller sides are padded to this
MOST_PIXELS = 2_100_000  # larger frames are scaled down to this (1080p has 2.07 M), to limit DIS's time and memory


class DisFlow:
    """The flow of this module as an object, for engines that accept any flow."""

    name = "weight-free flow"

    def both_ways(self, first_HWC: Tensor, second_HWC: Tensor) -> tuple[Tensor, Tensor]:
        """As `flow_both_ways`."""
        return flow_both_ways(first_HWC, second_HWC)


def flow_both_ways(first_HWC: Tensor, second_HWC: Tensor, *, fine: bool = True) -> tuple[Tensor, Tensor]:
    """Find where each pixel of one frame is in the other, for both frames.

    Args:
        first_HWC, second_HWC: RGB of one size, at least 16 pixels a side, floating, on any device. Dark and flat
            frames are stretched, both alike, so that their motion is found too.
        fine: false stops at half the size, in a quarter of the time, and loses small motion and thin structures.

    Returns:
        flow_2HW from the first frame to the second, and from the second to the first: float32, in pixels, channel 0 =
        x, on the device of the first frame. The same frames always give the same flow.

    Raises:
        InbetweenError: a side is shorter than 16 pixels.
    """
    height, width, _ = first_HWC.shape
    check_size(height, width)
    first_HW, second_HW = working_greys(first_HWC, second_HWC)
    finest = 0 if fine else 1
    forward_HW2 = dis_flow(first_HW, second_HW, finest=finest)
    backward_HW2 = dis_flow(second_HW, first_HW, finest=finest)
    forward_HW2, backward_HW2 = repeated.corrected(first_HW, second_HW, forward_HW2, backward_HW2)
    device = first_HWC.device
    return at_full_size(forward_HW2, height, width, device), at_full_size(backward_HW2, height, width, device)


def flow_length(flow_B2HW: Tensor) -> Tensor:
    """How far each pixel moves: shape (..., H, W) for a flow of shape (..., 2, H, W)."""
    # Tensor.norm over two channels is several times slower than this.
    return (flow_B2HW[..., 0, :, :].square() + flow_B2HW[..., 1, :, :].square()).sqrt()


def check_size(height: int, width: int) -> None:
    """Raise InbetweenError if frames are too small for optical flow."""
    if min(height, width) < SMALLEST_SIDE:
        raise InbetweenError(
            f"the images are {width}x{height} but optical flow needs {SMALLEST_SIDE}x{SMALLEST_SIDE} or more; "
            f"scale them up to at least {max(width, SMALLEST_SIDE)}x{max(height, SMALLEST_SIDE)}."
        )


def dis_flow(
    first_HW: np.ndarray,
    second_HW: np.ndarray,
    start_HW2: np.ndarray | None = None,
    coarsest: int | None = None,
    finest: int = 0,
) -> np.ndarray:
    """Flow from one 8-bit picture to another, of shape (H, W, 2), by DIS.

    Args:
        first_HW, second_HW: at least WORKING_SIDE a side; see `working_greys`.
        start_HW2: flow to start from; it is kept.
        coarsest, finest: how often the size is halved where the search starts and where it ends. By default it starts
            where DIS itself would, and ends at full size.
    """
    # A DIS object keeps buffers of its last call, so each call uses its own: several threads may call this.
    estimator = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    estimator.setFinestScale(finest)  # the preset stops at half size, and loses small motion and thin structures
    estimator.setVariationalRefinementIterations(0)  # it takes a third of the time and did not help on real clips
    if coarsest is not None:
        estimator.setCoarsestScale(coarsest)
    return estimator.calc(first_HW, second_HW, None if start_HW2 is None else start_HW2.copy())


def flow_one_way(first_HWC: Tensor, second_HWC: Tensor) -> Tensor:
    """As `flow_both_ways`, but only from the first frame to the second, for frames of any size, and less fine."""
    height, width, _ = first_HWC.shape
    flow_HW2 = dis_flow(*working_greys(first_HWC, second_HWC), finest=1)
    return at_full_size(flow_HW2, height, width, first_HWC.device)


def working_greys(first_HWC: Tensor, second_HWC: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """8-bit luma of both frames, stretched alike, at the size at which flow is estimated."""
    first_HW, second_HW = (luma(frame_HWC).nan_to_num(posinf=0, neginf=0) for frame_HWC in (first_HWC, second_HWC))
    first_HW, second_HW = even_lumas(first_HW, second_HW)
    tones = ToneRange.of(first_HW, second_HW)
    return _grey(tones.stretched(first_HW)), _grey(tones.stretched(second_HW))


def _grey(luma_HW: Tensor) -> np.ndarray:
    grey_HW = (luma_HW * 255).round().to(torch.uint8).cpu().numpy()
    height, width = grey_HW.shape
    scale = _working_scale(height, width)
    if scale < 1:
        return cv2.resize(grey_HW, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    right, bottom = max(WORKING_SIDE - width, 0), max(WORKING_SIDE - height, 0)
    return cv2.copyMakeBorder(grey_HW, 0, bottom, 0, right, cv2.BORDER_REPLICATE)


def _working_scale(height: int, width: int) -> float:
    return min(1.0, (MOST_PIXELS / (height * width)) ** 0.5)


def at_full_size(flow_HW2: np.ndarray, height: int, width: int, device: torch.device) -> Tensor:
    """A flow at the working size as one of shape (2, height, width), in pixels of that size."""
    flow_2HW = torch.from_numpy(flow_HW2).to(device).permute(2, 0, 1)
    if _working_scale(height, width) == 1:
        return flow_2HW[:, :height, :width].contiguous()
    ratio_211 = flow_2HW.new_tensor([width / flow_2HW.shape[2], height / flow_2HW.shape[1]])[:, None, None]
    return functional.interpolate(flow_2HW[None], (height, width), mode="bilinear", align_corners=False)[0] * ratio_211
