"""Pictures with alpha: RGB, and as a fourth channel how opaque each pixel is, from 0 (invisible) to 1.

Colours are mixed, moved and compared premultiplied, that is, multiplied by alpha. Then colours that nobody sees have no
influence, and edges get no fringe. Images and results are straight, that is, not premultiplied, as the host keeps them.
Every function leaves RGB without alpha as it is.
"""

from collections.abc import Sequence
from typing import overload

import torch
from torch import Tensor

from ..errors import InbetweenError
from .filling import pull_push_filled
from .images import check_frames, luma, size_text

INVISIBLE, CERTAIN = 1 / 1024, 1 / 64  # alpha up to which a colour is taken from around; from which it is its own
OPAQUE_SIDE = 64  # pixels of the mask that Load Image gives for a picture without alpha
GROUNDS = (0.0, 1.0, 0.5)
MOST_SEARCHED = 8  # frames of a clip that the choice of a ground looks at


def has_alpha(frames_HWC: Tensor) -> bool:
    """Whether an image or a batch has alpha."""
    return frames_HWC.shape[-1] == 4


def with_alpha(image_HWC: Tensor, alpha_HW: Tensor | None = None) -> Tensor:
    """RGB with alpha as its fourth channel; opaque without one."""
    if alpha_HW is None:
        alpha_HW = torch.ones_like(image_HWC[..., 0])
    return torch.cat([image_HWC[..., :3], alpha_HW[..., None].to(image_HWC)], dim=-1)


def colours_of(frames_HWC: Tensor) -> Tensor:
    """Frames without their alpha."""
    return frames_HWC[..., :3] if has_alpha(frames_HWC) else frames_HWC


def alpha_of(frames_HWC: Tensor) -> Tensor | None:
    """The alpha of frames, or None for RGB."""
    return frames_HWC[..., 3] if has_alpha(frames_HWC) else None


def visibility(image_HWC: Tensor) -> Tensor:
    """How much of each pixel is seen: alpha of shape (H, W, 1) within 0 to 1, or ones for RGB."""
    return image_HWC[..., 3:].clamp(0, 1) if has_alpha(image_HWC) else torch.ones_like(image_HWC[..., :1])


def premultiplied(frames_HWC: Tensor) -> Tensor:
    """Colours times alpha, and alpha within 0 to 1; RGB is returned as it is."""
    if not has_alpha(frames_HWC):
        return frames_HWC
    alpha_HW1 = frames_HWC[..., 3:].clamp(0, 1)
    return torch.cat([frames_HWC[..., :3] * alpha_HW1, alpha_HW1], dim=-1)


def straight(frames_THWC: Tensor, limits: tuple[float, float] = (0.0, 1.0)) -> Tensor:
    """The reverse of `premultiplied`. Colours that nobody sees are those around them.

    Args:
        frames_THWC: premultiplied float32 of shape (T, H, W, 4), or RGB, which is returned as it is.
        limits: the least and the greatest value that a colour may have.
    """
    if not has_alpha(frames_THWC):
        return frames_THWC
    alpha_THW1 = frames_THWC[..., 3:].clamp(0, 1)
    own_THW3 = frames_THWC[..., :3] / alpha_THW1.clamp(min=INVISIBLE)
    certainty_THW1 = ((alpha_THW1 - INVISIBLE) / (CERTAIN - INVISIBLE)).clamp(0, 1)
    if bool((certainty_THW1 < 1).any()):
        own_THW3 = torch.lerp(spread_colours(frames_THWC.movedim(-1, 1)).movedim(1, -1), own_THW3, certainty_THW1)
    return torch.cat([own_THW3.clamp(*limits), alpha_THW1], dim=-1)


def spread_colours(frames_T4HW: Tensor) -> Tensor:
    """The colours of premultiplied frames, spread over places where nothing is seen: RGB of shape (T, 3, H, W)."""
    alpha_T1HW = frames_T4HW[:, 3:]
    # A little of the mean colour everywhere, for places so far away that nothing is around them.
    little_T4HW = frames_T4HW + 1e-5 * frames_T4HW.mean((2, 3), keepdim=True) / alpha_T1HW.mean(
        (2, 3), keepdim=True
    ).clamp(min=1e-6)
    around_T3HW = pull_push_filled(little_T4HW[:, :3], little_T4HW[:, 3:])
    own_T3HW = frames_T4HW[:, :3] / alpha_T1HW.clamp(min=INVISIBLE)
    return torch.lerp(around_T3HW, own_T3HW, ((alpha_T1HW - INVISIBLE) / (CERTAIN - INVISIBLE)).clamp(0, 1))


