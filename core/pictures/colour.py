"""Colour statistics and colour transfer in OKLab, a perceptual colour space.

OKLab: B. Ottosson, "A perceptual color space for image processing" (2020, matrices of 2021-01-25). Lightness L is 0..1;
a (green to red) and b (blue to yellow) are about -0.4..0.4. The distance between two colours is their perceived
difference, which is visible from about 0.02 (CSS Color 4, section 13.2).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from .alpha import alpha_of, colours_of, has_alpha, with_alpha
from .value_range import extremes, limited

_LMS_FROM_RGB = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_LAB_FROM_ROOTS = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)

NEGLIGIBLE = 1e-4  # smaller corrections, below a fortieth of an 8-bit step, are skipped and the frame keeps its bits
MOST_GAIN = 3.0  # a larger change in contrast or saturation is not drift but a different picture
_FLAT = 1e-5  # variance below which a picture has one colour: a deviation of 0.003, less than an 8-bit step
_FLOOR = 1e-6  # variance of 8-bit rounding, added to both pictures; keeps the matrices of grey pictures invertible

Kind = Literal["full", "limited", "mean only"]
_SHORTFALLS: dict[Kind, str] = {
    "full": "",
    "limited": "; the contrast differs too much to be matched fully",
    "mean only": "; the picture is flat, so only its mean colour is matched",
}


@dataclass(frozen=True, eq=False)
class ColourStatistics:
    """Mean, shape (3,), and covariance, shape (3, 3), of a picture's OKLab colours; float64."""

    mean_3: np.ndarray
    covariance_33: np.ndarray


@dataclass(frozen=True, eq=False)
class ColourTransfer:
    """The affine map `matrix @ lab + offset` of OKLab colours.

    kind: "full"; "limited" if the gain was clipped to MOST_GAIN; "mean only" if one of the two pictures is flat, so
        that there is no contrast to match.
    """

    matrix_33: np.ndarray
    offset_3: np.ndarray
    kind: Kind = "full"

    @property
    def shortfall(self) -> str:
        """What could not be matched, for a report; starts with "; ", or is empty."""
        return "" if self.is_identity else _SHORTFALLS[self.kind]

    @property
    def is_identity(self) -> bool:
        """Whether the change is invisible."""
        return max(np.abs(self.matrix_33 - np.eye(3)).max(), np.abs(self.offset_3).max()) < NEGLIGIBLE

    def apply(self, frame_HWC: Tensor) -> Tensor:
        """The frame in the new colours, same type and device; if nothing changes, the frame itself.

        A frame in [0, 1] stays there. In others, values beyond it are kept and corrected too.
        """
        if self.is_identity:
            return frame_HWC
        if has_alpha(frame_HWC):
            return with_alpha(self.apply(colours_of(frame_HWC)), alpha_of(frame_HWC))
        clamped = extremes(frame_HWC) == (0, 1)
        lab_HWC = _mixed(oklab_from_srgb(frame_HWC, clamped), self.matrix_33)
        lab_HWC += lab_HWC.new_tensor(self.offset_3.tolist())
        rgb_HWC = srgb_from_oklab(lab_HWC, clamped)
        return (rgb_HWC if clamped else limited(rgb_HWC, frame_HWC)).to(frame_HWC.dtype)


IDENTITY = ColourTransfer(np.eye(3), np.zeros(3))


