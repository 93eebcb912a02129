"""The codecs that a video is written with, and which pixel format fits a picture."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

from ..errors import InbetweenError
from ..limits import check_between, check_choice
from .colour import FLOAT_BITS, Coding
from .info import ColourTags, VideoInfo

BitDepth = Literal["as the video", "8", "10"]
BIT_DEPTHS: tuple[BitDepth, ...] = get_args(BitDepth)
BT709 = ColourTags(1, 1, 1)


@dataclass(frozen=True)
class Encoding:
    """A codec in a container.

    name: as users choose it.
    codec: FFmpeg's name of the encoder.
    extension: of the file, which stands for the container.
    options: of the encoder.
    crf: default, lowest and highest constant rate factor; None for codecs without one.
    depths: bits that it can code.
    odd_needs_444: whether it takes odd sizes only with chroma at full size.
    alpha: whether it codes opacity.
    aspect: whether the container says how wide pixels are.
    sound: codecs of sound that the container takes as they are; the first is used where sound is coded anew.
    """

    name: str
    codec: str
    extension: str
    options: tuple[tuple[str, str], ...] = ()
    crf: tuple[int, int, int] | None = None
    depths: tuple[int, ...] = (8, 10)
    odd_needs_444: bool = False
    alpha: bool = False
    aspect: bool = True
    sound: tuple[str, ...] = ("aac", "mp3", "ac3", "eac3", "flac", "opus", "alac")


_MOV_SOUND = ("pcm_s16le", "pcm_s24le", "pcm_f32le", "aac", "mp3", "ac3", "eac3", "alac")
_MKV_SOUND = (
    "flac",
    "aac",
    "mp3",
    "ac3",
    "eac3",
    "opus",
    "vorbis",
    "alac",
    "dts",
    "pcm_s16le",
    "pcm_s24le",
    "pcm_f32le",
)
ENCODINGS: dict[str, Encoding] = {
    each.name: each
    for each in (
        # libx264's macroblock tree may give other codes in every run; then a run that goes on makes another file.
        Encoding("H.264 (mp4)", "libx264", "mp4", (("mbtree", "0"),), (12, 0, 51), odd_needs_444=True),
        Encoding(
            "H.265 (mp4)", "libx265", "mp4", (("x265-params", "log-level=error"),), (16, 0, 51), odd_needs_444=True
        ),
        Encoding("AV1 (mp4)", "libsvtav1", "mp4", (("preset", "6"),), (20, 0, 63)),
        Encoding(
            "VP9 (webm)",
            "libvpx-vp9",
            "webm",
            (("b", "0"), ("row-mt", "1"), ("auto-alt-ref", "0")),
            (16, 0, 63),
            (8,),
            alpha=True,
            aspect=False,
            sound=("opus", "vorbis"),
        ),
        Encoding("ProRes (mov)", "prores_ks", "mov", (), None, (10,), alpha=True, sound=_MOV_SOUND),
        Encoding(
            "FFV1, lossless (mkv)", "ffv1", "mkv", (), None, (8, 10, 12, 16), alpha=True, aspect=False, sound=_MKV_SOUND
        ),
    )
}
H264 = next(iter(ENCODINGS))


@dataclass(frozen=True)
class EncodedLook:
    """How pictures are coded in a file.

    encoding: the codec and its container.
    crf: constant rate factor; None for codecs without one.
    pixel_format: in FFmpeg's words.
    coding: what its codes mean.
    tags: what the file says about its colour.
    pixel_aspect: width of a pixel divided by its height.
    note: what a report says about the choice; "" if there is nothing to say.
    """

    encoding: Encoding
    crf: int | None
    pixel_format: str
    coding: Coding
    tags: ColourTags = BT709
    pixel_aspect: Fraction = Fraction(1)
    note: str = ""

    @property
    def options(self) -> dict[str, str]:
        """Of the encoder."""
        options = dict(self.encoding.options)
        if self.crf is not None:
            options["crf"] = str(self.crf)
        if self.encoding.codec == "prores_ks":
            options["profile"] = "4444" if "444" in self.pixel_format else "hq"
        return options


def choose_look(
    info: VideoInfo, encoding: str = H264, crf: int | None = None, bit_depth: BitDepth = "as the video"
) -> EncodedLook:
    """Choose how a result is coded, as much like its source as the codec can.

    Matrix, range and tags stay those of the source. RGB becomes BT.709, and high dynamic range gets at least 10 bits.

    Args:
        info: of the source.
        encoding: a name in `ENCODINGS`.
        crf: constant rate factor, lower is better; None for the default of the codec.
        bit_depth: bits of a code; the nearest that the codec has.

    Raises:
        InbetweenError: no such encoding, or a value out of its range.
    """
    check_choice(encoding, "codec", list(ENCODINGS))
    check_choice(bit_depth, "bit_depth", BIT_DEPTHS)
    chosen = ENCODINGS[encoding]
    if chosen.crf is None:
        crf = None
    else:
        default, least, most = chosen.crf
        crf = default if crf is None else crf
        check_between(crf, "crf", least, most)
    wanted = 10 if info.coding.bits == FLOAT_BITS else info.coding.bits
    if bit_depth != "as the video":
        wanted = int(bit_depth)
    if info.tags.is_hdr and wanted < 10:
        raise InbetweenError('bit_depth is 8, but the video is HDR and would show bands; choose "as the video" or 10.')
    bits = next((depth for depth in chosen.depths if depth >= wanted), chosen.depths[-1])
    notes = []
    if bits < wanted and (info.tags.is_hdr or wanted > 10 >= bits):
        notes.append(f"{chosen.name} has {bits} bit, the video {wanted}")
    aspect = info.pixel_aspect
    if aspect != 1 and not chosen.aspect:
        notes.append(f"{chosen.name} does not say that pixels are {aspect.numerator}:{aspect.denominator}")
        aspect = Fraction(1)
    is_rgb = info.coding.matrix == "RGB"
    if is_rgb and chosen.codec == "ffv1":
        bits = max(bits, 10)  # 8-bit values come back from 10 bits unchanged
        coding, name = Coding("RGB", True, bits), f"gbr{'a' * info.has_alpha}p{bits}le"
        return EncodedLook(chosen, crf, name, coding, ColourTags(1, 13, 0, True), aspect, "; ".join(notes))
    coding = Coding("BT.709" if is_rgb else info.coding.matrix, info.coding.full_range and not is_rgb, bits)
    alpha = info.has_alpha and chosen.alpha
    subsampling = "420"
    if chosen.codec == "prores_ks":
        subsampling = "444" if alpha or info.shrink == (1, 1) else "422"
    elif chosen.codec == "ffv1":
        subsampling = {(1, 1): "444", (2, 1): "422"}.get(info.shrink, "420")
    elif chosen.odd_needs_444 and (info.width % 2 or info.height % 2):
        subsampling = "444"
        notes.append(f"{info.width}x{info.height} is an odd size, so colour is coded at full size (4:4:4)")
    name = f"yuv{'a' * alpha}{subsampling}p{'' if bits == 8 else f'{bits}le'}"
    if info.has_alpha and not alpha:
        notes.append(f"{chosen.name} has no opacity, so it is left out")
    tags = BT709 if is_rgb else info.tags
    return EncodedLook(chosen, crf, name, coding, tags, aspect, "; ".join(notes))
