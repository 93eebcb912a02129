"""Which small thing of one frame is which of the other: by colour, size, shape, and the motion that most of them share.

A pair is aligned by a turn and a shift (iterative closest points: Besl and McKay, PAMI 1992).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .ground import square
from .small_things import Thing

FARTHEST = 0.3  # of the longer side: the longest way of a thing
MOST_UNLIKE = 0.35  # colour difference of two things, as a share of their contrast to the ground
SIZE_RATIO, AREA_RATIO = 1.5, 2.0
MISALIGNED, MISALIGNED_SHARE = 1.0, 0.01  # how far aligned things may be off, in pixels plus a share of the size
LIKE = 0.5  # colour difference, as a share of the contrast to the ground, up to which a pixel may be part of a thing
ITSELF = 0.7  # share of a thing that must be found in the other thing; the rest may be hidden by what has its colour
FOUND = 0.86  # share of a thing that must be found after a turn
FOUND_BY_SHIFT = 0.95  # share of a thing with which a shift is enough
THIN, LONG = 0.5, 3.0  # share of its box that a thin thing fills; length of a long thing over its width
TURN_GAIN = 0.03  # by how much more of a thing must be found with a turn than by a shift alone
MOST_TURN = math.radians(75)
STEPS, POINTS, OTHER_POINTS = 14, 120, 900
KEPT_FIRST, KEPT_LAST = 0.95, 0.7  # share of the closest points that count, in the first step and in the last
SHARED, LEAST_SHARED, AHEAD = 0.5, 4, 1.4  # share and number of things with one motion, and its lead over any other


@dataclass(frozen=True, eq=False)
class Rigid:
    """A turn about a point and a shift: x -> turned (x - centre_2) + centre_2 + shift_2; angles in radians."""

    angle: float
    centre_2: np.ndarray
    shift_2: np.ndarray

    def at(self, share: float) -> np.ndarray:
        """The 2 x 3 matrix of a share of this motion, along an arc if it turns.

        A turn with a shift is a turn about one fixed point, and a thing on an arm moves about that point.
        """
        shift_2 = share * self.shift_2
        if abs(self.angle) > 1e-6:
            # The chord of the arc: (R(s a) - I) (R(a) - I)^-1 applied to the whole shift.
            half, part = self.angle / 2, share * self.angle / 2
            shift_2 = math.sin(part) / math.sin(half) * (_turn(part - half) @ self.shift_2)
        turn_22 = _turn(share * self.angle)
        return np.concatenate([turn_22, (self.centre_2 + shift_2 - turn_22 @ self.centre_2)[:, None]], axis=1)

    def inverse(self) -> "Rigid":
        """The motion back."""
        return Rigid(-self.angle, self.centre_2 + self.shift_2, -self.shift_2)

    def apply(self, points_N2: np.ndarray) -> np.ndarray:
        """Move points."""
        matrix_23 = self.at(1.0)
        return points_N2 @ matrix_23[:, :2].T + matrix_23[:, 2]


@dataclass(frozen=True, eq=False)
class Match:
    """A thing of the first frame, the same thing in the second, and how it moves from one to the other."""

    first: Thing
    second: Thing
    motion: Rigid


def match_things(
    first: Sequence[Thing], second: Sequence[Thing], pictures_HW3: tuple[np.ndarray, np.ndarray]
) -> list[Match]:
    """Match the things of two frames; each is in one match at most."""
    if not first or not second:
        return []
    cost_NM = _costs(first, second, FARTHEST * max(pictures_HW3[0].shape))
    shift_NM2 = np.stack([b.centre_2 for b in second])[None] - np.stack([a.centre_2 for a in first])[:, None]
    shared_2 = _shared_motion(cost_NM, shift_NM2)
    if shared_2 is not None:
        off_NM = np.linalg.norm(shift_NM2 - shared_2, axis=2) / _tolerance(shared_2)
        cost_NM = cost_NM + np.minimum(off_NM, 3)
    else:
        cost_NM = np.where(_contradicts_flow(first, second, shift_NM2), np.inf, cost_NM)
    matches: list[Match] = []
    for number, other in _assigned(cost_NM):
        motion = aligned(first[number], second[other], pictures_HW3)
        if motion is not None:
            matches.append(Match(first[number], second[other], motion))
    return matches


def _contradicts_flow(first: Sequence[Thing], second: Sequence[Thing], shift_NM2: np.ndarray) -> np.ndarray:
    """Whether a thing that dense flow follows would go elsewhere, for each two things; shape (N, M)."""
    flow_N2 = np.stack([thing.flow_2 if thing.is_followed else np.full(2, np.nan) for thing in first])
    back_M2 = np.stack([thing.flow_2 if thing.is_followed else np.full(2, np.nan) for thing in second])
    off_NM = np.linalg.norm(shift_NM2 - flow_N2[:, None], axis=2)
    off_back_NM = np.linalg.norm(shift_NM2 + back_M2[None], axis=2)
    limit_NM = 4.0 + 0.2 * np.linalg.norm(shift_NM2, axis=2)
    return (off_NM > limit_NM) | (off_back_NM > limit_NM)  # comparisons with nan are false


def _costs(first: Sequence[Thing], second: Sequence[Thing], farthest: float) -> np.ndarray:
    """How unlike each two things are, infinite where they cannot be the same; shape (N, M)."""
    colour_N3, colour_M3 = (np.stack([each.colour_3 for each in things]) for things in (first, second))
    contrast_N, contrast_M = (np.array([each.contrast for each in things]) for things in (first, second))
    unlike_NM = np.abs(colour_N3[:, None] - colour_M3[None]).max(axis=2)
    unlike_NM = unlike_NM / np.minimum(contrast_N[:, None], contrast_M[None])
    area_NM = _log_ratio([len(a.points_N2) for a in first], [len(b.points_N2) for b in second])
    size_NM = _log_ratio([a.size for a in first], [b.size for b in second])
    centre_N2, centre_M2 = (np.stack([each.centre_2 for each in things]) for things in (first, second))
    way_NM = np.linalg.norm(centre_M2[None] - centre_N2[:, None], axis=2)
    cost_NM = unlike_NM / MOST_UNLIKE + area_NM / math.log(AREA_RATIO) + size_NM / math.log(SIZE_RATIO)
    cost_NM = cost_NM + 2 * way_NM / farthest
    possible_NM = (unlike_NM < MOST_UNLIKE) & (area_NM < math.log(AREA_RATIO)) & (size_NM < math.log(SIZE_RATIO))
    return np.where(possible_NM & (way_NM < farthest), cost_NM, np.inf)


def _log_ratio(first: Sequence[float], second: Sequence[float]) -> np.ndarray:
    return np.abs(np.log(np.array(first, float))[:, None] - np.log(np.array(second, float))[None])


def _tolerance(shift_2: np.ndarray) -> float:
    return 2.0 + 0.08 * float(np.linalg.norm(shift_2))


def _shared_motion(cost_NM: np.ndarray, shift_NM2: np.ndarray) -> np.ndarray | None:
    """The motion that most things have in common, if there is one that stands out."""
    pairs_P2 = np.argwhere(np.isfinite(cost_NM))
    least = max(LEAST_SHARED, SHARED * min(cost_NM.shape))
    if min(cost_NM.shape) < LEAST_SHARED or not len(pairs_P2):
        return None
    shifts_P2 = shift_NM2[pairs_P2[:, 0], pairs_P2[:, 1]]
    near_PP = np.linalg.norm(shifts_P2[:, None] - shifts_P2[None], axis=2) < 2.0 + 0.08 * np.linalg.norm(
        shifts_P2, axis=1
    )
    support_P = np.array([len(set(pairs_P2[near_P, 0])) for near_P in near_PP.T])
    best = int(support_P.argmax())
    far_P = np.linalg.norm(shifts_P2 - shifts_P2[best], axis=1) > 2 * _tolerance(shifts_P2[best])
    if support_P[best] < least or (far_P.any() and support_P[far_P].max() * AHEAD > support_P[best]):
        return None
    return np.median(shifts_P2[near_PP[:, best]], axis=0)


def _assigned(cost_NM: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of rows and columns, the cheapest first, then exchanged where that makes the sum smaller."""
    cost_NM, pairs = cost_NM.copy(), []
    left_NM = cost_NM.copy()
    while np.isfinite(left_NM).any():
        row, column = divmod(int(left_NM.argmin()), left_NM.shape[1])
        pairs.append((row, column))
        left_NM[row], left_NM[:, column] = np.inf, np.inf
    better = True
    while better:
        better = False
        for i, (a, b) in enumerate(pairs):
            for j, (c, d) in enumerate(pairs[:i]):
                if cost_NM[a, d] + cost_NM[c, b] < cost_NM[a, b] + cost_NM[c, d] - 1e-9:
                    pairs[i], pairs[j] = (a, d), (c, b)
                    a, b, better = a, d, True
    return pairs


