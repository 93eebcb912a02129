"""Joins parts of a video to one file, with sound, without coding the pictures again."""

import heapq
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from ..core.errors import InbetweenError
from ..core.video.encodings import Encoding
from ..core.video.stream_plan import SoundSpan
from .errors import writing
from .sound import layout_of, sound_pieces, stretched
from .video_reader import Source, opened

OPUS_RATE = 48000
SOUND_BITS = 256_000  # per second, of sound that is coded anew

Timed = tuple[float, int, av.Packet]  # when it is needed, which stream it belongs to, and the packet


@dataclass(frozen=True)
class SoundSource:
    """The sound of a result.

    source, name: the file that it comes from, and what errors call it.
    start: the time of the first frame, in seconds on the time line of that file.
    end: where the part of the file ends that is used; None if that is the whole file.
    spans: how it is stretched; None if it is kept as it is.
    """

    source: Source
    name: str
    start: Fraction
    end: Fraction | None = None
    spans: Sequence[SoundSpan] | None = None


def assemble(
    parts: Sequence[tuple[str, int]], path: str, encoding: Encoding, fps: Fraction, sound: SoundSource | None = None
) -> list[str]:
    """Join parts of a video.

    Args:
        parts: the file of each part, and its number of frames; written by `VideoWriter` with the same look.
        path: of the result, which gets this name only when it is whole.
        encoding: the codec of the parts, and the container of the result.
        fps: frames per second.
        sound: what is added to it; None for none.

    Returns:
        What a report says about the sound.

    Raises:
        InbetweenError: a part is damaged, or the result cannot be written.
    """
    unfinished = f"{path}.unfinished.{encoding.extension}"
    options = {"movflags": "use_metadata_tags+faststart"} if encoding.extension in ("mp4", "mov") else {}
    try:
        with ExitStack() as files, writing(path):
            output = files.enter_context(av.open(unfinished, "w", options=options))
            pictures = _pictures(parts, output, fps)
            tracks, notes = ([], []) if sound is None else _tracks(sound, output, encoding, files)
            for _, _, packet in heapq.merge(pictures, *tracks, key=lambda timed: timed[:2]):
                output.mux(packet)
        os.replace(unfinished, path)
    except BaseException:
        with suppress(OSError):
            os.remove(unfinished)
        raise
    return notes


def _pictures(parts: Sequence[tuple[str, int]], output: av.container.OutputContainer, fps: Fraction) -> Iterator[Timed]:
    """The coded pictures of all parts at their places in the result. The stream is added before the first is given."""
    orders = [_order(part, count, fps) for part, count in parts]
    delay = max(number - place for order in orders for number, place in enumerate(order))
    with av.open(parts[0][0]) as first:
        stream = output.add_stream_from_template(first.streams.video[0], opaque=True)
        stream.time_base = 1 / fps

    def packets() -> Iterator[Timed]:
        began = 0
        for (part, _), order in zip(parts, orders, strict=True):
            with av.open(part) as container:
                coded = (packet for packet in container.demux(video=0) if packet.size)
                for number, (packet, place) in enumerate(zip(coded, order, strict=True)):
                    packet.stream, packet.time_base = stream, 1 / fps
                    packet.pts, packet.dts, packet.duration = began + place, began + number - delay, 1
                    yield float((began + number) / fps), 0, packet
            began += len(order)

    return packets()


def _order(part: str, count: int, fps: Fraction) -> list[int]:
    """The place of each coded picture of a part, in the order in which the file holds them."""
    with av.open(part) as container:
        stream = container.streams.video[0]
        shown = [packet.pts for packet in container.demux(stream) if packet.size]
        if len(shown) == count and None not in shown:
            order = [round((pts - min(shown)) * Fraction(stream.time_base or 0) * fps) for pts in shown]
            if sorted(order) == [*range(count)]:
                return order
    raise InbetweenError(f"a finished part, {os.path.basename(part)}, is damaged; delete its folder and run again.")


def _tracks(
    sound: SoundSource, output: av.container.OutputContainer, encoding: Encoding, files: ExitStack
) -> tuple[list[Iterator[Timed]], list[str]]:
    """The packets of each track of sound, and what a report says about them."""
    tracks: list[Iterator[Timed]] = []
    notes: list[str] = []
    kept = sound.spans is None and sound.end is None
    with opened(sound.source) as container:
        for number, stream in enumerate(container.streams.audio):
            if stream.codec_context is None or not stream.sample_rate:
                notes.append(f"track {number + 1} of the sound cannot be decoded and is left out")
            elif kept and stream.codec_context.name.removesuffix("float") in encoding.sound:
                copy = output.add_stream_from_template(stream, opaque=True)
                tracks.append(_copied(sound, number, copy))
            else:
                tracks.append(_coded(sound, number, output, encoding, stream))
                notes.append(f"track {number + 1} of the sound is coded as {encoding.sound[0]}")
    return tracks, notes


def _copied(sound: SoundSource, track: int, copy: av.AudioStream) -> Iterator[Timed]:
    """The packets of a track as they are, at their times after the first frame."""
    with opened(sound.source) as container:
        stream = container.streams.audio[track]
        shift = round(sound.start / Fraction(stream.time_base or 1))
        with suppress(av.error.FFmpegError):  # a broken tail
            for packet in container.demux(stream):
                if packet.dts is None or packet.pts is None:
                    continue
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, copy
                yield float(packet.dts * packet.time_base), 1 + track, packet


def _coded(
    sound: SoundSource, track: int, output: av.container.OutputContainer, encoding: Encoding, like: av.AudioStream
) -> Iterator[Timed]:
    """The packets of a track that is coded anew."""
    codec = encoding.sound[0]
    rate, layout = like.sample_rate, layout_of(like)
    coded_rate = OPUS_RATE if codec == "opus" else rate
    names = {"opus": "libopus", "vorbis": "libvorbis"}
    stream = output.add_stream(names.get(codec, codec), rate=coded_rate, layout=layout)
    if not codec.startswith(("pcm", "flac")):
        stream.bit_rate = SOUND_BITS
    stream.codec_context.open()
    pieces: Iterable[np.ndarray] = sound_pieces(sound.source, track, sound.start, sound.end, sound.name)
    if sound.spans is not None:
        pieces = stretched(pieces, sound.spans, rate, layout)
    return _encoded(pieces, stream, rate, layout, track)


def _encoded(
    pieces: Iterable[np.ndarray], stream: av.AudioStream, rate: int, layout: str, track: int
) -> Iterator[Timed]:
    resampler = av.AudioResampler(
        format=stream.format, layout=layout, rate=stream.sample_rate, frame_size=stream.codec_context.frame_size or None
    )
    position = 0
    for piece in pieces:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, position, Fraction(1, rate)
        position += piece.shape[1]
        for ready in resampler.resample(frame):
            for packet in stream.encode(ready):
                yield float((packet.dts or 0) * packet.time_base), 1 + track, packet
    for last in [*resampler.resample(None), None]:
        for packet in stream.encode(last):
            yield float((packet.dts or 0) * packet.time_base), 1 + track, packet
