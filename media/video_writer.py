"""Writes pictures into a video file, one by one."""

import os
from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction

import av
import numpy as np
from torch import Tensor

from ..core.video.encodings import EncodedLook
from .errors import writing
from .frame_planes import to_frame

MOST_DELAY = 16  # frames by which an encoder may hold back a frame to sort it


class VideoWriter:
    """A video file at a constant frame rate. It has its final name only when it is whole."""

    def __init__(self, path: str, look: EncodedLook, width: int, height: int, fps: Fraction) -> None:
        """
        Args:
            path: of the file; its extension is that of `look.encoding`.
            look: how pictures are coded.
            width, height: of the pictures.
            fps: frames per second.

        Raises:
            InbetweenError: the file cannot be written, or the codec refuses the size.
        """
        self.path, self._look, self._size = path, look, (width, height)
        self._unfinished = f"{path}.unfinished.{look.encoding.extension}"
        self._count, self._coded, self._tick = 0, 0, 1 / fps
        with writing(path):
            self._container = av.open(self._unfinished, "w")
            try:
                stream = self._container.add_stream(look.encoding.codec, rate=fps, options=look.options)
                stream.width, stream.height, stream.pix_fmt = width, height, look.pixel_format
                context = stream.codec_context
                context.time_base = self._tick
                context.sample_aspect_ratio = look.pixel_aspect
                context.color_range = 2 if look.coding.full_range else 1
                context.colorspace, context.color_primaries = look.tags.matrix, look.tags.primaries
                context.color_trc = look.tags.transfer
                context.thread_type = "AUTO"
                context.open()
                self._container.start_encoding()
            except BaseException:
                self.discard()
                raise
        self._stream = stream

    @property
    def count(self) -> int:
        """Pictures written so far."""
        return self._count

    def write(self, picture_HWC: Tensor) -> None:
        """Append a picture of shape (H, W, 3 or 4), in 0 to 1, on any device.

        Raises:
            InbetweenError: the disk is full, or the file cannot be written.
        """
        values_HWC = np.ascontiguousarray(picture_HWC.detach().float().cpu().numpy())
        frame = to_frame(values_HWC, self._look.pixel_format, self._look.coding, self._look.tags)
        frame.pts, frame.time_base = self._count, self._tick
        with writing(self.path):
            self._mux(self._stream.encode(frame))
        self._count += 1

    def close(self) -> None:
        """Finish the file and give it its name.

        Raises:
            InbetweenError: the disk is full, or the file cannot be written.
        """
        with writing(self.path):
            self._mux(self._stream.encode(None))
            self._container.close()
            os.replace(self._unfinished, self.path)

    def _mux(self, packets: Iterable[av.Packet]) -> None:
        for packet in packets:
            if packet.dts is not None and abs(packet.dts - self._coded) > MOST_DELAY:
                # libx265 leaves it undefined in files that are shorter than its delay.
                packet.dts = self._coded - MOST_DELAY
            self._container.mux(packet)
            self._coded += 1

    def discard(self) -> None:
        """Leave nothing behind. Never raises."""
        with suppress(Exception):
            self._container.close()
        with suppress(OSError):
            os.remove(self._unfinished)
