"""Film grain and camera noise of two frames: found, measured, and put on the frames between them.

Averaging two frames halves the variance of their grain, fetching between pixels takes more, and networks remove most of
it, so frames that were made look softer than those given. As in the film grain of AV1 (Norkin and Birkbeck, "Film Grain
Synthesis for AV1 Video Codec", DCC 2018), grain is described by its spectrum, its colour and its strength at each
luma, and new grain with the same description is added. Here it is measured from what differs between two frames
along their motion, and only as much is added as a frame lacks.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..pictures.contrast import ToneRange
from ..pictures.images import LUMA_3
from ..pictures.value_range import extremes
from .warping import backward_warp

DILATIONS = (1, 2, 4)  # of the smoothing, for the three bands: detail of about 1 to 2, 2 to 4 and 4 to 8 pixels
BANDS = len(DILATIONS)
BLOCK = 16  # pixels; grain is measured in blocks
CHANGING = 0.3  # share of the pixels of a block that must change; other blocks show bars, signs, or drawn areas
FEWEST_BLOCKS, FEWEST = 12, 0.2  # how many blocks must change, and which share; in fewer, errors are taken for grain

# Frames have grain if what differs along the motion has at least this standard deviation in the calm blocks. What
# compression leaves in clean clips is below. Both limits follow the contrast, but grain is more than rounding makes:
# LEAST_ROUNDED is a share of the steps of 8 or 10 bits.
LEAST, LEAST_ROUNDED, LEAST_OF_ALL = 0.0046, 0.64, 1e-4
MOST = 0.12  # more is no grain, but another picture
CALM = 0.25  # share of the blocks, those with the least detail, in which grain is looked for
LOW = 0.2  # quantile of these blocks: grain is everywhere, errors of motion are only in some places
DENSE = 0.45  # (mean size) ** 2 / mean square of what differs, 0.64 in grain; lines that are off leave less
LEAST_SHARE = 0.2  # of the detail of a band, in calm blocks, that must differ between the frames

KNOTS = 8  # of the curve of the variance over luma
SMOOTHNESS = 0.05  # of the curve, in relation to the data
ROOM = 1.3  # a place gets at most this many times the variance found there: flow that follows grain hides some of it
TILE = 256  # pixels, a side of the pattern that new grain is taken from
STEADY = 1e-6  # colours that differ by less are equal


@dataclass(frozen=True, eq=False)
class Grain:
    """The grain of two frames, in bands of size; B bands, blocks of `BLOCK` pixels (h, w), all on the CPU.

    curve_BK: variance at `KNOTS` values of luma, the mean of the colour channels.
    lumas: the luma of the first and of the last of these.
    colour_B33: what turns three independent channels into channels correlated like those of the grain, with a mean
        variance of 1.
    found_1Bhw: variance of what differs between the frames in each block of the first.
    shared_1Bhw: variance of the detail that both have.
    detail_1Bhw: variance of all detail of the first frame, and of the second.
    changing_11hw: share of each block's pixels that are not the same in both frames.
    motion_12hw: motion from the first frame to the second, in pixels.
    """

    curve_BK: Tensor
    lumas: tuple[float, float]
    colour_B33: Tensor
    found_1Bhw: Tensor
    shared_1Bhw: Tensor
    detail_1Bhw: tuple[Tensor, Tensor]
    changing_11hw: Tensor
    motion_12hw: Tensor

    @property
    def deviation(self) -> float:
        """Standard deviation at the middle of the curve."""
        return float(self.curve_BK.mean(dim=1).sum().sqrt())

    def added_to(
        self, made_T3HW: Tensor, given_13HW: tuple[Tensor, Tensor], times: Sequence[float], seeds: Sequence[int]
    ) -> Tensor:
        """Frames with the grain that they lack; the same for the same seeds.

        What is equal in both given frames, such as bars and signs, stays as it was made, and so do limits of values.

        Args:
            made_T3HW: frames between the two given ones.
            given_13HW: the two frames.
            times: the time of each frame, 0 to 1.
            seeds: a number for each frame; those of neighbours should differ, so that grain does not stand still.
        """
        pattern_B3hw = _pattern(made_T3HW.device)
        frames = [self._added(made_T3HW[n : n + 1], float(times[n]), seeds[n], pattern_B3hw) for n in range(len(times))]
        equal_11HW = ((given_13HW[0] - given_13HW[1]).abs() < STEADY).all(dim=1, keepdim=True)
        return torch.where(equal_11HW, made_T3HW, torch.cat(frames).clamp(*extremes(*given_13HW)))

    def _added(self, made_13HW: Tensor, time: float, seed: int, pattern_B3hw: Tensor) -> Tensor:
        size = made_13HW.shape[2:]
        had_1Bhw = torch.cat([_block_means(band_13HW.square()) for band_13HW in _bands(made_13HW)], dim=1)
        detail0_1Bhw, detail1_1Bhw = self.detail_1Bhw
        to_first_12hw, to_second_12hw = -time * self.motion_12hw / BLOCK, (1 - time) * self.motion_12hw / BLOCK
        due_1Bhw = torch.lerp(
            backward_warp(detail0_1Bhw, to_first_12hw), backward_warp(detail1_1Bhw, to_second_12hw), time
        )
        shared_1Bhw = backward_warp(self.shared_1Bhw, to_first_12hw)
        found_1Bhw = backward_warp(self.found_1Bhw, to_first_12hw)

        luma_11HW = _luma(made_13HW)
        grain_1Bhw = self._variance(_block_means(luma_11HW))
        changing_11hw = self.changing_11hw.clamp(min=0.01)
        weight_1Bhw = changing_11hw * (grain_1Bhw / (grain_1Bhw + shared_1Bhw) + 0.03).square()
        lacking_1Bhw = (due_1Bhw - had_1Bhw) / (changing_11hw * grain_1Bhw).clamp(min=1e-12)
        share_1Bhw = _averaged(lacking_1Bhw.clamp(-1, 2), weight_1Bhw).clamp(0, ROOM)
        there_1Bhw = ROOM * _around(found_1Bhw) / _around(changing_11hw)
        within_1Bhw = (there_1Bhw / (share_1Bhw * grain_1Bhw).clamp(min=1e-12)).clamp(max=1)
        lack_1Bhw = share_1Bhw * within_1Bhw * grain_1Bhw
        # Amplitudes for the luma of each block are brought to that of each pixel.
        gain_1Bhw = _amplitudes(lack_1Bhw) / grain_1Bhw.clamp(min=1e-12).sqrt()
        gain_1BHW = functional.interpolate(gain_1Bhw.to(made_13HW.device), size, mode="bilinear")
        gain_1BHW = gain_1BHW * self._variance(_smooth(_smooth(luma_11HW, 1), 2)).sqrt()

        result_13HW = made_13HW.clone()
        rows, columns = torch.randint(TILE, (2,), generator=torch.Generator().manual_seed(seed)).tolist()
        for band in range(BANDS):
            new_3hw = torch.einsum("ij,jhw->ihw", self.colour_B33[band].to(made_13HW.device), pattern_B3hw[band])
            result_13HW += gain_1BHW[:, band : band + 1] * _tiled(new_3hw, rows, columns, *size)
        return result_13HW

    def _variance(self, luma_11HW: Tensor) -> Tensor:
        """The variance of the grain in each band, shape (1, B, H, W), by luma."""
        low, high = self.lumas
        place_11HW = ((luma_11HW - low) / (high - low) * (KNOTS - 1)).clamp(0, KNOTS - 1)
        below_HW = place_11HW[0, 0].floor().clamp(max=KNOTS - 2).long()
        part_HW = place_11HW[0, 0] - below_HW
        curve_BK = self.curve_BK.to(luma_11HW.device)
        return torch.lerp(curve_BK[:, below_HW], curve_BK[:, below_HW + 1], part_HW)[None]


def may_have_grain(first_13HW: Tensor, second_13HW: Tensor) -> bool:
    """A quick look: whether the calm blocks of both frames have as much fine detail as the least grain that counts."""
    least = _limits(first_13HW, second_13HW)[0] / 2
    for frame_13HW in (first_13HW, second_13HW):
        luma_11HW = _luma(frame_13HW)
        detail_N = _block_means((luma_11HW - _smooth(_smooth(luma_11HW, 1), 2)).square()).flatten()
        detail_N = detail_N[detail_N > STEADY**2]
        if len(detail_N) < FEWEST_BLOCKS or float(detail_N.quantile(CALM)) < least**2:
            return False
    return True


def find_grain(given_13HW: tuple[Tensor, Tensor], second_13HW: Tensor, motion_12HW: Tensor) -> Grain | None:
    """Measure the grain of two frames; None if they have none.

    Args:
        given_13HW: both frames, float32.
        second_13HW: the second frame in the light of the first.
        motion_12HW: motion from the first frame to the second, in pixels.
    """
    luma_11HW = _luma(given_13HW[0])  # the colours of most video are of half the size, and differ where they move
    differing_11HW = luma_11HW - backward_warp(_luma(second_13HW), motion_12HW, "bicubic")
    changes_11HW = ((given_13HW[0] - given_13HW[1]).abs() >= STEADY).any(dim=1, keepdim=True)
    blocks = _Blocks.of(luma_11HW, luma_11HW, differing_11HW, changes_11HW)
    if blocks is None or not blocks.are_grainy(differing_11HW, *_limits(*given_13HW)):
        return None
    difference_13HW = given_13HW[0] - backward_warp(second_13HW, motion_12HW, "bicubic")
    blocks = _Blocks.of(*given_13HW, difference_13HW, changes_11HW)
    if blocks is None:
        return None
    luma_N = _block_means(luma_11HW).flatten()[blocks.valid_N]
    lumas = (float(luma_N.min()), float(luma_N.max()) + STEADY)
    found_NB, shared_NB = blocks.listed(blocks.found_1Bhw), blocks.listed(blocks.shared_1Bhw)
    pilot_B = found_NB[blocks.calm_N].median(dim=0).values.clamp(min=1e-10)
    curve_BK = torch.stack([_curve(luma_N, found_NB[:, b], shared_NB[:, b], pilot_B[b], lumas) for b in range(BANDS)])
    calm_hw = torch.zeros_like(blocks.valid_N)
    calm_hw[blocks.valid_N.nonzero()[:, 0][blocks.calm_N]] = True
    calm_11hw = calm_hw.view(1, 1, *blocks.found_1Bhw.shape[2:]).float()
    colour_B33 = torch.stack([_colour(band_13HW, calm_11hw) for band_13HW in _bands(difference_13HW)])
    motion_12hw = _block_means_of_each(motion_12HW)
    details = blocks.detail0_1Bhw, blocks.detail1_1Bhw
    return Grain(
        curve_BK, lumas, colour_B33, blocks.found_1Bhw, blocks.shared_1Bhw, details, blocks.changing_11hw, motion_12hw
    )


@dataclass(frozen=True, eq=False)
class _Blocks:
    """Variances in the blocks of the first of two frames, by band; the first three as in `Grain`.

    changing_11hw: as in `Grain`.
    valid_N: the blocks that are not the same in both frames; N counts all blocks, or these in all that follows.
    calm_N: the numbers of those with the least detail.
    """

    found_1Bhw: Tensor
    shared_1Bhw: Tensor
    detail0_1Bhw: Tensor
    detail1_1Bhw: Tensor
    changing_11hw: Tensor
    valid_N: Tensor
    calm_N: Tensor

    @classmethod
    def of(
        cls, first_1CHW: Tensor, second_1CHW: Tensor, difference_1CHW: Tensor, changes_11HW: Tensor
    ) -> "_Blocks | None":
        """Measure them; None if too few blocks change."""
        own, differing = _bands(first_1CHW), _bands(difference_1CHW)
        other = own if second_1CHW is first_1CHW else _bands(second_1CHW)
        detail0_1Bhw, detail1_1Bhw, of_both_1Bhw = (
            torch.cat([_block_means(band_1CHW.square()) for band_1CHW in bands], dim=1)
            for bands in (own, other, differing)
        )
        # With the first frame F and the aligned one A, F * F - F * A is the grain of F, and half of (F - A) ** 2 the
        # mean of both: less where A was fetched between pixels, while the other is less where A is too sharp.
        of_first_1Bhw = torch.cat([_block_means(f * d) for f, d in zip(own, differing, strict=True)], dim=1)
        found_1Bhw = torch.maximum(of_first_1Bhw, of_both_1Bhw / 2)
        shared_1Bhw = (detail0_1Bhw - found_1Bhw).clamp(min=0)
        changing_11hw = _block_means(changes_11HW.float())
        valid_N = (changing_11hw > CHANGING).flatten()
        if int(valid_N.sum()) < max(FEWEST_BLOCKS, FEWEST * len(valid_N)):
            return None
        total_N = detail0_1Bhw.sum(dim=1).flatten()[valid_N]
        calm_N = total_N.argsort()[: max(FEWEST_BLOCKS, int(CALM * len(total_N)))]
        return cls(found_1Bhw, shared_1Bhw, detail0_1Bhw, detail1_1Bhw, changing_11hw, valid_N, calm_N)

    def listed(self, variance_1Bhw: Tensor) -> Tensor:
        """The valid blocks, shape (N, B)."""
        return variance_1Bhw[0].flatten(1).T[self.valid_N]

    def are_grainy(self, difference_11HW: Tensor, least: float, most: float) -> bool:
        """Whether much of the detail differs between the frames in calm blocks, enough, and all over each block."""
        found_NB, detail_NB = (self.listed(each)[self.calm_N] for each in (self.found_1Bhw, self.detail0_1Bhw))
        share_B = (found_NB / detail_NB.clamp(min=STEADY**2)).median(dim=0).values
        if not bool((share_B >= LEAST_SHARE).any()):
            return False
        sizes_N = _block_means(difference_11HW.abs()).flatten()[self.valid_N][self.calm_N]
        squares_N = _block_means(difference_11HW.square()).flatten()[self.valid_N][self.calm_N]
        if float((sizes_N.square() / squares_N.clamp(min=STEADY**2)).median()) < DENSE:
            return False
        deviation = float(found_NB[:, share_B >= LEAST_SHARE].sum(dim=1).quantile(LOW).sqrt())
        return least <= deviation <= most


def _luma(frames_T3HW: Tensor) -> Tensor:
    red_T1HW, green_T1HW, blue_T1HW = frames_T3HW.split(1, dim=1)
    return (LUMA_3[0] * red_T1HW).add_(green_T1HW, alpha=LUMA_3[1]).add_(blue_T1HW, alpha=LUMA_3[2])


def seed_of(frame_HWC: Tensor, time: float) -> int:
    """A number that is the same for the same frame and time, and another for others."""
    step = max(1, min(frame_HWC.shape[:2]) // 16)
    sample = frame_HWC[::step, ::step].float().cpu().contiguous().numpy().tobytes()
    return zlib.crc32(sample, round(time * 1e6) & 0xFFFFFFFF)


def _limits(first_13HW: Tensor, second_13HW: Tensor) -> tuple[float, float]:
    """The least and the greatest standard deviation of grain, for the contrast of two frames."""
    contrast = ToneRange.of(*(_luma(frame_13HW)[0, 0] for frame_13HW in (first_13HW, second_13HW))).contrast
    least, most = max(LEAST / contrast, LEAST_OF_ALL), MOST / min(contrast, 1)
    for levels in (255, 1023):
        steps = first_13HW[..., ::7, ::7] * levels
        if bool(((steps - steps.round()).abs() < 1e-2).all()):
            return max(least, LEAST_ROUNDED / levels), most
    return least, most


def _curve(luma_N: Tensor, found_N: Tensor, shared_N: Tensor, pilot: Tensor, lumas: tuple[float, float]) -> Tensor:
    """The variance at each knot: a smooth broken line through what was found, calm blocks first, without outliers."""
    place_N = ((luma_N - lumas[0]) / (lumas[1] - lumas[0]) * (KNOTS - 1)).clamp(0, KNOTS - 1 - 1e-4)
    below_N = place_N.long()
    hats_NK = torch.zeros(len(luma_N), KNOTS)
    hats_NK.scatter_(1, below_N[:, None], (1 - (place_N - below_N))[:, None])
    hats_NK.scatter_(1, below_N[:, None] + 1, (place_N - below_N)[:, None])
    calm_N = (pilot / (pilot + shared_N)).square()
    bend_LK = torch.diff(torch.eye(KNOTS), dim=0)
    fitted_N, curve_K = pilot.expand_as(found_N), pilot.expand(KNOTS)
    for _ in range(4):
        weight_N = calm_N / (1 + ((found_N - fitted_N) / (0.5 * fitted_N + 1e-12)).square()) / fitted_N.square()
        normal_KK = hats_NK.T @ (weight_N[:, None] * hats_NK)
        normal_KK = normal_KK + SMOOTHNESS * weight_N.sum() / KNOTS * bend_LK.T @ bend_LK
        normal_KK = normal_KK + 1e-4 * weight_N.sum() / KNOTS * torch.eye(KNOTS)
        right_K = hats_NK.T @ (weight_N * found_N) + 1e-4 * weight_N.sum() / KNOTS * pilot
        curve_K = torch.linalg.solve(normal_KK, right_K).clamp(min=0.02 * float(pilot))
        fitted_N = hats_NK @ curve_K
    return curve_K


def _colour(band_13HW: Tensor, calm_11hw: Tensor) -> Tensor:
    """The root of the covariance of the channels in the calm blocks, with a mean variance of 1."""
    calm_11HW = functional.interpolate(calm_11hw.to(band_13HW.device), scale_factor=float(BLOCK), mode="nearest")
    calm_HW = calm_11HW[0, 0, : band_13HW.shape[2], : band_13HW.shape[3]] > 0
    values_3N = band_13HW[0, :, calm_HW]
    covariance_33 = (values_3N @ values_3N.T).cpu()
    covariance_33 = covariance_33 / covariance_33.diagonal().mean().clamp(min=1e-20)
    return torch.linalg.cholesky(covariance_33 + 1e-4 * torch.eye(3))


def _bands(frames_TCHW: Tensor, beyond: str = "replicate") -> list[Tensor]:
    """Detail of about 1 to 2, 2 to 4 and 4 to 8 pixels: an undecimated wavelet transform ("a trous")."""
    bands = []
    for dilation in DILATIONS:
        smooth_TCHW = _smooth(frames_TCHW, dilation, beyond)
        bands.append(frames_TCHW - smooth_TCHW)
        frames_TCHW = smooth_TCHW
    return bands


def _smooth(frames_TCHW: Tensor, dilation: int, beyond: str = "replicate") -> Tensor:
    """Smoothed by a cubic spline, (1, 4, 6, 4, 1) / 16, spread by a dilation. Sums are faster than a convolution."""
    for axis, padding in ((3, (2 * dilation, 2 * dilation, 0, 0)), (2, (0, 0, 2 * dilation, 2 * dilation))):
        size, padded_TCHW = frames_TCHW.shape[axis], functional.pad(frames_TCHW, padding, mode=beyond)
        shifted = [padded_TCHW.narrow(axis, number * dilation, size) for number in range(5)]
        frames_TCHW = (
            (shifted[0] + shifted[4]).add_(shifted[1] + shifted[3], alpha=4).add_(shifted[2], alpha=6).div_(16)
        )
    return frames_TCHW


def _pattern(device: torch.device) -> Tensor:
    """Independent noise for three channels, in its bands; it continues at its opposite side."""
    noise_13hw = torch.randn(1, 3, TILE, TILE, generator=torch.Generator().manual_seed(0))
    return torch.cat(_bands(noise_13hw, "circular")).to(device)


def _amplitudes(variance_1Bhw: Tensor) -> Tensor:
    """By what to multiply the bands of white noise so that their sum has these variances in its bands.

    Bands overlap, so each band of the sum depends on all amplitudes, and not all variances can be had: the weak bands
    give way. Found by the method of Gauss and Newton.
    """
    impulse_11hw = torch.zeros(1, 1, 64, 64)
    impulse_11hw[0, 0, 32, 32] = 1
    parts_BBhw = torch.stack([torch.cat(_bands(band_11hw), dim=1)[0] for band_11hw in _bands(impulse_11hw)], dim=1)
    mixed_BBB = torch.einsum("aihw,ajhw->aij", parts_BBhw, parts_BBhw)
    variance_NB = variance_1Bhw[0].flatten(1).T
    total_N1 = variance_NB.sum(dim=1, keepdim=True).clamp(min=1e-20)
    wanted_NB = variance_NB / total_N1
    amplitude_NB = (wanted_NB.clamp(min=1e-3) / mixed_BBB.diagonal(dim1=1, dim2=2).diagonal()).sqrt()
    damping_BB = 0.02 * torch.eye(BANDS)
    for _ in range(8):
        halves_NBB = torch.einsum("aij,nj->nai", mixed_BBB, amplitude_NB)
        got_NB = torch.einsum("nai,ni->na", halves_NBB, amplitude_NB)
        scale_NB = 1 / (wanted_NB + 0.1)
        slope_NBB = 2 * halves_NBB * scale_NB[:, :, None] * amplitude_NB[:, None, :].abs()
        miss_NB1 = ((wanted_NB - got_NB) * scale_NB)[:, :, None]
        turned_NBB = slope_NBB.transpose(1, 2)
        step_NB = torch.linalg.solve(turned_NBB @ slope_NBB + damping_BB, turned_NBB @ miss_NB1)[:, :, 0]
        amplitude_NB = amplitude_NB * (1 + step_NB.clamp(-0.7, 2))
    return (amplitude_NB * total_N1.sqrt()).T.reshape(variance_1Bhw.shape)


def _tiled(tile_3hw: Tensor, rows: int, columns: int, height: int, width: int) -> Tensor:
    """A tile repeated over a frame, from some row and column on."""
    tile_3hw = tile_3hw.roll((rows, columns), (1, 2))
    return tile_3hw.repeat(1, -(-height // TILE), -(-width // TILE))[:, :height, :width]


def _block_means(values_1CHW: Tensor) -> Tensor:
    """Means over blocks and channels: shape (1, 1, h, w), on the CPU."""
    return _block_means_of_each(values_1CHW).mean(dim=1, keepdim=True)


def _block_means_of_each(values_1CHW: Tensor) -> Tensor:
    return functional.avg_pool2d(values_1CHW, BLOCK, ceil_mode=True).cpu()


def _around(values_1Bhw: Tensor) -> Tensor:
    return functional.avg_pool2d(values_1Bhw, 3, 1, padding=1, count_include_pad=False)


def _averaged(values_1Bhw: Tensor, weight_1Bhw: Tensor) -> Tensor:
    """Weighted averages over 5 x 5 blocks, and a little over the whole frame."""
    sums_1Bhw, weights_1Bhw = (
        functional.avg_pool2d(each_1Bhw, 5, 1, padding=2) for each_1Bhw in (values_1Bhw * weight_1Bhw, weight_1Bhw)
    )
    everywhere_1B11 = (values_1Bhw * weight_1Bhw).mean((2, 3), keepdim=True) / weight_1Bhw.mean((2, 3), keepdim=True)
    prior_1B11 = 0.1 * weight_1Bhw.mean((2, 3), keepdim=True)
    return (sums_1Bhw + prior_1B11 * everywhere_1B11) / (weights_1Bhw + prior_1B11)
