"""Whether two pictures show the same scene."""

import torch.nn.functional as F
from torch import Tensor

_FLAT = 1e-5  # variance of the blocks below which a picture counts as flat, with nothing to correlate


def layout_correlation(first_HWC: Tensor, second_HWC: Tensor) -> float:
    """Correlation between the layouts of two pictures, regardless of brightness and contrast.

    Grey values are averaged over blocks, 16 or more along the shorter side, so motion has little effect. Measured
    values: 0.7 (very fast motion) to 1 from frame to frame within a shot, even in a fade; below 0.4 at cuts.

    Args:
        first_HWC, second_HWC: RGB in [0, 1], of one size and on one device.

    Returns:
        -1..1. Two flat pictures, which can differ only in colour, give 1; a flat and another picture give 0.
    """
    block = max(1, min(first_HWC.shape[:2]) // 16)
    layouts = []
    for frame_HWC in (first_HWC, second_HWC):
        means_N = F.avg_pool2d(frame_HWC.float().mean(dim=2)[None], block).flatten().cpu()
        layouts.append(means_N - means_N.mean())
    first_N, second_N = layouts
    flat = [bool(layout_N.square().mean() < _FLAT) for layout_N in layouts]
    if any(flat):
        return float(all(flat))
    return (first_N @ second_N / (first_N.square().sum() * second_N.square().sum()).sqrt()).item()
