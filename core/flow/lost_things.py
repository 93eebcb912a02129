"""Which small things of two frames dense flow does not follow."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .ground import ground_motion
from .small_things import Thing, find_things, is_alone, judged, keep_isolated, rest_of
from .thing_matching import Match, match_things

SAME_MOTION = 2.0  # pixels; the flow of a thing that differs less from its match has followed it
MOST_STAYING = 0.3  # share of a thing whose place half-way may be that of something that does not move along
MOST_OVERLAP = 0.05  # share of a thing that stays in place from which its outline is not known well
COMPACT = 0.2  # area over the square of the size; 0.4 for a disc, less than 0.1 for lines
LEAST_WAY, OWN_SIZE = 4.0, 0.8  # dense flow follows what moves less, in pixels, or less than its own size
DISTURBED = 96.0  # pixels from a thing that the flow has lost, within which it follows no other well


@dataclass(frozen=True, eq=False)
class LostThings:
    """The small things that dense flow does not follow.

    grounds_2HW: motion of the ground from the first frame to the second, and back.
    matches: things that both frames show.
    only_first, only_second: things that only one of them shows.
    """

    grounds_2HW: tuple[np.ndarray, np.ndarray]
    matches: list[Match]
    only_first: list[Thing]
    only_second: list[Thing]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.matches or self.only_first or self.only_second)

    @classmethod
    def of(cls, pictures_HW3: tuple[np.ndarray, np.ndarray], flows_2HW: tuple[np.ndarray, np.ndarray]) -> "LostThings":
        """Find them.

        Args:
            pictures_HW3: both frames, 8-bit, with an ordinary contrast.
            flows_2HW: flow from the first to the second, and back, in pixels.
        """
        (first_HW3, second_HW3), (forward_2HW, backward_2HW) = pictures_HW3, flows_2HW
        grounds = ground_motion(forward_2HW, first_HW3, second_HW3), ground_motion(backward_2HW, second_HW3, first_HW3)
        first, first_differs_HW = find_things(first_HW3, second_HW3, grounds[0])
        second, second_differs_HW = find_things(second_HW3, first_HW3, grounds[1])
        if not first and not second:
            return cls(grounds, [], [], [])
        first, second = keep_isolated(first, second, first_differs_HW, second_differs_HW)
        first = [judged(thing, first_HW3, second_HW3, forward_2HW, backward_2HW) for thing in first]
        second = [judged(thing, second_HW3, first_HW3, backward_2HW, forward_2HW) for thing in second]
        matches = match_things(first, second, pictures_HW3)
        matched = [match.first for match in matches], [match.second for match in matches]
        return cls(
            grounds,
            [match for match in matches if _needs_help(match, matches, forward_2HW)],
            _only(first, matched[0], rest_of(first_differs_HW, matched[0], matched[1])),
            _only(second, matched[1], rest_of(second_differs_HW, matched[1], matched[0])),
        )


def _only(things: Sequence[Thing], matched: Sequence[Thing], rest_HW: np.ndarray) -> list[Thing]:
    """The things that the other frame does not show, if that is certain."""
    others = [thing for thing in things if not any(thing is other for other in matched)]
    return [thing for thing in others if thing.is_lost and is_alone(thing, rest_HW)]


def _needs_help(match: Match, matches: Sequence[Match], flow_2HW: np.ndarray) -> bool:
    """Whether dense flow does not follow a thing, or another one so near that it disturbs the flow of this one."""
    if _way(match) < max(LEAST_WAY, match.first.size * OWN_SIZE if _is_compact(match.first) else match.first.thickness):
        return False
    if not match.first.is_followed or not match.second.is_followed:
        return True
    if _overlap(match) > MOST_OVERLAP:
        return False
    if not _agrees(match, flow_2HW):
        return False
    return _something_stays(match, flow_2HW) or any(
        np.linalg.norm(other.first.centre_2 - match.first.centre_2) < DISTURBED
        and not (other.first.is_followed and other.second.is_followed)
        for other in matches
    )


def _way(match: Match) -> float:
    """The longest way of a pixel of a thing over the ground."""
    points_N2 = match.first.points_N2
    way_N2 = match.motion.apply(points_N2) - points_N2 - match.first.ground_motion_2
    return float(np.linalg.norm(way_N2, axis=1).max())


def _is_compact(thing: Thing) -> bool:
    """Whether a thing is a blob, not a line."""
    return len(thing.points_N2) > COMPACT * thing.size**2


def _overlap(match: Match) -> float:
    """The share of a thing's pixels in the first frame that are its pixels in the second frame too."""
    first = {
        tuple(point) for point in (match.first.points_N2 + match.first.ground_motion_2).round().astype(int).tolist()
    }
    return len(first & {tuple(point) for point in match.second.points_N2.astype(int).tolist()}) / len(first)


def _agrees(match: Match, flow_2HW: np.ndarray) -> bool:
    """Whether dense flow leads a thing where its match says."""
    points_N2 = match.first.points_N2
    way_N2 = match.motion.apply(points_N2) - points_N2
    return bool(np.median(_off(flow_2HW, points_N2, way_N2)) < SAME_MOTION)


def _something_stays(match: Match, flow_2HW: np.ndarray) -> bool:
    """Whether by dense flow, something else stays where the thing is half-way; the engine takes the mean of both."""
    points_N2 = match.first.points_N2
    way_N2 = match.motion.apply(points_N2) - points_N2
    stays_N = _off(flow_2HW, points_N2 + way_N2 / 2, way_N2) > 0.5 * np.linalg.norm(way_N2, axis=1)
    return bool(stays_N.mean() > MOST_STAYING)


def _off(flow_2HW: np.ndarray, points_N2: np.ndarray, way_N2: np.ndarray) -> np.ndarray:
    """How far the flow at some points leads from where it should, in pixels."""
    x_N, y_N = points_N2.round().astype(int).T
    flow_N2 = flow_2HW[:, y_N.clip(0, flow_2HW.shape[1] - 1), x_N.clip(0, flow_2HW.shape[2] - 1)].T
    return np.linalg.norm(flow_N2 - way_N2, axis=1)
