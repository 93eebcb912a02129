"""Interpolate Video: memory by length, how well its three stages overlap, and going on after kills.

Videos are drawn, with sound. Each run is a process of its own, so that its peak memory can be told.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import psutil
import torch
from _harness import boot_host
from _minterpolate import doubled
from _run import print_table, timed
from comfyui_inbetween.core.flow.consistency import is_cut_between
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from comfyui_inbetween.core.video.encodings import ENCODINGS, choose_look
from comfyui_inbetween.media.video_reader import VideoReader
from comfyui_inbetween.media.video_writer import VideoWriter
from drawn_videos import drawn_pictures, write_video

RATE = 24


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="320x180", help="of the videos (default: %(default)s)")
    parser.add_argument("--frames", type=int, nargs="+", default=[100, 1000], help="lengths (default: 100 1000)")
    parser.add_argument("--target", type=float, default=60.0, help="frames per second (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=20, help="SIGKILLs at random moments (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("memory", "overlap", "kills", "minterpolate"))
    parser.add_argument("--run", nargs=4, help=argparse.SUPPRESS)  # video, base folder, target, codec
    options = parser.parse_args()
    if options.run:
        print(json.dumps(interpolated(*options.run)))
        return
    width, height = map(int, options.size.split("x"))
    folder = Path(tempfile.mkdtemp())
    if options.only in (None, "memory"):
        print_memory(folder, width, height, options.frames, options.target)
    if options.only in (None, "overlap"):
        print_overlap(folder, width, height, options.frames[0], options.target)
    if options.only in (None, "minterpolate"):
        print_minterpolate(folder, width, height, options.frames[0])
    if options.only in (None, "kills"):
        print_kills(folder, width, height, options.frames[0], options.target, options.kills, options.seed)


def drawn(folder: Path, width: int, height: int, count: int) -> Path:
    """A drawn video with a tone; its frames repeat after two seconds, as in a loop that swings."""
    path = folder / f"{width}x{height}_{count}.mp4"
    if not path.exists():
        once = drawn_pictures(2 * RATE, width, height)
        swing = [*range(2 * RATE), *range(2 * RATE - 2, 0, -1)]
        pictures = _Repeated(once, swing, count)
        write_video(path, pictures, tones=(440,), tags=(1, 1, 1, 1), options={"preset": "ultrafast"})
    return path


class _Repeated(Sequence[Any]):
    def __init__(self, once: Sequence[Any], order: Sequence[int], count: int) -> None:
        self._once, self._order, self._count = once, order, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if index >= self._count:
            raise IndexError
        return self._once[self._order[index % len(self._order)]]


def interpolated(video: str, base: str, target: str, codec: str) -> dict[str, Any]:
    """Interpolate a video in this process; gives the file, the seconds and the peak memory in MB."""
    import resource

    boot_host(Path(base))
    from comfy_api.latest import InputImpl
    from comfyui_inbetween.host.video.interpolation import VideoRequest, interpolate_video

    request = VideoRequest(timing_options={"target_fps": float(target)}, encoding=codec)
    before = psutil.Process().memory_info().rss
    with torch.inference_mode():
        result, seconds = timed(
            lambda: interpolate_video(InputImpl.VideoFromFile(video), FlowInterpolator(), request, {})
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "file": result.video.get_stream_source(),
        "seconds": seconds,
        "peak": peak / 1e6,
        "added": (peak - before) / 1e6,
        "report": result.report,
    }


def start(video: Path, base: Path, target: float, codec: str) -> "subprocess.Popen[str]":
    """Start `interpolated` in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "--run", str(video), str(base), str(target), codec]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def finished(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """What a process of `start` has printed at its end."""
    told, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"a run failed with {process.returncode}")
    found: dict[str, Any] = json.loads(told.splitlines()[-1])
    return found


def print_memory(folder: Path, width: int, height: int, lengths: Sequence[int], target: float) -> None:
    """Print the peak memory and the speed by the length of the video."""
    rows = []
    for count in lengths:
        done = finished(start(drawn(folder, width, height, count), folder / f"memory_{count}", target, H264))
        made = count * target / RATE
        rows.append([f"{count}", f"{done['peak']:.0f} MB", f"{done['added']:.0f} MB", f"{made / done['seconds']:.1f}"])
    print_table(["frames", "peak memory", "of which beyond the host", "new frames/s"], rows)


