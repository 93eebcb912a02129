"""The test of cuts on drawn pairs with and without a cut, and on real clips: precision, recall, time.

The weights of the test were fitted on some families of texture (`--fit` fits them again); the others were never used.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import torch
from _clips import read_clip, sample_clips
from _run import print_table
from comfyui_inbetween.core.flow.scene_likeness import SceneMeasures, coarse_picture, likeness_of, measure

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "harness"))
from drawn_pairs import FramePair, draw_pairs
from drawn_scenes import FITTED, HELD_OUT, INPUTS, photographs

PHOTOGRAPHS = ("bunny_1.jpg", "portrait_1.jpg")  # of different scenes
STEPS = (1, 2, 4, 8)  # frames from one to the next, in real clips
CUTS_IN_CLIPS = {"bikes": (30, 76)}  # frames of the sample clips that begin a new shot


@dataclass(frozen=True)
class Score:
    """The verdicts on some pairs. seconds: the mean time for a pair."""

    found: int
    missed: int
    false: int
    seconds: float
    wrong: list[str]

    @property
    def cells(self) -> list[str]:
        """Cuts, precision, recall, time, for a table."""
        precision = self.found / max(self.found + self.false, 1)
        recall = self.found / max(self.found + self.missed, 1)
        return [str(self.found + self.missed), f"{precision:.3f}", f"{recall:.3f}", f"{self.seconds * 1000:.1f} ms"]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=132, help="pairs of each family (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="draws other pairs (default: %(default)s)")
    parser.add_argument("--pictures", type=Path, help="a folder of photographs, for a family of its own")
    parser.add_argument("--threshold", type=float, default=0.5, help="likeness of a cut (default: %(default)s)")
    parser.add_argument("--fit", action="store_true", help="fit the weights on the fitted families, and print them")
    parser.add_argument("--wrong", action="store_true", help="list the pairs with a wrong verdict")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if options.fit:
        fit(
            [
                pair
                for number, draw in enumerate(FITTED.values())
                for pair in draw_pairs([draw], options.pairs, 100 * options.seed + number)
            ]
        )
        return
    families = {f"{name} (fitted)": [draw] for name, draw in FITTED.items()} | {
        name: [draw] for name, draw in HELD_OUT.items()
    }
    families["photographs"] = photographs([INPUTS / name for name in PHOTOGRAPHS])
    if options.pictures:
        families[options.pictures.name] = photographs(sorted(options.pictures.iterdir()))
    scores = {
        name: score(list(draw_pairs(draws, options.pairs, 100 * options.seed + number)), options.threshold)
        for number, (name, draws) in enumerate(families.items())
    }
    held_out = total([each for name, each in scores.items() if "(fitted)" not in name])
    rows = [[name, *each.cells] for name, each in scores.items()]
    rows.append(["**all that were not fitted**", *held_out.cells])
    clips = score(clip_pairs(sample_clips()), options.threshold)
    rows.append(["real clips", *clips.cells])
    print_table(["scenes", "cuts", "precision", "recall", "time for a pair"], rows)
    if options.wrong:
        for name, each in (*scores.items(), ("real clips", clips)):
            print(f"{name}: {'; '.join(each.wrong)}")


def score(pairs: list[FramePair], threshold: float) -> Score:
    """Judge pairs of frames."""
    began = time.process_time()
    likeness = [likeness_of(*coarse_pictures(pair)) for pair in pairs]
    seconds = (time.process_time() - began) / len(pairs)
    judged = [(pair, value < threshold, value) for pair, value in zip(pairs, likeness, strict=True)]
    wrong = [
        f"{'cut' if pair.is_cut else 'none'}: {pair.change}, {pair.dress} ({value:.2f})"
        for pair, cut, value in judged
        if cut != pair.is_cut
    ]
    found = sum(pair.is_cut and cut for pair, cut, _ in judged)
    missed = sum(pair.is_cut and not cut for pair, cut, _ in judged)
    return Score(found, missed, sum(cut and not pair.is_cut for pair, cut, _ in judged), seconds, wrong)


def coarse_pictures(pair: FramePair) -> tuple[np.ndarray, np.ndarray]:
    """Both frames at the size at which they are compared."""
    first_hwc, second_hwc = (coarse_picture(torch.from_numpy(frame)) for frame in (pair.first_HWC, pair.second_HWC))
    return first_hwc, second_hwc


def total(scores: list[Score]) -> Score:
    """Several scores as one."""
    sums = [sum(getattr(each, name) for each in scores) for name in ("found", "missed", "false")]
    return Score(*sums, sum(each.seconds for each in scores) / len(scores), [])


def clip_pairs(files: list[Path]) -> list[FramePair]:
    """Frames of one shot some frames apart, and frames of different clips or shots."""
    clips = {file.stem: [frame.astype(np.float32) / 255 for frame in read_clip(file, 121)] for file in files}
    pairs = []
    for name, frames in clips.items():
        starts = CUTS_IN_CLIPS.get(name, ())
        for step, first in product(STEPS, range(0, len(frames) - max(STEPS), 6)):
            is_cut = any(first < start <= first + step for start in starts)
            pairs.append(FramePair(frames[first], frames[first + step], is_cut, name, f"{first} to {first + step}"))
    for (name, frames), (other, others) in product(clips.items(), clips.items()):
        if name != other:
            height, width = frames[0].shape[:2]
            for at in range(0, min(len(frames), len(others)), 12):
                second = cv2.resize(others[at], (width, height), interpolation=cv2.INTER_AREA)
                pairs.append(FramePair(frames[at], second, True, name, other))
    return pairs


def fit(pairs: list[FramePair]) -> None:
    """Print weights and bias by logistic regression with a small penalty on standardised measures.

    Pairs without a cut count twice: in a clip, they are by far the most.
    """
    measured = [(measure(*coarse_pictures(pair)), pair.is_cut) for pair in pairs]
    kept = [(each.vector, is_cut) for each, is_cut in measured if isinstance(each, SceneMeasures)]
    values_N4 = torch.tensor([vector for vector, _ in kept], dtype=torch.float64)
    same_N = torch.tensor([not is_cut for _, is_cut in kept], dtype=torch.float64)
    mean_4, spread_4 = values_N4.mean(0), values_N4.std(0)
    weights_5 = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights_5], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        logits_N = (values_N4 - mean_4) / spread_4 @ weights_5[:4] + weights_5[4]
        result = torch.nn.functional.binary_cross_entropy_with_logits(logits_N, same_N, 1 + same_N)
        result = result + 0.003 * weights_5[:4].square().sum()
        result.backward()
        return result

    optimiser.step(loss)
    weights_4 = (weights_5[:4] / spread_4).detach()
    bias = float(weights_5[4].detach() - weights_4 @ mean_4)
    weights = tuple(round(each, 2) for each in weights_4.tolist())
    print(f"{len(kept)} pairs: WEIGHTS = {weights}, BIAS = {bias:.2f}")


if __name__ == "__main__":
    main()