def aligned(first: Thing, second: Thing, pictures_HW3: tuple[np.ndarray, np.ndarray]) -> Rigid | None:
    """The motion that lays a thing of one frame on that of another, or None if they have different shapes.

    Either may be hidden in part by something of its colour, so where a thing goes, the whole picture is looked at.
    """
    reach = round(MISALIGNED + MISALIGNED_SHARE * max(first.size, second.size))
    there, here = _Place(second, first, pictures_HW3[1], reach), _Place(first, second, pictures_HW3[0], reach)

    def found(motion: Rigid) -> float:
        inverse = motion.inverse()
        return min(there.share(motion.apply(first.points_N2)), here.share(inverse.apply(second.points_N2)))

    motions = _alignments(first.points_N2, second.points_N2)
    best = next(motions)
    most = found(best)
    if most < FOUND_BY_SHIFT and _shows_turns(first, reach) and _shows_turns(second, reach):
        turned = [(found(motion), motion) for motion in motions]
        share, motion = max(turned, key=lambda each: each[0], default=(0.0, best))
        if share > most + TURN_GAIN:
            return motion if share >= FOUND else None
    return best if most >= FOUND_BY_SHIFT - TURN_GAIN else None


def _shows_turns(thing: Thing, reach: int) -> bool:
    """Whether a thing is so thin that no other turn would fit it."""
    mask_hw = np.zeros(np.ptp(thing.points_N2, axis=0).astype(int)[::-1] + 1, np.uint8)
    x_N, y_N = (thing.points_N2 - thing.points_N2.min(axis=0)).astype(int).T
    mask_hw[y_N, x_N] = 1
    _, (width, height), _ = cv2.minAreaRect(thing.points_N2)
    is_long = max(width, height) >= LONG * (min(width, height) + 1)
    return is_long or cv2.dilate(mask_hw, square(reach)).mean() <= THIN


