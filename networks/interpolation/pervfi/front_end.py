"""The part that v00 and vb share: from two frames, flows and a time to the conditions of the generator.

PerVFI (Wu et al., CVPR 2024), sections 3.1 to 3.3, as in the code published at github.com/mulns/PerVFI, 89d90f1: a hole
is where no bilinear weight arrives, and the backward flow is splatted with softmax weights, as the features are.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ....core.flow.splatting import SplatGeometry, normalized
from .alignment import DeformableAlign
from .blending import AttentionMerge
from .encoder import LEVEL_CHANNELS, FeaturePyramid
from .fusion import MultiscaleFuse
from .tiles import Tile, assemble, tiles_of

LEVELS = len(LEVEL_CHANNELS)
LARGEST_IMPORTANCE = 20.0  # limit of the logarithm, above and below zero
HOLE = 0.5  # largest w / (w + 1e-7) of a hole, so a place is a hole if at most 1e-7 of bilinear weight arrives

# The result of a tile depends on this many pixels around it, rounded up to MULTIPLE.
ALIGNMENT_HALO, FUSION_HALO = 48, 112


@dataclass(frozen=True)
class Pair:
    """Two frames, with everything that does not depend on the time.

    first, second: features of the frames at full, half and quarter size.
    unimportance: raw unimportance of the first frame's pixels, for each level; float32.
    unimportance_back_B1HW: raw unimportance of the second frame's pixels, at full size.
    flows: from the first frame to the second, for each level, in pixels of the level; float32.
    flow_back_B2HW: from the second frame to the first at full size.
    """

    first: tuple[Tensor, ...]
    second: tuple[Tensor, ...]
    unimportance: tuple[Tensor, ...]
    unimportance_back_B1HW: Tensor
    flows: tuple[Tensor, ...]
    flow_back_B2HW: Tensor

    def reversed(self) -> "Pair":
        """The same two frames in reverse order."""
        back = (self.unimportance_back_B1HW, self.flow_back_B2HW)
        return Pair(self.second, self.first, _pyramid(back[0]), self.unimportance[0], _flows(back[1]), self.flows[0])


@dataclass(frozen=True)
class Splatted:
    """The first frame's features, splatted to the requested times; all lists have one tensor for each level.

    features: the features, 0 in holes.
    holes: 1 where nothing arrives, else 0.
    flows: from the requested time to the second frame, in pixels of the level.
    """

    features: list[Tensor]
    holes: list[Tensor]
    flows: list[Tensor]


class FrontEnd(nn.Module):
    """The networks before the generator, with their names in the published files."""

    def __init__(self, operations: Any, dtype: torch.dtype, device: torch.device | str | None) -> None:
        super().__init__()
        made: dict[str, Any] = {"dtype": dtype, "device": device}
        self.dtype = dtype
        self.featurePyramid = FeaturePyramid(operations, dtype, device)
        self.deformableAlign = DeformableAlign(operations, **made)
        self.attentionMerge = AttentionMerge(operations, **made)
        self.multiscaleFuse = MultiscaleFuse(operations, **made)

    def features(self, frame_B3HW: Tensor) -> tuple[Tensor, ...]:
        """Features of a frame in -1..1, in the type of the network."""
        return self.featurePyramid.netEncode(frame_B3HW.to(self.dtype))

    def pair(
        self, first: tuple[Tensor, ...], second: tuple[Tensor, ...], forward_B2HW: Tensor, backward_B2HW: Tensor
    ) -> Pair:
        """Rate the pixels of two frames, given their features and the flows in both directions, in pixels, float32."""
        metric = self.featurePyramid.netSoftmetric
        first_BCHW, second_BCHW = first[0].float(), second[0].float()
        forth_B1HW = metric(first_BCHW, second_BCHW, forward_B2HW)
        back_B1HW = metric(second_BCHW, first_BCHW, backward_B2HW)
        return Pair(first, second, _pyramid(forth_B1HW), back_B1HW, _flows(forward_B2HW), backward_B2HW)

    def conditions(self, pair: Pair, time_T111: Tensor, tile_count: int = 1) -> list[Tensor]:
        """Blend the pair at the given times into the conditions of the generator.

        Args:
            pair: one pair for all times, or one for each.
            time_T111: 0 to 1; float32.
            tile_count: number of tiles to divide the frame into. More tiles need less memory, for the same result.

        Returns:
            One tensor for each block of the generator, half size first: (T, 35 or 64 or 96, H', W').
        """
        splatted = splat_features(pair, time_T111)
        holed = [bool(hole_T1HW.any()) for hole_T1HW in splatted.holes]
        height, width = splatted.holes[0].shape[2:]
        tiles = tiles_of(height, width, tile_count)
        aligned: dict[int, Tensor] = {}
        if any(holed):
            # Levels finer than the finest one with a hole have nothing to fill; coarser levels guide the finer ones.
            levels = range(holed.index(True), LEVELS)
            made = assemble(
                tiles, ALIGNMENT_HALO, height, width, levels, lambda tile: self._align(pair, splatted, tile, levels[0])
            )
            aligned = dict(zip(levels, made, strict=True))
        excitations = {
            level: self.attentionMerge.at(level).excitation(splatted.features[level], aligned_TCHW)
            for level, aligned_TCHW in aligned.items()
            if holed[level]
        }

        def fuse(tile: Tile) -> list[Tensor]:
            blended = [self._blend(splatted, aligned, excitations, level, tile.at(level)) for level in range(LEVELS)]
            return self.multiscaleFuse(blended)

        return assemble(tiles, FUSION_HALO, height, width, range(1, LEVELS + 1), fuse)

    def _align(self, pair: Pair, splatted: Splatted, tile: Tile, finest: int) -> list[Tensor]:
        """The second frame's features of a tile at the requested times, from level `finest` to the coarsest."""
        times = splatted.holes[0].shape[0]
        others = [features_BCHW.expand(times, -1, -1, -1) for features_BCHW in pair.second]
        return self.deformableAlign(splatted.features, others, splatted.holes, splatted.flows, tile, finest)

    def _blend(
        self, splatted: Splatted, aligned: dict[int, Tensor], excitations: dict[int, Tensor], level: int, tile: Tile
    ) -> Tensor:
        """The features of a tile on a level: the first frame's, and in its holes the second frame's."""
        blended_TCHW = tile.of(splatted.features[level])
        if level in excitations:
            mask_T1HW = self.attentionMerge.at(level)(tile.of(splatted.holes[level]), excitations[level])
            blended_TCHW = torch.lerp(blended_TCHW, tile.of(aligned[level]), mask_T1HW)
        return blended_TCHW.contiguous(memory_format=torch.channels_last)


