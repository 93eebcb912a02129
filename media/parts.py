"""Writes pictures into parts, each of which is a closed file and an entry of the journal."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from torch import Tensor

from ..core.video.encodings import EncodedLook
from .journal import Journal
from .video_writer import VideoWriter


@dataclass(frozen=True)
class PartEnd:
    """Ends a part after the pictures before it.

    told: what a report says about them; it can be written as JSON.
    """

    told: tuple[Any, ...] = ()


class PartsWriter:
    """Takes pictures and ends of parts, in order."""

    def __init__(
        self, journal: Journal, look: EncodedLook, width: int, height: int, fps: Fraction, ended: Callable[[], None]
    ) -> None:
        """
        Args:
            journal: where finished parts are written down.
            look, width, height, fps: see `VideoWriter`.
            ended: called after each part; it may raise to stop the work.
        """
        self._journal, self._look, self._size, self._fps, self._ended = journal, look, (width, height), fps, ended
        self._writer: VideoWriter | None = None

    def write(self, item: Tensor | PartEnd) -> None:
        """Write a picture of shape (H, W, 3 or 4), or end a part.

        Raises:
            InbetweenError: the disk is full, or the codec refuses the pictures.
        """
        if isinstance(item, Tensor):
            if self._writer is None:
                path = self._journal.path(self._look.encoding.extension)
                self._writer = VideoWriter(path, self._look, *self._size, self._fps)
            self._writer.write(item)
        elif self._writer is not None:
            self._writer.close()
            self._journal.add(self._writer.path, self._writer.count, item.told)
            self._writer = None
            self._ended()

    def discard(self) -> None:
        """Leave out a part that has not ended. Never raises."""
        if self._writer is not None:
            self._writer.discard()
            self._writer = None
