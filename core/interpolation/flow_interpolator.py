"""The interpolator that needs no model files.

A change of light between the frames, such as a fade, is undone first and put back along time, and dark or flat frames
are judged by their own contrast. The optical flow is splatted forward to the time of the in-between (softmax
splatting, Niklaus and Liu, CVPR 2020), and both frames are warped backward along it. Splatting the motion instead of
the colours keeps the picture sharp, and a hole in a smooth motion field is easier to fill than a hole in a picture.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from ..flow.matching import matched_both_ways
from ..flow.optical_flow import check_size, flow_both_ways
from ..flow.splatting import SplatGeometry
from ..flow.warping import backward_warp, distance_outside
from ..pictures.alpha import has_alpha
from ..pictures.filling import pull_push_filled
from ..pictures.value_range import local_bounds
from .contract import Rendered, Settings, own_settings
from .ink import lost_ink
from .lost import LostSettings, WhenLost
from .same_light import SameLight
from .same_light_alpha import SameLightWithAlpha
from .still_layer import Hidden, StillLayer, lift
from .still_signs import find_still_signs
from .thing_layer import ThingLayer, WithoutThings
from .translucent_sign import TranslucentSign, find_translucent_sign

# If several pixels land in one place, the motion of each counts with a weight of exp(-ERROR_LOSS * d). d is its
# photometric error, the colour difference between the pixel and what its flow points at.
ERROR_LOSS = 60.0
ERROR_AROUND = 5  # pixels across, over which the error is averaged ...
SPRITE_ERROR_AROUND = 3  # ... and in frames with alpha, where the edge of a sprite is sharp
LOWEST_IMPORTANCE = -18.0

STILL = 0.01  # pixels; with less motion the frames are cross-faded without warping, so still pixels stay exact

# A frame covers a place if its pixels land on at least this share of it. A frame that does not cover the place keeps a
# small weight, in case the other does not cover it either.
COVERED = 0.3
UNCOVERED_WEIGHT = 0.1
UNKNOWN_WEIGHT = 0.02  # what is painted in behind a sign

# Where the warped frames differ by DISAGREEMENT or more, their weights 1 - t and t are raised to the power
# 1 + ASYMMETRY, so that the nearer frame prevails. An average is best where the frames agree, but ghosts elsewhere.
DISAGREEMENT = 0.1
ASYMMETRY = 1.0

# Motion is trusted where warping makes the frames more alike. The measure is the difference after warping divided by
# the difference before, averaged over blocks and their surroundings. Between these two values, the result changes from
# the warped frames to a cross-fade of the unwarped ones.
REMAINDER_TRUSTED, REMAINDER_REFUSED = 0.7, 1.0
DIFFERENCE_FLOOR = 0.03  # added to both differences; smaller differences are noise
SEEN_DIFFERENCE = 0.02  # a cross-fade of frames that differ by less is invisible, so it is not reported
SEEN_OVER_NOISE = 1.5  # nor is one of dark or flat frames that differ by less than this many times their noise

SPEEDS = ("best", "fast")

BLOCK = 8  # pixels; decisions about areas, not single pixels, use means over blocks of this size


@dataclass(frozen=True)
class _SourceFrame:
    """One frame, and what to splat from it.

    motion_12HW: motion from the first frame to the second, in pixels, at the pixels of this frame.
    splatted_14HW: the channels to splat: weighted motion (2), its weight, and ones that count the pixels that land, or
        alpha if the frame has it, so that only what is seen counts.
    """

    frame_13HW: Tensor
    motion_12HW: Tensor
    splatted_14HW: Tensor


@dataclass(frozen=True)
class FlowSettings:
    """The settings of the engine.

    speed: one of SPEEDS. "fast" estimates motion at half the size, in less than half the time.
    """

    speed: str = SPEEDS[0]


class FlowInterpolator:
    """In-betweens from optical flow; nothing to download."""

    name = "optical flow (no model)"
    bytes_per_pixel = 200  # measured: 37 planes of float32, 10 more where light changes, and some room
    by_halving = False
    carries_alpha = True  # along the same motion as the colours

    def __init__(
        self,
        device: torch.device | str = "cpu",
        settings: "FlowSettings | None" = None,
        when_lost: WhenLost = "fade",
    ) -> None:
        """Choose where the frames are warped; the flow itself is always estimated on the CPU."""
        self.device = torch.device(device)
        self.settings = settings or FlowSettings()
        self.when_lost = when_lost

    def start(self, settings: Settings, height: int, width: int) -> "FlowInterpolator":
        """Return an interpolator with these settings; there is nothing to load."""
        started = copy(self)
        started.settings = own_settings(FlowSettings, settings)
        started.when_lost = own_settings(LostSettings, settings).when_lost
        return started

    @property
    def is_fast(self) -> bool:
        """Whether to look for motion at half the size, and neither for small things nor for translucent signs."""
        return self.settings.speed == "fast"

    @torch.no_grad()
    def prepare(self, first_HWC: Tensor, second_HWC: Tensor, left_11HW: Tensor | None = None) -> "FlowPair":
        """Estimate the motion between two frames; see `Interpolator.prepare`.

        Signs that stand still are laid over the in-betweens of what is behind them, except in frames with alpha.

        Args:
            left_11HW: 1 where the picture is not to be moved, and values in between; None to move all but signs.
        """
        check_size(*first_HWC.shape[:2])
        first_13HW, second_13HW = (self._image(frame_HWC) for frame_HWC in (first_HWC, second_HWC))
        if has_alpha(first_HWC):
            frames: SameLight = SameLightWithAlpha.of(first_13HW, second_13HW)
            return self._pair(frames, *self._flows(frames))
        frames = SameLight.of(first_13HW, second_13HW)
        flows_12HW = self._flows(frames)
        given_3HW = first_13HW[0], second_13HW[0]
        layers: list[StillLayer | TranslucentSign] = []
        known_11HW = None
        if (
            not self.is_fast
            and frames.are_given
            and (sign := find_translucent_sign(first_13HW, second_13HW, flows_12HW, self._flows_between))
        ):
            layers.append(sign)
            first_13HW, second_13HW = sign.taken_off(first_13HW), sign.taken_off(second_13HW)
            frames = SameLight.by(None, first_13HW, second_13HW)
            flows_12HW = self._flows(frames)
        if hidden := Hidden.of(find_still_signs(first_13HW, second_13HW, flows_12HW[0]), left_11HW):
            painted = SameLight.of(*hidden.painted(first_13HW, second_13HW))
            layer = lift(first_13HW, second_13HW, hidden, painted, self._flows(painted))
            layers.append(layer)
            frames = SameLight.by(painted.light, *layer.behind_13HW)
            flows_12HW, known_11HW = layer.flows_12HW, layer.known_11HW
        pair = self._pair(frames, *flows_12HW)
        return replace(pair, layers=tuple(layers), known_11HW=known_11HW, shown_3HW=given_3HW)

    def _flows_between(self, first_13HW: Tensor, second_13HW: Tensor) -> tuple[Tensor, Tensor]:
        return self._flows(SameLight.by(None, first_13HW, second_13HW))

    def _flows(self, frames: SameLight) -> tuple[Tensor, Tensor]:
        find = matched_both_ways
        if self.is_fast:
            find = partial(flow_both_ways, fine=False)
        elif isinstance(frames, SameLightWithAlpha):  # which looks for far shifts of what is seen itself
            find = flow_both_ways
        forward_2HW, backward_2HW = frames.flows(find)
        return forward_2HW[None].to(self.device), backward_2HW[None].to(self.device)

    def _pair(self, frames: SameLight, forward_12HW: Tensor, backward_12HW: Tensor) -> "FlowPair":
        contrast, things, grounds_12HW = frames.contrast(), None, (forward_12HW, backward_12HW)
        if not self.is_fast and not isinstance(frames, SameLightWithAlpha):
            bare = WithoutThings.of(frames, forward_12HW, backward_12HW, contrast)
            frames, forward_12HW, backward_12HW = bare.frames, bare.forward_12HW, bare.backward_12HW
            things, grounds_12HW = bare.things, bare.grounds_12HW
        errors_11HW = frames.errors(forward_12HW, backward_12HW)
        first = _source_frame(frames.first_13HW, contrast * errors_11HW[0], forward_12HW, sign=1)
        second = _source_frame(frames.second_13HW, contrast * errors_11HW[1], backward_12HW, sign=-1)
        return FlowPair(first, second, frames, contrast, things, grounds_12HW, self.when_lost)

    def _image(self, frame_HWC: Tensor) -> Tensor:
        return frame_HWC.to(self.device, torch.float32).nan_to_num(0, 1, 0).permute(2, 0, 1)[None].contiguous()


@dataclass(frozen=True)
class FlowPair:
    """Two frames and the motion between them.

    first, second: in one light, see `frames`; without `things`.
    contrast: differences of colour count this many times.
    things: small things that are laid over the in-betweens, if there are any.
    grounds_12HW: motion of the ground, without things, from each frame to the other, in pixels.
    shown_3HW: the frames as they were given, for a judgement of the result; None if it is not judged.
    when_lost: see `LostSettings`.
    layers: signs that were taken off both frames one after another, to be laid over the in-betweens.
    known_11HW: for each frame, 1 where it was seen and 0 where it was painted in behind a sign; None if all was seen.
    """

    first: _SourceFrame
    second: _SourceFrame
    frames: SameLight
    contrast: float
    things: ThingLayer | None
    grounds_12HW: tuple[Tensor, Tensor]
    when_lost: WhenLost = "fade"
    shown_3HW: tuple[Tensor, Tensor] | None = None
    layers: tuple[StillLayer | TranslucentSign, ...] = ()
    known_11HW: tuple[Tensor, Tensor] | None = None

    @torch.no_grad()
    def render(self, times: Sequence[float]) -> Rendered:
        """Render the in-betweens at these times; see `FramePair.render`."""
        first, second = self.first, self.second
        time_T111 = torch.tensor(list(times), device=first.frame_13HW.device, dtype=torch.float32)[:, None, None, None]
        sums0_T4HW = _splatted(first, time_T111)
        sums1_T4HW = _splatted(second, time_T111 - 1)
        sums_T3HW = torch.lerp(sums0_T4HW[:, :3], sums1_T4HW[:, :3], time_T111)
        motion_T2HW = pull_push_filled(sums_T3HW[:, :2], sums_T3HW[:, 2:])
        warped0_T3HW = _fetched(first.frame_13HW, -time_T111 * motion_T2HW)
        warped1_T3HW = _fetched(second.frame_13HW, (1 - time_T111) * motion_T2HW)
        landing_T2HW = torch.cat([sums0_T4HW[:, 3:], sums1_T4HW[:, 3:]], dim=1)
        warped0_T3HW, warped1_T3HW = self.frames.cleaned(warped0_T3HW, warped1_T3HW, landing_T2HW)
        coverage0_T1HW = _coverage(sums0_T4HW, -time_T111 * motion_T2HW)
        coverage1_T1HW = _coverage(sums1_T4HW, (1 - time_T111) * motion_T2HW)
        if self.known_11HW is not None:
            coverage0_T1HW = coverage0_T1HW * _known(self.known_11HW[0], -time_T111 * motion_T2HW)
            coverage1_T1HW = coverage1_T1HW * _known(self.known_11HW[1], (1 - time_T111) * motion_T2HW)
        moved_T3HW = _blended(warped0_T3HW, warped1_T3HW, coverage0_T1HW, coverage1_T1HW, time_T111, self.contrast)
        faded_T3HW = torch.lerp(*self.frames.given_13HW, time_T111)
        distrust_T1HW, lost_T1HW = _distrust(
            warped0_T3HW, warped1_T3HW, first.frame_13HW, second.frame_13HW, self.contrast, faded_T3HW
        )
        moved_T3HW = self.frames.relit(moved_T3HW, time_T111)
        still_T1HW = motion_T2HW.abs().amax(dim=1, keepdim=True) < STILL
        result_T3HW = torch.lerp(moved_T3HW, faded_T3HW, torch.where(still_T1HW, 1.0, distrust_T1HW))
        if self.when_lost != "fade":
            result_T3HW += lost_T1HW * (self._nearer(times) - faded_T3HW)
        if self.things is not None:
            lost_T1HW = lost_T1HW.maximum(self.things.put_on(result_T3HW, times, self.when_lost))
        result_T3HW = result_T3HW.clamp(*self.frames.limits)
        for layer in reversed(self.layers):
            result_T3HW = layer.over(result_T3HW, time_T111)
            lost_T1HW = lost_T1HW * (1 - layer.opacity_11HW)
        blended = tuple(lost_T1HW.mean(dim=(1, 2, 3)).tolist())
        things = self.things.lost_places() if self.things else ()
        lines = tuple(lost_ink(*self.shown_3HW, each_3HW) for each_3HW in result_T3HW) if self.shown_3HW else ()
        return Rendered(_as_frames(result_T3HW), blended, lost_T1HW[:, 0], things, lines)

    def _nearer(self, times: Sequence[float]) -> Tensor:
        """The nearer frame at each time, moved with the ground if that was chosen."""
        pictures = []
        for time in times:
            is_first = time <= 0.5
            picture_13HW = self.frames.given_13HW[0 if is_first else 1]
            if self.when_lost == "nearest":
                share = time if is_first else 1 - time
                picture_13HW = _fetched(picture_13HW, -share * self.grounds_12HW[0 if is_first else 1])
            pictures.append(picture_13HW)
        return torch.cat(pictures)


def _source_frame(own_13HW: Tensor, error_11HW: Tensor, flow_12HW: Tensor, sign: int) -> _SourceFrame:
    around = SPRITE_ERROR_AROUND if own_13HW.shape[1] == 4 else ERROR_AROUND
    around_11HW = functional.avg_pool2d(error_11HW, around, 1, padding=around // 2, count_include_pad=False)
    weight_11HW = (-ERROR_LOSS * around_11HW).clamp(min=LOWEST_IMPORTANCE).exp()
    motion_12HW = sign * flow_12HW
    landing_11HW = own_13HW[:, 3:] if own_13HW.shape[1] == 4 else torch.ones_like(weight_11HW)
    splatted_14HW = torch.cat([motion_12HW * weight_11HW, weight_11HW, landing_11HW], dim=1)
    return _SourceFrame(own_13HW, motion_12HW, splatted_14HW)


def _fetched(frame_13HW: Tensor, flow_T2HW: Tensor) -> Tensor:
    """The frame warped backward, sharply; beside values above 1 without overshoot."""
    count, bounds = flow_T2HW.shape[0], local_bounds(frame_13HW)
    fetched_T3HW = backward_warp(frame_13HW.expand(count, -1, -1, -1), flow_T2HW, "bicubic")
    if bounds is None:
        return fetched_T3HW
    low_T3HW, high_T3HW = (backward_warp(each.expand(count, -1, -1, -1), flow_T2HW, "nearest") for each in bounds)
    return fetched_T3HW.clamp(low_T3HW, high_T3HW)


def _splatted(source: _SourceFrame, fraction_T111: Tensor) -> Tensor:
    """Splat a frame's channels (see `_SourceFrame`) along a fraction of its motion, and add up what lands."""
    geometry = SplatGeometry.of(fraction_T111 * source.motion_12HW)
    return geometry.splat(source.splatted_14HW.expand(fraction_T111.shape[0], -1, -1, -1))


