"""The weight-free engine by kind of motion, on drawn clips whose in-betweens are known.

Every second, fourth or eighth frame is kept, and the others are interpolated by blending ("linear"), by ffmpeg's
minterpolate and by the engine. PSNR is against the drawn frames, the mean over all interpolated frames and seeds. The
engine runs with grain as rendered; the second table shows what keeping grain does to fine detail.
"""

import argparse
from collections.abc import Callable, Sequence
from fractions import Fraction

import cv2
import numpy as np
import torch
from _measures import psnr
from _minterpolate import multiplied
from _run import print_table
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from comfyui_inbetween.core.interpolation.grained import AS_RENDERED, KEEP, GrainChoice
from comfyui_inbetween.core.timing.moments import Instant
from comfyui_inbetween.samplers.interpolation.frame_interpolation import interpolate_frames

HEIGHT, WIDTH = 216, 384
SCORED, DRAWN = 16, 33  # frames; those after the scored ones are for minterpolate, which looks ahead
FACTORS = (2, 4, 8)
METHODS = ("linear", "minterpolate", "inbetween")
GRAINS = (0.01, 0.03, 0.06)
DETAIL = 1.5  # pixels, the sigma of the Gaussian whose remainder is fine detail
CUT = 5  # first frame of the second shot

Drawing = Callable[[int, int], np.ndarray]  # from seed and frame number to RGB of 0 to 1, float32 of shape (H, W, 3)


