"""What is known about a video file."""

from dataclasses import dataclass
from fractions import Fraction

from .colour import FLOAT_BITS, Coding


@dataclass(frozen=True)
class ColourTags:
    """What a file says about its colour, as the numbers of ITU-T H.273; 2 where it says nothing.

    primaries, transfer, matrix: of the colour.
    full_range: whether the codes use their full range.
    """

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    full_range: bool = False

    @property
    def description(self) -> str:
        """Such as "BT.709", "BT.2020 PQ, full range"; "" where nothing is said."""
        primaries = {1: "BT.709", 5: "BT.601", 6: "BT.601", 9: "BT.2020", 12: "P3"}.get(self.primaries, "")
        transfer = {16: "PQ", 18: "HLG", 8: "linear"}.get(self.transfer, "")
        name = " ".join(filter(None, (primaries, transfer)))
        return ", ".join(filter(None, (name, "full range" if self.full_range else "")))

    @property
    def is_hdr(self) -> bool:
        """Whether the transfer function is one of high dynamic range."""
        return self.transfer in (16, 18)


@dataclass(frozen=True)
class SoundTrack:
    """A track of sound in a file.

    index: among the tracks of sound.
    codec, rate, channels: its codec, samples per second, and channels.
    language: as the file names it, such as "eng"; "" if it does not.
    """

    index: int
    codec: str
    rate: int
    channels: int
    language: str = ""


@dataclass(frozen=True)
class VideoInfo:
    """What is known about a video before its frames are read.

    name: of the file, for reports.
    width, height: of the upright frames that the reader gives.
    pixel_format: of the decoded frames, in FFmpeg's words.
    coding: what the codes of the planes mean.
    shrink: how many columns and rows share a value of chroma.
    tags: what the file says about its colour.
    has_alpha: whether frames have an opacity.
    pixel_aspect: width of a pixel divided by its height.
    rotation: by how many degrees frames were turned to be upright, counter-clockwise.
    interlaced: whether frames consist of two fields of different times.
    rates: frame rates that the file names, the likeliest first.
    tracks: its sound.
    promised: frames that the file says it has; 0 if it does not say.
    """

    name: str
    width: int
    height: int
    pixel_format: str
    coding: Coding
    shrink: tuple[int, int] = (1, 1)
    tags: ColourTags = ColourTags()
    has_alpha: bool = False
    pixel_aspect: Fraction = Fraction(1)
    rotation: int = 0
    interlaced: bool = False
    rates: tuple[Fraction, ...] = ()
    tracks: tuple[SoundTrack, ...] = ()
    promised: int = 0

    @property
    def description(self) -> str:
        """One line for a report."""
        depth = "float" if self.coding.bits == FLOAT_BITS else f"{self.coding.bits} bit"
        parts = [f"{self.width}x{self.height}", depth, self.tags.description]
        if self.pixel_aspect != 1:
            parts.append(f"pixels {self.pixel_aspect.numerator}:{self.pixel_aspect.denominator}")
        if self.rotation:
            parts.append(f"turned by {self.rotation} degrees")
        parts += ["with alpha"] * self.has_alpha + ["interlaced"] * self.interlaced
        return ", ".join(filter(None, parts))
