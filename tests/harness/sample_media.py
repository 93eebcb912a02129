"""The sample video and a sound, small enough to run in seconds."""

import wave
from pathlib import Path

import av
import cv2
import numpy as np
from project_paths import SAMPLE_INPUTS

SMALL_VIDEO, SMALL_FRAMES, SMALL_RATE = "talking_small.mp4", 41, 25
SHORT_SOUND, SHORT_SECONDS, SOUND_RATE = "short.wav", 0.36, 16000  # 9 frames at 25 fps


def write_small_video(folder: Path, size: int = 64) -> Path:
    """The first 41 frames of `talking.mp4` in 64x64, with their sound."""
    path = folder / SMALL_VIDEO
    with av.open(str(SAMPLE_INPUTS / "talking.mp4")) as source, av.open(str(path), "w") as made:
        video = made.add_stream("libx264", rate=SMALL_RATE, options={"crf": "12"})
        video.width, video.height, video.pix_fmt = size, size, "yuv420p"
        rate = source.streams.audio[0].rate
        audio = made.add_stream("aac", rate=rate, layout="mono")
        frames = [frame.to_ndarray(format="rgb24") for frame in source.decode(video=0)][:SMALL_FRAMES]
        source.seek(0)
        sound = np.concatenate([frame.to_ndarray()[0] for frame in source.decode(audio=0)])
        for frame_HWC in frames:
            small_HWC = cv2.resize(frame_HWC, (size, size), interpolation=cv2.INTER_AREA)
            made.mux(video.encode(av.VideoFrame.from_ndarray(small_HWC, format="rgb24")))
        made.mux(video.encode())
        stretch = np.ascontiguousarray(sound[None, : SMALL_FRAMES * rate // SMALL_RATE])
        block = av.AudioFrame.from_ndarray(stretch, format="fltp", layout="mono")
        block.rate = rate
        fifo = av.AudioFifo()
        fifo.write(block)
        for part in fifo.read_many(1024, partial=True):
            made.mux(audio.encode(part))
        made.mux(audio.encode())
    return path


def write_short_sound(folder: Path) -> Path:
    """A tone that swells and fades."""
    times_N = np.arange(round(SHORT_SECONDS * SOUND_RATE)) / SOUND_RATE
    wave_N = np.sin(2 * np.pi * 220 * times_N) * np.sin(np.pi * times_N / SHORT_SECONDS)
    path = folder / SHORT_SOUND
    with wave.open(str(path), "wb") as made:
        made.setparams((1, 2, SOUND_RATE, len(wave_N), "NONE", ""))
        made.writeframes((wave_N * 20000).astype("<i2").tobytes())
    return path
