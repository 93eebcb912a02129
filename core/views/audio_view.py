"""A picture of sound, frames, latent frames, and the sound that each latent frame uses, on one time axis."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from ..limits import check_between
from ..pictures.images import LARGEST_SIDE
from ..reports import report_text
from ..sound.timing import Span
from ..sound.waveforms import SILENT, Sound, clip_warnings, cut, sound_of
from ..sound.windows import WindowRule
from ..timing.frame_counts import check_frame_count
from .contact_sheet import BACKGROUND, KEYFRAME, TEXT
from .motion_plot import CURVE, FONT, GRID, PANEL, tick_step

BOX, HEARD = (78, 78, 86), (240, 180, 90)
SMALLEST_WIDTH, SMALLEST_HEIGHT = 480, 360
_TICKS = 14
_LANES = 4  # the stretches of neighbouring latent frames overlap, so they are drawn in separate rows


def describe_audio(
    audio: Mapping[str, Any],
    span: Span,
    windows: WindowRule,
    name: str,
    keyframes: Collection[int],
    size: tuple[int, int],
) -> tuple[Tensor, str]:
    """Draw the sound that a clip uses, and report on it.

    Args:
        audio: the host's AUDIO.
        span: the clip's stretch of the audio.
        windows: the window rule of the audio adapter.
        name: name of the audio adapter, for the report.
        keyframes: frame numbers to mark.
        size: width and height of the picture in pixels.

    Raises:
        InbetweenError: the length of the clip breaks the frame rule (4n+1 for Wan), or the clip lies outside the audio.
    """
    check_frame_count(span.frame_count, span.grid.rule)
    sound = sound_of(audio)
    warnings = clip_warnings(sound, span)
    stretches = windows.stretches(span)
    line = (
        f"{span.frame_count} frames at {float(span.fps):g} fps, {len(stretches)} latent frames for {name}, "
        f"starting at {float(span.start):.4g} s of the audio."
    )
    return audio_view(sound, span, stretches, keyframes, *size), report_text([line], warnings)


def audio_view(
    sound: Sound,
    span: Span,
    stretches: Sequence[tuple[float, float]],
    keyframes: Collection[int] = (),
    width: int = 1400,
    height: int = 620,
) -> Tensor:
    """Draw the picture.

    Args:
        sound: the sound that contains the span.
        span: the clip's stretch of the sound.
        stretches: start and end of the sound that each latent frame uses, in seconds from frame 0.
        keyframes: frame numbers to mark.
        width, height: size of the picture in pixels; raised to 480x360 if smaller, and at most 16384 each.

    Returns:
        One image of shape (1, H, W, 3), float32 in [0, 1].

    Raises:
        InbetweenError: width or height is above 16384.
    """
    check_between(width, "width", None, LARGEST_SIDE)
    check_between(height, "height", None, LARGEST_SIDE)
    width, height = max(width, SMALLEST_WIDTH), max(height, SMALLEST_HEIGHT)
    view = _View(np.full((height, width, 3), BACKGROUND, dtype=np.uint8), span)
    view.draw_wave(cut(sound, span.start, span.seconds), round(0.07 * height), round(0.42 * height))
    view.draw_frames(keyframes, round(0.55 * height), round(0.60 * height))
    view.draw_latent_frames(stretches, round(0.72 * height), round(0.98 * height))
    return torch.from_numpy(view.picture_HWC).unsqueeze(0) / 255.0


@dataclass(frozen=True, eq=False)
class _View:
    """The picture, and the time axis that all its parts share."""

    picture_HWC: np.ndarray
    span: Span

    @property
    def size(self) -> float:
        """Scale of text and margins, relative to a picture of 1400x620."""
        height, width, _ = self.picture_HWC.shape
        return min(width / 1400, height / 620)

    @property
    def sides(self) -> tuple[int, int]:
        """The first and the last column of the axis."""
        margin = round(20 * self.size)
        return margin, self.picture_HWC.shape[1] - margin

    def column(self, seconds: float) -> int:
        """The column of a time in seconds from frame 0."""
        left, right = self.sides
        return round(left + min(max(seconds / float(self.span.seconds), 0.0), 1.0) * (right - left))

    def write(self, text: str, column: int, row: int, colour: tuple[int, int, int] = TEXT, scale: float = 0.5) -> None:
        """Write text just above a row."""
        place = (column, row - round(8 * self.size))
        cv2.putText(self.picture_HWC, text, place, FONT, scale * self.size, colour, 1, cv2.LINE_AA)

    def draw_wave(self, sound: Sound, top: int, bottom: int) -> None:
        """Draw the range of samples in each column, scaled so that the loudest comes near the edge; seconds below."""
        left, right = self.sides
        cv2.rectangle(self.picture_HWC, (left, top), (right, bottom), PANEL, cv2.FILLED)
        start, seconds = float(self.span.start), float(self.span.seconds)
        step = tick_step(seconds, _TICKS)
        for number in range(int(np.ceil(start / step)), int((start + seconds) / step) + 1):
            column = self.column(number * step - start)
            cv2.line(self.picture_HWC, (column, top), (column, bottom), GRID, 1)
            self.write(f"{number * step:.6g}", column, bottom + round(26 * self.size), scale=0.45)
        wave = sound.waveform_CT.mean(dim=0).cpu().numpy()
        edges = np.linspace(0, len(wave), right - left + 1).astype(int)
        middle, half = (top + bottom) / 2, (bottom - top) * 0.48
        loudest = max(float(np.abs(wave).max(initial=0)), SILENT)
        for number, (first, end) in enumerate(pairwise(edges)):
            part = wave[first : max(end, first + 1)] / loudest
            if not len(part):
                break  # less than one sample in the whole clip
            rows = [round(middle - half * float(value)) for value in (part.max(), part.min())]
            cv2.line(self.picture_HWC, (left + number, rows[0]), (left + number, rows[1]), CURVE, 1)
        self.write("sound, in seconds of the audio", left, top)

    def draw_frames(self, keyframes: Collection[int], top: int, bottom: int) -> None:
        """Draw a box for each frame, keyframes in their own colour; frame numbers below."""
        count, fps = self.span.frame_count, float(self.span.fps)
        step = max(1, round(tick_step(max(count - 1, 1), _TICKS)))
        for frame in range(count):
            left, right = self.column(frame / fps), self.column((frame + 1) / fps)
            colour = KEYFRAME if frame in keyframes else (PANEL if frame % 2 else BOX)
            cv2.rectangle(self.picture_HWC, (left, top), (right - 1, bottom), colour, cv2.FILLED)
            if frame % step == 0:
                self.write(str(frame), left, bottom + round(26 * self.size), scale=0.45)
        marked = ", keyframes marked" if keyframes else ""
        self.write(f"{count} frames at {fps:g} fps{marked}", self.sides[0], top)

    def draw_latent_frames(self, stretches: Sequence[tuple[float, float]], top: int, bottom: int) -> None:
        """Draw a box for each latent frame, and below it a bar over the sound that it uses."""
        fps = float(self.span.fps)
        lane = (bottom - top) // (_LANES + 2)
        for latent_frame in range(self.span.latent_frames):
            frames = self.span.grid.frames_of(latent_frame)
            left, right = self.column(frames.start / fps), self.column(frames.stop / fps)
            shade = PANEL if latent_frame % 2 else BOX
            cv2.rectangle(self.picture_HWC, (left, top), (right - 1, top + lane), shade, cv2.FILLED)
        for latent_frame, (start, end) in enumerate(stretches):
            row = top + (2 + latent_frame % _LANES) * lane
            place = (self.column(start), row + lane // 4), (self.column(end), row + lane // 4 * 3)
            cv2.rectangle(self.picture_HWC, *place, HEARD, cv2.FILLED)
            self.write(str(latent_frame), place[0][0] + 2, place[1][1] + round(6 * self.size), PANEL, 0.4)
        self.write("latent frames, and below them the sound that each one uses", self.sides[0], top)
