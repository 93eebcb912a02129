"""Processing a frame in tiles, each with a halo around it, and assembling the results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

MULTIPLE = 8  # the sides of every frame and tile, in pixels of full size, are multiples of this


@dataclass(frozen=True)
class Tile:
    """A rectangle of a frame: rows top to bottom and columns left to right, half-open, in pixels of full size."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def pixels(self) -> int:
        """Its area."""
        return (self.bottom - self.top) * (self.right - self.left)

    def at(self, level: int) -> "Tile":
        """The same tile on a level of the pyramid; each level has half the size of the one before."""
        return Tile(*(side >> level for side in (self.top, self.bottom, self.left, self.right)))

    def of(self, x_BCHW: Tensor) -> Tensor:
        """Crop the tile from a tensor of its level."""
        return x_BCHW[..., self.top : self.bottom, self.left : self.right]

    def expanded(self, by: int, height: int, width: int) -> "Tile":
        """The tile and `by` pixels around it, clipped to the frame."""
        return Tile(
            max(self.top - by, 0),
            min(self.bottom + by, height),
            max(self.left - by, 0),
            min(self.right + by, width),
        )

    def within(self, other: "Tile") -> "Tile":
        """The tile in the coordinates of another that contains it."""
        return Tile(self.top - other.top, self.bottom - other.top, self.left - other.left, self.right - other.left)


def tiles_of(height: int, width: int, count: int) -> list[Tile]:
    """Divide a frame into `count` tiles or a few more, as nearly square as possible."""
    rows = columns = 1
    while rows * columns < count:
        if height / rows >= width / columns:
            rows += 1
        else:
            columns += 1
    bounds_y, bounds_x = _bounds(height, rows), _bounds(width, columns)
    return [Tile(top, bottom, left, right) for top, bottom in pairwise(bounds_y) for left, right in pairwise(bounds_x)]


def assemble(
    tiles: Sequence[Tile],
    halo: int,
    height: int,
    width: int,
    levels: Sequence[int],
    make: Callable[[Tile], list[Tensor]],
) -> list[Tensor]:
    """Compute tensors of several levels tile by tile.

    Args:
        tiles: from `tiles_of`.
        halo: pixels around a tile that its result depends on; a multiple of MULTIPLE.
        height, width: full size of the frame.
        levels: the level of each tensor.
        make: computes the tensors of a tile with its halo.

    Returns:
        The tensors of the whole frame.
    """
    if len(tiles) == 1:
        return make(tiles[0])
    wholes: list[Tensor] = []
    for tile in tiles:
        around = tile.expanded(halo, height, width)
        made = make(around)
        if not wholes:
            wholes = [
                tile_BChw.new_empty(*tile_BChw.shape[:2], height >> level, width >> level)
                for level, tile_BChw in zip(levels, made, strict=True)
            ]
        for level, whole_BCHW, tile_BChw in zip(levels, wholes, made, strict=True):
            tile.at(level).of(whole_BCHW).copy_(tile.within(around).at(level).of(tile_BChw))
    return wholes


def _bounds(length: int, count: int) -> list[int]:
    units = length // MULTIPLE
    return sorted({MULTIPLE * (units * number // count) for number in range(count + 1)})
