"""Find the change of light between two frames that also move.

First the colour quantiles of both frames give a gain and an offset for each channel. Then the frames are aligned by
optical flow at a small size, and the change is fitted again where they agree: gain and offset, a power curve, or either
of them with a gain or an offset that varies slowly over the picture. A change is used only if it makes the aligned
frames clearly more alike.
"""

from dataclasses import dataclass

import cv2
import torch
from torch import Tensor
from torch.nn import functional

from ..pictures.light import CLIPPED, LightChange, may_clip, steady
from .optical_flow import flow_one_way
from .warping import backward_warp, distance_outside

SMALL_SIDE = 128  # pixels; frames are compared with their longer side scaled down to this, and to half at least
SMALLEST_SIDE = 64  # pixels of the shorter side that are kept
QUANTILES = 25
LEAST_CHANGE = 0.01  # share of the contrast; frames that differ by less are taken for the same picture
# Light is steady if aligned frames differ in contrast by less than this, and if what they differ by cancels out over a
# neighbourhood, all but a share. That share is above 0.96 where light changes, and 0.1 to 0.8 in steady clips.
STEADY_GAIN = 0.06
STEADY_SHARE = 0.6
MOST_GAIN = 100.0
MOST_GAMMA = 3.0
AGREEING = 2.5  # pixels that miss the fit by more than this many usual misses do not belong to it
EXACT = 0.1  # share of the contrast; pixels that miss the fit by less belong to it anyway
FITS = 2  # times that the pixels that belong to a fit are chosen again
WELL_ALIGNED = 0.5  # correlation of aligned frames below which nothing is known about the light
# A change of light is used if it leaves at most this share of the difference between aligned frames. Measured: up to
# 0.5 for real changes, 0.85 and more in steady clips. A change that varies over the picture can follow things that
# move, so it must leave less: measured up to 0.4 for real ones, 0.6 and more in steady clips.
REMAINDER = 0.75
REMAINDER_VARYING = 0.5
REMAINDER_CURVE = 0.9  # a power curve is used if it leaves at most this share of what gain and offset leave
OUTLIER = 0.3  # share of the contrast; larger differences of aligned frames count as this much
ROUNDS = 2  # times that frames are aligned and the change is fitted

CELL = 4  # small pixels to a side of a cell, for a change that varies over the picture
REACH = 2.0  # cells over which it is smooth, as the sigma of a Gaussian
TWICE = 2  # times that what the smooth map misses is smoothed and added to it
HELD = 0.02  # how firmly it is held to the uniform change where little is to be seen, as a share of the whole


@torch.no_grad()
def find_light_change(first_13HW: Tensor, second_13HW: Tensor) -> LightChange | None:
    """The change of light from the first frame to the second, or None if the light stays as it is.

    Args:
        first_13HW, second_13HW: float32, of one size, on any device.
    """
    first, second = _Small.of(first_13HW), _Small.of(second_13HW)
    contrast = float(torch.cat([first.frame_13hw, second.frame_13hw]).std(dim=(2, 3)).mean())
    if float((first.frame_13hw - second.frame_13hw).abs().mean()) <= LEAST_CHANGE * contrast:
        return None
    plain = _Aligned.of(first, second, steady(), contrast)
    if plain.is_steady():
        return None
    light = _by_quantiles(first, second)
    for _ in range(ROUNDS):
        aligned = _Aligned.of(first, second, light, contrast)
        fitted = aligned.fitted(light)
        if fitted is None:
            return None
        light, most = fitted, REMAINDER if fitted.is_uniform else REMAINDER_VARYING
        if aligned.difference(light) > most * min(each.difference(steady()) for each in (aligned, plain)):
            return None
    return light.to(first_13HW.device)


