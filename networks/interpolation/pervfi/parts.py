"""Working on a frame in parts: windows of it, with what lies around them, put together to the frame."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

MULTIPLE = 8  # the sides of every frame and window, in pixels of full size, are multiples of this


@dataclass(frozen=True)
class Window:
    """A part of a frame: rows top to bottom and columns left to right, half-open, in pixels of full size."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def pixels(self) -> int:
        """Its area."""
        return (self.bottom - self.top) * (self.right - self.left)

    def at(self, level: int) -> "Window":
        """The same part on a level of the pyramid, each half the size of the one before."""
        return Window(*(side >> level for side in (self.top, self.bottom, self.left, self.right)))

    def of(self, x_BCHW: Tensor) -> Tensor:
        """Cut the part out of a tensor of its level."""
        return x_BCHW[..., self.top : self.bottom, self.left : self.right]

    def grown(self, by: int, height: int, width: int) -> "Window":
        """The part and `by` pixels around it, as far as the frame goes."""
        return Window(
            max(self.top - by, 0),
            min(self.bottom + by, height),
            max(self.left - by, 0),
            min(self.right + by, width),
        )

    def within(self, other: "Window") -> "Window":
        """The part in coordinates of another that holds it."""
        return Window(self.top - other.top, self.bottom - other.top, self.left - other.left, self.right - other.left)


def cut(height: int, width: int, parts: int) -> list[Window]:
    """Cut a frame into `parts` windows or a few more, square as far as may be."""
    rows = columns = 1
    while rows * columns < parts:
        if height / rows >= width / columns:
            rows += 1
        else:
            columns += 1
    bounds_y, bounds_x = _bounds(height, rows), _bounds(width, columns)
    return [
        Window(top, bottom, left, right) for top, bottom in pairwise(bounds_y) for left, right in pairwise(bounds_x)
    ]


def assemble(
    windows: Sequence[Window],
    halo: int,
    height: int,
    width: int,
    levels: Sequence[int],
    make: Callable[[Window], list[Tensor]],
) -> list[Tensor]:
    """Make tensors of several levels window by window.

    Args:
        windows: from `cut`.
        halo: pixels around a window that its result depends on; a multiple of MULTIPLE.
        height, width: of the frame at full size.
        levels: of the tensors.
        make: gives the tensors of a window with its halo.

    Returns:
        The tensors of the whole frame.
    """
    if len(windows) == 1:
        return make(windows[0])
    wholes: list[Tensor] = []
    for window in windows:
        around = window.grown(halo, height, width)
        made = make(around)
        if not wholes:
            wholes = [
                part_BChw.new_empty(*part_BChw.shape[:2], height >> level, width >> level)
                for level, part_BChw in zip(levels, made, strict=True)
            ]
        for level, whole_BCHW, part_BChw in zip(levels, wholes, made, strict=True):
            window.at(level).of(whole_BCHW).copy_(window.within(around).at(level).of(part_BChw))
    return wholes


def _bounds(length: int, count: int) -> list[int]:
    units = length // MULTIPLE
    return sorted({MULTIPLE * (units * number // count) for number in range(count + 1)})
