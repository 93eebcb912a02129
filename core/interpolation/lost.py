"""Where no motion can be followed: what is shown there, and the mask of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..limits import check_choice

WhenLost = Literal["fade", "hold", "nearest"]
WHEN_LOST: tuple[WhenLost, ...] = get_args(WhenLost)

AREA = 6  # a part of the picture that a report judges for itself is this share of the shorter side across: 1/AREA ...
LEAST_AREA = 16  # ... and at least this many pixels

Place = tuple[int, int]  # pixels from the left and from the top


@dataclass(frozen=True)
class LostSettings:
    """The setting of an engine for places where no motion can be followed.

    when_lost: "fade" cross-fades the two frames there. "hold" keeps the pixels of the nearer frame where they are.
        "nearest" moves the pixels of the nearer frame along with the ground around them. At time 1/2 the first frame is
        the nearer one.

    Raises:
        InbetweenError: there is no such choice.
    """

    when_lost: WhenLost = "fade"

    def __post_init__(self) -> None:
        check_choice(self.when_lost, "when_lost", WHEN_LOST)


class LostMask:
    """Where the frames of a sequence do not show motion that was followed.

    Memory is only taken for frames in which something is lost.
    """

    def __init__(self) -> None:
        """Start with nothing lost."""
        self._lost: dict[int, Tensor] = {}

    def mark(self, frames: Sequence[int], lost_HW: Tensor) -> None:
        """Note where motion is lost in some frames that are equal: 0 to 1, of shape (H, W), on any device."""
        if bool(lost_HW.any()):
            self._lost |= dict.fromkeys(frames, lost_HW.cpu())

    def frames(self, count: int, height: int, width: int, device: torch.device) -> Tensor:
        """The mask of all frames: float32 of shape (count, height, width)."""
        # numpy gets zeros from the system, which takes memory only for the pages that are written.
        mask_THW = torch.from_numpy(np.zeros((count, height, width), np.float32)).to(device)
        while self._lost:
            frame, lost_HW = self._lost.popitem()
            mask_THW[frame] = lost_HW.to(mask_THW)
        return mask_THW


def worst_part(lost_HW: Tensor) -> tuple[float, Place]:
    """How much is lost in the part of a picture where most is, 0 to 1, and the middle of this part."""
    height, width = lost_HW.shape
    side = min(max(min(height, width) // AREA, LEAST_AREA), height, width)
    step = max(1, side // 2)
    parts_hw = functional.avg_pool2d(lost_HW[None, None].float(), side, step)[0, 0]
    row, column = divmod(int(parts_hw.argmax()), parts_hw.shape[1])
    return float(parts_hw.max()), (column * step + side // 2, row * step + side // 2)
