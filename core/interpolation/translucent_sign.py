"""Finds signs that what is behind shines through, such as the logo of a channel, and takes them off both frames.

The scene behind moves, the sign does not. Followed along the motion of the scene, a pixel gets brighter where it passes
under a bright sign and darker where it comes out, by a share a of its distance from the colour C of the sign:

    frame = a * C + (1 - a) * scene
    log(1 - a(x)) - log(1 - a(x + motion)) = log((C - first(x)) / (C - second(x + motion)))

a is 0 away from the sign, and is found by adding up these differences along the motion, from both sides.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..flow.optical_flow import flow_length
from ..flow.warping import backward_warp, distance_outside

# The motion of the scene is the median over squares of twice this size: pixels, and the share of the shorter side ...
REGION, REGION_SHARE = 40, 1 / 9
SAMPLES = 10  # ... of so many pixels along half a side
SLOWEST = 2.0  # pixels; slower motion is followed well behind a sign

BRIGHTER = 0.03  # a pixel under a sign is brighter, or darker, than the scene on both ends of its motion by this
FEWEST = 60  # pixels that have to be so
FITTED = 0.8  # share of them that the colour of the sign is fitted to, in three passes

# The fit has to explain this share of the variance: first along the motion that was found with the sign in front, for a
# guess, then along the motion that is found without it.
ROUGHLY, CLOSELY = 0.65, 0.98
FAINTEST, DENSEST = 0.12, 0.9  # opacity of the sign
BEYOND = 0.06  # its colour may be this far outside of 0 to 1
LARGEST = 0.2  # share of the frame that it may cover
UNIFORM = 0.7  # share of those pixels that have to be in the sign found, at about its opacity

REFITTED = 0.8  # and this share from the second fit on
FITS = 4  # each to the pixels that come out of the sign that was found with the fit before
SETTLED = 0.003  # a change of the opacity by less than this ends them
WIDEST = 0.4  # share of the frame in which what is surely under a sign has to lie
ROOM = 24  # pixels around what is surely under a sign, beside its motion
ROUNDS = 60  # of adding up along the motion; a sign is crossed within this many steps
ENOUGH = 1e-3  # a change by less than this ends them
PULL = 0.02  # towards no sign, for pixels that say nothing
FAINT, SOLID = 0.25, 0.6  # shares of the opacity of the sign: its pixels have the first, most of them the second
SOLID_SHARE = 0.3
SNAP = 0.2  # a pixel as opaque as the sign to this share is exactly so

Two = tuple[Tensor, Tensor]  # one for each frame, or for each way
FindFlows = Callable[[Tensor, Tensor], Two]


@dataclass(frozen=True, eq=False)
class TranslucentSign:
    """A sign of one colour and opacity with soft edges in front of two frames.

    colour_1311: its colour.
    opacity_11HW: how much it hides of each pixel; 0 away from it.
    """

    colour_1311: Tensor
    opacity_11HW: Tensor

    def taken_off(self, frame_13HW: Tensor) -> Tensor:
        """What is behind it in a frame in [0, 1]."""
        behind_13HW = (frame_13HW - self.opacity_11HW * self.colour_1311) / (1 - self.opacity_11HW)
        return torch.where(self.opacity_11HW > 0, behind_13HW.clamp(0, 1), frame_13HW)

    def over(self, frames_T3HW: Tensor, time_T111: Tensor) -> Tensor:
        """Lay it over frames of what is behind it, at any times."""
        return torch.lerp(frames_T3HW, self.colour_1311.expand_as(frames_T3HW), self.opacity_11HW)


def find_translucent_sign(
    first_13HW: Tensor, second_13HW: Tensor, flows_12HW: Two, find_flows: FindFlows
) -> TranslucentSign | None:
    """Find a sign that stands still and that what is behind shines through; None if there is none.

    Args:
        first_13HW, second_13HW: float32 in [0, 1] on one device, in one light.
        flows_12HW: the motion from the first to the second and back, in pixels.
        find_flows: finds that motion for two frames. It is called only if there may be a sign, to find the motion
            without it.
    """
    halves = [functional.avg_pool2d(each_13HW.mean(dim=1, keepdim=True), 2) for each_13HW in (first_13HW, second_13HW)]
    half_flows = flows_12HW[0][..., :-1:2, :-1:2] / 2, flows_12HW[1][..., :-1:2, :-1:2] / 2
    if _Along.of(halves[0], halves[1], half_flows, 2).under_a_sign() is None:  # a quick look, at half size
        return None
    guess = _found(first_13HW, second_13HW, flows_12HW, ROUGHLY)
    if guess is None:
        return None
    flows_12HW = find_flows(guess.taken_off(first_13HW), guess.taken_off(second_13HW))
    return _found(first_13HW, second_13HW, flows_12HW, CLOSELY)


def _found(first_13HW: Tensor, second_13HW: Tensor, flows_12HW: Two, explained: float) -> TranslucentSign | None:
    """The sign, if its colour and opacity explain this share of the variance under it."""
    along = _Along.of(first_13HW, second_13HW, flows_12HW)
    under_HW = along.under_a_sign()
    if under_HW is None:
        return None
    window = along.window(under_HW)
    if window is None:
        return None
    along, under_HW = along.within(window), under_HW[window]
    fit = _Fit.of(along, (under_HW, under_HW))
    for _ in range(FITS):
        if not fit.is_plausible(ROUGHLY):
            return None
        opacity_11hw = _whole_sign(along.opacity(fit.colour_1311, fit.opacity), fit.opacity)
        is_solid_11hw = (opacity_11hw - fit.opacity).abs() < (1 - SOLID) * fit.opacity
        coming_out = along.coming_out(is_solid_11hw, opacity_11hw)
        if sum(int(each_hw.sum()) for each_hw in coming_out) < FEWEST:
            break
        fit, before = _Fit.of(along, coming_out), fit
        if fit.explained < REFITTED:  # what is no sign comes out of it as something else
            return None
        if abs(fit.opacity - before.opacity) < SETTLED:
            break
    if not fit.is_plausible(explained):
        return None
    opacity_11HW = torch.zeros_like(first_13HW[:, :1])
    opacity_11HW[:, :, window[0], window[1]] = opacity_11hw
    if explained == CLOSELY:
        is_like_it_N = is_solid_11hw[0, 0, under_HW]
        if float((opacity_11HW > 0).float().mean()) > LARGEST or float(is_like_it_N.float().mean()) < UNIFORM:
            return None
    return TranslucentSign(fit.colour_1311, opacity_11HW)


@dataclass(frozen=True, eq=False)
class _Along:
    """Two frames, and for each the other one along the motion of the scene.

    scale: how many times smaller the frames are than those given.
    """

    frames_13HW: Two
    others_13HW: Two
    motions_12HW: Two
    scale: int = 1

    @classmethod
    def of(cls, first_13HW: Tensor, second_13HW: Tensor, flows_12HW: Two, scale: int = 1) -> "_Along":
        """Follow the motion of the scene."""
        size = max(REGION / scale, REGION_SHARE * min(first_13HW.shape[2:]))
        motions_12HW = _regional(flows_12HW[0], size), _regional(flows_12HW[1], size)
        others_13HW = backward_warp(second_13HW, motions_12HW[0]), backward_warp(first_13HW, motions_12HW[1])
        return cls((first_13HW, second_13HW), others_13HW, motions_12HW, scale)

    def under_a_sign(self) -> Tensor | None:
        """The pixels that are brighter than the scene in both frames, or those that are darker, whichever are more."""
        gains = [(own - other).mean(dim=1) for own, other in zip(self.frames_13HW, self.others_13HW, strict=True)]
        least_1HW, most_1HW = torch.minimum(*gains), torch.maximum(*gains)
        brighter_1HW, darker_1HW = least_1HW > BRIGHTER, most_1HW < -BRIGHTER
        under_1HW = brighter_1HW if brighter_1HW.sum() >= darker_1HW.sum() else darker_1HW
        under_1HW = functional.avg_pool2d(under_1HW.float(), 3, 1, 1) > 0.5
        under_HW = (under_1HW & (flow_length(self.motions_12HW[0]) > SLOWEST / self.scale))[0]
        return under_HW if under_HW.sum() >= FEWEST / self.scale**2 else None

    def window(self, under_HW: Tensor) -> tuple[slice, slice] | None:
        """Rows and columns around what is under a sign, wide enough for the sign and where its pixels come from.

        None if that is all over the frame, and so is no sign.
        """
        rows, columns = under_HW.any(dim=1).nonzero()[:, 0], under_HW.any(dim=0).nonzero()[:, 0]
        (top, bottom), (left, right) = ((int(each[0]), int(each[-1]) + 1) for each in (rows, columns))
        if (bottom - top) * (right - left) > WIDEST * under_HW.numel():
            return None
        across, down = (2 * int(motion_HW.abs().max()) + ROOM for motion_HW in self.motions_12HW[0][0])
        return slice(max(0, top - down), bottom + down), slice(max(0, left - across), right + across)

    def within(self, window: tuple[slice, slice]) -> "_Along":
        """The same in a window of the frames."""

        def cut_out(both: Two) -> Two:
            rows, columns = window
            return both[0][:, :, rows, columns], both[1][:, :, rows, columns]

        return _Along(cut_out(self.frames_13HW), cut_out(self.others_13HW), cut_out(self.motions_12HW))

    def coming_out(self, is_solid_11HW: Tensor, opacity_11HW: Tensor) -> Two:
        """For each frame, the pixels in the sign that the motion takes out of it, into the clear; shape (H, W)."""
        seen_11HW = (opacity_11HW == 0).float()
        clear = (backward_warp(seen_11HW, motion_12HW, outside="zeros") == 1 for motion_12HW in self.motions_12HW)
        first_11HW, second_11HW = (is_solid_11HW & clear_11HW for clear_11HW in clear)
        return first_11HW[0, 0], second_11HW[0, 0]

    def opacity(self, colour_1311: Tensor, most: float) -> Tensor:
        """The opacity of each pixel for a sign of this colour; shape (1, 1, H, W)."""
        steps = []
        for own_13HW, other_13HW, motion_12HW in zip(
            self.frames_13HW, self.others_13HW, self.motions_12HW, strict=True
        ):
            from_other_13HW = colour_1311 - other_13HW
            weight_11HW = from_other_13HW.square().sum(dim=1, keepdim=True)
            ratio_11HW = ((colour_1311 - own_13HW) * from_other_13HW).sum(dim=1, keepdim=True) / weight_11HW.clamp(
                min=1e-6
            )
            is_inside_11HW = distance_outside(motion_12HW) <= 0
            steps.append((weight_11HW * is_inside_11HW, ratio_11HW.clamp(0.05, 20).log(), motion_12HW))
        lowest = float(np.log1p(-min(0.95, 1.2 * most)))
        total_11HW = PULL + steps[0][0] + steps[1][0]
        clear_11HW = torch.zeros_like(total_11HW)  # log(1 - opacity)
        for _ in range(ROUNDS):
            before_11HW = clear_11HW
            sums = (weight * (step + backward_warp(clear_11HW, motion)) for weight, step, motion in steps)
            clear_11HW = (sum(sums) / total_11HW).clamp(lowest, 0)
            if float((clear_11HW - before_11HW).abs().max()) < ENOUGH:
                break
        return 1 - clear_11HW.exp()


@dataclass(frozen=True, eq=False)
class _Fit:
    """The colour and the opacity of a sign, and the share of the variance under it that they explain."""

    colour_1311: Tensor
    opacity: float
    explained: float

    @classmethod
    def of(cls, along: _Along, under_HW: Two) -> "_Fit":
        """Fit to pixels of each frame that show the sign where the other frame does not."""
        scene_3N = torch.cat([other[0][:, under] for other, under in zip(along.others_13HW, under_HW, strict=True)], 1)
        frame_3N = torch.cat([own[0][:, under] for own, under in zip(along.frames_13HW, under_HW, strict=True)], 1)
        for _ in range(3):
            scene_31, frame_31 = scene_3N.mean(dim=1, keepdim=True), frame_3N.mean(dim=1, keepdim=True)
            clear = ((scene_3N - scene_31) * (frame_3N - frame_31)).sum() / (scene_3N - scene_31).square().sum()
            error_N = (frame_3N - frame_31 - clear * (scene_3N - scene_31)).square().sum(dim=0)
            kept_N = error_N <= error_N.kthvalue(max(1, round(FITTED * len(error_N)))).values
            scene_3N, frame_3N, error_N = scene_3N[:, kept_N], frame_3N[:, kept_N], error_N[kept_N]
        explained = 1 - error_N.sum() / (frame_3N - frame_31).square().sum()
        colour_31 = (frame_31 - clear * scene_31) / (1 - clear)
        return cls(colour_31[None, :, :, None], 1 - float(clear), float(explained))

    def is_plausible(self, explained: float) -> bool:
        """Whether there may be such a sign."""
        low, high = float(self.colour_1311.min()), float(self.colour_1311.max())
        is_colour = low >= -BEYOND and high <= 1 + BEYOND
        return is_colour and FAINTEST <= self.opacity <= DENSEST and self.explained >= explained


def _regional(flow_12HW: Tensor, size: float) -> Tensor:
    """The motion of the scene: medians over squares, which a sign in front of it does not disturb."""
    flow_2HW = flow_12HW[0].cpu().numpy()
    height, width = flow_2HW.shape[1:]
    rows, columns = max(1, round(height / size)), max(1, round(width / size))
    median_2hw = np.empty((2, rows, columns), np.float32)
    step = max(1, round(size / SAMPLES))
    for row in range(rows):
        for column in range(columns):
            top, bottom = (round(max(0.0, (row + at) * height / rows)) for at in (-0.5, 1.5))
            left, right = (round(max(0.0, (column + at) * width / columns)) for at in (-0.5, 1.5))
            median_2hw[:, row, column] = np.median(flow_2HW[:, top:bottom:step, left:right:step].reshape(2, -1), axis=1)
    regional_12hw = torch.from_numpy(median_2hw)[None].to(flow_12HW.device)
    return functional.interpolate(regional_12hw, (height, width), mode="bilinear", align_corners=False)


def _whole_sign(opacity_11HW: Tensor, most: float) -> Tensor:
    """The opacity without scattered pixels: only of pieces a good part of which is as opaque as the sign."""
    opacity_HW = opacity_11HW[0, 0].cpu().numpy()
    count, label_HW, statistics, _ = cv2.connectedComponentsWithStats((opacity_HW > FAINT * most).astype(np.uint8))
    area = statistics[:, cv2.CC_STAT_AREA]
    solid = np.bincount(label_HW.ravel(), (opacity_HW > SOLID * most).ravel(), minlength=count)
    fits = (solid >= SOLID_SHARE * area) & (area > FEWEST / 10)
    fits[0] = False
    kept_HW = cv2.dilate(fits[label_HW].astype(np.uint8), np.ones((3, 3), np.uint8))
    opacity_11HW = opacity_11HW * torch.from_numpy(kept_HW).to(opacity_11HW)
    return torch.where((opacity_11HW - most).abs() < SNAP * most, most, opacity_11HW)
