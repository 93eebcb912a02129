"""The weight-free engine compared with linear blending and ffmpeg's minterpolate: quality, time and memory.

Every other frame of a real clip is removed and interpolated. Quality is the mean over the frames that all three
produce.
"""

import argparse
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import torch
from _clips import read_clip, sample_clips
from _measures import psnr, ssim
from _minterpolate import doubled
from comfyui_inbetween.core.flow.optical_flow import flow_both_ways
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from comfyui_inbetween.core.interpolation.grained import AS_RENDERED
from comfyui_inbetween.core.timing.moments import Instant
from comfyui_inbetween.samplers.interpolation.frame_interpolation import interpolate_frames

METHODS = ("linear", "minterpolate", "inbetween")


@dataclass(frozen=True)
class Comparison:
    """One clip: the scores of each method, and the times of our engine and minterpolate for the same new frames."""

    name: str
    size: str
    frames: int
    psnr: dict[str, float]
    ssim: dict[str, float]
    time_ratio: float
    flow_share: float


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, action="append", help="measure on this file instead; may be repeated")
    parser.add_argument(
        "--frames", type=int, default=121, help="most frames to read from a clip (default: %(default)s)"
    )
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        print(peak_memory(options.memory_of))
        return
    compared = [compare(clip, options.frames) for clip in options.clip or sample_clips()]
    print_quality(compared)
    print_time(compared)
    print_memory()


def compare(file: Path, most_frames: int) -> Comparison:
    """Remove every other frame of a clip and interpolate it with each method."""
    frames = read_clip(file, most_frames)
    kept, truth = frames[::2], frames[1::2]
    began = time.perf_counter()
    peer = doubled(kept)
    peer_seconds = (time.perf_counter() - began) / (len(peer) // 2)
    shared = [number for number in range(len(truth)) if 2 * number + 1 in peer]

    sources_THWC = torch.from_numpy(np.stack(kept)).float() / 255
    FlowInterpolator().prepare(sources_THWC[0], sources_THWC[1]).render([0.5])  # starts the threads
    instants = [Instant(number, Fraction(1, 2)) for number in range(len(truth))]
    made_THWC = torch.empty(len(truth), *sources_THWC.shape[1:])
    began = time.perf_counter()
    interpolate_frames(sources_THWC, instants, FlowInterpolator(), made_THWC, grain=AS_RENDERED)
    our_seconds = (time.perf_counter() - began) / len(truth)
    began = time.perf_counter()
    for first_HWC, second_HWC in pairwise(sources_THWC):
        flow_both_ways(first_HWC, second_HWC)
    flow_seconds = (time.perf_counter() - began) / len(truth)

    ours = (made_THWC * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    blended = [((a.astype(np.uint16) + b + 1) // 2).astype(np.uint8) for a, b in pairwise(kept)]
    results = {
        "linear": blended,
        "minterpolate": {number: peer[2 * number + 1] for number in shared},
        "inbetween": ours,
    }
    height, width = truth[0].shape[:2]
    return Comparison(
        file.stem,
        f"{width}x{height}",
        len(shared),
        {method: _mean([psnr(results[method][number], truth[number]) for number in shared]) for method in METHODS},
        {method: _mean([ssim(results[method][number], truth[number]) for number in shared]) for method in METHODS},
        our_seconds / peer_seconds,
        flow_seconds / our_seconds,
    )


def print_quality(compared: list[Comparison]) -> None:
    """Print a table of PSNR in dB / SSIM."""
    rows = [[each.name, each.size, str(each.frames), *_scores(each.psnr, each.ssim)] for each in compared]
    if len(compared) > 1:
        mean_psnr = {method: _mean([each.psnr[method] for each in compared]) for method in METHODS}
        mean_ssim = {method: _mean([each.ssim[method] for each in compared]) for method in METHODS}
        rows.append(["**mean**", "", "", *_scores(mean_psnr, mean_ssim)])
    _print_table(["clip", "size", "new frames", *METHODS], rows)


def print_time(compared: list[Comparison]) -> None:
    """Print a table of our time per new frame relative to minterpolate, and the share that flow takes."""
    rows = [[each.name, each.size, f"{each.time_ratio:.2f}", f"{each.flow_share:.0%}"] for each in compared]
    _print_table(["clip", "size", "time / minterpolate", "of which flow"], rows)


def print_memory() -> None:
    """Print a table of the peak memory beyond the result itself, for a short and a long result."""
    rows = []
    for count in (20, 200):
        command = [sys.executable, __file__, "--memory-of", str(count)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append([str(count), f"{float(answer.stdout):.0f} MiB"])
    _print_table(["frames of 1280x720 between two frames", "peak memory beyond the result"], rows)


def peak_memory(count: int) -> float:
    """How much the memory of this process grows, in MiB, while `count` in-betweens are rendered; without the result."""
    generator = torch.Generator().manual_seed(0)
    coarse_THWC = torch.rand(2, 23, 40, 3, generator=generator)
    sources_THWC = torch.nn.functional.interpolate(coarse_THWC.movedim(3, 1), (720, 1280), mode="bicubic")
    sources_THWC = sources_THWC.clamp(0, 1).movedim(1, 3).contiguous()
    result_THWC = torch.ones(count, 720, 1280, 3)  # written to, so that the system really allocates it
    instants = [Instant(0, Fraction(number + 1, count + 1)) for number in range(count)]
    process = psutil.Process()
    before = process.memory_info().rss
    peak, done = before, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    interpolate_frames(sources_THWC, instants, FlowInterpolator(), result_THWC)
    done.set()
    watcher.join()
    return (peak - before) / 2**20


def _scores(psnr_of: dict[str, float], ssim_of: dict[str, float]) -> list[str]:
    return [f"{psnr_of[method]:.2f} / {ssim_of[method]:.4f}" for method in METHODS]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _print_table(head: list[str], rows: list[list[str]]) -> None:
    for row in (head, ["---"] * len(head), *rows):
        print("| " + " | ".join(row) + " |")
    print()


if __name__ == "__main__":
    main()