def _alignments(first_N2: np.ndarray, second_M2: np.ndarray) -> Iterator[Rigid]:
    """Motions that may lay one set of pixels on another; the first is a shift, the others turn."""
    first_P2, second_P2 = _thinned(first_N2, POINTS), _thinned(second_M2, POINTS)
    first_Q2, second_Q2 = _thinned(first_N2, OTHER_POINTS), _thinned(second_M2, OTHER_POINTS)
    yield _closest(first_P2, second_Q2, 0.0, turns=False)
    tilt = _tilt(second_M2) - _tilt(first_N2)
    for angle in {0.0, _wrapped(tilt), _wrapped(tilt + math.pi)}:
        if abs(angle) <= MOST_TURN:
            for motion in (
                _closest(first_P2, second_Q2, angle, turns=True),
                _closest(second_P2, first_Q2, -angle, turns=True).inverse(),
            ):
                if abs(motion.angle) <= MOST_TURN:
                    yield motion


class _Place:
    """A thing's place in the other frame, and what around it has the colour of the thing."""

    def __init__(self, place: Thing, thing: Thing, picture_HW3: np.ndarray, reach: int) -> None:
        margin = int(place.size)
        low_2 = np.maximum(place.points_N2.min(axis=0).astype(int) - margin, 0)
        high_2 = place.points_N2.max(axis=0).astype(int) + margin + 1
        picture_hw3 = picture_HW3[low_2[1] : high_2[1], low_2[0] : high_2[0]]
        like_hw = (np.abs(picture_hw3 - thing.colour_3).max(axis=2) < LIKE * thing.contrast).astype(np.uint8)
        itself_hw = np.zeros_like(like_hw)
        x_N, y_N = (place.points_N2 - low_2).astype(int).T
        itself_hw[y_N, x_N] = 1
        self._low_2 = low_2
        self._masks_hw2 = cv2.dilate(np.dstack([like_hw | itself_hw, itself_hw]), square(reach))

    def share(self, points_N2: np.ndarray) -> float:
        """The share of some points that have the colour; 0 if too few of them are on the other thing."""
        x_N, y_N = (points_N2 - self._low_2).round().astype(int).T
        height, width, _ = self._masks_hw2.shape
        inside_N = (x_N >= 0) & (y_N >= 0) & (x_N < width) & (y_N < height)
        like, itself = self._masks_hw2[y_N[inside_N], x_N[inside_N]].sum(axis=0) / len(points_N2)
        return float(like) if itself >= ITSELF else 0.0


