"""Bring images to one size."""

from collections.abc import Sequence
from typing import Literal, get_args

from torch import Tensor

from ..errors import InbetweenError
from ..limits import check_between
from .alpha import premultiplied, straight
from .images import LARGEST_SIDE, size_text
from .resize import resized
from .value_range import extremes, within_bounds

Fit = Literal["crop", "pad", "stretch", "off"]
FITS: tuple[Fit, ...] = get_args(Fit)


def target_size(image_HWC: Tensor, width: int = 0, height: int = 0, multiple_of: int = 1) -> tuple[int, int]:
    """The size to which all images are brought.

    Args:
        image_HWC: the image that provides a missing width or height.
        width, height: in pixels. If both are 0, the image keeps its size; if one is 0, it follows from the other by
            the aspect ratio of the image.
        multiple_of: both sides are rounded to the nearest multiple (ties up, at least one multiple).

    Returns:
        (width, height) in pixels.

    Raises:
        InbetweenError: a given or computed side is below 0 or above 16384, or multiple_of is below 1.
    """
    check_between(width, "width", 0, LARGEST_SIDE)
    check_between(height, "height", 0, LARGEST_SIDE)
    check_between(multiple_of, "multiple_of", 1, None)
    own_height, own_width = image_HWC.shape[:2]
    if width and not height:
        height = max(1, round(own_height * width / own_width))
    elif height and not width:
        width = max(1, round(own_width * height / own_height))
    if max(width, height) > LARGEST_SIDE:
        raise InbetweenError(
            f"the keyframes would be {width}x{height}, more than {LARGEST_SIDE} on a side; set both width and height."
        )
    width, height = width or own_width, height or own_height
    return _to_multiple(width, multiple_of), _to_multiple(height, multiple_of)


def fit_images(images_HWC: Sequence[Tensor], size: tuple[int, int], fit: Fit) -> list[Tensor]:
    """Bring every image to `size`. An image that already has that size passes unchanged.

    Args:
        images_HWC: RGB images, or RGB with alpha, of any sizes; values beyond [0, 1] are kept.
        size: (width, height) in pixels.
        fit: "crop" fills the frame and trims the edges evenly; "pad" adds black bars, or transparent ones to an image
            with alpha; "stretch" ignores the aspect ratio; "off" refuses other sizes.

    Returns:
        Images of shape (height, width, channels), resampled with antialiased bicubic filtering without overshoot beyond
        [0, 1] or, near values beyond it, beyond those around.

    Raises:
        InbetweenError: fit is "off" and a size differs.
    """
    width, height = size
    fitted = []
    for number, image_HWC in enumerate(images_HWC, start=1):
        if image_HWC.shape[:2] == (height, width):
            fitted.append(image_HWC)
        elif fit == "off":
            raise InbetweenError(
                f"image {number} is {size_text(image_HWC)} but {width}x{height} is needed; "
                "set fit to crop, pad or stretch, or resize the image first."
            )
        else:
            fitted.append(_fit(image_HWC, width, height, fit))
    return fitted


def _fit(image_HWC: Tensor, width: int, height: int, fit: Fit) -> Tensor:
    own_height, own_width = image_HWC.shape[:2]
    if fit == "stretch":
        return _resize(image_HWC, width, height)
    ratios = (width / own_width, height / own_height)
    scale = max(ratios) if fit == "crop" else min(ratios)
    inner_width, inner_height = max(1, round(own_width * scale)), max(1, round(own_height * scale))
    resized_HWC = _resize(image_HWC, inner_width, inner_height)
    if fit == "crop":
        left, top = (inner_width - width) // 2, (inner_height - height) // 2
        return resized_HWC[top : top + height, left : left + width].contiguous()
    canvas_HWC = resized_HWC.new_zeros((height, width, image_HWC.shape[2]))
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    canvas_HWC[top : top + inner_height, left : left + inner_width] = resized_HWC
    return canvas_HWC


def _resize(image_HWC: Tensor, width: int, height: int) -> Tensor:
    given_HWC = premultiplied(image_HWC)
    made_HWC = within_bounds(resized(given_HWC[None], height, width, "bicubic")[0], given_HWC)
    return straight(made_HWC[None], extremes(image_HWC[..., :3]))[0].to(image_HWC.dtype)


def _to_multiple(length: int, multiple_of: int) -> int:
    return max(1, (2 * length + multiple_of) // (2 * multiple_of)) * multiple_of
