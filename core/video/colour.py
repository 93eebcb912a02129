"""How the planes of a video file code colour: luma and chroma to RGB in 0 to 1, and back.

Sources: ITU-R BT.601-7, BT.709-6 and BT.2020-2 (luma weights and quantisation), ITU-T H.273 (full and limited range).
RGB stays coded by the transfer function of the file (sRGB, BT.709, PQ, HLG): only the matrix and the range are undone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

Matrix = Literal["RGB", "BT.601", "BT.709", "BT.2020", "SMPTE 240M", "FCC"]
LUMA_WEIGHTS: dict[str, tuple[float, float]] = {  # of red and of blue
    "BT.601": (0.299, 0.114),
    "BT.709": (0.2126, 0.0722),
    "BT.2020": (0.2627, 0.0593),
    "SMPTE 240M": (0.212, 0.087),
    "FCC": (0.30, 0.11),
}
FLOAT_BITS = 32  # planes of floating-point numbers, in which 1 is white


@dataclass(frozen=True)
class Coding:
    """How the planes of a frame code its colour.

    matrix: "RGB" for planes of red, green and blue; otherwise the standard whose luma and chroma the planes hold.
    full_range: whether black and white are the lowest and the highest code (as in JPEG) or 16 and 235 of 256.
    bits: of a code, 8 to 16; or `FLOAT_BITS`.
    """

    matrix: Matrix = "BT.709"
    full_range: bool = False
    bits: int = 8

    @property
    def white(self) -> float:
        """The highest code."""
        return 1.0 if self.bits == FLOAT_BITS else float((1 << self.bits) - 1)

    @property
    def luma(self) -> tuple[float, float]:
        """The code of black, and the number of codes from black to white."""
        return self._scaled(16, 219) if self.limited else (0.0, self.white)

    @property
    def chroma(self) -> tuple[float, float]:
        """The code of grey, and the number of codes from one end of chroma to the other."""
        if self.bits == FLOAT_BITS:
            return 0.0, 1.0
        return self._scaled(128, 224) if self.limited else (float(1 << (self.bits - 1)), self.white)

    @property
    def limited(self) -> bool:
        """Whether codes below black and above white are left free; never so with floating-point numbers."""
        return not self.full_range and self.bits != FLOAT_BITS

    def _scaled(self, offset: int, size: int) -> tuple[float, float]:
        return float(offset << (self.bits - 8)), float(size << (self.bits - 8))


def guessed_matrix(height: int) -> Matrix:
    """The matrix of a file that does not name one, as players guess it: BT.709 for HD, BT.601 below."""
    return "BT.709" if height > 576 else "BT.601"


def planes_to_rgb(planes: Sequence[np.ndarray], coding: Coding, smooth_chroma: bool = False) -> np.ndarray:
    """Decode the planes of a frame.

    Args:
        planes: one of luma; or luma and two of chroma, which may be smaller; or red, green and blue. Each is of shape
            (H, W), of integers or floating-point numbers.
        coding: what the codes mean.
        smooth_chroma: interpolate smaller planes of chroma instead of repeating their values. Only repeated values
            come back unchanged from `rgb_to_planes`.

    Returns:
        float32 of shape (H, W, 3), in 0 to 1; planes of floating-point numbers keep values beyond.
    """
    height, width = planes[0].shape
    if coding.matrix == "RGB" or len(planes) == 1:
        black, size = coding.luma
        decoded = [_rescaled(plane, black, 1 / size) for plane in planes]
        picture_HWC = np.stack(decoded if len(planes) == 3 else decoded * 3, axis=2)
    else:
        black, size = coding.luma
        luma_HW = _rescaled(planes[0], black, 1 / size)
        grey, size = coding.chroma
        blue_HW, red_HW = (
            _enlarged(_rescaled(plane, grey, 1 / size), height, width, smooth_chroma) for plane in planes[1:3]
        )
        red, blue = LUMA_WEIGHTS[coding.matrix]
        green = 1 - red - blue
        picture_HWC = np.empty((height, width, 3), np.float32)
        np.multiply(red_HW, np.float32(2 - 2 * red), out=picture_HWC[..., 0])
        np.multiply(blue_HW, np.float32(2 - 2 * blue), out=picture_HWC[..., 2])
        blue_HW *= np.float32(-(2 - 2 * blue) * blue / green)
        red_HW *= np.float32(-(2 - 2 * red) * red / green)
        np.add(blue_HW, red_HW, out=picture_HWC[..., 1])
        picture_HWC += luma_HW[..., None]
    return picture_HWC if coding.bits == FLOAT_BITS else np.clip(picture_HWC, 0, 1, out=picture_HWC)


def rgb_to_planes(picture_HWC: np.ndarray, coding: Coding, shrink: tuple[int, int] = (1, 1)) -> list[np.ndarray]:
    """Code a picture as planes; the inverse of `planes_to_rgb`.

    Args:
        picture_HWC: float32 of shape (H, W, 3). Values beyond 0 to 1 are clipped, unless the planes hold floating-point
            numbers.
        coding: what the codes mean.
        shrink: how many columns and rows share a value of chroma. It is their mean; at an odd edge, the last column or
            row counts twice.

    Returns:
        Three planes of shape (H, W) or, for chroma, (ceil(H / rows), ceil(W / columns)); uint8, uint16 or float32.
    """
    if coding.bits != FLOAT_BITS:
        picture_HWC = picture_HWC.clip(0, 1)
    if coding.matrix == "RGB":
        return [_coded(picture_HWC[..., channel], *coding.luma, coding) for channel in range(3)]
    red, blue = LUMA_WEIGHTS[coding.matrix]
    luma_HW = picture_HWC @ np.array([red, 1 - red - blue, blue], np.float32)
    planes = [_coded(luma_HW, *coding.luma, coding)]
    luma_HW = _averaged(luma_HW, *shrink)
    for channel, weight in ((2, blue), (0, red)):
        difference_HW = (_averaged(picture_HWC[..., channel], *shrink) - luma_HW) / np.float32(2 - 2 * weight)
        planes.append(_coded(difference_HW, *coding.chroma, coding))
    return planes


def alpha_from_plane(plane: np.ndarray, bits: int) -> np.ndarray:
    """Opacity in 0 to 1 from a plane, which always uses the full range."""
    return _rescaled(plane, 0.0, 1 / Coding("RGB", True, bits).white)


def alpha_to_plane(alpha_HW: np.ndarray, bits: int) -> np.ndarray:
    """The inverse of `alpha_from_plane`."""
    coding = Coding("RGB", True, bits)
    return _coded(alpha_HW.clip(0, 1), 0.0, coding.white, coding)


def _rescaled(plane: np.ndarray, offset: float, factor: float) -> np.ndarray:
    values = plane.astype(np.float32)
    values -= np.float32(offset)
    values *= np.float32(factor)
    return values


def _coded(values: np.ndarray, offset: float, size: float, coding: Coding) -> np.ndarray:
    if coding.bits == FLOAT_BITS:
        return np.ascontiguousarray(values, np.float32)
    codes = values * np.float32(size)
    codes += np.float32(offset)
    np.rint(codes, out=codes).clip(0, coding.white, out=codes)
    return codes.astype(np.uint8 if coding.bits == 8 else np.uint16)


def _enlarged(plane_HW: np.ndarray, height: int, width: int, smooth: bool) -> np.ndarray:
    if plane_HW.shape == (height, width):
        return plane_HW
    rows, columns = (-(-full // small) for full, small in zip((height, width), plane_HW.shape, strict=True))
    if not smooth:
        return plane_HW.repeat(rows, axis=0).repeat(columns, axis=1)[:height, :width]
    size = (plane_HW.shape[1] * columns, plane_HW.shape[0] * rows)
    enlarged: np.ndarray = cv2.resize(plane_HW, size, interpolation=cv2.INTER_LINEAR)[:height, :width]
    return enlarged


def _averaged(plane_HW: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """The means of blocks of columns by rows."""
    if columns == rows == 1:
        return plane_HW
    height, width = plane_HW.shape
    missing = ((0, -height % rows), (0, -width % columns))
    if missing != ((0, 0), (0, 0)):
        plane_HW = np.pad(plane_HW, missing, mode="edge")
    blocks = [plane_HW[row::rows, column::columns] for row in range(rows) for column in range(columns)]
    total = blocks[0] + blocks[1]
    for block in blocks[2:]:
        total += block
    return total * np.float32(1 / len(blocks))
