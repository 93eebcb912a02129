"""Engine Advice: whether its measurements on two pictures predict the quality of the frame between them."""

import argparse
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from _clips import read_clip, sample_clips
from _measures import psnr
from _run import print_table
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet
from comfyui_inbetween.core.views.advice import DOUBTFUL, FOLLOWED, measure_gaps

WIDTH = 640
MOST_FRAMES = 131
DISTANCES = (2, 4, 8, 16, 32, 64, 96)
LEAST_APART = 24  # frames between the starts of two pairs
BOUNDS = (0.0, 0.006, 0.01, FOLLOWED, DOUBTFUL, 0.03, 0.06, 1.0)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, action="append", help="measure on this file instead; may be repeated")
    options = parser.parse_args()
    pairs = [pair for clip in options.clip or sample_clips() for pair in measure(read_clip(clip, MOST_FRAMES))]
    residual, motion, made, faded = (np.array(column) for column in zip(*pairs, strict=True))
    rows = []
    for low, high in pairwise(BOUNDS):
        within = (residual >= low) & (residual < high)
        if within.any():
            quantiles = np.quantile(made[within], (0.1, 0.5, 0.9))
            gain = np.median(made[within] - faded[within])
            scores = " / ".join(f"{value:.1f}" for value in quantiles)
            rows.append([f"{low:g} to {high:g}", str(within.sum()), scores, f"{gain:+.1f}"])
    print_table(
        ["residual", "pairs", "PSNR of the interpolated frame: 10% / median / 90%", "gain over a cross-fade"], rows
    )
    print_table(
        ["measure", "rank correlation with PSNR"],
        [["residual", f"{ranks(residual, made):.2f}"], ["motion", f"{ranks(motion, made):.2f}"]],
    )


def measure(frames: list[np.ndarray]) -> list[tuple[float, float, float, float]]:
    """For each pair: residual, motion, PSNR of the interpolated frame half-way, and PSNR of a cross-fade."""
    scale = min(1.0, WIDTH / frames[0].shape[1])
    small = [cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for frame in frames]
    tensors = [torch.from_numpy(frame).float() / 255 for frame in small]
    engine, found = FlowInterpolator(), []
    for distance in DISTANCES:
        for start in range(0, len(tensors) - distance, max(distance, LEAST_APART)):
            first, true, last = (tensors[start + step] for step in (0, distance // 2, distance))
            (gap,) = measure_gaps(KeyframeSet(distance + 1, (Keyframe(0, first, 1.0), Keyframe(distance, last, 1.0))))
            made = engine.prepare(first, last).render([0.5]).frames_THWC[0]
            values = [bytes_of(picture) for picture in (made, (first + last) / 2, true)]
            found.append((gap.residual, gap.motion, psnr(values[0], values[2]), psnr(values[1], values[2])))
    return found


def bytes_of(picture_HWC: torch.Tensor) -> np.ndarray:
    """A picture in [0, 1], as 8-bit values."""
    return (picture_HWC.clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def ranks(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation."""
    return float(np.corrcoef(first.argsort().argsort(), second.argsort().argsort())[0, 1])


if __name__ == "__main__":
    main()
