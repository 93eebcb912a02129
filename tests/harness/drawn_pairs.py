"""Pairs of drawn frames with and without a cut between them: what moves, how the light changes, what lies on top."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from drawn_scenes import Draw, Random

HEIGHT, WIDTH = 216, 384
MARGIN = 128  # pixels drawn around a frame, for pans

Frames = tuple[np.ndarray, np.ndarray]  # two pictures of shape (HEIGHT, WIDTH, 3), float32 in [0, 1]


@dataclass(frozen=True, eq=False)
class FramePair:
    """Two frames and what they are: `is_cut`, the kind of change, and what is laid over both."""

    first_HWC: np.ndarray
    second_HWC: np.ndarray
    is_cut: bool
    change: str
    dress: str


def draw_pairs(draws: list[Draw], count: int, seed: int) -> Iterator[FramePair]:
    """Draw as many pairs with a cut as without; changes and dresses in turn.

    Args:
        draws: pictures of one family; the two scenes of a cut are drawn by different functions where there are several.
        count: how many pairs.
        seed: the same seed draws the same pairs.
    """
    for number in range(count):
        turn, is_cut = number // 2, number % 2 == 0
        dress = list(DRESSES)[turn % len(DRESSES)]
        changes = list(CUTS if is_cut else CHANGES)
        change = changes[(turn + turn // len(DRESSES)) % len(changes)]
        if dress == "portrait" and change in FAR:
            change = "pan"  # nothing of the scene would be left in a frame so narrow
        if change == "from black" and dress in ("sky", "fog"):
            change = "fade"  # these two are light of their own, which would not be black
        yield draw_pair(draws, change, dress, [seed, number])


def draw_pair(draws: list[Draw], change: str, dress: str, seed: int | list[int]) -> FramePair:
    """Draw one pair.

    Args:
        draws: as for `draw_pairs`.
        change: a key of `CUTS` or `CHANGES`.
        dress: a key of `DRESSES`.
        seed: the same seed draws the same pair.
    """
    random, is_cut = np.random.default_rng(seed), change in CUTS
    chosen = random.permutation(len(draws))
    scene = _canvas(draws[chosen[0]], random)
    other = _canvas(draws[chosen[-1]], random) if is_cut or change in OTHER_NEEDED else scene
    frames = DRESSES[dress](random, (CUTS | CHANGES)[change](random, scene, other))
    if random.random() < 0.5 and dress != "night":
        frames = np.round(frames[0] * 255) / 255, np.round(frames[1] * 255) / 255
    first, second = (np.ascontiguousarray(frame, np.float32).clip(0, 1) for frame in frames)
    return FramePair(first, second, is_cut, change, dress)


def _canvas(draw: Draw, random: Random) -> np.ndarray:
    return draw(random, HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN)


def view(canvas: np.ndarray, dx: float = 0.0, dy: float = 0.0, zoom: float = 1.0, degrees: float = 0.0) -> np.ndarray:
    """The window in the middle of a canvas, moved, enlarged and turned."""
    middle = (canvas.shape[1] / 2, canvas.shape[0] / 2)
    move = cv2.getRotationMatrix2D(middle, degrees, zoom)
    move[:, 2] -= (middle[0] - WIDTH / 2 + dx, middle[1] - HEIGHT / 2 + dy)
    flags = cv2.INTER_CUBIC
    return cv2.warpAffine(canvas, move, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REFLECT_101).clip(0, 1)


# Cuts.


def _hard(random: Random, scene: np.ndarray, other: np.ndarray) -> Frames:
    return view(scene), view(other)


def _other_light(random: Random, scene: np.ndarray, other: np.ndarray) -> Frames:
    return view(scene), random.uniform(0.3, 0.9) * view(other) + random.uniform(0, 0.1)


def _same_mean(random: Random, scene: np.ndarray, other: np.ndarray) -> Frames:
    """A cut between two shots of one mean and deviation."""
    first, second = view(scene), view(other)
    alike = (second - second.mean((0, 1))) / (second.std((0, 1)) + 1e-6) * first.std((0, 1)) + first.mean((0, 1))
    return first, alike.clip(0, 1)


def _blurred(random: Random, scene: np.ndarray, other: np.ndarray) -> Frames:
    """A cut in the middle of a movement, so that one frame is blurred along it."""
    return view(scene), _motion_blur(view(other), int(random.integers(4, 24)))


# One scene.


def _still(random: Random, scene: np.ndarray, other: np.ndarray) -> Frames:
    return view(scene), view(scene)


def _pan(random: Random, scene: np.ndarray, other: np.ndarray) -> Frames:
    return view(scene), view(scene, random.uniform(-20, 20), random.uniform(-6, 6))


def _wide_pan(random: Random, scene: np.ndarray, other: np.ndarray) -> Frames:
    way = random.choice([-1, 1]) * random.uniform(0.08, 0.25) * WIDTH
    return view(scene, way / 2), view(scene, -way / 2, random.uniform(-4, 4))


def _whip_pan(random: Random, scene: np.ndarray, other: np.ndarray) -> Frames:
    way = random.choice([-1, 1]) * random.uniform(0.05, 0.16) * WIDTH
    length = int(abs(way) * random.uniform(0.3, 0.8))
    return _motion_blur(view(scene, way / 2), length), _motion_blur(view(scene, -way / 2), length)


def _fade(random: Random, scene: np.ndarray, other: np.ndarray) -> Frames:
    light, far = random.uniform(0.3, 1), random.uniform(-10, 10)
    frames = view(scene) * light, view(scene, far) * light * random.uniform(0.4, 0.9)
    return frames if random.random() < 0.5 else frames[::-1]


def _from_black(random: Random, scene: np.ndarray, other: np.ndarray) -> Frames:
    """The first step of a fade from black, or the last of one to black."""
    picture = view(scene) * random.uniform(0.04, 0.2)
    frames = np.zeros_like(picture), picture
    return frames if random.random() < 0.5 else frames[::-1]


def _flash(random: Random, scene: np.ndarray, other: np.ndarray) -> Frames:
    """A flash over all of the picture, or from one side."""
    gain = random.uniform(1.3, 2.5)
    if random.random() < 0.5:
        gain = 1 + gain * np.linspace(0, 1, WIDTH, dtype=np.float32)[None, :, None]
    return view(scene) * 0.8, (view(scene, random.uniform(-4, 4)) * 0.8 * gain).clip(0, 1)


def _exposure(random: Random, scene: np.ndarray, other: np.ndarray) -> Frames:
    changed = view(scene, random.uniform(-8, 8)) ** random.uniform(0.5, 2)
    return view(scene), (changed * random.uniform(0.6, 1) + random.uniform(0, 0.2)).clip(0, 1)


def _object(random: Random, scene: np.ndarray, other: np.ndarray) -> Frames:
    """Something large passes before a scene that stands still or moves slowly: a person, a car, a door."""
    size, drift = random.uniform(0.15, 0.5) * WIDTH, random.choice([0, random.uniform(-4, 4)])
    shape = np.zeros((HEIGHT, WIDTH), np.float32)
    middle = np.array([random.uniform(0.25, 0.75) * WIDTH, random.uniform(0.4, 0.6) * HEIGHT])
    cv2.ellipse(shape, tuple(middle.astype(int).tolist()), (int(size / 2), int(size / 3)), 0, 0, 360, 1, -1)
    move = np.array([random.uniform(-0.15, 0.15) * WIDTH, random.uniform(-8, 8)])
    skin = view(other)
    frames = []
    for step, ground in ((-0.5, view(scene)), (0.5, view(scene, drift))):
        shift = np.array([[1, 0, step * move[0]], [0, 1, step * move[1]]], np.float32)
        mask = cv2.warpAffine(shape, shift, (WIDTH, HEIGHT))[..., None]
        thing = cv2.warpAffine(skin, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        frames.append(ground * (1 - mask) + thing * mask)
    return frames[0], frames[1]


def _zoom(random: Random, scene: np.ndarray, other: np.ndarray) -> Frames:
    return view(scene), view(scene, zoom=random.uniform(0.88, 1.14))


def _turn(random: Random, scene: np.ndarray, other: np.ndarray) -> Frames:
    return view(scene), view(scene, random.uniform(-5, 5), degrees=random.uniform(-8, 8))


def _flicker(random: Random, scene: np.ndarray, other: np.ndarray) -> Frames:
    """A lamp with rolling bands."""
    rows = np.arange(HEIGHT, dtype=np.float32)[:, None, None] * random.uniform(0.02, 0.08)
    bands = [1 - random.uniform(0.2, 0.5) * (0.5 + 0.5 * np.sin(rows + random.uniform(0, 6))) for _ in range(2)]
    return view(scene) * bands[0], view(scene, random.uniform(-6, 6)) * bands[1]


def _dissolve(random: Random, scene: np.ndarray, other: np.ndarray) -> Frames:
    """One step of a cross-dissolve of six frames or more, while both shots move a little."""
    step = random.uniform(0.08, 0.17)
    share = random.uniform(0.1, 0.9 - step)
    dx, dy = random.uniform(-3, 3, 2)
    first = view(scene) * (1 - share) + view(other) * share
    return first, view(scene, dx) * (1 - share - step) + view(other, dy) * (share + step)


CUTS: dict[str, Callable[[Random, np.ndarray, np.ndarray], Frames]] = {
    "hard": _hard,
    "other light": _other_light,
    "same mean": _same_mean,
    "blurred": _blurred,
    "hard again": _hard,
}
CHANGES: dict[str, Callable[[Random, np.ndarray, np.ndarray], Frames]] = {
    "still": _still,
    "pan": _pan,
    "wide pan": _wide_pan,
    "whip pan": _whip_pan,
    "fade": _fade,
    "from black": _from_black,
    "flash": _flash,
    "exposure": _exposure,
    "object": _object,
    "zoom": _zoom,
    "turn": _turn,
    "flicker": _flicker,
    "dissolve": _dissolve,
}
OTHER_NEEDED = ("object", "dissolve")
FAR = ("wide pan", "whip pan")


# What is laid over both frames alike.


def _plain(random: Random, frames: Frames) -> Frames:
    return frames


def _letterbox(random: Random, frames: Frames) -> Frames:
    bar = int(HEIGHT * random.uniform(0.03, 0.22))
    return _masked(frames, np.s_[bar:-bar])


def _pillarbox(random: Random, frames: Frames) -> Frames:
    bar = int(WIDTH * random.uniform(0.04, 0.2))
    return _masked(frames, np.s_[:, bar:-bar])


def _portrait(random: Random, frames: Frames) -> Frames:
    """Pillars that leave an upright picture."""
    bar = int(WIDTH * random.uniform(0.25, 0.34))
    return _masked(frames, np.s_[:, bar:-bar])


def _vignette(random: Random, frames: Frames) -> Frames:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    far = np.hypot((rows - HEIGHT / 2) / HEIGHT, (columns - WIDTH / 2) / WIDTH)
    light = np.clip(random.uniform(1.05, 1.3) - random.uniform(1.2, 2) * far, 0, 1)[..., None]
    return frames[0] * light, frames[1] * light


def _hud(random: Random, frames: Frames) -> Frames:
    """A bar below, a strip above, and a box with writing."""
    overlay = np.full((HEIGHT, WIDTH, 3), -1, np.float32)
    overlay[-int(HEIGHT * random.uniform(0.08, 0.22)) :] = random.random(3)
    overlay[: int(HEIGHT * random.uniform(0.04, 0.1))] = random.random(3)
    overlay[HEIGHT // 6 : HEIGHT // 2, WIDTH // 32 : WIDTH // int(random.integers(4, 8))] = random.random(3)
    for line in range(int(random.integers(1, 5))):
        place, colour = (int(random.integers(WIDTH // 2)), int(HEIGHT * random.uniform(0.8, 0.98))), random.random(3)
        overlay[_written(f"score {line * 137}", place, 0.5) > 0] = colour
    shown = overlay[..., :1] < 0
    return np.where(shown, frames[0], overlay), np.where(shown, frames[1], overlay)


def _logo(random: Random, frames: Frames) -> Frames:
    """A half transparent logo in a corner, and a subtitle."""
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.circle(mask, (WIDTH - 40, 36), int(random.integers(12, 28)), random.uniform(0.4, 1), int(random.integers(2, 9)))
    where = (int(random.integers(20, WIDTH // 3)), HEIGHT - 20)
    mask = np.maximum(mask, _written("what they say here", where, random.uniform(0.5, 0.9)))[..., None]
    return frames[0] * (1 - mask) + mask, frames[1] * (1 - mask) + mask


def _sky(random: Random, frames: Frames) -> Frames:
    """Bright above and dark below, with the picture's own texture at a fraction of that."""
    share = random.uniform(0.15, 0.45)
    light = np.linspace(random.uniform(0.8, 1), random.uniform(0.05, 0.2), HEIGHT, dtype=np.float32)[:, None, None]
    return share * frames[0] + (1 - share) * light, share * frames[1] + (1 - share) * light


