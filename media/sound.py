"""Sound of a video: decoded in pieces, stretched with its pitch kept, and brought to an exact length."""

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import av
import numpy as np

from ..core.video.stream_plan import SoundSpan
from .errors import reading
from .video_reader import Source, opened

PIECE = 4096  # samples that are passed on together
MOST_TEMPO, LEAST_TEMPO = Fraction(2), Fraction(1, 2)  # of one atempo filter; beyond, several follow each other


def sound_pieces(source: Source, track: int, start: Fraction, end: Fraction | None, name: str) -> Iterator[np.ndarray]:
    """Decode a track of sound piece by piece.

    Args:
        source: a path, or a whole file in memory.
        track: its number among the tracks of sound.
        start: when the first sample is heard, in seconds on the time line of the file. Silence is put before sound
            that begins later.
        end: where to stop; None for the end of the track.
        name: of the file, for errors.

    Yields:
        float32 of shape (channels, samples) at the rate of the track.
    """
    with reading(name), opened(source) as container:
        stream = container.streams.audio[track]
        rate = stream.sample_rate
        resampler = av.AudioResampler(format="fltp", layout=layout_of(stream), rate=rate)
        position: int | None = None  # in samples after `start`
        most = None if end is None else round((end - start) * rate)
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue
            for frame in frames:
                if position is None:
                    begins = Fraction(0) if frame.pts is None else frame.pts * Fraction(frame.time_base or 1)
                    position = round((begins - start) * rate)
                    if position > 0:
                        yield np.zeros((stream.channels, position), np.float32)
                for part in resampler.resample(frame):
                    values = part.to_ndarray()
                    first = max(0, -position)
                    last = values.shape[1] if most is None else max(0, min(values.shape[1], most - position))
                    if first < last:
                        yield values[:, first:last]
                    position += values.shape[1]
            if most is not None and position is not None and position >= most:
                return


def layout_of(stream: av.AudioStream) -> str:
    """The layout of the channels of a track, in FFmpeg's words; the usual one where the file names none."""
    name = str(stream.layout.name)
    return {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}.get(stream.channels, name) if "channels" in name else name


def stretched(pieces: Iterable[np.ndarray], spans: Sequence[SoundSpan], rate: int, layout: str) -> Iterator[np.ndarray]:
    """Play stretches of sound faster or slower with FFmpeg's atempo, which keeps the pitch.

    Args:
        pieces: from `sound_pieces`.
        spans: the stretches, which follow each other; sound after the last one is left out.
        rate: samples per second.
        layout: of the channels, in FFmpeg's words.

    Yields:
        float32 of shape (channels, samples); each span ends at its exact sample, padded with silence if need be.
    """
    source = _Taken(pieces)
    ends = emitted = 0
    played = Fraction(0)
    for span in spans:
        begins, ends = ends, round(span.end * rate)
        played += span.length
        missing = round(played * rate) - emitted
        tempo = (span.end - span.start) / span.length
        for piece in _played(source.take(ends - begins), tempo, rate, layout):
            piece = piece[:, :missing]
            if piece.shape[1]:
                yield piece
                emitted, missing = emitted + piece.shape[1], missing - piece.shape[1]
        if missing and source.channels:
            yield np.zeros((source.channels, missing), np.float32)
            emitted += missing


def _played(pieces: Iterator[np.ndarray], tempo: Fraction, rate: int, layout: str) -> Iterator[np.ndarray]:
    if tempo == 1:
        yield from pieces
        return
    graph = av.filter.Graph()
    first = graph.add_abuffer(format="fltp", sample_rate=rate, layout=layout, time_base=Fraction(1, rate))
    filters = [graph.add("atempo", f"tempo={float(each):.9f}") for each in _tempos(tempo)]
    graph.link_nodes(first, *filters, graph.add("aformat", "sample_fmts=fltp"), graph.add("abuffersink")).configure()
    position = 0
    for piece in pieces:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, position, Fraction(1, rate)
        position += piece.shape[1]
        graph.push(frame)
        yield from _pulled(graph)
    graph.push(None)
    yield from _pulled(graph)


def _pulled(graph: av.filter.Graph) -> Iterator[np.ndarray]:
    while True:
        try:
            yield graph.pull().to_ndarray()
        except (av.error.BlockingIOError, av.error.EOFError):
            return


def _tempos(tempo: Fraction) -> list[float]:
    """Equal tempos, each within the limits of one filter, whose product is the tempo."""
    count = max(1, math.ceil(abs(math.log2(float(tempo))) - 1e-9))
    return [float(tempo) ** (1 / count)] * count


class _Taken:
    """Takes numbers of samples from pieces of any length."""

    def __init__(self, pieces: Iterable[np.ndarray]) -> None:
        self._pieces = iter(pieces)
        self._rest: np.ndarray | None = None
        self.channels = 0

    def take(self, samples: int) -> Iterator[np.ndarray]:
        """The next samples; fewer at the end of the sound."""
        while samples > 0:
            piece = next(self._pieces, None) if self._rest is None else self._rest
            if piece is None:
                return
            self.channels = piece.shape[0]
            now, later = piece[:, : min(samples, PIECE)], piece[:, min(samples, PIECE) :]
            self._rest = later if later.shape[1] else None
            samples -= now.shape[1]
            yield now