def over_ground(frames_HWC: Tensor, ground: float) -> Tensor:
    """Premultiplied frames in front of a grey of 0 to 1, as RGB; RGB is returned as it is."""
    if not has_alpha(frames_HWC):
        return frames_HWC
    return frames_HWC[..., :3] + ground * (1 - frames_HWC[..., 3:])


def contrasting_ground(*frames_HWC: Tensor) -> float:
    """The grey, 0 to 1, from which what is seen in premultiplied frames differs most."""
    visible = sum(float(frame_HWC[..., 3].sum()) for frame_HWC in frames_HWC)
    differences = [
        sum(float((luma(each[..., :3]) - ground * each[..., 3]).abs().sum()) for each in frames_HWC)
        for ground in GROUNDS
    ]
    return GROUNDS[max(range(len(GROUNDS)), key=differences.__getitem__)] if visible else GROUNDS[0]


def seen_pair(first_HWC: Tensor, second_HWC: Tensor) -> tuple[Tensor, Tensor]:
    """Two frames as they look in front of one ground, for whatever compares RGB; RGB is returned as it is."""
    if not has_alpha(first_HWC):
        return first_HWC, second_HWC
    both = premultiplied(first_HWC), premultiplied(second_HWC)
    ground = contrasting_ground(*both)
    return over_ground(both[0], ground), over_ground(both[1], ground)


def is_same_picture(first_HWC: Tensor, second_HWC: Tensor) -> bool:
    """Whether two frames look the same, whatever colours they have where nothing is seen."""
    return torch.equal(premultiplied(first_HWC), premultiplied(second_HWC))


def mixed(first_HWC: Tensor, second_HWC: Tensor, share: float) -> Tensor:
    """`torch.lerp` of two frames, in type and on the device of the first, right for frames with alpha, too."""
    if not has_alpha(first_HWC):
        return torch.lerp(first_HWC, second_HWC.to(first_HWC), share)
    if share in (0, 1):
        return second_HWC.to(first_HWC) if share else first_HWC
    limits = min(0.0, float(first_HWC.min())), max(1.0, float(first_HWC.max()), float(second_HWC.max()))
    mixed_HWC = torch.lerp(
        premultiplied(first_HWC.float()), premultiplied(second_HWC.to(first_HWC.device).float()), share
    )
    return straight(mixed_HWC[None], limits)[0].to(first_HWC)


def difference(first_HWC: Tensor, second_HWC: Tensor) -> float:
    """The mean difference between two frames as they look."""
    return float((premultiplied(first_HWC) - premultiplied(second_HWC.to(first_HWC))).abs().mean(dtype=torch.float32))


class FramesWithAlpha(Sequence[Tensor]):
    """A clip whose alpha came apart, joined to each frame when it is read."""

    def __init__(self, frames_THWC: Tensor, transparency_THW: Tensor) -> None:
        """
        Args:
            frames_THWC: RGB; of RGB with alpha, the alpha is replaced.
            transparency_THW: 1 is invisible; one for each frame, or one for all, from `fitting_transparency`.
        """
        self._frames_THWC, self._transparency_THW = frames_THWC, transparency_THW

    def __len__(self) -> int:
        return len(self._frames_THWC)

    @overload
    def __getitem__(self, index: int) -> Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> list[Tensor]: ...
    def __getitem__(self, index: int | slice) -> Tensor | list[Tensor]:
        """One frame of shape (H, W, 4)."""
        if isinstance(index, slice):
            return [self[frame] for frame in range(*index.indices(len(self)))]
        frame = range(len(self))[index]
        return with_alpha(self._frames_THWC[frame], 1 - self._transparency_THW[frame % len(self._transparency_THW)])


