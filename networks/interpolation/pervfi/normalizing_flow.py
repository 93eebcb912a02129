"""The conditional normalising flow of PerVFI v00: turns noise into a picture, given conditions, and back.

PerVFI, section 3.4; Glow (Kingma and Dhariwal, NeurIPS 2018) with conditional couplings and priors. Key layout of
github.com/mulns/PerVFI at 89d90f1. Always float32, because it chains 48 inversions, each with an exponential.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .encoder import LEVEL_CHANNELS
from .layers import conv3x3

BLOCKS = len(LEVEL_CHANNELS)
STEPS = 16  # per block
HIDDEN = 64


@dataclass(frozen=True)
class Encoding:
    """A picture, encoded given conditions.

    nll_B: negative log-likelihood in bits per pixel (not per colour value).
    latents: the raw latents of the three blocks, half size first.
    noise: the latents in units of their priors, from which `CondFlowNet.decode` reproduces the picture.
    """

    nll_B: Tensor
    latents: list[Tensor]
    noise: list[Tensor]


class ActNorm(nn.Module):
    """A scale and a shift for each channel. `initialized` is 1 if training has set them from data."""

    def __init__(self, channels: int, device: torch.device | str | None) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(1, channels, 1, 1, device=device))
        self.logs = nn.Parameter(torch.zeros(1, channels, 1, 1, device=device))
        self.register_buffer("initialized", torch.tensor(1, dtype=torch.uint8, device=device))

    def encode(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """The normalised tensor and the log-determinant."""
        pixels = x_BCHW.shape[2] * x_BCHW.shape[3]
        return (self.logs.exp() + 1e-8) * (x_BCHW + self.loc), pixels * self.logs.sum()


class InvertibleConv(nn.Module):
    """A 1x1 convolution with a full matrix."""

    def __init__(self, channels: int, device: torch.device | str | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(channels, device=device)[:, :, None, None].clone())

    def encode(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """The mixed tensor and the log-determinant."""
        pixels = x_BCHW.shape[2] * x_BCHW.shape[3]
        return functional.conv2d(x_BCHW, self.weight), pixels * self.weight[:, :, 0, 0].slogdet()[1]


class ScaledConv(nn.Module):
    """A 3x3 convolution times exp(3 x scale); as published, it starts from zero."""

    def __init__(self, channels_in: int, channels_out: int, operations: Any, device: torch.device | str | None) -> None:
        super().__init__()
        self.conv = conv3x3(channels_in, channels_out, operations, bias=True, dtype=torch.float32, device=device)
        self.scale = nn.Parameter(torch.zeros(1, channels_out, 1, 1, device=device))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Convolve and scale."""
        return self.conv(x_BCHW) * (3 * self.scale).exp()

    def of_zeros(self) -> Tensor:
        """The output for zeros, shape (1, C, 1, 1)."""
        return self.conv.bias[:, None, None].to(self.scale) * (3 * self.scale).exp()