def texture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Patches of colour of several sizes."""
    random, total = np.random.default_rng(seed), np.zeros((height, width, 3), dtype=np.float32)
    for sigma in (1.5, 4, 12, 40):
        noise = cv2.GaussianBlur(random.standard_normal(total.shape, dtype=np.float32), (0, 0), sigma)
        total += noise / noise.std()
    return (total - total.min()) / (total.max() - total.min())


def placed(picture: np.ndarray, move_23: np.ndarray) -> np.ndarray:
    """A picture moved into the frame, mirrored beyond its edges."""
    size, how = (WIDTH, HEIGHT), {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REFLECT}
    return cv2.warpAffine(picture, np.float32(move_23), size, **how).clip(0, 1)


def panned(picture: np.ndarray, right: float, down: float) -> np.ndarray:
    """A picture moved by pixels."""
    return placed(picture, np.array([[1, 0, right], [0, 1, down]]))


def pan(seed: int, frame: int) -> np.ndarray:
    """A pan of about 3 pixels a frame, in a direction that depends on the seed."""
    direction = np.random.default_rng(seed).uniform(0, 2 * np.pi)
    return panned(texture(seed), 3.1 * frame * np.cos(direction), 3.1 * frame * np.sin(direction))


def occlusion(seed: int, frame: int) -> np.ndarray:
    """Two things cross in front of a ground that moves, too."""
    picture = panned(texture(seed), -1.3 * frame, 0)
    for number, (speed, top, side) in enumerate(((2.7, 30, 70), (-3.6, 110, 60))):
        thing, cover = np.zeros((2, HEIGHT, WIDTH, 3), dtype=np.float32)
        left = 40 if speed > 0 else WIDTH - 100
        thing[top : top + side, left : left + side] = texture(seed + 100 + number, side, side)
        cover[top : top + side, left : left + side] = 1
        share = panned(cover, speed * frame, 0.4 * speed * frame)
        picture = picture * (1 - share) + panned(thing, speed * frame, 0.4 * speed * frame) * share
    return picture.clip(0, 1)


def rotation(seed: int, frame: int) -> np.ndarray:
    """A turn by 1.2 degrees a frame."""
    return placed(texture(seed), cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 1.2 * frame, 1.2))


def zoom(seed: int, frame: int) -> np.ndarray:
    """A zoom by 1.5% a frame."""
    return placed(texture(seed), cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 0, 1.015**frame))


def line_art(seed: int, frame: int) -> np.ndarray:
    """Flat shapes with outlines that move and turn."""
    random, scale = np.random.default_rng(seed), 4
    canvas = np.full((HEIGHT * scale, WIDTH * scale, 3), 235, dtype=np.uint8)
    for _ in range(6):
        colour = tuple(int(value) for value in random.integers(60, 255, 3))
        start, speed = random.uniform((60, 40), (WIDTH - 60, HEIGHT - 40)), random.uniform(-2.5, 2.5, 2)
        angle, turn, axes = random.uniform(0, 360), random.uniform(-1.5, 1.5), random.uniform(14, 50, 2)
        centre = tuple(int(value) for value in (start + speed * frame) * scale)
        shape = (centre, tuple(int(axis * scale) for axis in axes), angle + turn * frame, 0, 360)
        cv2.ellipse(canvas, *shape, colour, -1)
        cv2.ellipse(canvas, *shape, (20, 20, 20), 2 * scale)
    return cv2.resize(canvas, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def fence(seed: int, frame: int) -> np.ndarray:
    """A fence with a period of 14 to 24 pixels, in a pan of 2.6 pixels a frame."""
    period = 14 + 2 * (seed % 6)
    bars = np.tile(np.float32(np.arange(2 * WIDTH) % period < 0.4 * period), (HEIGHT, 1))
    picture = 0.35 * texture(seed, width=2 * WIDTH) + 0.55 * cv2.GaussianBlur(bars, (0, 0), 0.8)[..., None]
    return panned(picture, 2.6 * frame - WIDTH / 2, 0)


def sign(seed: int, frame: int) -> np.ndarray:
    """A subtitle and a logo that stand still in front of a pan."""
    picture = (pan(seed, frame) * 255).round().astype(np.uint8)
    for thick, colour in ((5, (0, 0, 0)), (2, (255, 255, 255))):
        cv2.putText(picture, "What did you say?", (50, 190), cv2.FONT_HERSHEY_SIMPLEX, 1, colour, thick, cv2.LINE_AA)
    cv2.circle(picture, (350, 30), 16, (230, 40, 40), -1, cv2.LINE_AA)
    return picture.astype(np.float32) / 255


def fade(seed: int, frame: int) -> np.ndarray:
    """A pan that gets darker by 4% a frame."""
    return pan(seed, frame) * 0.96**frame


def dark(seed: int, frame: int) -> np.ndarray:
    """A pan at a tenth of the brightness."""
    return 0.1 * pan(seed, frame)


def cut(seed: int, frame: int) -> np.ndarray:
    """Two pans, one after the other."""
    return pan(seed if frame < CUT else seed + 500, frame)


def grainy(sigma: float) -> Drawing:
    """A pan of a soft picture with new grain in each frame."""

    def drawn(seed: int, frame: int) -> np.ndarray:
        noise = np.random.default_rng((seed, frame)).standard_normal((HEIGHT, WIDTH, 1), dtype=np.float32)
        return (cv2.GaussianBlur(pan(seed, frame), (0, 0), 2) + sigma * noise).clip(0, 1)

    return drawn


# For each kind its drawing, and by how much PSNR is brightened.
KINDS: dict[str, tuple[Drawing, float]] = {
    "translation": (pan, 1),
    "translation with occlusion": (occlusion, 1),
    "rotation": (rotation, 1),
    "zoom": (zoom, 1),
    "line art": (line_art, 1),
    "repeated texture": (fence, 1),
    "still sign over a pan": (sign, 1),
    "fade": (fade, 1),
    "dark": (dark, 10),
    "cut": (cut, 1),
    "grain": (grainy(0.03), 1),
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="clips per kind (default: %(default)s)")
    seeds = range(parser.parse_args().seeds)
    rows = []
    for kind, (drawing, brightened) in KINDS.items():
        means = np.mean([scores(clip(drawing, seed), brightened) for seed in seeds], axis=0)
        rows.append([kind, *map(cell, means)])
    print_table([" / ".join(METHODS), *(f"1/{factor}" for factor in FACTORS)], rows)
    rows = []
    for sigma in GRAINS:
        ratios = np.mean([detail_ratios(clip(grainy(sigma), seed), 4) for seed in seeds], axis=0)
        rows.append([f"{sigma}", *(f"{ratio:.2f}" for ratio in ratios)])
    print_table(["grain", "linear", "minterpolate", AS_RENDERED, KEEP], rows)


def cell(values: Sequence[float]) -> str:
    """Figures of the methods, the best in bold."""
    return " / ".join(f"**{value:.1f}**" if value == max(values) else f"{value:.1f}" for value in values)


def clip(drawing: Drawing, seed: int) -> list[np.ndarray]:
    """The frames of a clip, uint8."""
    return [(drawing(seed, frame) * 255).round().astype(np.uint8) for frame in range(DRAWN)]


def scores(frames: Sequence[np.ndarray], brightened: float) -> np.ndarray:
    """PSNR in dB of each method (columns) with each factor (rows)."""
    table = []
    for factor in FACTORS:
        made = {
            "linear": blended(frames, factor),
            "minterpolate": multiplied(frames[::factor], factor),
            "inbetween": rendered(frames, factor, AS_RENDERED),
        }
        missing = [number for number in range(SCORED) if number % factor]
        table.append([np.mean([psnr(made[method][n], frames[n]) for n in missing]) for method in METHODS])
    return np.array(table) - 20 * np.log10(brightened)


def detail_ratios(frames: Sequence[np.ndarray], factor: int) -> list[float]:
    """Fine detail of interpolated frames, as a share of that of the frames given, for each way to make them."""
    ways = (
        blended(frames, factor),
        multiplied(frames[::factor], factor),
        rendered(frames, factor, AS_RENDERED),
        rendered(frames, factor, KEEP),
    )
    given = np.mean([fine_detail(frame) for frame in frames[: SCORED + 1 : factor]])
    missing = [number for number in range(SCORED) if number % factor]
    return [float(np.mean([fine_detail(made[number]) for number in missing]) / given) for made in ways]


def fine_detail(frame_HWC: np.ndarray) -> float:
    """Standard deviation of what a blur removes."""
    picture_HWC = frame_HWC.astype(np.float32)
    return float((picture_HWC - cv2.GaussianBlur(picture_HWC, (0, 0), DETAIL)).std())


def blended(frames: Sequence[np.ndarray], factor: int) -> dict[int, np.ndarray]:
    """Cross-fades of the kept frames."""
    made = {}
    for number in range(SCORED):
        before, after = (frames[number // factor * factor + step].astype(np.float32) for step in (0, factor))
        made[number] = (before + number % factor / factor * (after - before)).round().astype(np.uint8)
    return made


def rendered(frames: Sequence[np.ndarray], factor: int, grain: GrainChoice) -> dict[int, np.ndarray]:
    """The in-betweens of the engine."""
    sources_THWC = torch.from_numpy(np.stack(frames[: SCORED + 1 : factor])).float() / 255
    instants = [Instant(number // factor, Fraction(number % factor, factor)) for number in range(SCORED)]
    made_THWC = torch.empty(SCORED, *sources_THWC.shape[1:])
    interpolate_frames(sources_THWC, instants, FlowInterpolator(), made_THWC, grain=grain)
    return dict(enumerate((made_THWC * 255).round().to(torch.uint8).numpy()))


if __name__ == "__main__":
    main()
