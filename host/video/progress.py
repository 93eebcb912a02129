"""Progress of a long run: frames per second, time left, and the newest frame as a preview."""

import time

import torch
from PIL import Image
from torch import Tensor

from ..runtime import Progress, show_on_node

EVERY = 1.0  # seconds between two previews
PREVIEW_SIDE = 512


class VideoProgress:
    """Counts frames of the result. It also stops the run if the user has pressed Interrupt."""

    def __init__(self, total: int, done: int = 0) -> None:
        """
        Args:
            total: frames of the result, as far as that is known.
            done: frames that an earlier run has finished.
        """
        self._progress, self._total = Progress(total), total
        self._done = self._first = done
        self._began = self._shown = time.monotonic()
        if done:
            self._progress(done)

    def __call__(self, done: int) -> None:
        """Count `done` more frames.

        Raises:
            comfy.model_management.InterruptProcessingException: the user interrupted.
        """
        self._done += done
        self._progress(done)

    def show(self, picture_HWC: Tensor) -> None:
        """Show a finished frame, unless one was shown a moment ago."""
        now = time.monotonic()
        if now - self._shown < EVERY:
            return
        self._shown = now
        self._progress.preview(preview_image(picture_HWC), PREVIEW_SIDE)
        show_on_node(progress_text(self._done, self._total, self._done - self._first, now - self._began))


def progress_text(done: int, total: int, new: int, seconds: float) -> str:
    """Such as "240 of 1000 frames, 12.5 frames/s, 1:01 left".

    Args:
        done, total: frames of the result.
        new: frames that this run has made in `seconds`.
        seconds: how long it has run.
    """
    text = f"{done} of {max(total, done)} frames"
    if not new or seconds <= 0:
        return text
    speed = new / seconds
    left = round(max(total - done, 0) / speed)
    hours, minutes = left // 3600, left // 60 % 60
    clock = f"{hours}:{minutes:02}:{left % 60:02}" if hours else f"{minutes}:{left % 60:02}"
    return f"{text}, {speed:.3g} frames/s, {clock} left"


def preview_image(picture_HWC: Tensor) -> Image.Image:
    """A picture at the size of a preview."""
    step = max(1, -(-max(picture_HWC.shape[:2]) // PREVIEW_SIDE))
    small_HWC = picture_HWC[::step, ::step, :3].detach().float().clamp(0, 1)
    return Image.fromarray((small_HWC * 255).round().to(torch.uint8).cpu().numpy())
