"""A change of light between two frames: what turns the colours of the first frame into those of the second.

Fades, flicker, flashes and exposure change colours where nothing moves, and hide motion from everything that compares
colours. So the change is undone in the second frame before motion is sought, and put back along time afterwards.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

CLIPPED = 0.998  # values from here to 1 were cut by a camera or a file: the true value is this or more

LEAST_GAIN = 1e-3


@dataclass(frozen=True, eq=False)
class LightChange:
    """The change `gain * colour ** gamma + offset` from the light of the first frame to that of the second.

    gain_13hw, offset_13hw: for each channel, on a coarse grid over the picture, or of size 1 x 1; float32.
    gamma_1311: exponent for each channel; 1 unless a power describes the change better than gain and offset do.
    """

    gain_13hw: Tensor
    offset_13hw: Tensor
    gamma_1311: Tensor

    @property
    def is_uniform(self) -> bool:
        """Whether the change is the same all over the picture."""
        return self.gain_13hw.shape[2:] == (1, 1)

    def at_size(self, height: int, width: int) -> "LightChange":
        """The same change with a value for each pixel of frames of this size; unchanged if it is uniform."""
        if self.is_uniform:
            return self
        gain_13HW, offset_13HW = (
            functional.interpolate(grid_13hw, (height, width), mode="bicubic", align_corners=False)
            for grid_13hw in (self.gain_13hw, self.offset_13hw)
        )
        return LightChange(gain_13HW.clamp(min=LEAST_GAIN), offset_13HW, self.gamma_1311)

    def to(self, device: torch.device) -> "LightChange":
        """The same change on another device."""
        return LightChange(self.gain_13hw.to(device), self.offset_13hw.to(device), self.gamma_1311.to(device))

    def clipped_alike(self, first_13HW: Tensor, second_13HW: Tensor) -> tuple[Tensor, Tensor]:
        """Both frames in the light of the first, with what is clipped in one of them clipped in both."""
        undone_13HW = self.undone(second_13HW)
        ceiling_13hw = torch.minimum(*self.ceilings(first_13HW, second_13HW))
        return first_13HW.minimum(ceiling_13hw), undone_13HW.minimum(ceiling_13hw)

    def ceilings(self, first_13HW: Tensor, second_13HW: Tensor) -> tuple[Tensor, Tensor]:
        """The values, in the light of the first frame, from which each frame is clipped; infinite if it is not."""
        clipped_13hw, never_13hw = (torch.full_like(self.offset_13hw, each) for each in (CLIPPED, torch.inf))
        return (
            clipped_13hw if may_clip(first_13HW) else never_13hw,
            self.undone(clipped_13hw) if may_clip(second_13HW) else never_13hw,
        )

    def undone(self, second_13HW: Tensor) -> Tensor:
        """The second frame in the light of the first; for a change with a value for each pixel, or a uniform one."""
        return _power((second_13HW - self.offset_13hw) / self.gain_13hw, 1 / self.gamma_1311)

    def put_back(self, frames_T3HW: Tensor, time_T111: Tensor | float) -> Tensor:
        """Frames in the light of the first frame, brought into the light at these times, 0 (first) to 1 (second).

        Gain and offset go along a straight line, as in a fade, and so does the exponent.
        """
        if bool((self.gamma_1311 != 1).any()):
            frames_T3HW = _power(frames_T3HW, 1 + time_T111 * (self.gamma_1311 - 1))
        return frames_T3HW * (1 + time_T111 * (self.gain_13hw - 1)) + time_T111 * self.offset_13hw


def _power(values: Tensor, exponent: Tensor | float) -> Tensor:
    """Power that keeps the sign, so that values below 0 stay defined."""
    if isinstance(exponent, Tensor) and bool((exponent == 1).all()):
        return values
    return values.sign() * values.abs().pow(exponent)


def may_clip(frame_13HW: Tensor) -> bool:
    """Whether a frame ends at 1, so that what lies there may have been brighter."""
    return CLIPPED <= float(frame_13HW.max()) <= 2 - CLIPPED


def steady() -> LightChange:
    """The change of light that changes nothing."""
    return LightChange(torch.ones(1, 3, 1, 1), torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1))
