"""PerVFI as an interpolator: pairs of a sequence, several times in a batch, in tiles if memory is short."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ....core.errors import InbetweenError
from ....core.flow.optical_flow import check_size
from ....core.interpolation.contract import Rendered
from .front_end import FUSION_HALO, Pair, splatted_colours
from .model import PerVFI, check_temperature, draw_noise, padded
from .settings import PRIMARY_FRAMES, PerVFISettings
from .tiles import tiles_of

# Measured memory in bytes per pixel, for float32: for the whole frame, and in addition for the tile being processed.
FRAME_BYTES, TILE_BYTES = 1300, 2900
SMALLEST_TILE_PIXELS = 256 * 256  # smaller ones are mostly halo
SHARE_OF_MEMORY = 0.85


class FlowSource(Protocol):
    """Finds the motion between two frames."""

    @property
    def name(self) -> str:
        """Name for reports."""
        ...

    def both_ways(self, first_HWC: Tensor, second_HWC: Tensor) -> tuple[Tensor, Tensor]:
        """Flow of shape (2, H, W) from the first frame to the second and back, in pixels, channel 0 = x, any device."""
        ...


class PerVFIInterpolator:
    """One run over the frames of a sequence. The features of a frame are reused for the next pair."""

    by_halving = False  # it was trained for the time 1/2 only, but takes other times, so users choose

    def __init__(
        self,
        network: PerVFI,
        flow: FlowSource,
        settings: PerVFISettings,
        device: torch.device | str = "cpu",
        free_bytes: float = float("inf"),
    ) -> None:
        """Set up a run.

        Args:
            network: the network, on `device`.
            flow: finds the motion.
            settings: how to render. The whole run uses the same noise, so that it does not flicker.
            free_bytes: device memory that may be used.

        Raises:
            InbetweenError: a setting is out of range.
        """
        if settings.primary_frame not in PRIMARY_FRAMES:
            allowed = ", ".join(PRIMARY_FRAMES)
            raise InbetweenError(f'primary_frame is "{settings.primary_frame}"; choose one of {allowed}.')
        check_temperature(settings.temperature)
        self.network, self.flow, self.settings = network, flow, settings
        self.device, self.free_bytes = torch.device(device), free_bytes
        self.name = engine_name(network.variant, flow)
        self.bytes_per_pixel = whole_bytes(network, 1)
        self.tile_count = 0  # chosen by memory once the size is known, and raised if memory still runs out
        self._latest: tuple[Tensor, tuple[Tensor, ...]] | None = None
        self._noise: list[Tensor] | None = None

    @torch.no_grad()
    def prepare(self, first_HWC: Tensor, second_HWC: Tensor) -> "PerVFIPair":
        """Compute motion, features and importance; see `Interpolator.prepare`."""
        check_size(*first_HWC.shape[:2])
        forward_12HW, backward_12HW = (
            flow_2HW[None].to(self.device, torch.float32) for flow_2HW in self.flow.both_ways(first_HWC, second_HWC)
        )
        first_13HW, second_13HW = (
            frame_HWC.to(self.device, torch.float32).clamp(0, 1).movedim(2, 0)[None]
            for frame_HWC in (first_HWC, second_HWC)
        )
        first = self._features(first_HWC, first_13HW)
        second = self._features(second_HWC, second_13HW)
        self._latest = (second_HWC, second)
        pair = self.network.pair(first, second, padded(forward_12HW), padded(backward_12HW))
        return PerVFIPair(self, first_13HW, second_13HW, pair)

    def _features(self, frame_HWC: Tensor, frame_13HW: Tensor) -> tuple[Tensor, ...]:
        if self._latest is not None:
            latest_HWC, features = self._latest
            if latest_HWC.device == frame_HWC.device and torch.equal(latest_HWC, frame_HWC):
                return features
        return self.network.features(padded(frame_13HW) * 2 - 1)

    def noise(self, times: int, height: int, width: int) -> list[Tensor]:
        """The noise of the run for frames of a padded size; it is the same for every time."""
        if self._noise is None:
            generator = torch.Generator().manual_seed(self.settings.seed)
            drawn = draw_noise(1, height, width, self.settings.temperature, generator)
            self._noise = [each.to(self.device) for each in drawn]
        return [each.expand(times, -1, -1, -1) for each in self._noise]

    def count_tiles(self, height: int, width: int) -> int:
        """How many tiles to divide a frame into: as few as memory allows."""
        if not self.tile_count:
            scale, most = self.network.dtype.itemsize / 4, max(1, height * width // SMALLEST_TILE_PIXELS)
            for count in range(1, most + 1):
                largest = max(
                    tile.expanded(FUSION_HALO, height, width).pixels for tile in tiles_of(height, width, count)
                )
                needed = scale * (FRAME_BYTES * height * width + TILE_BYTES * largest)
                if needed <= SHARE_OF_MEMORY * self.free_bytes:
                    break
            self.tile_count = count
        return self.tile_count


@dataclass(frozen=True)
class PerVFIPair:
    """Two frames, and what the network computed for them."""

    owner: PerVFIInterpolator
    first_13HW: Tensor
    second_13HW: Tensor
    pair: Pair

    @torch.no_grad()
    def render(self, times: Sequence[float]) -> Rendered:
        """Render the in-betweens at these times; see `FramePair.render`."""
        height, width = self.first_13HW.shape[2:]
        while True:
            tile_count = self.owner.count_tiles(height, width)
            try:
                made_T3HW = self._render(self.pair, list(times), tile_count)
                break
            except torch.OutOfMemoryError:
                # With several times, the caller first tries smaller batches.
                if len(times) > 1 or 2 * tile_count > max(1, height * width // SMALLEST_TILE_PIXELS):
                    raise
                self.owner.tile_count = 2 * tile_count
        return Rendered(made_T3HW.clamp(0, 1).movedim(1, 3), (0.0,) * len(times))

    def _render(self, pair: Pair, times: list[float], tile_count: int) -> Tensor:
        primary = self.owner.settings.primary_frame
        if primary == "first":
            return self._made(pair, times, tile_count)
        if primary == "nearer":
            early, late = [time for time in times if time <= 0.5], [time for time in times if time > 0.5]
            made: dict[float, Tensor] = {}
            if early:
                made |= zip(early, self._made(pair, early, tile_count), strict=True)
            if late:
                made |= zip(late, self._made(pair.reversed(), [1 - time for time in late], tile_count), strict=True)
            return torch.stack([made[time] for time in times])
        forth_T3HW = self._made(pair, times, tile_count)
        back_T3HW = self._made(pair.reversed(), [1 - time for time in times], tile_count)
        better = [
            forth if photometric_distance(forth, pair, time) <= photometric_distance(back, pair, time) else back
            for forth, back, time in zip(forth_T3HW, back_T3HW, times, strict=True)
        ]
        return torch.stack(better)

    def _made(self, pair: Pair, times: list[float], tile_count: int) -> Tensor:
        network = self.owner.network
        height, width = self.first_13HW.shape[2:]
        time_T111 = torch.tensor(times, device=self.owner.device, dtype=torch.float32)[:, None, None, None]
        conditions = network.conditions(pair, time_T111, tile_count)
        noise = self.owner.noise(len(times), *pair.flow_back_B2HW.shape[2:]) if network.variant == "v00" else None
        return network.generate(conditions, noise)[:, :, :height, :width]


def photometric_distance(frame_3HW: Tensor, pair: Pair, time: float) -> float:
    """The mean colour difference between a frame in [0, 1] and both frames of its pair, splatted to its time.

    Holes do not count. A frame is always close to the one it was made from; a good frame is also close to the other.
    """
    height, width = frame_3HW.shape[1:]
    total = 0.0
    for each, way in ((pair, time), (pair.reversed(), 1 - time)):
        colours_13HW, hole_11HW = splatted_colours(each, torch.full((1, 1, 1, 1), way, device=frame_3HW.device))
        seen_1HW = 1 - hole_11HW[0, :, :height, :width]
        difference_3HW = (frame_3HW.clamp(0, 1) - (colours_13HW[0, :, :height, :width] + 1) / 2).abs() * seen_1HW
        total += float(difference_3HW.sum() / (3 * seen_1HW.sum()).clamp(min=1))
    return total


def whole_bytes(network: PerVFI, pixels: int) -> int:
    """Memory, in bytes, to render a frame as a single tile."""
    return (FRAME_BYTES + TILE_BYTES) * network.dtype.itemsize // 4 * pixels


def engine_name(variant: str, flow: FlowSource) -> str:
    """Name for reports of the network with its source of flow."""
    return f"PerVFI {variant} with {flow.name}"
