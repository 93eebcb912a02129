"""Keyframes: images at frame numbers. Every engine takes a `KeyframeSet`."""

from collections.abc import Sequence
from dataclasses import InitVar, dataclass, replace
from itertools import pairwise

from torch import Tensor

from ..errors import InbetweenError, TooFewFramesError
from ..pictures.alpha import alpha_of, colours_of, fitting_transparency, with_alpha
from ..pictures.fit import Fit, fit_images, target_size
from ..pictures.images import check_image, size_text
from ..timing.frame_counts import check_frame_count
from ..timing.latent_grid import ANY
from .positions import read_positions


@dataclass(frozen=True, eq=False)
class Keyframe:
    """An image that must appear at one frame.

    frame: 0-based frame number.
    image_HWC: RGB; values beyond [0, 1] are kept.
    strength: 0..1, how closely the engine follows the image, if it can vary that.
    alpha_HW: how opaque each pixel is, 0..1; None if all are.
    """

    frame: int
    image_HWC: Tensor
    strength: float = 1.0
    alpha_HW: Tensor | None = None


@dataclass(frozen=True, eq=False)
class KeyframeSet:
    """Keyframes on a timeline of `frame_count` frames, both ends included.

    The keyframes are sorted by frame, no two share a frame, and all images have the same size.

    alpha_apart: alpha came as a MASK, apart from the images, so results give it back apart.
    images_checked: every image has already passed `check_image`, which is slow because it reads every pixel; skip it.

    Raises:
        InbetweenError: fewer than two keyframes, a frame outside the timeline or used twice, a strength outside 0..1,
            or an image that is empty, not RGB, not finite, or of another size.
    """

    frame_count: int
    keyframes: tuple[Keyframe, ...]
    alpha_apart: bool = False
    images_checked: InitVar[bool] = False

    def __post_init__(self, images_checked: bool) -> None:
        check_frame_count(self.frame_count)
        check_image_count(len(self.keyframes))
        object.__setattr__(self, "keyframes", tuple(sorted(self.keyframes, key=lambda keyframe: keyframe.frame)))
        first_size = tuple(self.keyframes[0].image_HWC.shape)
        for keyframe in self.keyframes:
            if not images_checked:
                check_image(keyframe.image_HWC, f"the keyframe at frame {keyframe.frame}")
            if tuple(keyframe.image_HWC.shape) != first_size:
                raise InbetweenError(
                    f"the keyframe at frame {keyframe.frame} is {size_text(keyframe.image_HWC)} but the first is "
                    f"{size_text(self.keyframes[0].image_HWC)}; give images of one size or choose a fit."
                )
            if not 0 <= keyframe.frame < self.frame_count:
                raise InbetweenError(
                    f"a keyframe is at frame {keyframe.frame}, but frame_count is {self.frame_count}; "
                    f"use frames 0 to {self.frame_count - 1}."
                )
            if not 0.0 <= keyframe.strength <= 1.0:
                raise InbetweenError(
                    f"the keyframe at frame {keyframe.frame} has strength {keyframe.strength:g}; give 0 to 1."
                )
        for before, after in pairwise(self.keyframes):
            if before.frame == after.frame:
                raise InbetweenError(f"two keyframes are at frame {after.frame}; give each its own frame.")

    @property
    def frames(self) -> tuple[int, ...]:
        """The frame number of each keyframe, ascending."""
        return tuple(keyframe.frame for keyframe in self.keyframes)

    @property
    def has_alpha(self) -> bool:
        """Whether any keyframe has alpha."""
        return any(keyframe.alpha_HW is not None for keyframe in self.keyframes)

    @property
    def pictures(self) -> list[Tensor]:
        """The image of each keyframe, with alpha as a fourth channel if any keyframe has alpha."""
        if not self.has_alpha:
            return [keyframe.image_HWC for keyframe in self.keyframes]
        return [with_alpha(keyframe.image_HWC, keyframe.alpha_HW) for keyframe in self.keyframes]

    @property
    def height(self) -> int:
        """Height of every keyframe in pixels."""
        return self.keyframes[0].image_HWC.shape[0]

    @property
    def width(self) -> int:
        """Width of every keyframe in pixels."""
        return self.keyframes[0].image_HWC.shape[1]


