"""Put a keyframe back into generated frames, and spread what the engine missed over the frames around it.

An engine misses a keyframe in two ways: things stand elsewhere, and colours differ. To add the difference of the
pictures corrects the colours, but shows a thing that stands elsewhere twice. So things are moved first, along the
optical flow between the generated frame and the keyframe, and only the rest of the difference is added.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..flow.optical_flow import SMALLEST_SIDE, flow_length
from ..flow.visible_flow import flows_as_seen
from ..flow.warping import backward_warp
from ..pictures.alpha import colours_of, has_alpha, premultiplied, straight
from ..pictures.colour import colour_statistics, colour_transfer
from ..pictures.value_range import extremes

# Differences are compared in blocks of BLOCK pixels, after smoothing over SMOOTHED pixels so that grain does not count.
# Blocks that differ by less than NO_DIFFERENCE look the same. Things are moved only if at most EXPLAINED of the
# difference in all other blocks is left then. If the mean of all blocks is above SEEN_TWICE, the frames around the
# keyframe show two pictures at once.
BLOCK, SMOOTHED = 16, 5
NO_DIFFERENCE = 0.01
EXPLAINED = 0.7
SEEN_TWICE = 0.03


@dataclass(frozen=True, eq=False)
class Correction:
    """What turns the generated frame at a keyframe into the keyframe.

    generated_HWC, key_HWC: the generated frame, and the keyframe; with alpha, if both have it.
    moved_12HW: for each pixel of the keyframe, how far away it is in the generated frame, in pixels; None where moving
        does not help.
    rest_HWC: the keyframe minus the generated frame after moving, both premultiplied.
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
            generated_HWC, key_HWC: RGB, or RGB with alpha, of one size, type, and device, in [0, 1].
        """
        # In the colours of the keyframe, so that only shapes differ.
        colours = colour_transfer(colour_statistics([generated_HWC]), colour_statistics([key_HWC]))
        alike_HWC = colours.apply(generated_HWC)
        key, alike, generated = (premultiplied(each_HWC) for each_HWC in (key_HWC, alike_HWC, generated_HWC))
        before_hw = _block_differences(key, alike)
        differs_hw = before_hw > NO_DIFFERENCE
        still = Correction(generated_HWC, key_HWC, None, key - generated, float(before_hw.mean()))
        if not differs_hw.any() or min(key_HWC.shape[:2]) < SMALLEST_SIDE:
            return still
        moved_12HW = flows_as_seen(key_HWC, alike_HWC)[0][None]
        after_hw = _block_differences(key, _warped(alike, moved_12HW))
        if after_hw[differs_hw].sum() > EXPLAINED * before_hw[differs_hw].sum():
            return still
        rest_HWC = key - _warped(generated, moved_12HW)
        return Correction(generated_HWC, key_HWC, moved_12HW, rest_HWC, float(after_hw.mean()))

    @property
    def note(self) -> str:
        """For a report: how far things are moved, and a warning if they are seen twice all the same; or ""."""
        moved = ""
        if self.moved_12HW is not None:
            moved = f"; content moved by {float(flow_length(self.moved_12HW).mean()):.1f} pixels on average to fit"
        if self.unlike <= SEEN_TWICE:
            return moved
        return moved + (
            "; Warning: the generated frame shows something other than the keyframe, so the frames around it show "
            'both; set put_back to "replace", or generate again with stronger conditioning'
        )

    def applied(self, frame_HWC: Tensor, share: float) -> Tensor:
        """Correct a neighbouring generated frame by a share, 0 to 1."""
        given_HWC = premultiplied(frame_HWC)
        if self.moved_12HW is None:
            return self._limited(given_HWC.add(self.rest_HWC, alpha=share), frame_HWC)
        # The correction belongs to the pixels of the keyframe. It follows the clip's own motion to this frame, and the
        # rest is added where things are after a share of their way.
        along_12HW = flows_as_seen(frame_HWC, self.generated_HWC)[0][None]
        moved_12HW = backward_warp(self.moved_12HW, along_12HW)
        rest_HWC = _warped(self.rest_HWC, along_12HW - (1 - share) * moved_12HW, "bilinear")
        moved_HWC = _warped(given_HWC, share * moved_12HW)
        return self._limited(moved_HWC.add(rest_HWC, alpha=share), moved_HWC)

    def _limited(self, corrected_HWC: Tensor, frame_HWC: Tensor) -> Tensor:
        """Limit values to 0 to 1, or farther where the frame or the keyframe goes; the result is straight."""
        if has_alpha(corrected_HWC):
            limits = extremes(colours_of(frame_HWC), colours_of(self.key_HWC))
            return straight(corrected_HWC[None].float(), limits)[0].to(corrected_HWC.dtype)
        low_HWC, high_HWC = (each(frame_HWC, self.key_HWC) for each in (torch.minimum, torch.maximum))
        return corrected_HWC.clamp(low_HWC.clamp(max=0), high_HWC.clamp(min=1))


def _block_differences(first_HWC: Tensor, second_HWC: Tensor) -> Tensor:
    difference_1CHW = (first_HWC.float() - second_HWC.float()).movedim(2, 0)[None]
    smooth_1CHW = functional.avg_pool2d(difference_1CHW, SMOOTHED, 1, SMOOTHED // 2, count_include_pad=False)
    return functional.avg_pool2d(smooth_1CHW.abs().mean(dim=1), BLOCK, ceil_mode=True)[0]


def _warped(frame_HWC: Tensor, flow_12HW: Tensor, mode: str = "bicubic") -> Tensor:
    warped_13HW = backward_warp(frame_HWC.float().movedim(2, 0)[None], flow_12HW, mode)
    return warped_13HW[0].movedim(0, 2).to(frame_HWC.dtype)
