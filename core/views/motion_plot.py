"""The motion plot: motion, flicker and colour step of a clip over its frames, with jumps and stops marked."""

from collections.abc import Collection, Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from ..flow.clip_motion import Motion
from ..limits import check_between
from ..pictures.images import LARGEST_SIDE
from .contact_sheet import BACKGROUND, KEYFRAME, TEXT

PANEL = (40, 40, 44)
GRID = (62, 62, 68)
CURVE = (120, 180, 240)
JUMP = (255, 77, 77)
STOP = (92, 214, 150)
FONT = cv2.FONT_HERSHEY_SIMPLEX
MOST_TICKS = 12
SMALLEST_WIDTH, SMALLEST_HEIGHT = 320, 240


def motion_plot(motion: Motion, keyframes: Collection[int] = (), width: int = 1200, height: int = 720) -> Tensor:
    """Draw the plot.

    Args:
        motion: from `measure_motion`.
        keyframes: frame numbers to mark.
        width, height: size of the picture in pixels; raised to 320x240 if smaller, and at most 16384 each.

    Returns:
        One image of shape (1, H, W, 3), float32 in [0, 1].

    Raises:
        InbetweenError: width or height is above 16384.
    """
    check_between(width, "width", None, LARGEST_SIDE)
    check_between(height, "height", None, LARGEST_SIDE)
    width, height = max(width, SMALLEST_WIDTH), max(height, SMALLEST_HEIGHT)
    plot_HWC = np.full((height, width, 3), BACKGROUND, dtype=np.uint8)
    size = min(width / 1200, height / 720)
    margin, foot, gap = round(70 * size), round(56 * size), round(40 * size)
    panel_height = (height - foot - 3 * gap) // 3
    count = len(motion.motion)
    columns = np.linspace(margin + 8 * size, width - 16 * size, count).round().astype(int)
    panels = (
        ("motion, px from the frame before", motion.motion, motion.motion_jumps, range(1, count)),
        ("flicker, luma 0 to 1", motion.flicker, motion.flicker_jumps, range(1, count - 1)),
        ("colour step from the frame before, OKLab", motion.colour, motion.colour_jumps, range(1, count)),
    )
    for number, (title, values, jumps, frames) in enumerate(panels):
        top = gap + number * (panel_height + gap)
        box = (margin, top, width - round(8 * size), top + panel_height)
        cv2.rectangle(plot_HWC, box[:2], box[2:], PANEL, cv2.FILLED)
        _write(plot_HWC, title, (margin, top - round(10 * size)), 0.55 * size, TEXT)
        _draw_marks(plot_HWC, columns, box, [frame for frame in keyframes if 0 <= frame < count], motion.jumps, size)
        _draw_curve(plot_HWC, columns, box, values, frames, jumps, motion.stops if number == 0 else (), size)
    _write_frame_numbers(plot_HWC, columns, motion.jumps, motion.stops, size)
    _write_legend(plot_HWC, bool(motion.stops), bool(keyframes), size)
    return torch.from_numpy(plot_HWC).unsqueeze(0) / 255.0


def tick_step(largest: float, most: int) -> float:
    """The smallest step of 1, 2 or 5 times a power of ten that reaches `largest`, above 0, in at most `most` steps."""
    power = 10.0 ** np.floor(np.log10(largest / most))
    return float(next(power * factor for factor in (1, 2, 5, 10) if power * factor * most >= largest * (1 - 1e-9)))


