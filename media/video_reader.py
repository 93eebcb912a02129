"""Reads the frames of a video file one by one, upright, as RGB pictures with their true times."""

import io
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal, get_args

import av
import numpy as np
import torch
from torch import Tensor

from ..core.errors import InbetweenError
from ..core.limits import check_choice
from ..core.video.colour import Coding
from ..core.video.info import SoundTrack, VideoInfo
from ..core.video.rates import FrameTimes, frame_times
from .errors import reading
from .frame_planes import coding_of, has_alpha, planar_format, shrink_of, tags_of, to_picture

Source = str | io.BytesIO
Deinterlace = Literal["no", "one frame per frame", "one frame per field"]
DEINTERLACE: tuple[Deinterlace, ...] = get_args(Deinterlace)
_MODES = {"one frame per frame": "send_frame", "one frame per field": "send_field"}


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """A frame of a video.

    time: when it is shown, in seconds on the time line of the file.
    """

    time: Fraction
    _decoded: av.VideoFrame
    _coding: Coding
    _alpha: bool
    _rotation: int
    _size: tuple[int, int]  # width and height before the rotation
    _smooth: bool

    def picture(self) -> Tensor:
        """The picture: float32 of shape (H, W, 3), or (H, W, 4) with opacity, in 0 to 1, upright.

        Raises:
            InbetweenError: the frame has another size than the first.
        """
        width, height = self._size
        if (self._decoded.width, self._decoded.height) != self._size:
            raise InbetweenError(
                f"video: the frames change from {width}x{height} to {self._decoded.width}x{self._decoded.height} at "
                f"{float(self.time):.2f} s; cut the video there."
            )
        picture_HWC = to_picture(self._decoded, self._coding, self._alpha, self._smooth)
        if self._rotation:
            picture_HWC = np.rot90(picture_HWC, self._rotation // 90)
        return torch.from_numpy(np.ascontiguousarray(picture_HWC))


class VideoReader:
    """The frames of a video file. Each iteration decodes the file from its start; only one frame is in memory.

    Attributes:
        info: what is known before the frames are read.
        problems: what was wrong in the last iteration, one sentence each; frames before a broken tail are still given.
    """

    def __init__(
        self,
        source: Source,
        deinterlace: Deinterlace = "no",
        start: float = 0.0,
        duration: float = 0.0,
        smooth_chroma: bool = False,
        name: str = "",
    ) -> None:
        """
        Args:
            source: a path, or a whole file in memory.
            deinterlace: whether to make whole frames from fields with FFmpeg's bwdif: one for each frame, or one for
                each field, which doubles the frame rate.
            start: skip what comes before, in seconds.
            duration: of the part to read, in seconds; 0 reads to the end.
            smooth_chroma: see `core.video.colour.planes_to_rgb`.
            name: of the video in errors; by default that of the file.

        Raises:
            InbetweenError: the file cannot be read or contains no video.
        """
        check_choice(deinterlace, "deinterlace", DEINTERLACE)
        self._source, self._deinterlace, self._smooth = source, deinterlace, smooth_chroma
        self._start = Fraction(start)
        self._end = self._start + Fraction(duration) if duration else None
        self.name = name or (os.path.basename(source) if isinstance(source, str) else "the video")
        self.problems: list[str] = []
        with reading(self.name), opened(self._source) as container:
            stream = self._stream(container)
            first = next(self._decode(container, stream), None)
            if first is None:
                raise InbetweenError(f"video: {self.name} contains no frame that can be decoded; copy it again.")
            self._rotation = round(first.rotation / 90) * 90 % 360
            self._size = (first.width, first.height)
            self.info = self._described(container, stream, first)

    def __iter__(self) -> Iterator[VideoFrame]:
        """The frames in the order in which they are shown, each later than the one before."""
        self.problems = []
        with reading(self.name), opened(self._source) as container:
            stream = self._stream(container)
            tick = _tick(stream)
            count = repaired = damaged = 0
            last: Fraction | None = None
            usual = 1 / self.info.rates[0] if self.info.rates else Fraction(1, 25)
            for decoded in self._decode(container, stream):
                time = None if decoded.pts is None else decoded.pts * Fraction(decoded.time_base or tick)
                if time is None or (last is not None and time <= last):
                    time = self._start if last is None else last + usual
                    repaired += 1
                count, last = count + 1, time
                damaged += decoded.is_corrupt
                if self._end is not None and time >= self._end:
                    break
                if time >= self._start or not self._start:
                    yield VideoFrame(
                        time, decoded, coding_of(decoded), self.info.has_alpha, self._rotation, self._size, self._smooth
                    )
            if repaired:
                self.problems.append(f"{repaired} of {count} frames had no valid time and follow the one before")
            if damaged:
                self.problems.append(f"{damaged} of {count} frames are damaged")
            if self._is_whole and count < self.info.promised:
                self.problems.append(f"the file promises {self.info.promised} frames, but {count} could be read")

    def times(self) -> FrameTimes:
        """Find out when frames are shown, from the packets of the file; no frame is decoded.

        Raises:
            InbetweenError: the file cannot be read, or no frame is in the chosen range.
        """
        ticks: list[int] = []
        last = 0
        with reading(self.name), opened(self._source) as container:
            stream = self._stream(container)
            tick = _tick(stream)
            with suppress(av.error.FFmpegError):  # a broken tail: the frames before it count
                for packet in container.demux(stream):
                    shown = packet.dts if packet.pts is None else packet.pts
                    if shown is not None and not packet.is_discard:
                        ticks.append(shown)
                        last = packet.duration or last
        ticks = [each for each in ticks if self._is_chosen(each * tick)]
        if not ticks:
            raise InbetweenError(f"video: {self.name} has no frames in the chosen range; choose an earlier start.")
        found = frame_times(ticks, tick, self.info.rates, last)
        if self._deinterlace == "one frame per field":
            return replace(found, rate=2 * found.rate, count=2 * found.count, last=found.last / 2)
        return found

    @property
    def _is_whole(self) -> bool:
        return not self._start and self._end is None and self._deinterlace != "one frame per field"

    def _is_chosen(self, time: Fraction) -> bool:
        return (not self._start or time >= self._start) and (self._end is None or time < self._end)

    def _stream(self, container: av.container.InputContainer) -> av.VideoStream:
        """The first stream of pictures that move, ready to be decoded by several threads."""
        streams = [
            stream for stream in container.streams.video if not stream.disposition & av.stream.Disposition.attached_pic
        ]
        if not streams:
            holds = "contains only sound" if container.streams.audio else "contains no video"
            raise InbetweenError(f"video: {self.name} {holds}; choose a file with pictures.")
        if streams[0].codec_context is None:
            raise InbetweenError(
                f"video: {self.name} uses a codec that cannot be decoded, or is encrypted; convert it to H.264 first."
            )
        streams[0].thread_type = "AUTO"
        return streams[0]

    def _decode(self, container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
        """The decoded frames, with whole frames made from fields if that is chosen. What is damaged is left out."""
        if self._start:
            container.seek(int(self._start / _tick(stream)), stream=stream)
        decoder: Any = stream.codec_context
        if decoder.name.startswith("vp") and stream.metadata.get("alpha_mode") == "1":
            # FFmpeg's own decoders leave the opacity out.
            decoder = av.CodecContext.create(f"libvpx-{decoder.name}".replace("libvpx-vp8", "libvpx"), "r")
        fields = _Fields(_MODES[self._deinterlace], _tick(stream)) if self._deinterlace != "no" else None
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except av.error.FFmpegError as error:
                self.problems.append(f"the file breaks off: {error.strerror}")
                break
            try:
                frames = decoder.decode(packet if packet.size else None)
            except av.error.InvalidDataError:
                continue
            for frame in frames:
                yield from fields.whole(frame) if fields else (frame,)
        if fields:
            yield from fields.whole(None)

    def _described(
        self, container: av.container.InputContainer, stream: av.VideoStream, first: av.VideoFrame
    ) -> VideoInfo:
        sideways = self._rotation % 180 != 0
        width, height = self._size[::-1] if sideways else self._size
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        found = (stream.average_rate, stream.guessed_rate, stream.base_rate)
        tracks = tuple(
            SoundTrack(number, each.codec_context.name, each.sample_rate, each.channels, each.language or "")
            for number, each in enumerate(container.streams.audio)
            if each.codec_context is not None
        )
        return VideoInfo(
            self.name,
            width,
            height,
            planar_format(first),
            coding_of(first),
            shrink_of(first),
            tags_of(first),
            has_alpha(first),
            1 / aspect if sideways else aspect,
            self._rotation,
            bool(first.interlaced_frame) and self._deinterlace == "no",
            tuple(Fraction(rate) for rate in found if rate),
            tracks,
            stream.frames,
        )


def opened(source: Source) -> av.container.InputContainer:
    """Open a file for reading. A file in memory can be opened several times at once."""
    return av.open(source if isinstance(source, str) else io.BytesIO(source.getvalue()), mode="r")


def _tick(stream: av.VideoStream) -> Fraction:
    """The unit in which a stream counts time, in seconds."""
    return Fraction(stream.time_base or Fraction(1, 1000))


class _Fields:
    """FFmpeg's bwdif filter: makes whole frames from the fields of interlaced ones."""

    def __init__(self, mode: str, tick: Fraction) -> None:
        self._mode, self._tick = mode, tick
        self._graph: av.filter.Graph | None = None

    def whole(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """Put in a frame, or None at the end; gives the frames that are ready."""
        if self._graph is None:
            if frame is None:
                return
            self._graph = av.filter.Graph()
            self._graph.link_nodes(
                self._graph.add_buffer(
                    width=frame.width, height=frame.height, format=frame.format, time_base=self._tick
                ),
                self._graph.add("bwdif", f"mode={self._mode}:parity=auto:deint=all"),
                self._graph.add("buffersink"),
            ).configure()
        self._graph.vpush(frame)
        while True:
            try:
                yield self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