@dataclass(frozen=True, eq=False)
class _Small:
    """A frame scaled down; lit_13hw is 1 where no pixel of the frame is clipped, else 0; for each channel."""

    frame_13hw: Tensor
    lit_13hw: Tensor

    @staticmethod
    def of(frame_13HW: Tensor) -> "_Small":
        """Scale a frame down, on the CPU."""
        height, width = frame_13HW.shape[2:]
        scale = max(min(0.5, SMALL_SIDE / max(height, width)), SMALLEST_SIDE / min(height, width))
        size = (round(height * scale), round(width * scale)) if scale < 1 else (height, width)
        small_13hw = functional.interpolate(frame_13HW, size, mode="area").cpu()
        if not may_clip(frame_13HW):
            return _Small(small_13hw, torch.ones_like(small_13hw))
        brightest_13hw = functional.adaptive_max_pool2d(frame_13HW, size).cpu()
        return _Small(small_13hw, (brightest_13hw < CLIPPED).float())


@dataclass(frozen=True, eq=False)
class _Aligned:
    """Two small frames, the second one fetched along the flow from the first.

    known_13hw: 1 where the fetch lies inside the frame and neither frame is clipped, else 0; for each channel.
    contrast: of the frames, as a standard deviation.
    """

    first_13hw: Tensor
    second_13hw: Tensor
    known_13hw: Tensor
    contrast: float

    @staticmethod
    def of(first: _Small, second: _Small, light: LightChange, contrast: float) -> "_Aligned":
        """Align frames whose light differs as `light` says."""
        at_size = light.at_size(*first.frame_13hw.shape[2:])
        shown = (each_13hw[0].movedim(0, 2) for each_13hw in at_size.clipped_alike(first.frame_13hw, second.frame_13hw))
        flow_12hw = flow_one_way(*shown)[None]
        fetched_13hw = backward_warp(second.frame_13hw, flow_12hw, "bicubic")  # bilinear would take contrast away
        lit_13hw = (distance_outside(flow_12hw) == 0) & (backward_warp(second.lit_13hw, flow_12hw) > 0.99)
        return _Aligned(first.frame_13hw, fetched_13hw, first.lit_13hw * lit_13hw, contrast)

    def is_steady(self) -> bool:
        """Whether the frames, aligned as they are, show no common change of contrast, here or there."""
        line = _line(self.first_13hw, self.second_13hw, self.known_13hw)
        if line is None or float((line[0] - 1).abs().mean()) > STEADY_GAIN:
            return False
        return self.cancels_out(steady())

    def cancels_out(self, light: LightChange) -> bool:
        """Whether what a change of light leaves is up here and down there, and so is no light that varies slowly."""
        missed_13hw = self.known_13hw * (self.second_13hw - self._changed(light))
        return float(_blurred(_in_cells(missed_13hw)).abs().mean()) < STEADY_SHARE * float(missed_13hw.abs().mean())

    def difference(self, light: LightChange) -> float:
        """The mean difference that is left when the light of the first frame is changed, outliers counted less."""
        missed_13hw = (self._changed(light) - self.second_13hw).abs().clamp(max=OUTLIER * self.contrast)
        return float((missed_13hw * self.known_13hw).sum() / (self.known_13hw.sum() + 1e-9))

    def fitted(self, light: LightChange) -> LightChange | None:
        """The change that fits best, from a first guess; None if the frames are not alike enough to say."""
        detail = self._gain_of_detail(light)
        if detail is None:
            return None
        best = self._gain_and_offset(light)
        power = self._power_curve(best)
        if power is not None and self.difference(power) < REMAINDER_CURVE * self.difference(best):
            best = power
        if self.cancels_out(best):
            return best
        # A gain that varies bends the line that fits all colours, so a gain alone is tried as well.
        candidates = (
            self._varying_gain(steady(), light),
            self._varying_gain(best, light),
            self._varying_offset(best, light),
            self._varying_offset(detail, light),
        )
        varying = min(candidates, key=self.difference)
        return varying if self.difference(varying) < REMAINDER_VARYING * self.difference(best) else best

    def _changed(self, light: LightChange) -> Tensor:
        return light.at_size(*self.first_13hw.shape[2:]).put_back(self.first_13hw, 1.0)

    def _belonging(self, light: LightChange) -> Tensor:
        """How far pixels follow this change: from 1 down to 0, which none reaches."""
        missed_13hw = self.known_13hw * (self._changed(light) - self.second_13hw).abs()
        count_11hw = self.known_13hw.sum(dim=1, keepdim=True)
        missed_11hw = missed_13hw.sum(dim=1, keepdim=True) / count_11hw.clamp(min=1)
        usual = missed_11hw[count_11hw > 0].median() if count_11hw.any() else 0.0
        return self.known_13hw / (1 + (missed_11hw / (AGREEING * usual + EXACT * self.contrast)).square())

    def _gain_and_offset(self, light: LightChange) -> LightChange:
        for _ in range(FITS):
            line = _line(self.first_13hw, self.second_13hw, self._belonging(light))
            if line is None:
                return steady()
            gain_1311, offset_1311 = line
            light = LightChange(gain_1311.clamp(1 / MOST_GAIN, MOST_GAIN), offset_1311, steady().gamma_1311)
        return light

    def _power_curve(self, light: LightChange) -> LightChange | None:
        smallest = 0.02 * float(self.first_13hw.max().clamp(min=1e-4))
        bright_13hw = torch.minimum(self.first_13hw, self.second_13hw) > smallest
        first_13hw, second_13hw = (each.clamp(min=smallest).log() for each in (self.first_13hw, self.second_13hw))
        importance_13hw = self.first_13hw.square() * bright_13hw
        for _ in range(FITS):
            line = _line(first_13hw, second_13hw, self._belonging(light) * importance_13hw)
            if line is None:
                return None
            gamma_1311, log_gain_1311 = line
            gamma_1311 = gamma_1311.clamp(1 / MOST_GAMMA, MOST_GAMMA)
            gain_1311 = log_gain_1311.exp().clamp(1 / MOST_GAIN, MOST_GAIN)
            light = LightChange(gain_1311, steady().offset_13hw, gamma_1311)
        return light

    def _gain_of_detail(self, light: LightChange) -> LightChange | None:
        """The gain of fine detail, which an offset that varies slowly does not change; None if details differ."""
        fine_13hw, fine_second_13hw = (each - _around(each) for each in (self.first_13hw, self.second_13hw))
        line = _line(fine_13hw, fine_second_13hw, self._belonging(light))
        if line is None:
            return None
        return LightChange(line[0].clamp(1 / MOST_GAIN, MOST_GAIN), steady().offset_13hw, steady().gamma_1311)

    def _varying_gain(self, light: LightChange, guess: LightChange) -> LightChange:
        changed_13hw, varying = self._changed(light), guess
        for _ in range(FITS):
            weighted_13hw = self._belonging(varying) * changed_13hw
            missed_13hw = self.second_13hw - changed_13hw
            factor_13gg = 1 + _smooth_ratio(weighted_13hw * missed_13hw, weighted_13hw * changed_13hw)
            factor_13gg = factor_13gg.clamp(1 / MOST_GAIN, MOST_GAIN)
            varying = LightChange(light.gain_13hw * factor_13gg, light.offset_13hw * factor_13gg, light.gamma_1311)
        return varying

    def _varying_offset(self, light: LightChange, guess: LightChange) -> LightChange:
        missed_13hw, varying = self.second_13hw - self._changed(light), guess
        for _ in range(FITS):
            belonging_13hw = self._belonging(varying)
            added_13gg = _smooth_ratio(belonging_13hw * missed_13hw, belonging_13hw)
            gain_13gg = light.gain_13hw.expand_as(added_13gg)
            varying = LightChange(gain_13gg, light.offset_13hw + added_13gg, light.gamma_1311)
        return varying