def _closest(first_P2: np.ndarray, second_Q2: np.ndarray, angle: float, turns: bool) -> Rigid:
    """Iterate closest points from a turn about the centre."""
    centre_2 = first_P2.mean(axis=0)
    motion = Rigid(angle, centre_2, second_Q2.mean(axis=0) - centre_2)
    for kept in np.linspace(KEPT_FIRST, KEPT_LAST, STEPS):
        moved_P2 = motion.apply(first_P2)
        nearest, distance_P = _nearest(moved_P2, second_Q2)
        kept_P = distance_P <= np.quantile(distance_P, kept)
        from_P2, to_P2 = first_P2[kept_P], second_Q2[nearest[kept_P]]
        from_2, to_2 = from_P2.mean(axis=0), to_P2.mean(axis=0)
        if turns:
            away_P2, aim_P2 = from_P2 - from_2, to_P2 - to_2
            cross = (away_P2[:, 0] * aim_P2[:, 1] - away_P2[:, 1] * aim_P2[:, 0]).sum()
            angle = math.atan2(float(cross), float((away_P2 * aim_P2).sum()))
        motion = Rigid(angle, centre_2, to_2 + _turn(angle) @ (centre_2 - from_2) - centre_2)
    return motion


def _nearest(points_P2: np.ndarray, others_Q2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    square_PQ = (points_P2**2).sum(axis=1)[:, None] - 2 * points_P2 @ others_Q2.T + (others_Q2**2).sum(axis=1)[None]
    nearest_P = square_PQ.argmin(axis=1)
    return nearest_P, np.sqrt(np.maximum(square_PQ[np.arange(len(points_P2)), nearest_P], 0))


def _thinned(points_N2: np.ndarray, most: int) -> np.ndarray:
    step = max(1, len(points_N2) // most)
    return points_N2[::step].astype(np.float64)


def _tilt(points_N2: np.ndarray) -> float:
    """The direction of the long axis, in radians."""
    x_N, y_N = (points_N2 - points_N2.mean(axis=0)).T
    return 0.5 * math.atan2(2 * float((x_N * y_N).mean()), float((x_N**2).mean() - (y_N**2).mean()))


def _wrapped(angle: float) -> float:
    return (angle + math.pi) % (2 * math.pi) - math.pi


def _turn(angle: float) -> np.ndarray:
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