class SeenFrames(Sequence[Tensor]):
    """The frames of a clip with alpha as they look in front of one ground: RGB, made when they are read."""

    def __init__(self, frames: Sequence[Tensor] | Tensor) -> None:
        step = max(1, len(frames) // MOST_SEARCHED)
        self._frames = frames
        self._ground = contrasting_ground(*(premultiplied(frames[number]) for number in range(0, len(frames), step)))

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, index: int) -> Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> list[Tensor]: ...
    def __getitem__(self, index: int | slice) -> Tensor | list[Tensor]:
        """One frame of shape (H, W, 3)."""
        if isinstance(index, slice):
            return [self[frame] for frame in range(*index.indices(len(self)))]
        return over_ground(premultiplied(self._frames[index]), self._ground)


def joined(frames_THWC: Tensor, transparency_THW: Tensor | None, what: str = "frames") -> Tensor:
    """A clip with the alpha that came apart, in new memory; the clip itself if none came.

    Raises:
        InbetweenError: the frames or the masks cannot be used; see `check_frames` and `fitting_transparency`.
    """
    check_frames(frames_THWC, what, alpha=True)
    if transparency_THW is None:
        return frames_THWC
    masks_THW = fitting_transparency(transparency_THW, frames_THWC[0], len(frames_THWC), what)
    return with_alpha(frames_THWC, (1 - masks_THW).expand(len(frames_THWC), -1, -1))


def parted(frames_THWC: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    """A clip with as many channels as it came with, and its transparency as a MASK of shape (T, H, W)."""
    if not has_alpha(frames_THWC):
        return frames_THWC, opaque_mask(len(frames_THWC))
    return frames_THWC[..., :channels], 1 - frames_THWC[..., 3]


def opaque_mask(count: int) -> Tensor:
    """The MASK of opaque frames, as Load Image gives it: small, because any size will do."""
    return torch.zeros(count, OPAQUE_SIDE, OPAQUE_SIDE)


def as_seen(frames: Sequence[Tensor] | Tensor) -> Sequence[Tensor] | Tensor:
    """A clip as it looks, for whatever reads RGB; a clip without alpha is returned as it is."""
    return SeenFrames(frames) if has_alpha(frames[0]) else frames


def seen_batch(frames_THWC: Tensor) -> Tensor:
    """A clip as it looks, as one batch; a clip without alpha is returned as it is."""
    if not has_alpha(frames_THWC):
        return frames_THWC
    return torch.stack(list(SeenFrames(frames_THWC)))


def fitting_transparency(
    transparency_THW: Tensor, image_HWC: Tensor | None, count: int, what: str = "frames"
) -> Tensor:
    """Check a MASK against the images that it belongs to.

    Args:
        transparency_THW: 1 is invisible, as Load Image gives it. A mask of one value may have any size, because Load
            Image gives one of 64x64 for pictures without alpha.
        image_HWC: one of the images; None if their sizes differ and are not checked.
        count: their number.
        what: what they are called in errors.

    Returns:
        One mask for each image, or one for all, of their size, in [0, 1].

    Raises:
        InbetweenError: the mask has another number or size, or is empty or not finite.
    """
    if transparency_THW.ndim == 2:
        transparency_THW = transparency_THW[None]
    if transparency_THW.ndim != 3 or not transparency_THW.numel() or not transparency_THW.is_floating_point():
        raise InbetweenError(
            f"transparency has the shape {tuple(transparency_THW.shape)}; connect a MASK (frames, height, width)."
        )
    if not torch.isfinite(transparency_THW).all():
        raise InbetweenError("transparency has NaN or infinite values; check the node it comes from.")
    if len(transparency_THW) not in (1, count):
        raise InbetweenError(
            f"transparency has {len(transparency_THW)} masks but there are {count} {what}; connect one for each, or "
            "one for all."
        )
    if image_HWC is not None and transparency_THW.shape[1:] != (size := image_HWC.shape[:2]):
        values = transparency_THW.flatten(1)
        if bool((values != values[:, :1]).any()):
            raise InbetweenError(
                f"transparency is {transparency_THW.shape[2]}x{transparency_THW.shape[1]} but the size of {what} "
                f"is {size_text(image_HWC)}; connect the mask of the same pictures."
            )
        transparency_THW = values[:, :1, None].expand(-1, *size)
    return transparency_THW.clamp(0, 1)