def _by_quantiles(first: _Small, second: _Small) -> LightChange:
    """Gain and offset that bring the quantiles of one frame to those of the other; what is clipped is left out."""
    most_31 = torch.minimum(*(each.lit_13hw.mean(dim=(2, 3)).view(3, 1) for each in (first, second)))
    ranks_3Q = torch.linspace(0.02, 0.98, QUANTILES) * most_31 * (first.lit_13hw[0, 0].numel() - 1)
    first_3Q, second_3Q = (
        each.frame_13hw[0].flatten(1).sort(dim=1).values.gather(1, ranks_3Q.long()) for each in (first, second)
    )
    line = _line(first_3Q[None, :, None], second_3Q[None, :, None], torch.ones(1, 3, 1, QUANTILES))
    if line is None:
        return steady()
    return LightChange(line[0].clamp(1 / MOST_GAIN, MOST_GAIN), line[1], steady().gamma_1311)


def _line(first_13hw: Tensor, second_13hw: Tensor, weight_13hw: Tensor) -> tuple[Tensor, Tensor] | None:
    """Slope and offset, of shape (1, 3, 1, 1), of the line through the colours of both frames; None without relation.

    The slope is the ratio of both standard deviations, so noise in the frames does not flatten it, as it would flatten
    a regression.
    """
    weight_13hw = weight_13hw / (weight_13hw.sum(dim=(2, 3), keepdim=True) + 1e-9)
    means = [(weight_13hw * each).sum(dim=(2, 3), keepdim=True) for each in (first_13hw, second_13hw)]
    first_13hw, second_13hw = first_13hw - means[0], second_13hw - means[1]
    variance0, variance1, covariance = (
        (weight_13hw * product).sum(dim=(2, 3), keepdim=True)
        for product in (first_13hw.square(), second_13hw.square(), first_13hw * second_13hw)
    )
    related = float(covariance.sum() / ((variance0 * variance1).sqrt().sum() + 1e-12))
    if related < WELL_ALIGNED:
        return None
    slope = ((variance1 + 1e-10) / (variance0 + 1e-10)).sqrt()
    return slope, means[1] - slope * means[0]


