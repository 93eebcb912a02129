"""Frames of PyAV as RGB pictures, and back."""

import re
from fractions import Fraction

import av
import numpy as np

from ..core.video.colour import (
    FLOAT_BITS,
    Coding,
    Matrix,
    alpha_from_plane,
    alpha_to_plane,
    guessed_matrix,
    planes_to_rgb,
    rgb_to_planes,
)
from ..core.video.info import ColourTags

MATRICES: dict[int, Matrix] = {
    0: "RGB",
    1: "BT.709",
    4: "FCC",
    5: "BT.601",
    6: "BT.601",
    7: "SMPTE 240M",
    9: "BT.2020",
    10: "BT.2020",
}
FULL_RANGE = 2  # AVCOL_RANGE_JPEG
# Formats whose planes are read as they are; all others are first rearranged without a change of their values.
_PLANAR = re.compile(r"(yuva?j?4(20|22|44|40|11|10)p(\d+le)?|gbra?p(f32le|\d+le)?|gray(f32le|\d+le)?)")


def planar_format(frame: av.VideoFrame) -> str:
    """The format with planes to which the format of a frame is rearranged; the same if it has planes already."""
    found = frame.format
    if _PLANAR.fullmatch(found.name):
        return str(found.name)
    is_float = "f32" in found.name or "f16" in found.name
    bits = max((component.bits for component in found.components), default=8)
    alpha = found.name == "pal8" or any(component.is_alpha for component in found.components)
    if found.is_rgb or found.name == "pal8" or found.has_palette or "bayer" in found.name:
        depth = "f32le" if is_float else "" if bits <= 8 else "16le"
        return f"gbr{'a' * alpha}p{depth}"
    if len(found.components) - alpha == 1:
        depth = "f32le" if is_float else "" if bits <= 8 else "16le"
        return f"gbrap{depth}" if alpha else f"gray{depth}"
    columns, rows = _shrink(frame)
    sub = {(1, 1): "444", (2, 1): "422", (2, 2): "420", (1, 2): "440", (4, 1): "411", (4, 4): "410"}[columns, rows]
    return f"yuv{'a' * alpha}{sub}p{'' if bits <= 8 else f'{bits}le'}"


def coding_of(frame: av.VideoFrame) -> Coding:
    """How the planes of a frame code its colour, after `planar_format`."""
    name = planar_format(frame)
    is_float = "f32" in name
    depth = re.search(r"p(\d+)le|gray(\d+)le", name)
    bits = FLOAT_BITS if is_float else int(depth[1] or depth[2]) if depth else 8
    if name.startswith(("gbr", "gray")):
        return Coding("RGB", int(frame.color_range) != 1, bits)
    named = MATRICES.get(int(frame.colorspace))
    matrix = named if named not in (None, "RGB") else guessed_matrix(frame.height)
    return Coding(matrix, name.startswith("yuvj") or int(frame.color_range) == FULL_RANGE, bits)


def tags_of(frame: av.VideoFrame) -> ColourTags:
    """What a frame says about its colour."""
    full = "yuvj" in frame.format.name or int(frame.color_range) == FULL_RANGE
    return ColourTags(int(frame.color_primaries), int(frame.color_trc), int(frame.colorspace), full)


def shrink_of(frame: av.VideoFrame) -> tuple[int, int]:
    """How many columns and rows of a frame share a value of chroma."""
    return _shrink(frame) if not planar_format(frame).startswith(("gbr", "gray")) else (1, 1)


def has_alpha(frame: av.VideoFrame) -> bool:
    """Whether a frame has an opacity."""
    return planar_format(frame).startswith(("yuva", "gbrap"))


def to_picture(frame: av.VideoFrame, coding: Coding, alpha: bool, smooth_chroma: bool = False) -> np.ndarray:
    """The picture of a frame.

    Args:
        frame: as decoded.
        coding: from `coding_of`.
        alpha: whether to give the opacity, too; a frame without one is opaque.
        smooth_chroma: see `planes_to_rgb`.

    Returns:
        float32 of shape (H, W, 3 or 4), in 0 to 1; frames of floating-point numbers keep values beyond.
    """
    name = planar_format(frame)
    if frame.format.name != name:
        frame = frame.reformat(format=name)
    planes = [_values(frame, number) for number in range(len(frame.planes))]
    if name.startswith("gbr"):
        planes[:3] = [planes[2], planes[0], planes[1]]
    picture_HWC = planes_to_rgb(planes[: 1 if name.startswith("gray") else 3], coding, smooth_chroma)
    if not alpha:
        return picture_HWC
    opaque = len(planes) < 4
    alpha_HW = np.ones(picture_HWC.shape[:2], np.float32) if opaque else alpha_from_plane(planes[3], coding.bits)
    return np.concatenate((picture_HWC, alpha_HW[..., None]), axis=2)


def to_frame(picture_HWC: np.ndarray, pixel_format: str, coding: Coding, tags: ColourTags) -> av.VideoFrame:
    """A frame for an encoder.

    Args:
        picture_HWC: float32 of shape (H, W, 3 or 4).
        pixel_format: a format with planes: yuv, yuva, gbrp or gbrap of some depth.
        coding: what its codes mean.
        tags: what the frame says about its colour.
    """
    height, width = picture_HWC.shape[:2]
    frame = av.VideoFrame(width, height, pixel_format)
    planes = rgb_to_planes(picture_HWC[..., :3], coding, _shrink(frame) if coding.matrix != "RGB" else (1, 1))
    if coding.matrix == "RGB":
        planes = [planes[1], planes[2], planes[0]]
    if has_alpha(frame):
        opaque = np.ones((height, width), np.float32)
        planes.append(alpha_to_plane(picture_HWC[..., 3] if picture_HWC.shape[2] == 4 else opaque, coding.bits))
    for plane, values in zip(frame.planes, planes, strict=True):
        row = plane.line_size // values.itemsize
        padded = np.zeros((plane.buffer_size // plane.line_size, row), values.dtype)
        padded[: values.shape[0], : values.shape[1]] = values
        plane.update(padded.tobytes())
    frame.color_range = FULL_RANGE if coding.full_range else 1
    frame.colorspace, frame.color_primaries, frame.color_trc = tags.matrix, tags.primaries, tags.transfer
    frame.time_base = Fraction(1)
    return frame


def _shrink(frame: av.VideoFrame) -> tuple[int, int]:
    side = 1024  # any number that all subsampling divides
    return side // frame.format.chroma_width(side), side // frame.format.chroma_height(side)


def _values(frame: av.VideoFrame, number: int) -> np.ndarray:
    """The values of a plane without the filling at the end of its rows."""
    plane = frame.planes[number]
    name = frame.format.name
    dtype = np.float32 if "f32" in name else np.uint16 if name.endswith("le") else np.uint8
    values = np.frombuffer(memoryview(plane), dtype)  # type: ignore[arg-type]
    row = plane.line_size // np.dtype(dtype).itemsize
    return values[: plane.height * row].reshape(plane.height, row)[:, : plane.width]