def _coverage(sums_T4HW: Tensor, warp_T2HW: Tensor) -> Tensor:
    """How well a frame covers each place, from UNCOVERED_WEIGHT to 1.

    To cover a place, pixels of the frame must land there, and the backward warp must sample inside the frame.
    """
    arrived_T1hw = functional.avg_pool2d(sums_T4HW[:, 3:].clamp(max=1), BLOCK, ceil_mode=True)
    arrived_T1HW = functional.interpolate(arrived_T1hw, sums_T4HW.shape[2:], mode="bilinear", align_corners=False)
    inside_T1HW = torch.exp(-distance_outside(warp_T2HW))
    return (arrived_T1HW / COVERED).clamp(UNCOVERED_WEIGHT, 1) * inside_T1HW.clamp(min=UNCOVERED_WEIGHT)


def _known(known_11HW: Tensor, warp_T2HW: Tensor) -> Tensor:
    """The share of each fetched pixel that was seen, not painted in; never 0, as it may be the best there is."""
    known_T1HW = backward_warp(known_11HW.expand(warp_T2HW.shape[0], -1, -1, -1), warp_T2HW)
    return known_T1HW.clamp(min=UNKNOWN_WEIGHT)


def _blended(
    warped0_T3HW: Tensor,
    warped1_T3HW: Tensor,
    coverage0_T1HW: Tensor,
    coverage1_T1HW: Tensor,
    time_T111: Tensor,
    contrast: float,
) -> Tensor:
    """Blend the warped frames: an average where they agree, else the nearer frame, or the one that covers the place."""
    difference_T1HW = contrast * (warped0_T3HW - warped1_T3HW).abs().mean(dim=1, keepdim=True)
    power_T1HW = 1 + ASYMMETRY * (difference_T1HW / DISAGREEMENT).clamp(max=1)
    weight0_T1HW = (1 - time_T111) ** power_T1HW * coverage0_T1HW
    weight1_T1HW = time_T111**power_T1HW * coverage1_T1HW
    return torch.lerp(warped0_T3HW, warped1_T3HW, weight1_T1HW / (weight0_T1HW + weight1_T1HW))


