"""The host's VIDEO as frames that are read one by one, and its sound."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import av
import numpy as np
import torch
from comfy_api.latest import Input, InputImpl
from torch import Tensor

from ...core.errors import InbetweenError
from ...core.video.colour import Coding
from ...core.video.encodings import BT709
from ...core.video.info import SoundTrack, VideoInfo
from ...core.video.rates import FrameTimes
from ...core.video.stream_plan import SoundSpan
from ...media.assemble import SoundSource
from ...media.errors import writing
from ...media.video_reader import Deinterlace, VideoReader

IN_MEMORY = "the video"


class TimedPicture(Protocol):
    """A frame of a video."""

    @property
    def time(self) -> Fraction:
        """When it is shown, in seconds."""
        ...

    def picture(self) -> Tensor:
        """float32 of shape (H, W, 3 or 4)."""
        ...


class ReadableVideo(Protocol):
    """A video whose frames are read one by one, as often as needed; see `media.video_reader.VideoReader`."""

    info: VideoInfo
    problems: list[str]

    def __iter__(self) -> Iterator[TimedPicture]: ...

    def times(self) -> FrameTimes:
        """When its frames are shown."""
        ...


@dataclass(frozen=True, eq=False)
class FrameInMemory:
    """A frame of a video that is already decoded."""

    time: Fraction
    frame_HWC: Tensor

    def picture(self) -> Tensor:
        """float32 of shape (H, W, 3 or 4), on the CPU."""
        return self.frame_HWC.to("cpu", torch.float32)


class FramesInMemory:
    """A video that was made of frames, as Create Video does."""

    def __init__(self, video: Input.Video) -> None:
        components = video.get_components()
        self._frames_THWC, self._rate = components.images, Fraction(components.frame_rate)
        self.audio = components.audio
        self.problems: list[str] = []
        if not len(self._frames_THWC):
            raise InbetweenError("video: it has no frames; connect one that has.")
        height, width, channels = self._frames_THWC.shape[1:]
        tracks = () if self.audio is None else (SoundTrack(0, "pcm_f32le", int(self.audio["sample_rate"]), 2),)
        bits = video.get_bit_depth() if hasattr(video, "get_bit_depth") else 8
        self.info = VideoInfo(
            IN_MEMORY,
            width,
            height,
            "",
            Coding("BT.709", False, 10 if bits > 8 else 8),
            (2, 2),
            BT709,
            channels == 4,
            rates=(self._rate,),
            tracks=tracks,
            promised=len(self._frames_THWC),
        )

    def __iter__(self) -> Iterator[FrameInMemory]:
        for number, frame_HWC in enumerate(self._frames_THWC):
            yield FrameInMemory(number / self._rate, frame_HWC)

    def times(self) -> FrameTimes:
        """Frames in memory come at a constant rate."""
        count = len(self._frames_THWC)
        return FrameTimes(Fraction(0), self._rate, True, count, count / self._rate, 1 / self._rate)


def open_video(video: Input.Video, deinterlace: Deinterlace = "no") -> VideoReader | FramesInMemory:
    """Open the host's VIDEO without decoding it.

    Raises:
        InbetweenError: its file cannot be read or contains no video.
    """
    if not isinstance(video, InputImpl.VideoFromFile):
        return FramesInMemory(video)
    start, duration = video.get_active_trim_window()
    return VideoReader(video.get_stream_source(), deinterlace, start, duration, name=video_name(video))


def video_name(video: Input.Video) -> str:
    """The name of a video's file, for errors and reports."""
    source = video.get_stream_source() if isinstance(video, InputImpl.VideoFromFile) else None
    return os.path.basename(source) if isinstance(source, str) else IN_MEMORY


@contextmanager
def sound_of(
    video: Input.Video,
    opened: VideoReader | FramesInMemory,
    times: FrameTimes,
    spans: list[SoundSpan] | None,
    folder: str,
) -> Iterator[SoundSource | None]:
    """The sound of a video; None if it has none.

    Args:
        video: the host's.
        opened: the same video, from `open_video`.
        times: of its frames.
        spans: how the sound is stretched; None keeps it.
        folder: for the sound of a video in memory, which is removed at the end.
    """
    if not opened.info.tracks:
        yield None
    elif isinstance(video, InputImpl.VideoFromFile):
        start, duration = video.get_active_trim_window()
        end = Fraction(start) + Fraction(duration) if duration else times.end if start else None
        yield SoundSource(video.get_stream_source(), opened.info.name, times.start, end, spans)
    else:
        path = os.path.join(folder, "sound.mkv")
        assert isinstance(opened, FramesInMemory)
        _write_sound(path, opened)
        try:
            yield SoundSource(path, IN_MEMORY, Fraction(0), times.end, spans)
        finally:
            os.remove(path)


def _write_sound(path: str, video: FramesInMemory) -> None:
    assert video.audio is not None
    rate = int(video.audio["sample_rate"])
    samples_CS = video.audio["waveform"][0].float().cpu().numpy()
    layout = {1: "mono", 2: "stereo", 6: "5.1"}.get(samples_CS.shape[0], "stereo")
    if samples_CS.shape[0] not in (1, 2, 6):
        samples_CS = samples_CS[[0, min(1, samples_CS.shape[0] - 1)]]
    with writing(path), av.open(path, "w") as container:
        stream = container.add_stream("pcm_f32le", rate=rate, layout=layout)
        packed = np.ascontiguousarray(samples_CS.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
