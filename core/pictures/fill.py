"""Filling holes in pictures and fields from what is around them."""

from torch import Tensor
from torch.nn import functional


def pull_push_filled(sums_TCHW: Tensor, weight_T1HW: Tensor) -> Tensor:
    """Divide by the weight, and fill places without weight from ever wider surroundings (pull-push).

    Args:
        sums_TCHW: values times their weight, floating.
        weight_T1HW: 0 or more.

    Returns:
        The values, of the shape of the sums; 0 if there is no weight anywhere.
    """
    mean_TCHW = sums_TCHW / (weight_T1HW + 1e-9)
    if min(sums_TCHW.shape[2:]) < 4:
        return mean_TCHW
    coarse_TCHW = pull_push_filled(
        functional.avg_pool2d(sums_TCHW, 2, ceil_mode=True), functional.avg_pool2d(weight_T1HW, 2, ceil_mode=True)
    )
    around_TCHW = functional.interpolate(coarse_TCHW, sums_TCHW.shape[2:], mode="bilinear", align_corners=False)
    return around_TCHW.lerp(mean_TCHW, weight_T1HW / (weight_T1HW + 0.02))
