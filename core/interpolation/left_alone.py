"""Areas of a picture that are not to be moved, for any engine."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import InbetweenError
from ..pictures.alpha import has_alpha
from .contract import FramePair, Interpolator, Rendered
from .flow_interpolator import FlowInterpolator
from .still_layer import Hidden


def united_mask(mask_THW: Tensor, height: int, width: int) -> Tensor:
    """One mask from a batch, which is white where any of them is, at the size of the frames; shape (1, 1, H, W).

    Raises:
        InbetweenError: it is not a mask, or its values are not within 0 to 1.
    """
    if mask_THW.ndim == 2:
        mask_THW = mask_THW[None]
    if mask_THW.ndim != 3 or 0 in mask_THW.shape:
        raise InbetweenError(f"still_mask has the shape {tuple(mask_THW.shape)}; connect a MASK.")
    mask_11HW = mask_THW.float().amax(dim=0)[None, None]
    if not bool(((mask_11HW >= 0) & (mask_11HW <= 1)).all()):
        raise InbetweenError("still_mask has values outside of 0 to 1; 1 marks what is left as it is.")
    if mask_11HW.shape[2:] == (height, width):
        return mask_11HW
    return functional.interpolate(mask_11HW, (height, width), mode="bilinear", align_corners=False, antialias=True)


class LeavingAlone:
    """An interpolator that does not move what is under a mask: there, each frame fades into the next."""

    def __init__(self, inner: Interpolator, left_11HW: Tensor) -> None:
        """Wrap an interpolator; the mask is 1 where the picture is left as it is."""
        self.inner = inner
        self.left_11HW = left_11HW.to(inner.device)
        self.name, self.device, self.by_halving = inner.name, inner.device, inner.by_halving
        self.bytes_per_pixel = inner.bytes_per_pixel
        self.carries_alpha = getattr(inner, "carries_alpha", False)

    def prepare(self, first_HWC: Tensor, second_HWC: Tensor) -> FramePair:
        """Keep what is under the mask out of the motion; see `Interpolator.prepare`."""
        if isinstance(self.inner, FlowInterpolator) and not has_alpha(first_HWC):
            return self.inner.prepare(first_HWC, second_HWC, self.left_11HW)
        hidden = Hidden.of(None, self.left_11HW)
        if hidden is None:
            return self.inner.prepare(first_HWC, second_HWC)
        first_13HW, second_13HW = (each.to(self.left_11HW).movedim(2, 0)[None] for each in (first_HWC, second_HWC))
        given = first_13HW, second_13HW
        behind_HWC = (painted_13HW[0].movedim(0, 2) for painted_13HW in hidden.painted(*given))
        return _LeftPair(self.inner.prepare(*behind_HWC), given, self.left_11HW)


@dataclass(frozen=True, eq=False)
class _LeftPair:
    """A pair of frames whose areas under a mask are painted in, and the frames as they are."""

    inner: FramePair
    given_13HW: tuple[Tensor, Tensor]
    left_11HW: Tensor

    def render(self, times: Sequence[float]) -> Rendered:
        """The frames, with what is under the mask laid over them; see `FramePair.render`."""
        rendered = self.inner.render(times)
        time_T111 = torch.tensor(list(times), device=self.left_11HW.device)[:, None, None, None]
        faded_THWC = torch.lerp(*self.given_13HW, time_T111).movedim(1, 3)
        frames_THWC = torch.lerp(rendered.frames_THWC, faded_THWC, self.left_11HW.movedim(1, 3))
        return replace(rendered, frames_THWC=frames_THWC)