def check_multiple(keyframes: KeyframeSet, multiple: int, model: str) -> None:
    """Raise InbetweenError unless width and height are multiples of a number of pixels.

    Args:
        keyframes: the keyframes to check.
        multiple: the number of pixels.
        model: name of the model that needs it, for the error.
    """
    for name, pixels in (("width", keyframes.width), ("height", keyframes.height)):
        if pixels % multiple:
            below = pixels // multiple * multiple
            raise InbetweenError(
                f"the keyframes are {keyframes.width}x{keyframes.height} but {model} needs a {name} of "
                f"{f'{below} or ' if below else ''}{below + multiple}; set multiple_of of Keyframes to {multiple}."
            )


def check_opaque(keyframes: KeyframeSet, model: str) -> None:
    """Raise InbetweenError if keyframes have alpha, for a model, by name, that creates opaque pictures only."""
    if keyframes.has_alpha:
        raise InbetweenError(
            f"the keyframes have alpha but {model} creates opaque frames only; take their RGB with Split Image with "
            "Alpha, or disconnect transparency of Keyframes."
        )


def check_image_count(image_count: int, loop: bool = False) -> None:
    """Raise InbetweenError for fewer than two images; a loop needs only one, because it also ends with it."""
    if image_count < 1 and loop:
        raise InbetweenError("keyframes need 1 or more images for a loop, got 0; connect an image.")
    if image_count < 2 and not loop:
        raise TooFewFramesError(
            f"keyframes need 2 or more images, got {image_count}; connect another image.", image_count
        )


def keyframes_of(
    images_HWC: Sequence[Tensor],
    positions: str,
    frame_count: int,
    rule: str = ANY,
    loop: bool = False,
    *,
    fit: Fit = "off",
    width: int = 0,
    height: int = 0,
    multiple_of: int = 1,
    transparency_THW: Tensor | None = None,
) -> KeyframeSet:
    """Bring images to one size and put them, in the order given, at the frames that a text names.

    Args:
        images_HWC: RGB images, or RGB with alpha, of any sizes, [0, 1].
        positions: the frame of each image, such as "0, 24:0.8, -1"; empty spreads them evenly. See `positions.py`.
        frame_count: length of the timeline, both ends included.
        rule: frame rule of the engine, which frame_count must follow; see `LatentGrid.of_rule`.
        loop: put the image at frame 0, with its strength, at the last frame too.
        fit: how to fit images of another size; see `fit_images`.
        width, height, multiple_of: the common size in pixels; see `target_size`.
        transparency_THW: 1 - alpha, one for each image or one for all; see `fitting_transparency`.

    Raises:
        InbetweenError: there are too few images; an image is empty, not RGB or not finite (the error gives its number,
            counted from 1); the positions cannot be read or do not fit; the frame count breaks the rule; or fit is
            "off" and sizes differ.
    """
    check_image_count(len(images_HWC), loop)
    for number, image_HWC in enumerate(images_HWC, start=1):
        check_image(image_HWC, f"image {number}", alpha=True)
    if transparency_THW is not None:
        images_HWC = _with_transparency(images_HWC, transparency_THW)
    places = read_positions(positions, len(images_HWC), frame_count, loop)
    check_frame_count(frame_count, rule)
    fitted_HWC = fit_images(images_HWC, target_size(images_HWC[0], width, height, multiple_of), fit)
    keyframes = [
        Keyframe(place.frame, colours_of(image_HWC), place.strength, alpha_of(image_HWC))
        for place, image_HWC in zip(places, fitted_HWC, strict=True)
    ]
    if loop:
        keyframes += [replace(keyframe, frame=frame_count - 1) for keyframe in keyframes if keyframe.frame == 0]
    return KeyframeSet(frame_count, tuple(keyframes), transparency_THW is not None, images_checked=True)


def _with_transparency(images_HWC: Sequence[Tensor], transparency_THW: Tensor) -> list[Tensor]:
    masks_THW = fitting_transparency(transparency_THW, None, len(images_HWC), "images")
    return [
        with_alpha(
            image_HWC,
            1 - fitting_transparency(masks_THW[number % len(masks_THW)], image_HWC, 1, f"image {number + 1}")[0],
        )
        for number, image_HWC in enumerate(images_HWC)
    ]