def print_overlap(folder: Path, width: int, height: int, count: int, target: float) -> None:
    """Print the time of each stage alone, and of all three together."""
    path = drawn(folder, width, height, count)
    together = finished(start(path, folder / "overlap", target, H264))
    source = VideoReader(str(path))
    pictures, reading = timed(lambda: [frame.picture() for frame in source])
    look = choose_look(source.info, H264)
    fps = Fraction(target)
    frames = round(count * fps / RATE)

    def write() -> None:
        writer = VideoWriter(str(folder / "alone.mp4"), look, width, height, fps)
        for number in range(frames):
            writer.write(pictures[min(int(number * RATE / fps), count - 1)])
        writer.close()

    _, writing = timed(write)

    def render() -> None:
        interpolator = FlowInterpolator().start({}, height, width)
        for number in range(count - 1):
            is_cut_between(pictures[number], pictures[number + 1])  # as for every gap
            pair = interpolator.prepare(pictures[number], pictures[number + 1])
            first = -(-number * fps // RATE)
            times = [float(each * RATE / fps - number) for each in range(first, -(-(number + 1) * fps // RATE))]
            for each in times:
                if each > 0:
                    pair.render([each])

    with torch.inference_mode():
        _, rendering = timed(render)
    slowest = max(reading, writing, rendering)
    rows = [[f"{value:.1f} s" for value in (reading, rendering, writing, together["seconds"])]]
    rows[0].append(f"{together['seconds'] / slowest:.2f}")
    print_table(["read", "render", "write", "together", "together / slowest"], rows)


def print_minterpolate(folder: Path, width: int, height: int, count: int) -> None:
    """Print the time to double the frame rate, from file to file, against ffmpeg's minterpolate."""
    path = drawn(folder, width, height, count)
    ours = finished(start(path, folder / "minterpolate", 2 * RATE, H264))
    source = VideoReader(str(path))
    look = choose_look(source.info, H264)

    def theirs() -> None:
        pictures = ((frame.picture() * 255).round().to(torch.uint8).numpy() for frame in source)
        writer = VideoWriter(str(folder / "minterpolate.mp4"), look, width, height, Fraction(2 * RATE))
        for picture_HWC in doubled(pictures).values():
            writer.write(torch.from_numpy(picture_HWC).float() / 255)
        writer.close()

    _, seconds = timed(theirs)
    rows = [[f"{seconds:.1f} s", f"{ours['seconds']:.1f} s", f"{ours['seconds'] / seconds:.2f}"]]
    print_table(["minterpolate", "Interpolate Video", "ratio"], rows)


def print_kills(folder: Path, width: int, height: int, count: int, target: float, kills: int, seed: int) -> None:
    """Kill a run at random moments, let it go on, and compare its result with that of one that was not stopped."""
    path = drawn(folder, width, height, count)
    whole = finished(start(path, folder / "whole", target, H264))
    chance = random.Random(seed)
    base = folder / "killed"
    parts: list[int] = []
    for _ in range(kills):
        process = start(path, base, target, H264)
        began = time.monotonic()
        while not list(base.glob("output/unfinished_videos/*/parts.json")) and process.poll() is None:
            time.sleep(0.05)  # until the host is up
        time.sleep(chance.uniform(0, whole["seconds"] / 4 + (time.monotonic() - began) / 2))
        if process.poll() is None:
            process.kill()
        process.communicate()
        parts.append(len(list(base.glob("output/unfinished_videos/*/part_*.mp4"))))
        if process.returncode == 0:
            break
    resumed = finished(start(path, base, target, H264))
    pairs = zip(VideoReader(whole["file"]), VideoReader(resumed["file"]), strict=True)
    equal = [torch.equal(before.picture(), after.picture()) and before.time == after.time for before, after in pairs]
    rows = [[f"{len(parts)}", " ".join(map(str, parts)), f"{len(equal)}", f"{sum(equal)}"]]
    print_table(["kills", "finished parts after each", "frames", "equal to the uninterrupted run"], rows)


H264 = next(iter(ENCODINGS))

if __name__ == "__main__":
    main()
