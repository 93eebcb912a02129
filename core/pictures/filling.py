"""Fill what is not known in a picture or a motion field from around it."""

from torch import Tensor, lerp
from torch.nn import functional


def pull_push_filled(sums_TCHW: Tensor, weight_T1HW: Tensor) -> Tensor:
    """Divide by the weight, and fill places without weight from ever wider surroundings (pull-push).

    Args:
        sums_TCHW: values times their weight.
        weight_T1HW: 0 where nothing is known; above about 0.02 the value there is kept.
    """
    mean_TCHW = sums_TCHW / (weight_T1HW + 1e-9)
    if min(sums_TCHW.shape[2:]) < 4:
        return mean_TCHW
    coarse_TCHW = pull_push_filled(
        functional.avg_pool2d(sums_TCHW, 2, ceil_mode=True), functional.avg_pool2d(weight_T1HW, 2, ceil_mode=True)
    )
    around_TCHW = functional.interpolate(coarse_TCHW, sums_TCHW.shape[2:], mode="bilinear", align_corners=False)
    return lerp(around_TCHW, mean_TCHW, weight_T1HW / (weight_T1HW + 0.02))


def painted_in(values_TCHW: Tensor, known_T1HW: Tensor) -> Tensor:
    """The values where they are known (1), and what is around them where they are not (0)."""
    return lerp(pull_push_filled(values_TCHW * known_T1HW, known_T1HW), values_TCHW, known_T1HW)