class Coupling(nn.Module):
    """Scales and shifts half of the channels; a network computes how from the other half and the condition."""

    def __init__(self, channels: int, condition: int, operations: Any, device: torch.device | str | None) -> None:
        super().__init__()
        made: dict[str, Any] = {"dtype": torch.float32, "device": device}
        tail = nn.Sequential(
            conv3x3(channels // 2 + condition, HIDDEN, operations, bias=True, **made),
            nn.ReLU(inplace=True),
            operations.Conv2d(HIDDEN, HIDDEN, 1, **made),
            nn.ReLU(inplace=True),
            ScaledConv(HIDDEN, channels, operations, device),
        )
        self.affine = nn.ModuleDict({"tail": tail})
        self.scale = nn.Parameter(torch.zeros(1, device=device))
        self.scale_shift = nn.Parameter(torch.zeros(1, device=device))

    def _affine(self, fixed_BCHW: Tensor, condition_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        found_BCHW = self.affine["tail"](torch.cat([fixed_BCHW, condition_BCHW], dim=1))
        shift_BCHW, log_scale_BCHW = found_BCHW.chunk(2, dim=1)
        return shift_BCHW, self.scale * log_scale_BCHW.tanh() + self.scale_shift

    def encode(self, x_BCHW: Tensor, condition_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """The coupled tensor and the log-determinant of each sample."""
        changed_BCHW, fixed_BCHW = x_BCHW.chunk(2, dim=1)
        shift_BCHW, log_scale_BCHW = self._affine(fixed_BCHW, condition_BCHW)
        changed_BCHW = changed_BCHW * log_scale_BCHW.exp() + shift_BCHW
        return torch.cat([changed_BCHW, fixed_BCHW], dim=1), log_scale_BCHW.sum(dim=(1, 2, 3))

    def decode(self, x_BCHW: Tensor, condition_BCHW: Tensor) -> Tensor:
        """The inverse."""
        changed_BCHW, fixed_BCHW = x_BCHW.chunk(2, dim=1)
        shift_BCHW, log_scale_BCHW = self._affine(fixed_BCHW, condition_BCHW)
        return torch.cat([(changed_BCHW - shift_BCHW) * (-log_scale_BCHW).exp(), fixed_BCHW], dim=1)


class Mixing(nn.Module):
    """Normalisation and 1x1 convolution: one affine map for each pixel."""

    unmixing_weight: Tensor | None
    unmixing_bias: Tensor | None

    def __init__(self, channels: int, device: torch.device | str | None) -> None:
        super().__init__()
        self.actnorm = ActNorm(channels, device)
        self.invconv = InvertibleConv(channels, device)
        self.register_buffer("unmixing_weight", None, persistent=False)
        self.register_buffer("unmixing_bias", None, persistent=False)

    def train(self, mode: bool = True) -> "Mixing":
        """Set the training mode. Training changes the weights, so the folded inverse is dropped."""
        if mode:
            self.unmixing_weight = self.unmixing_bias = None
        return super().train(mode)

    def encode_mixing(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """The mixed tensor and the log-determinant."""
        x_BCHW, log_norm = self.actnorm.encode(x_BCHW)
        x_BCHW, log_mixing = self.invconv.encode(x_BCHW)
        return x_BCHW, log_norm + log_mixing

    def inverse(self) -> tuple[Tensor, Tensor]:
        """Matrix (C, C) and bias (C) of the inverse map, float64, on the CPU; differentiable."""
        # In float64 because 48 of these are chained and errors add up; on the CPU because not all devices have float64.
        loc_C, logs_C = (each.cpu().double().flatten() for each in (self.actnorm.loc, self.actnorm.logs))
        matrix_CC = torch.linalg.inv(self.invconv.weight[:, :, 0, 0].cpu().double())
        return (-logs_C).exp()[:, None] * matrix_CC, -loc_C

    def fold(self, after: "Mixing | None" = None) -> None:
        """Compute the inverse once, combined with the inverse of `after`, the map that is undone next, if any."""
        with torch.no_grad():
            self.unmixing_weight, self.unmixing_bias = self._inverse_map(after)

    def decode_mixing(self, x_BCHW: Tensor, after: "Mixing | None" = None) -> Tensor:
        """Undo this map and `after`, the one undone next, with the folded inverse; if there is none, invert now."""
        weight, bias = self.unmixing_weight, self.unmixing_bias
        if weight is None:
            weight, bias = self._inverse_map(after)
        return functional.conv2d(x_BCHW, weight, bias)

    def _inverse_map(self, after: "Mixing | None") -> tuple[Tensor, Tensor]:
        matrix_CC, bias_C = self.inverse()
        if after is not None:
            after_CC, after_C = after.inverse()
            matrix_CC, bias_C = after_CC @ matrix_CC, after_CC @ bias_C + after_C
        own = self.actnorm.loc
        return matrix_CC.to(own)[:, :, None, None].contiguous(), bias_C.to(own)


class FlowStep(Mixing):
    """Normalise, mix, couple."""

    def __init__(self, channels: int, condition: int, operations: Any, device: torch.device | str | None) -> None:
        super().__init__(channels, device)
        self.coupling = Coupling(channels, condition, operations, device)


class FlowBlock(Mixing):
    """Packs 2x2 pixels into channels and runs steps; half of the channels leave as latents, in the last block all."""

    def __init__(
        self, channels: int, condition: int, last: bool, operations: Any, device: torch.device | str | None
    ) -> None:
        super().__init__(4 * channels, device)
        self.last = last
        self.flows: Any = nn.ModuleList(FlowStep(4 * channels, condition, operations, device) for _ in range(STEPS))
        leaving = 4 * channels if last else 2 * channels
        self.prior = ScaledConv(leaving, 2 * leaving, operations, device)

    def encode(self, x_BCHW: Tensor, condition_BCHW: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The input of the next block, latents, noise, and log-determinant plus log-density of each sample."""
        x_BCHW, log_likelihood = self.encode_mixing(functional.pixel_unshuffle(x_BCHW, 2))
        for step in self.flows:
            x_BCHW, log_mixing = step.encode_mixing(x_BCHW)
            x_BCHW, log_coupling_B = step.coupling.encode(x_BCHW, condition_BCHW)
            log_likelihood = log_likelihood + log_mixing + log_coupling_B
        stays_BCHW, latents_BCHW = (x_BCHW, x_BCHW) if self.last else x_BCHW.chunk(2, dim=1)
        mean_BCHW, log_sd_BCHW = self._prior(stays_BCHW)
        noise_BCHW = (latents_BCHW - mean_BCHW) * (-log_sd_BCHW).exp()
        density_BCHW = -0.5 * noise_BCHW.square() - log_sd_BCHW - 0.5 * math.log(2 * math.pi)
        return stays_BCHW, latents_BCHW, noise_BCHW, log_likelihood + density_BCHW.sum(dim=(1, 2, 3))

    def decode(self, stays_BCHW: Tensor | None, noise_BCHW: Tensor, condition_BCHW: Tensor) -> Tensor:
        """The inverse, from noise. `stays_BCHW` comes from the next coarser block, and is None for the coarsest."""
        mean_BCHW, log_sd_BCHW = self._prior(stays_BCHW)
        x_BCHW = mean_BCHW + log_sd_BCHW.exp() * noise_BCHW
        if stays_BCHW is not None:
            x_BCHW = torch.cat([stays_BCHW, x_BCHW], dim=1)
        for number in range(STEPS - 1, -1, -1):
            step = self.flows[number]
            x_BCHW = step.decode_mixing(step.coupling.decode(x_BCHW, condition_BCHW), None if number else self)
        return functional.pixel_shuffle(x_BCHW, 2)

    def _prior(self, stays_BCHW: Tensor | None) -> tuple[Tensor, Tensor]:
        found_BCHW = self.prior.of_zeros() if self.last else self.prior(stays_BCHW)
        mean_BCHW, log_sd_BCHW = found_BCHW.chunk(2, dim=1)
        return mean_BCHW, log_sd_BCHW


class CondFlowNet(nn.Module):
    """Three blocks, at half, quarter and eighth size."""

    def __init__(self, operations: Any, device: torch.device | str | None) -> None:
        super().__init__()
        self.blocks: Any = nn.ModuleList(
            FlowBlock(3 * 2**number, condition, number == BLOCKS - 1, operations, device)
            for number, condition in enumerate(LEVEL_CHANNELS)
        )

    def fold(self) -> None:
        """Invert every map once, for weights that stay fixed. The step undone last includes the block's own map."""
        for block in self.blocks:
            for number, step in enumerate(block.flows):
                step.fold(None if number else block)

    def encode(self, picture_B3HW: Tensor, conditions: Sequence[Tensor]) -> Encoding:
        """Likelihood and latents of pictures in -1..1; differentiable.

        Args:
            picture_B3HW: pictures with sides that are multiples of 8.
            conditions: one tensor for each block, half size first.
        """
        latents, noise, log_likelihood_B = [], [], picture_B3HW.new_zeros(picture_B3HW.shape[0])
        x_BCHW = picture_B3HW
        for block, condition_BCHW in zip(self.blocks, conditions, strict=True):
            x_BCHW, latents_BCHW, noise_BCHW, log_block_B = block.encode(x_BCHW, condition_BCHW)
            latents.append(latents_BCHW)
            noise.append(noise_BCHW)
            log_likelihood_B = log_likelihood_B + log_block_B
        pixels = picture_B3HW.shape[2] * picture_B3HW.shape[3]
        return Encoding(-log_likelihood_B / (math.log(2) * pixels), latents, noise)

    def decode(self, noise: Sequence[Tensor], conditions: Sequence[Tensor]) -> Tensor:
        """Pictures in about -1..1, from noise in units of the priors and conditions for each block, half size first."""
        x_BCHW: Any = None
        for number in reversed(range(BLOCKS)):
            x_BCHW = self.blocks[number].decode(x_BCHW, noise[number], conditions[number])
        return x_BCHW


def noise_shapes(height: int, width: int) -> list[tuple[int, int, int]]:
    """Channels, height and width of the noise of each block, for a picture whose sides are multiples of 8."""
    return [(6, height // 2, width // 2), (12, height // 4, width // 4), (48, height // 8, width // 8)]
