"""Small things taken out of two frames and laid over the in-betweens, each whole.

What both frames show moves from one place to the other. What only one of them shows cannot be followed; it stays whole
too and fades, or is held (`when_lost`). Under both, each frame gets the ground that the other frame shows there, so
that the engine finds and moves the ground alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from ..flow.ground import DIFFERS, difference, moved_back, pull_push, square
from ..flow.lost_things import LostThings
from ..flow.small_things import Thing
from ..flow.thing_matching import Rigid
from .cut_out import SOFT_EDGE, CutOut, between, cut_out
from .lost import Place, WhenLost
from .same_light import SameLight

NEAR = 4  # pixels around a thing in which the flow is that of the ground

Pair = tuple[np.ndarray, np.ndarray]  # of the first frame and of the second


@dataclass(frozen=True, eq=False)
class ThingLayer:
    """The small things of two frames.

    followed: the motion of each thing that both frames show, and its cut-outs from both.
    lost_first, lost_second: of the things that only one frame shows.
    """

    followed: tuple[tuple[Rigid, CutOut, CutOut], ...]
    lost_first: tuple[CutOut, ...]
    lost_second: tuple[CutOut, ...]

    def put_on(self, frames_T3HW: Tensor, times: Sequence[float], when_lost: WhenLost) -> Tensor:
        """Draw the things onto in-betweens without them.

        Args:
            frames_T3HW: changed in place.
            times: in (0, 1).
            when_lost: what is shown of the things that only one frame shows.

        Returns:
            lost_T1HW: 1 where these are, else 0.
        """
        lost_T1HW = torch.zeros_like(frames_T3HW[:, :1])
        for frame_3HW, lost_HW, time in zip(frames_T3HW, lost_T1HW[:, 0], times, strict=True):
            eased = time * time * (3 - 2 * time)
            for lost, share, opacity, is_nearer in (
                (self.lost_first, time, 1 - eased, time <= 0.5),
                (self.lost_second, 1 - time, eased, time > 0.5),
            ):
                for thing in lost:
                    shown = _shifted(thing, share) if when_lost == "nearest" else thing
                    shown.marked(lost_HW)
                    if when_lost == "fade":
                        shown.faded(opacity).laid_over(frame_3HW)
                    elif is_nearer:
                        shown.laid_over(frame_3HW)
            for motion, first, second in self.followed:
                between(motion, first, second, time).laid_over(frame_3HW)
        return lost_T1HW

    def lost_places(self) -> tuple[Place, ...]:
        """The middles of the things that only one frame shows."""
        return tuple(
            (thing.left + thing.colour_hw4.shape[1] // 2, thing.top + thing.colour_hw4.shape[0] // 2)
            for thing in (*self.lost_first, *self.lost_second)
        )


@dataclass(frozen=True, eq=False)
class WithoutThings:
    """Two frames with the ground in the place of small things.

    frames: in one light.
    forward_12HW, backward_12HW: flow between them, where things were that of the ground.
    grounds_12HW: motion of the ground from each frame to the other.
    things: what was taken out, if anything.
    """

    frames: SameLight
    forward_12HW: Tensor
    backward_12HW: Tensor
    grounds_12HW: tuple[Tensor, Tensor]
    things: ThingLayer | None

    @classmethod
    def of(cls, frames: SameLight, forward_12HW: Tensor, backward_12HW: Tensor, contrast: float) -> "WithoutThings":
        """Find the small things that dense flow does not follow, and take them out.

        Args:
            frames: in one light.
            forward_12HW, backward_12HW: flow from the first frame to the second and back, in pixels.
            contrast: differences of colour count this many times.
        """
        flows = forward_12HW[0].cpu().numpy(), backward_12HW[0].cpu().numpy()
        lost = LostThings.of(_ordinary_pictures(*frames.shown_13HW, contrast), flows)
        grounds = lost.grounds_2HW
        grounds_12HW = _as_flow(grounds[0], forward_12HW), _as_flow(grounds[1], forward_12HW)
        if not lost:
            return cls(frames, forward_12HW, backward_12HW, grounds_12HW, None)
        size = grounds[0].shape[1:]
        first = [match.first for match in lost.matches] + lost.only_first
        second = [match.second for match in lost.matches] + lost.only_second
        holes = _holes(first, size), _holes(second, size)
        own = _as_picture(frames.first_13HW), _as_picture(frames.second_13HW)
        painted = _painted(own, grounds[0], holes), _painted(own[::-1], grounds[1], holes[::-1])
        forward_2HW = _calm_flow(flows[0], grounds[0], painted, holes, contrast)
        backward_2HW = _calm_flow(flows[1], grounds[1], painted[::-1], holes[::-1], contrast)
        painted_13HW = _as_tensor(painted[0], forward_12HW), _as_tensor(painted[1], forward_12HW)
        bare = _repainted(frames, painted_13HW, holes)
        given, ground = (tuple(map(_as_picture, each.given_13HW)) for each in (frames, bare))
        cut_first = [cut_out(thing, given[0], ground[0]) for thing in first]
        cut_second = [cut_out(thing, given[1], ground[1]) for thing in second]
        motions = [match.motion for match in lost.matches]
        layer = ThingLayer(
            tuple(zip(motions, cut_first, cut_second, strict=False)),
            tuple(cut_first[len(motions) :]),
            tuple(cut_second[len(motions) :]),
        )
        calm_12HW = _as_flow(forward_2HW, forward_12HW), _as_flow(backward_2HW, forward_12HW)
        return cls(bare, *calm_12HW, grounds_12HW, layer)


def _as_picture(frame_1CHW: Tensor) -> np.ndarray:
    return np.ascontiguousarray(frame_1CHW[0].movedim(0, 2).cpu().numpy())


def _ordinary_pictures(first_13HW: Tensor, second_13HW: Tensor, contrast: float) -> Pair:
    """Both frames in 8 bits: differences of colour count `contrast` times, or less if they would not fit."""
    if contrast == 1:
        scale, shift = 255.0, 0.5
    else:
        low = min(float(first_13HW.min()), float(second_13HW.min()))
        high = max(float(first_13HW.max()), float(second_13HW.max()))
        # Things may stand out more than the ground, which the contrast is for.
        scale = min(255 * contrast, 255 / max(high - low, 1e-6))
        shift = 0.5 - scale * low + (255 - scale * (high - low)) / 2
    first, second = (
        (scale * frame_13HW[0] + shift).nan_to_num(0).clamp(0, 255).to(torch.uint8).movedim(0, 2).contiguous()
        for frame_13HW in (first_13HW, second_13HW)
    )
    return first.cpu().numpy(), second.cpu().numpy()


def _as_flow(flow_2HW: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(flow_2HW).to(like)[None]


def _as_tensor(picture_HWC: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture_HWC)).to(like).movedim(2, 0)[None].contiguous()


def _holes(things: Sequence[Thing], size: tuple[int, int]) -> np.ndarray:
    """A mask of things with their soft edges, 0 or 1, of shape (H, W)."""
    hole_HW = np.zeros(size, np.uint8)
    for thing in things:
        x_N, y_N = thing.points_N2.astype(int).T
        hole_HW[y_N, x_N] = 1
    return cv2.dilate(hole_HW, square(SOFT_EDGE))


def _painted(frames: Pair, ground_2HW: np.ndarray, holes: Pair) -> np.ndarray:
    """The first of two frames with the ground of the other in its holes; what neither shows is filled from around."""
    (own_HW3, other_HW3), (hole_HW, other_hole_HW) = frames, holes
    behind_HW3 = moved_back(other_HW3, ground_2HW)
    unseen_HW = (moved_back(other_hole_HW.astype(np.float32), ground_2HW) > 0) & (hole_HW > 0)
    painted_HW3 = np.where(hole_HW[..., None] > 0, behind_HW3, own_HW3)
    if unseen_HW.any():
        known_HW = 1 - unseen_HW.astype(np.float32)
        painted_HW3 = np.where(
            unseen_HW[..., None], pull_push(painted_HW3 * known_HW[..., None], known_HW), painted_HW3
        )
    return painted_HW3


def _calm_flow(flow_2HW: np.ndarray, ground_2HW: np.ndarray, painted: Pair, holes: Pair, contrast: float) -> np.ndarray:
    """The flow with the motion of the ground where things were, in either frame, unless something else is there.

    Args:
        flow_2HW, ground_2HW: of one frame.
        painted, holes: of this frame, then of the other.
        contrast: differences of colour count this many times.
    """
    there_HW = (moved_back(holes[1].astype(np.float32), ground_2HW) > 0).astype(np.uint8)
    near_HW = cv2.dilate(holes[0] | there_HW, square(NEAR))
    other_HW = (difference(painted[0], moved_back(painted[1], ground_2HW)) * (255 * contrast) > DIFFERS).astype(
        np.uint8
    )
    calm_HW = (near_HW > 0) & (cv2.dilate(other_HW, square(SOFT_EDGE)) == 0)
    return np.where(calm_HW, ground_2HW, flow_2HW)


def _repainted(frames: SameLight, painted_13HW: tuple[Tensor, Tensor], holes: Pair) -> SameLight:
    """The frames with painted ones in the light of the first, and the frames given painted alike."""
    first_13HW, second_13HW = painted_13HW
    if frames.are_given:
        return replace(
            frames, given_13HW=painted_13HW, first_13HW=first_13HW, second_13HW=second_13HW, shown_13HW=painted_13HW
        )
    given = []
    for each_13HW, own_13HW, hole_HW, time in zip(painted_13HW, frames.given_13HW, holes, (0.0, 1.0), strict=True):
        relit_13HW = frames.relit(each_13HW, each_13HW.new_full((1, 1, 1, 1), time))
        given.append(torch.where(torch.from_numpy(hole_HW).to(own_13HW.device) > 0, relit_13HW, own_13HW))
    return replace(frames, given_13HW=(given[0], given[1]), first_13HW=first_13HW, second_13HW=second_13HW)


def _shifted(thing: CutOut, share: float) -> CutOut:
    """The thing moved along with the ground under it."""
    return thing.moved(np.array([[1, 0, share * thing.ground_motion_2[0]], [0, 1, share * thing.ground_motion_2[1]]]))
