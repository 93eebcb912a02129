"""Put a keyframe back into generated frames, and spread what the engine missed over the frames around it.

An engine misses a keyframe in two ways: things stand elsewhere, and colours differ. To add the difference of the
pictures corrects the colours, but shows a thing that stands elsewhere twice. So things are moved first, along the
optical flow between the generated frame and the keyframe, and only the rest of the difference is added.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..flow.optical_flow import SMALLEST_SIDE, flow_both_ways, flow_length
from ..flow.warping import backward_warp

# Things are moved only if that explains the keyframe much better: what is left of the difference after moving, as a
# share of the difference before. Differences below NO_DIFFERENCE are invisible; above SEEN_TWICE, the frames around the
# keyframe show two pictures at once.
EXPLAINED = 0.7
NO_DIFFERENCE = 0.004
SEEN_TWICE = 0.03


@dataclass(frozen=True, eq=False)
class Correction:
    """What turns the generated frame at a keyframe into the keyframe.

    generated_HWC, key_HWC: the generated frame, and the keyframe.
    moved_12HW: for each pixel of the keyframe, how far away it is in the generated frame, in pixels; None where moving
        does not help.
    rest_HWC: the keyframe minus the generated frame after moving.
    unlike: mean difference, 0 to 1, that is left after moving and after matching mean colour and contrast.
    """

    generated_HWC: Tensor
    key_HWC: Tensor
    moved_12HW: Tensor | None
    rest_HWC: Tensor
    unlike: float

    @staticmethod
    def of(generated_HWC: Tensor, key_HWC: Tensor) -> "Correction":
        """Compare a generated frame with its keyframe.

        Args:
            generated_HWC, key_HWC: RGB of one size, type, and device, in [0, 1].
        """
        alike_HWC = _in_colours_of(generated_HWC, key_HWC)
        before = _mean_difference(key_HWC, alike_HWC)
        still = Correction(generated_HWC, key_HWC, None, key_HWC - generated_HWC, before)
        if before < NO_DIFFERENCE or min(key_HWC.shape[:2]) < SMALLEST_SIDE:
            return still
        moved_12HW = flow_both_ways(key_HWC, alike_HWC)[0][None]
        after = _mean_difference(key_HWC, _warped(alike_HWC, moved_12HW))
        if after > EXPLAINED * before:
            return still
        rest_HWC = key_HWC - _warped(generated_HWC, moved_12HW)
        return Correction(generated_HWC, key_HWC, moved_12HW, rest_HWC, after)

    @property
    def note(self) -> str:
        """For a report: how far things are moved, and a warning if they are seen twice all the same; or ""."""
        moved = ""
        if self.moved_12HW is not None:
            moved = f"; things moved by {float(flow_length(self.moved_12HW).mean()):.1f} pixels on average"
        if self.unlike <= SEEN_TWICE:
            return moved
        return moved + (
            "; Warning: the generated frame shows something other than the keyframe, so the frames around it show "
            'both; set put_back to "replace", or generate again with stronger conditioning'
        )

    def applied(self, frame_HWC: Tensor, share: float) -> Tensor:
        """Correct a neighbouring generated frame by a share, 0 to 1."""
        if self.moved_12HW is None:
            return self._limited(frame_HWC.add(self.rest_HWC, alpha=share), frame_HWC)
        # The correction belongs to the pixels of the keyframe. It follows the clip's own motion to this frame, and the
        # rest is added where things are after a share of their way.
        along_12HW = flow_both_ways(frame_HWC, self.generated_HWC)[0][None]
        moved_12HW = backward_warp(self.moved_12HW, along_12HW)
        rest_HWC = _warped(self.rest_HWC, along_12HW - (1 - share) * moved_12HW, "bilinear")
        moved_HWC = _warped(frame_HWC, share * moved_12HW)
        return self._limited(moved_HWC.add(rest_HWC, alpha=share), moved_HWC)

    def _limited(self, corrected_HWC: Tensor, frame_HWC: Tensor) -> Tensor:
        """Limit values to 0 to 1, or farther where the frame or the keyframe goes."""
        low_HWC, high_HWC = (each(frame_HWC, self.key_HWC) for each in (torch.minimum, torch.maximum))
        return corrected_HWC.clamp(low_HWC.clamp(max=0), high_HWC.clamp(min=1))


def _in_colours_of(frame_HWC: Tensor, other_HWC: Tensor) -> Tensor:
    """The frame with the mean and the contrast of another one in each channel, so that only shapes differ."""
    own_HWC, wanted_HWC = frame_HWC.float(), other_HWC.float()
    own_3, wanted_3 = own_HWC.mean(dim=(0, 1)), wanted_HWC.mean(dim=(0, 1))
    gain_3 = wanted_HWC.std(dim=(0, 1)) / own_HWC.std(dim=(0, 1)).clamp(min=1e-4)
    return (own_HWC - own_3) * gain_3 + wanted_3


def _mean_difference(first_HWC: Tensor, second_HWC: Tensor) -> float:
    return float((first_HWC - second_HWC).abs().mean(dtype=torch.float32))


def _warped(frame_HWC: Tensor, flow_12HW: Tensor, mode: str = "bicubic") -> Tensor:
    warped_13HW = backward_warp(frame_HWC.float().movedim(2, 0)[None], flow_12HW, mode)
    return warped_13HW[0].movedim(0, 2).to(frame_HWC.dtype)