def oklab_from_srgb(image_HWC: Tensor, clamped: bool = True) -> Tensor:
    """Convert sRGB to OKLab: float32, same shape and device.

    Args:
        image_HWC: in [0, 1].
        clamped: clamp values outside to it; else the curve of sRGB goes on above 1, and its straight part below 0.
    """
    rgb_HWC = image_HWC.to(torch.float32)
    if clamped:
        rgb_HWC = rgb_HWC.clamp(0.0, 1.0)
    curved_HWC = ((rgb_HWC.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4
    lms_HWC = _mixed(torch.where(rgb_HWC <= 0.04045, rgb_HWC / 12.92, curved_HWC), _LMS_FROM_RGB)
    roots_HWC = lms_HWC.pow_(1 / 3) if clamped else lms_HWC.sign() * lms_HWC.abs().pow(1 / 3)
    return _mixed(roots_HWC, _LAB_FROM_ROOTS)


def srgb_from_oklab(lab_HWC: Tensor, clamped: bool = True) -> Tensor:
    """Convert OKLab to sRGB, float32; if `clamped`, colours outside [0, 1] are clamped channel by channel."""
    linear_HWC = _mixed(_mixed(lab_HWC, np.linalg.inv(_LAB_FROM_ROOTS)) ** 3, np.linalg.inv(_LMS_FROM_RGB))
    if clamped:
        linear_HWC = linear_HWC.clamp_(0.0, 1.0)
    curved_HWC = linear_HWC.clamp_min(0.0031308).pow_(1 / 2.4).mul_(1.055).sub_(0.055)
    srgb_HWC = torch.where(linear_HWC <= 0.0031308, linear_HWC * 12.92, curved_HWC)
    return srgb_HWC.clamp_(0.0, 1.0) if clamped else srgb_HWC


def mean_colour(frame_HWC: Tensor) -> np.ndarray:
    """Mean OKLab colour of a picture, or of what is seen of it if it has alpha: shape (3,), float64."""
    return _numbers(_averaged(oklab_from_srgb(colours_of(frame_HWC)).flatten(0, 1), _shares(frame_HWC)))


def colour_step(first_3: np.ndarray, second_3: np.ndarray) -> float:
    """Perceived difference (delta E, Euclidean in OKLab) between two colours; visible from about 0.02."""
    return float(np.linalg.norm(first_3 - second_3))


def colour_statistics(frames_THWC: Tensor | Iterable[Tensor]) -> ColourStatistics:
    """Mean and covariance over all pixels of one or more frames of one size, or over what is seen of them.

    Args:
        frames_THWC: sRGB, or sRGB with alpha, in [0, 1]; a batch, or frames of shape (H, W, 3). They are converted one
            at a time.
    """
    means, covariances = [], []
    for frame_HWC in frames_THWC:
        lab_N3, shares_N1 = oklab_from_srgb(colours_of(frame_HWC)).flatten(0, 1), _shares(frame_HWC)
        mean_3 = _averaged(lab_N3, shares_N1)
        lab_N3 -= mean_3  # before squaring, so that float32 is enough
        products = [_averaged(lab_N3 * lab_N3[:, channel, None], shares_N1) for channel in range(3)]
        means.append(_numbers(mean_3))
        covariances.append(_numbers(torch.stack(products)))
    between_33 = np.cov(np.stack(means), rowvar=False, bias=True)
    return ColourStatistics(np.mean(means, axis=0), np.mean(covariances, axis=0) + between_33)


def colour_transfer(source: ColourStatistics, target: ColourStatistics) -> ColourTransfer:
    """The smallest linear change of colours that gives a picture the mean and covariance of the target.

    The Monge-Kantorovich map A = S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2 between two Gaussians (F. Pitie and A. Kokaram,
    "The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer", CVMP 2007). A is
    symmetric, so colours move no further than necessary. Equal statistics give the identity.

    Returns:
        A map with gains in 1/MOST_GAIN..MOST_GAIN; if either picture is flat, only a shift of the mean.
    """
    if min(np.trace(source.covariance_33), np.trace(target.covariance_33)) < _FLAT:
        return ColourTransfer(np.eye(3), target.mean_3 - source.mean_3, "mean only")
    source_33, target_33 = (statistics.covariance_33 + _FLOOR * np.eye(3) for statistics in (source, target))
    root_33, inverse_root_33 = _power(source_33, 0.5), _power(source_33, -0.5)
    matrix_33 = inverse_root_33 @ _power(root_33 @ target_33 @ root_33, 0.5) @ inverse_root_33
    gains_3, directions_33 = np.linalg.eigh((matrix_33 + matrix_33.T) / 2)
    clipped_3 = gains_3.clip(1 / MOST_GAIN, MOST_GAIN)
    matrix_33 = (directions_33 * clipped_3) @ directions_33.T
    kind: Kind = "full" if np.array_equal(clipped_3, gains_3) else "limited"
    return ColourTransfer(matrix_33, target.mean_3 - matrix_33 @ source.mean_3, kind)


def blend_transfers(first: ColourTransfer, second: ColourTransfer, share: float) -> ColourTransfer:
    """The map whose result is `share` (0..1) of the way from the result of the first map to that of the second."""
    matrix_33 = (1 - share) * first.matrix_33 + share * second.matrix_33
    return ColourTransfer(matrix_33, (1 - share) * first.offset_3 + share * second.offset_3)


def _mixed(image_HWC: Tensor, matrix_33: object) -> Tensor:
    """Every colour multiplied by the matrix, in full float32 precision."""
    return image_HWC @ image_HWC.new_tensor(np.asarray(matrix_33).T.tolist())


def _shares(frame_HWC: Tensor) -> Tensor | None:
    """What each pixel counts, of shape (N, 1): as much as is seen of it. None if all pixels count alike."""
    return frame_HWC[..., 3:].float().clamp(0, 1).flatten(0, 1) if has_alpha(frame_HWC) else None


def _averaged(values_N3: Tensor, shares_N1: Tensor | None) -> Tensor:
    if shares_N1 is None:
        return values_N3.mean(0)
    return (values_N3 * shares_N1).sum(0) / shares_N1.sum().clamp(min=1e-6)


def _power(symmetric_33: np.ndarray, exponent: float) -> np.ndarray:
    values_3, vectors_33 = np.linalg.eigh(symmetric_33)
    return (vectors_33 * np.maximum(values_3, 1e-12) ** exponent) @ vectors_33.T


def _numbers(values: Tensor) -> np.ndarray:
    return values.cpu().numpy().astype(np.float64)
