"""The contact sheet: numbered frames of a clip in a grid, with keyframes outlined."""

import math
from collections.abc import Collection, Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from ..errors import InbetweenError
from ..limits import check_between
from ..pictures.alpha import FramesWithAlpha, fitting_transparency, has_alpha, premultiplied
from ..pictures.images import LARGEST_SIDE, check_frames
from ..pictures.resize import resized

BACKGROUND = (28, 28, 31)
TEXT = (217, 217, 217)
KEYFRAME = (255, 184, 38)
GAP = 6  # pixels around each picture
SQUARE, SQUARES = 8, (0.4, 0.6)  # pixels, and greys, of the chequerboard behind pictures with alpha
CAPTION = 20  # pixels below each picture


def choose_frames(frame_count: int, most: int, always: Collection[int] = ()) -> list[int]:
    """Choose at most `most` frame numbers, ascending: the first, the last and `always` first, then others, evenly.

    Args:
        frame_count: length of the clip.
        most: 2 or more.
        always: frame numbers in 0..frame_count - 1 to include; thinned out evenly if there are too many.
    """
    if frame_count <= most:
        return list(range(frame_count))
    preferred = sorted({0, frame_count - 1, *always})
    if len(preferred) > most:
        return [preferred[number] for number in _evenly(len(preferred), most)]
    others = [frame for frame in range(frame_count) if frame not in set(preferred)]
    return sorted([*preferred, *(others[number] for number in _evenly(len(others), most - len(preferred)))])


def contact_sheet(
    frames_THWC: Tensor,
    keyframes: Collection[int] = (),
    columns: int = 0,
    thumbnail_width: int = 240,
    most_frames: int = 64,
    transparency_THW: Tensor | None = None,
) -> Tensor:
    """Draw the sheet.

    Args:
        frames_THWC: the clip in [0, 1], RGB or RGB with alpha.
        keyframes: frame numbers to mark.
        columns: pictures per row; 0 chooses a grid with about the shape of a screen.
        thumbnail_width: width of a picture in pixels.
        most_frames: most pictures to show; see `choose_frames`.
        transparency_THW: 1 - alpha of a clip whose alpha came apart; see `fitting_transparency`. What is transparent is
            shown on a chequerboard.

    Returns:
        One image of shape (1, H, W, 3), float32 in [0, 1], in steps of 1/255.

    Raises:
        InbetweenError: the sheet would be larger than 16384 pixels on a side, or a number is out of range.
    """
    check_frames(frames_THWC, "images", alpha=True)
    frames: Sequence[Tensor] | Tensor = frames_THWC
    if transparency_THW is not None:
        masks_THW = fitting_transparency(transparency_THW, frames_THWC[0], len(frames_THWC), "images")
        frames = FramesWithAlpha(frames_THWC, masks_THW)
    check_between(columns, "columns", 0, None)
    check_between(thumbnail_width, "thumbnail_width", 1, LARGEST_SIDE)
    check_between(most_frames, "most_frames", 2, None)
    shown = choose_frames(frames_THWC.shape[0], most_frames, [frame for frame in keyframes if frame < len(frames_THWC)])
    thumbnail_height = max(1, round(thumbnail_width * frames_THWC.shape[1] / frames_THWC.shape[2]))
    cell_width, cell_height = thumbnail_width + 2 * GAP, thumbnail_height + 2 * GAP + CAPTION
    columns = min(columns or _columns(len(shown), cell_width, cell_height), len(shown))
    rows = math.ceil(len(shown) / columns)
    width, height = columns * cell_width, rows * cell_height
    if max(width, height) > LARGEST_SIDE:
        raise InbetweenError(
            f"the sheet would be {width}x{height}, more than {LARGEST_SIDE} on a side; "
            "lower thumbnail_width or most_frames, or change columns."
        )
    sheet_HWC = np.full((height, width, 3), BACKGROUND, dtype=np.uint8)  # OpenCV draws text on bytes only
    for place, frame in enumerate(shown):
        left, top = place % columns * cell_width + GAP, place // columns * cell_height + GAP
        if frame in keyframes:
            corner = (left + thumbnail_width + 2, top + thumbnail_height + 2)
            cv2.rectangle(sheet_HWC, (left - 3, top - 3), corner, KEYFRAME, thickness=3)
        sheet_HWC[top : top + thumbnail_height, left : left + thumbnail_width] = _thumbnail(
            frames[frame], thumbnail_height, thumbnail_width
        )
        label = f"{frame} key" if frame in keyframes else f"{frame}"
        colour = KEYFRAME if frame in keyframes else TEXT
        origin = (left, top + thumbnail_height + CAPTION - 3)
        cv2.putText(sheet_HWC, label, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
    return torch.from_numpy(sheet_HWC).unsqueeze(0) / 255.0


def _evenly(count: int, chosen: int) -> list[int]:
    """Choose `chosen` different numbers from 0..count - 1, evenly spaced."""
    return [(2 * number + 1) * count // (2 * chosen) for number in range(chosen)]


def _columns(count: int, cell_width: int, cell_height: int) -> int:
    return max(1, min(count, round(math.sqrt(count * cell_height / cell_width * 16 / 9))))


def _chequerboard(height: int, width: int) -> Tensor:
    """Grey of shape (height, width, 1), in squares of two kinds, as image editors show what is transparent."""
    odd_HW = (torch.arange(height)[:, None] // SQUARE + torch.arange(width) // SQUARE) % 2
    return torch.where(odd_HW > 0, *SQUARES)[..., None]


def _thumbnail(frame_HWC: Tensor, height: int, width: int) -> np.ndarray:
    small_HWC = resized(premultiplied(frame_HWC.cpu())[None], height, width, "bilinear")[0]
    if has_alpha(small_HWC):
        small_HWC = small_HWC[..., :3] + (1 - small_HWC[..., 3:]) * _chequerboard(height, width)
    return small_HWC.mul(255.0).round().clamp(0, 255).to(torch.uint8).numpy()