def splat_features(pair: Pair, time_T111: Tensor) -> Splatted:
    """Splat the first frame's features and the backward flow to the requested times."""
    dtype = pair.first[0].dtype
    features, holes = [], []
    for level, features_BCHW in enumerate(pair.first):
        geometry = SplatGeometry.of(time_T111 * pair.flows[level])
        weight_T1HW = _weight(pair.unimportance[level], time_T111)
        values_TCHW = torch.cat([features_BCHW.float() * weight_T1HW, weight_T1HW, torch.ones_like(weight_T1HW)], dim=1)
        sums_TCHW = geometry.splat(values_TCHW)
        features.append(normalized(sums_TCHW[:, :-1]).to(dtype))
        arrived_T1HW = sums_TCHW[:, -1:]
        holes.append((arrived_T1HW / (arrived_T1HW + 1e-7) <= HOLE).to(dtype))
    back_T111 = 1 - time_T111
    way_T2HW = back_T111 * pair.flow_back_B2HW
    weight_T1HW = _weight(pair.unimportance_back_B1HW, back_T111)
    sums_T3HW = SplatGeometry.of(way_T2HW).splat(torch.cat([way_T2HW * weight_T1HW, weight_T1HW], dim=1))
    flows = [-normalized(sums_T3HW)]
    for level in range(1, LEVELS):
        # Each is resized bilinearly from full size, which takes the mean of the middle four pixels of each block.
        middle_T2HW = flows[0] if level == 1 else _middle(flows[0])
        flows.append(_halved(middle_T2HW) / 2**level)
    return Splatted(features, holes, [flow_T2HW.to(dtype) for flow_T2HW in flows])


def splatted_colours(pair: Pair, time_T111: Tensor) -> tuple[Tensor, Tensor]:
    """The first frame itself, splatted to the requested times, in -1..1, and a mask that is 1 in its holes."""
    weight_T1HW = _weight(pair.unimportance[0], time_T111)
    values_TCHW = torch.cat([pair.first[0][:, :3].float() * weight_T1HW, weight_T1HW], dim=1)
    sums_T4HW = SplatGeometry.of(time_T111 * pair.flows[0]).splat(values_TCHW)
    return normalized(sums_T4HW), (sums_T4HW[:, 3:] == 0).float()


def _halved(x_BCHW: Tensor) -> Tensor:
    """Half the size; for even sides bilinear resizing is the mean of 2x2 pixels."""
    return functional.avg_pool2d(x_BCHW, 2)


def _pyramid(x_BCHW: Tensor) -> tuple[Tensor, ...]:
    levels = [x_BCHW]
    for _ in range(1, LEVELS):
        levels.append(_halved(levels[-1]))
    return tuple(levels)


def _flows(flow_B2HW: Tensor) -> tuple[Tensor, ...]:
    return tuple(flow / 2**level for level, flow in enumerate(_pyramid(flow_B2HW)))


def _weight(unimportance_B1HW: Tensor, time_T111: Tensor) -> Tensor:
    return (-2 * time_T111 * unimportance_B1HW).clamp(-LARGEST_IMPORTANCE, LARGEST_IMPORTANCE).exp()


def _middle(x_BCHW: Tensor) -> Tensor:
    """The inner 2x2 of each 4x4 pixels, at half size."""
    height, width = x_BCHW.shape[2:]
    return (
        x_BCHW.unflatten(3, (width // 4, 4))[..., 1:3]
        .flatten(3)
        .unflatten(2, (height // 4, 4))[:, :, :, 1:3]
        .flatten(2, 3)
    )