def _night(random: Random, frames: Frames) -> Frames:
    light = random.uniform(0.02, 0.15)
    return frames[0] * light, frames[1] * light


def _fog(random: Random, frames: Frames) -> Frames:
    share, grey = random.uniform(0.05, 0.2), random.uniform(0.4, 0.85)
    return share * frames[0] + (1 - share) * grey, share * frames[1] + (1 - share) * grey


def _grain(random: Random, frames: Frames) -> Frames:
    sigma = random.uniform(0.01, 0.06)
    first, second = (frame + sigma * random.standard_normal(frame.shape).astype(np.float32) for frame in frames)
    return first, second


def _masked(frames: Frames, inside: object) -> Frames:
    masked = [np.zeros_like(frame) for frame in frames]
    for blank, frame in zip(masked, frames, strict=True):
        blank[inside] = frame[inside]
    return masked[0], masked[1]


DRESSES: dict[str, Callable[[Random, Frames], Frames]] = {
    "plain": _plain,
    "letterbox": _letterbox,
    "pillarbox": _pillarbox,
    "portrait": _portrait,
    "vignette": _vignette,
    "HUD": _hud,
    "logo": _logo,
    "sky": _sky,
    "night": _night,
    "fog": _fog,
    "grain": _grain,
}


def _written(text: str, where: tuple[int, int], size: float) -> np.ndarray:
    """White writing on black, of shape (HEIGHT, WIDTH)."""
    paper = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.putText(paper, text, where, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 2)
    return paper.astype(np.float32) / 255


def _motion_blur(picture: np.ndarray, length: int) -> np.ndarray:
    return cv2.blur(picture, (max(1, length), 1), borderType=cv2.BORDER_REFLECT_101)