def _draw_marks(
    plot_HWC: np.ndarray,
    columns: np.ndarray,
    box: tuple[int, int, int, int],
    keyframes: Sequence[int],
    jumps: Sequence[int],
    size: float,
) -> None:
    """Draw bands at jumps, in every panel so that they line up, and lines at keyframes."""
    _, top, _, bottom = box
    step = columns[1] - columns[0]
    for frame in jumps:
        half = max(round(3 * size), min(step // 2, round(10 * size)))
        band_HWC = plot_HWC[top : bottom + 1, columns[frame] - half : columns[frame] + half + 1]
        band_HWC[:] = (0.65 * band_HWC + 0.35 * np.array(JUMP)).astype(np.uint8)
    for frame in keyframes:
        cv2.line(plot_HWC, (int(columns[frame]), top), (int(columns[frame]), bottom), KEYFRAME, max(1, round(size)))


def _draw_curve(
    plot_HWC: np.ndarray,
    columns: np.ndarray,
    box: tuple[int, int, int, int],
    values: Sequence[float],
    frames: range,
    jumps: Sequence[int],
    stops: Sequence[int],
    size: float,
) -> None:
    """Draw one curve over the frames that have a value, with its scale, and dots at jumps and stops."""
    left, top, right, bottom = box
    largest = max(*values, 1e-6)
    step = tick_step(largest, 4)
    full = largest * 1.08
    for number in range(int(largest / step) + 1):
        row = round(bottom - number * step / full * (bottom - top))
        cv2.line(plot_HWC, (left, row), (right, row), GRID, 1)
        label = f"{number * step:.6g}" if step >= 1e-4 else f"{number * step:.0e}"
        (label_width, _), _ = cv2.getTextSize(label, FONT, 0.45 * size, 1)
        _write(plot_HWC, label, (left - label_width - round(8 * size), row + round(5 * size)), 0.45 * size, TEXT)
    rows = (bottom - np.array(values) / full * (bottom - top)).round().astype(int)
    points = np.stack([columns, rows], axis=1)[frames.start : frames.stop]
    if len(points):
        cv2.polylines(plot_HWC, [points], False, CURVE, max(1, round(2 * size)), cv2.LINE_AA)
    for point in points if len(points) <= 80 else ():
        cv2.circle(plot_HWC, tuple(map(int, point)), max(1, round(2.5 * size)), CURVE, cv2.FILLED, cv2.LINE_AA)
    for frames_marked, colour, radius in ((stops, STOP, 5), (jumps, JUMP, 7)):
        for frame in frames_marked:
            centre = (int(columns[frame]), int(rows[frame]))
            cv2.circle(plot_HWC, centre, max(3, round(radius * size)), colour, cv2.FILLED, cv2.LINE_AA)


def _write_frame_numbers(
    plot_HWC: np.ndarray, columns: np.ndarray, jumps: Sequence[int], stops: Sequence[int], size: float
) -> None:
    """Write frame numbers below the plot: jumps and stops in their own colours, round numbers where there is room."""
    count = len(columns)
    row = plot_HWC.shape[0] - round(34 * size)
    step = max(1, round(tick_step(max(count - 1, 1), MOST_TICKS)))
    taken: list[tuple[int, int]] = []
    for frames, colour in ((jumps, JUMP), (stops, STOP), (range(0, count, step), TEXT)):
        for frame in frames:
            (label_width, _), _ = cv2.getTextSize(str(frame), FONT, 0.5 * size, 1)
            left = int(columns[frame]) - label_width // 2
            if all(left > end or left + label_width < begin for begin, end in taken):
                _write(plot_HWC, str(frame), (left, row), 0.5 * size, colour)
                taken.append((left - round(6 * size), left + label_width + round(6 * size)))


def _write_legend(plot_HWC: np.ndarray, with_stops: bool, with_keyframes: bool, size: float) -> None:
    left, row = round(70 * size), plot_HWC.shape[0] - round(11 * size)
    optional = (("stop", STOP),) * with_stops + (("keyframe", KEYFRAME),) * with_keyframes
    for text, colour in (("frame number", TEXT), ("jump", JUMP), *optional):
        _write(plot_HWC, text, (left, row), 0.5 * size, colour)
        (text_width, _), _ = cv2.getTextSize(text, FONT, 0.5 * size, 1)
        left += text_width + round(24 * size)


def _write(plot_HWC: np.ndarray, text: str, origin: tuple[int, int], size: float, colour: tuple[int, int, int]) -> None:
    cv2.putText(plot_HWC, text, origin, FONT, size, colour, 1, cv2.LINE_AA)
