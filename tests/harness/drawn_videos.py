"""Small videos drawn by code, in any codec, with any times, tags and sound."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np


def drawn_pictures(count: int, width: int = 64, height: int = 48, seed: int = 0, channels: int = 3) -> list[np.ndarray]:
    """A textured disc that moves over a gradient; float32 of shape (H, W, channels) in 0 to 1, never clipped."""
    random = np.random.default_rng(seed)
    y_HW, x_HW = np.mgrid[0:height, 0:width].astype(np.float32)
    noise_HWC = random.uniform(0.2, 0.8, (max(height // 4, 2), max(width // 4, 2), 3)).astype(np.float32)
    texture_HWC = cv2.resize(noise_HWC, (width, height)).clip(0.2, 0.8)
    pictures = []
    for number in range(count):
        centre = (width * (0.2 + 0.6 * number / max(count - 1, 1)), height / 2)
        inside_HW = np.hypot(x_HW - centre[0], y_HW - centre[1]) < height / 4
        picture_HWC = np.stack((0.2 + 0.5 * x_HW / width, 0.3 + 0.4 * y_HW / height, 0.4 + 0 * x_HW), axis=2)
        moved_HWC = np.roll(texture_HWC, round(centre[0]), axis=1)
        picture_HWC[inside_HW] = moved_HWC[inside_HW]
        if channels == 4:
            picture_HWC = np.concatenate((picture_HWC, inside_HW[..., None]), axis=2)
        pictures.append(picture_HWC.astype(np.float32))
    return pictures


def write_video(
    path: Path,
    pictures: Sequence[np.ndarray],
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    rate: Fraction | int = 24,
    ticks: Sequence[int] | None = None,
    tick: Fraction | None = None,
    options: dict[str, str] | None = None,
    tags: tuple[int, int, int, int] | None = None,
    aspect: Fraction | None = None,
    rotation: int = 0,
    tones: Sequence[float] = (),
    sound_codec: str = "aac",
    sound_seconds: float | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """
    Write a video.

    Args:
        ticks: when each picture is shown, in units of `tick`; one after another at `rate` by default.
        tags: range (1 limited, 2 full), matrix, primaries and transfer, as numbers of ITU-T H.273.
        tones: for each track of sound, the frequency of its tone in Hz.
        sound_seconds: how long the tones last; as long as the pictures by default.
    """
    tick = tick or 1 / Fraction(rate)
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=Fraction(rate), options=options or {})
        height, width = pictures[0].shape[:2]
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.codec_context.time_base = tick
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if tags:
            context = stream.codec_context
            context.color_range, context.colorspace, context.color_primaries, context.color_trc = tags
        if rotation:
            stream.set_display_rotation(rotation)
        tracks = [container.add_stream(sound_codec, rate=48000, layout="stereo") for _ in tones]
        for number, picture_HWC in enumerate(pictures):
            frame = video_frame(picture_HWC, pixel_format, tags)
            frame.pts, frame.time_base = (ticks[number] if ticks else number), tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        seconds = sound_seconds or float(len(pictures) / Fraction(rate))
        for track, tone in zip(tracks, tones, strict=True):
            samples = tone_samples(tone, seconds)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 48000, 0
            resampler = av.AudioResampler(format=track.format, layout="stereo", rate=48000)
            for piece in resampler.resample(frame):
                container.mux(track.encode(piece))
            container.mux(track.encode(None))
    return path


def tone_samples(frequency: float, seconds: float, rate: int = 48000) -> np.ndarray:
    """A tone that swells; float32 of shape (2, samples)."""
    time = np.arange(round(seconds * rate)) / rate
    tone = 0.5 * np.sin(2 * np.pi * frequency * time) * (0.2 + 0.8 * time / max(seconds, 1e-9))
    return np.stack((tone, -tone)).astype(np.float32)


def video_frame(
    picture_HWC: np.ndarray, pixel_format: str, tags: tuple[int, int, int, int] | None = None
) -> av.VideoFrame:
    """A frame for an encoder, converted by FFmpeg."""
    sixteen = np.rint(picture_HWC.clip(0, 1) * 65535).astype(np.uint16)
    alpha = picture_HWC.shape[2] == 4
    frame = av.VideoFrame.from_ndarray(sixteen, format="rgba64le" if alpha else "rgb48le")
    if tags is None:
        return frame.reformat(format=pixel_format)
    full, matrix = tags[:2]
    converted = frame.reformat(format=pixel_format, dst_colorspace=matrix, dst_color_range=full, src_color_range=2)
    converted.color_range, converted.colorspace, converted.color_primaries, converted.color_trc = tags
    return converted
