"""PerVFI compared with the published modules: time of a x4 sequence, time of each stage, and memory.

Weights are random, which takes the same time; frames and flow are from a real clip. Both get the same flow, which is
not timed.
"""

import argparse
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import _harness  # noqa: F401 (puts the harness on the path)
import cv2
import numpy as np
import psutil
import torch
from _clips import read_clip, sample_clips
from _pervfi_reference import published_frame, published_network, reference_folder
from _run import peak_memory, print_table, timed
from comfyui_inbetween.core.flow.optical_flow import DisFlow, flow_both_ways
from comfyui_inbetween.core.timing.moments import locate, moments_by_multiplier
from comfyui_inbetween.networks.interpolation.pervfi import PerVFI, build, draw_noise, front_end
from comfyui_inbetween.networks.interpolation.pervfi.interpolator import PerVFIInterpolator
from comfyui_inbetween.networks.interpolation.pervfi.settings import PerVFISettings
from comfyui_inbetween.samplers.interpolation.frame_interpolation import interpolate_frames
from golden.pervfi.weights import VARIANTS, seeded_weights
from torch import Tensor

TIMES = (0.25, 0.5, 0.75)
SIZES = ((256, 448), (480, 640))
TILES = ((1280, 720, 1), (1280, 720, 4), (1920, 1080, 1), (1920, 1080, 4))
LARGE_TILES = ((3840, 2160, 16),)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference", type=Path, help="a checkout of github.com/mulns/PerVFI (default: download it)")
    parser.add_argument("--repeats", type=int, default=2, help="runs; the best counts (default: %(default)s)")
    parser.add_argument("--large", action="store_true", help="also measure the memory of a 4K frame; takes minutes")
    parser.add_argument("--only", choices=("time", "memory"))
    parser.add_argument("--memory-of", nargs=3, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--memory-of-frames", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    warnings.simplefilter("ignore")
    if options.memory_of:
        print(*memory_of_frame(*options.memory_of))
    elif options.memory_of_frames:
        print(memory_of_sequence(options.memory_of_frames))
    else:
        if options.only != "memory":
            print_time(reference_folder(options.reference), options.repeats)
        if options.only != "time":
            print_memory(TILES + LARGE_TILES * options.large)


def print_time(reference: Path, repeats: int) -> None:
    """Print tables of times: three source frames, three in-betweens in each gap."""
    rows, shares = [], []
    for variant in VARIANTS:
        weights = seeded_weights(variant)
        theirs, ours = published_network(reference, variant, weights), build(weights)
        for height, width in SIZES:
            frames = clip(3, height, width)
            flows = [flow_both_ways(*pair) for pair in pairwise(frames)]
            ratio, error = compare(theirs, ours, frames, flows, repeats)
            rows.append([variant, f"{width}x{height}", f"{ratio:.2f}", f"{error:.0e}"])
        shares.append([variant, *stage_shares(ours, frames, flows)])
    print_table(["variant", "size", "published time / ours", "largest difference"], rows)
    print_table(["variant", *STAGES], shares)


def compare(theirs: torch.nn.Module, ours: PerVFI, frames: Tensor, flows: list, repeats: int) -> tuple[float, float]:
    """Their best time relative to ours, and the largest difference between the frames."""
    their_seconds, our_seconds = [], []
    for _ in range(repeats):  # alternating, so that disturbances affect both
        expected, seconds = timed(lambda: torch.stack(list(published_sequence(theirs, frames, flows))))
        their_seconds.append(seconds)
        made, seconds = timed(lambda: our_sequence(ours, frames, flows))
        our_seconds.append(seconds)
    return min(their_seconds) / min(our_seconds), float((made - expected.clamp(0, 1)).abs().max())


def published_sequence(network: torch.nn.Module, frames: Tensor, flows: list) -> Iterator[Tensor]:
    """The in-betweens as the published code renders them: each one from scratch."""
    height, width = frames.shape[1:3]
    for number, (forward_2HW, backward_2HW) in enumerate(flows):
        pair = [frame_HWC.movedim(2, 0)[None] for frame_HWC in frames[number : number + 2]]
        for each in TIMES:
            noise = draw_noise(1, height, width, 0.3, torch.Generator().manual_seed(0))
            made_13HW = published_frame(network, pair, [forward_2HW[None], backward_2HW[None]], each, noise)
            yield made_13HW[0].movedim(0, 2)


class GivenFlow:
    """A flow source that returns given flows in order."""

    name = "given flow"

    def __init__(self, flows: list) -> None:
        self._flows = iter(flows)

    def both_ways(self, first_HWC: Tensor, second_HWC: Tensor) -> tuple[Tensor, Tensor]:
        """The next pair of flows."""
        return next(self._flows)


def our_sequence(network: PerVFI, frames: Tensor, flows: list) -> Tensor:
    """The same frames, as Interpolate Frames renders them."""
    interpolator = PerVFIInterpolator(network, GivenFlow(flows), PerVFISettings(temperature=0.3))
    result = torch.empty(len(flows) * (len(TIMES) + 1) + 1, *frames.shape[1:])
    instants = locate(moments_by_multiplier(len(frames), len(TIMES) + 1), range(len(frames)))
    interpolate_frames(frames, instants, interpolator, result)
    return torch.stack([result[number] for number in range(len(result)) if number % (len(TIMES) + 1)])


STAGES = ("features", "importance", "splatting", "alignment", "masks", "fusion", "generator", "rest")


def stage_shares(network: PerVFI, frames: Tensor, flows: list) -> list[str]:
    """The share of our time that each stage takes."""
    spent = dict.fromkeys(STAGES, 0.0)
    merge = network.attentionMerge
    with (
        counted(spent, "features", network.featurePyramid.netEncode, "forward"),
        counted(spent, "importance", network.featurePyramid.netSoftmetric, "forward"),
        counted(spent, "splatting", front_end, "splat_features"),
        counted(spent, "alignment", network.deformableAlign, "forward"),
        counted(spent, "masks", merge.at(0), "forward"),
        counted(spent, "masks", merge.at(1), "forward"),
        counted(spent, "masks", merge.at(2), "forward"),
        counted(spent, "masks", merge.at(0), "excitation"),
        counted(spent, "fusion", network.multiscaleFuse, "forward"),
        counted(spent, "generator", network, "generate"),
    ):
        _, whole = timed(lambda: our_sequence(network, frames, flows))
    spent["rest"] = whole - sum(spent.values())
    return [f"{spent[stage] / whole:.0%}" for stage in STAGES]


@contextmanager
def counted(spent: dict[str, float], stage: str, owner: object, name: str) -> Iterator[None]:
    """While this is open, add the time of every call of a function to a stage."""
    original = getattr(owner, name)

    def timing(*given: object, **named: object) -> object:
        result, seconds = timed(lambda: original(*given, **named))
        spent[stage] += seconds
        return result

    setattr(owner, name, timing)
    try:
        yield
    finally:
        if isinstance(owner, torch.nn.Module):
            delattr(owner, name)
        else:
            setattr(owner, name, original)


def print_memory(cases: tuple) -> None:
    """Print peak memory in float32: for a whole frame and one in tiles, and for a short and a long sequence."""
    rows = []
    for width, height, tiles in cases:
        pair, peak = answer("--memory-of", width, height, tiles)
        rows.append([f"{width}x{height}", str(tiles), f"{pair:.2f} GiB", f"{peak:.2f} GiB"])
    print_table(["size", "tiles", "kept for a pair", "peak"], rows)
    rows = [[str(count), f"{answer('--memory-of-frames', count)[0]:.0f} MiB"] for count in (10, 1000)]
    print_table(["frames of 96x64", "peak beyond the result"], rows)


def answer(*arguments: object) -> list[float]:
    """Run this script in another process; returns the numbers it prints."""
    command = [sys.executable, __file__, *map(str, arguments)]
    return [float(word) for word in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()]


def memory_of_frame(width: int, height: int, tiles: int) -> tuple[float, float]:
    """How much the memory of this process grows, in GiB: after preparing a pair, and at its peak while rendering."""
    frames = clip(2, height, width)
    interpolator = PerVFIInterpolator(build(seeded_weights("v00")), DisFlow(), PerVFISettings())
    interpolator.tile_count = tiles
    before = psutil.Process().memory_info().rss
    with peak_memory() as peak:
        pair = interpolator.prepare(frames[0], frames[1])
        kept = psutil.Process().memory_info().rss
        pair.render([0.5])
    return (kept - before) / 2**30, (peak[0] - before) / 2**30


def memory_of_sequence(count: int) -> float:
    """How much this process's memory grows, in MiB, while a sequence is rendered; without the result."""
    generator = torch.Generator().manual_seed(0)
    frames = torch.rand(count // 2 + 1, 64, 96, 3, generator=generator) * 0.1 + torch.linspace(0, 0.9, 96)[:, None]
    interpolator = PerVFIInterpolator(build(seeded_weights("vb")), DisFlow(), PerVFISettings())
    instants = locate(moments_by_multiplier(len(frames), 2), range(len(frames)))
    result = torch.zeros(len(instants), 64, 96, 3)
    interpolate_frames(frames[:2], instants[:3], interpolator, result[:3])  # warm-up of threads and libraries
    before = psutil.Process().memory_info().rss
    with peak_memory() as peak:
        interpolate_frames(frames, instants, interpolator, result)
    return (peak[0] - before) / 2**20


def clip(count: int, height: int, width: int) -> Tensor:
    """Frames of a real clip, resized."""
    frames = read_clip(sample_clips()[0], 2 * count + 1)[::2][:count]
    resized = [cv2.resize(frame_HWC, (width, height), interpolation=cv2.INTER_AREA) for frame_HWC in frames]
    return torch.from_numpy(np.stack(resized)).float() / 255


if __name__ == "__main__":
    main()
