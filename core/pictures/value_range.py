"""Values beyond 0 to 1, as pictures of linear light (EXR) have them: kept, but not made by resampling.

Bicubic resampling overshoots at edges. What it makes of values in 0 to 1 is clamped to 0 to 1. Next to a lamp of 20 the
overshoot is as large as a picture, so there the result stays between the values around.
"""

import torch
from torch import Tensor
from torch.nn import functional

ROUNDING = 1e-5  # frames of 0 to 1 may go beyond by this much
ROOM = 4.0  # a colour correction may take a value beyond 1 as many times farther from 1


def extremes(*frames: Tensor) -> tuple[float, float]:
    """The least and the greatest value that mixed frames may have: 0 and 1, or farther if the frames go there."""
    low, high = min(float(frame.min()) for frame in frames), max(float(frame.max()) for frame in frames)
    return low if low < -ROUNDING else 0.0, high if high > 1 + ROUNDING else 1.0


def local_bounds(frame_1CHW: Tensor) -> tuple[Tensor, Tensor] | None:
    """The least and the greatest value that each pixel may have after resampling; None if all values are in 0 to 1.

    Bounds are 0 and 1, and wider where the pixel or its neighbours go beyond. Near values above 1, the least value is
    that of the neighbours: it rises to it as the brightest goes from 1 to 2.
    """
    if extremes(frame_1CHW) == (0, 1):
        return None
    highest_1CHW = functional.max_pool2d(frame_1CHW, 3, 1, padding=1)
    lowest_1CHW = -functional.max_pool2d(-frame_1CHW, 3, 1, padding=1)
    bright_1CHW = (highest_1CHW - 1).clamp(0, 1)
    low_1CHW = torch.lerp(lowest_1CHW.clamp(max=0), lowest_1CHW, bright_1CHW)
    return low_1CHW, highest_1CHW.clamp(min=1)


def within_bounds(made_HWC: Tensor, given_HWC: Tensor) -> Tensor:
    """A picture after resampling to another size, limited to the bounds of the one that was given."""
    bounds = local_bounds(given_HWC.float().movedim(2, 0)[None])
    if bounds is None:
        return made_HWC.clamp(0, 1)
    size = made_HWC.shape[:2]
    low_HWC = -functional.adaptive_max_pool2d(-bounds[0], size)[0].movedim(0, 2)
    high_HWC = functional.adaptive_max_pool2d(bounds[1], size)[0].movedim(0, 2)
    return made_HWC.clamp(low_HWC, high_HWC)


def limited(made: Tensor, given: Tensor) -> Tensor:
    """What a correction of colour makes of a frame, limited to 0 to 1 where the frame is, with room where it is not."""
    return made.clamp(ROOM * given.clamp(max=0), 1 + ROOM * (given - 1).clamp(min=0))


def compressed(values: Tensor) -> Tensor:
    """Values beyond -1 to 1 brought nearer by a logarithm, so that a lamp does not outweigh all around it."""
    size = values.abs()
    return torch.where(size > 1, values.sign() * (1 + size.clamp(min=1).log()), values)


def expanded(values: Tensor) -> Tensor:
    """The reverse of `compressed`."""
    size = values.abs()
    return torch.where(size > 1, values.sign() * (size.clamp(min=1) - 1).exp(), values)