def _distrust(
    warped0_T3HW: Tensor,
    warped1_T3HW: Tensor,
    frame0_13HW: Tensor,
    frame1_13HW: Tensor,
    contrast: float,
    faded_T3HW: Tensor,
) -> tuple[Tensor, Tensor]:
    """How far motion fails to explain each pixel, from 0 (trusted) to 1; and the same where that is seen, else 0."""
    after_T1hw = contrast * _block_difference(warped0_T3HW, warped1_T3HW)
    before_11hw = contrast * _block_difference(frame0_13HW, frame1_13HW)
    if faded_T3HW.shape[1] == 4:  # half-way over nothing, a thing that moves farther than its size is in neither frame
        apart_T1hw = (_block_difference(each_T3HW, faded_T3HW) for each_T3HW in (warped0_T3HW, warped1_T3HW))
        before_11hw = before_11hw.maximum(contrast * torch.maximum(*apart_T1hw))
    remainder_T1hw = (after_T1hw + DIFFERENCE_FLOOR) / (before_11hw + DIFFERENCE_FLOOR)
    distrust_T1hw = ((remainder_T1hw - REMAINDER_TRUSTED) / (REMAINDER_REFUSED - REMAINDER_TRUSTED)).clamp(0, 1)
    seen_T111 = torch.full_like(after_T1hw[:, :, :1, :1], SEEN_DIFFERENCE)
    if contrast > 1:  # noise is stretched with the picture, and a cross-fade of noise is not seen
        noise_T111 = contrast * _noise(warped0_T3HW - warped1_T3HW)
        seen_T111 = seen_T111.maximum((SEEN_OVER_NOISE * noise_T111).clamp(max=contrast * SEEN_DIFFERENCE))
    size, lost_T1hw = frame0_13HW.shape[2:], distrust_T1hw * (before_11hw > seen_T111)
    distrust_T1HW, lost_T1HW = (
        functional.interpolate(each_T1hw, size, mode="bilinear", align_corners=False)
        for each_T1hw in (distrust_T1hw, lost_T1hw)
    )
    return distrust_T1HW, lost_T1HW


def _noise(differences_T3HW: Tensor) -> Tensor:
    """Mean size of what differs from pixel to pixel, in the calmest tenth of the picture; shape (T, 1, 1, 1)."""
    around_T3HW = functional.avg_pool2d(differences_T3HW, 3, 1, padding=1, count_include_pad=False)
    blocks_TN = _block_difference(differences_T3HW, around_T3HW).flatten(1).sort(dim=1).values
    return blocks_TN[:, blocks_TN.shape[1] // 10, None, None, None]


def _block_difference(first_TCHW: Tensor, second_TCHW: Tensor) -> Tensor:
    difference_T1HW = (first_TCHW - second_TCHW).abs().mean(dim=1, keepdim=True)
    blocks_T1hw = functional.avg_pool2d(difference_T1HW, BLOCK, ceil_mode=True)
    return functional.avg_pool2d(blocks_T1hw, 5, 1, padding=2, count_include_pad=False)


def _as_frames(frames_T3HW: Tensor) -> Tensor:
    return frames_T3HW.permute(0, 2, 3, 1).contiguous()