def _smooth_ratio(products_13hw: Tensor, sizes_13hw: Tensor) -> Tensor:
    """The ratio of two maps as a smooth map over cells, near 0 where the sizes are: a parabola, and what it leaves."""
    products_13gg, sizes_13gg = _in_cells(products_13hw), _in_cells(sizes_13hw)
    held_1311 = HELD * sizes_13gg.mean(dim=(2, 3), keepdim=True) + 1e-12
    y_g, x_g = (torch.linspace(-1, 1, side) for side in sizes_13gg.shape[2:])
    y_gg, x_gg = torch.meshgrid(y_g, x_g, indexing="ij")
    terms_Kgg = torch.stack([torch.ones_like(x_gg), x_gg, y_gg, x_gg * y_gg, x_gg.square(), y_gg.square()])
    weighted_3Kgg = sizes_13gg[0, :, None] * terms_Kgg
    matrix_3KK = torch.einsum("ckyx,lyx->ckl", weighted_3Kgg, terms_Kgg) / x_gg.numel()
    matrix_3KK = matrix_3KK + held_1311[0] * torch.eye(len(terms_Kgg))
    target_3K1 = torch.einsum("cyx,kyx->ck", products_13gg[0], terms_Kgg)[..., None] / x_gg.numel()
    surface_13gg = torch.einsum("ckz,kyx->zcyx", torch.linalg.solve(matrix_3KK, target_3K1), terms_Kgg)
    smooth_13gg, sizes_around_13gg = surface_13gg, _blurred(sizes_13gg) + held_1311
    for _ in range(TWICE):
        smooth_13gg = smooth_13gg + _blurred(products_13gg - sizes_13gg * smooth_13gg) / sizes_around_13gg
    return smooth_13gg


def _around(values_13hw: Tensor) -> Tensor:
    return functional.avg_pool2d(values_13hw, 2 * CELL + 1, 1, padding=CELL, count_include_pad=False)


def _in_cells(values_1Chw: Tensor) -> Tensor:
    cells = tuple(max(1, round(side / CELL)) for side in values_1Chw.shape[2:])
    return functional.interpolate(values_1Chw, cells, mode="area")


def _blurred(cells_13gg: Tensor) -> Tensor:
    cells_gg3 = cells_13gg[0].movedim(0, 2).numpy()
    blurred_gg3 = cv2.GaussianBlur(cells_gg3, (0, 0), REACH, borderType=cv2.BORDER_REPLICATE)
    return torch.from_numpy(blurred_gg3).movedim(2, 0)[None]
