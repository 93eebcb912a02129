"""Inputs shared by the nodes that take an interpolator: PerVFI's settings, what is not to be moved, and grain."""

from comfy_api.latest import io

from ...core.interpolation.flow_interpolator import SPEEDS
from ...core.interpolation.grained import GRAIN_CHOICES
from ...core.interpolation.lost import WHEN_LOST
from ...networks.interpolation.pervfi.settings import PRIMARY_FRAMES, PerVFISettings

DEFAULTS = PerVFISettings()


def settings_inputs() -> list[io.Input]:
    """Temperature, seed and primary frame. All are optional, and engines that do not know them ignore them."""
    return [
        io.Float.Input(
            "temperature",
            default=DEFAULTS.temperature,
            min=0.0,
            max=2.0,
            step=0.05,
            optional=True,
            tooltip="PerVFI v00: strength of the noise a frame starts from. 0 gives the most likely, smoothest "
            "frame; 0.3 is the published value; higher values add texture and grain.",
        ),
        io.Int.Input(
            "seed",
            default=DEFAULTS.seed,
            min=0,
            max=2**64 - 1,
            control_after_generate=io.ControlAfterGenerate.fixed,
            optional=True,
            tooltip="PerVFI v00: seed of the noise. The same seed gives the same frames.",
        ),
        io.Combo.Input(
            "primary_frame",
            options=list(PRIMARY_FRAMES),
            default=DEFAULTS.primary_frame,
            optional=True,
            tooltip="PerVFI builds each new frame from one of its two neighbours, and takes from the other only what "
            "is missing. first is the published choice; nearer uses the neighbour nearer in time; both builds two "
            "versions, in twice the time, and keeps the one that agrees better with both neighbours.",
        ),
    ]


def still_mask_input() -> io.Input:
    """A mask of what is not to be moved, for any engine."""
    return io.Mask.Input(
        "still_mask",
        optional=True,
        tooltip="White areas are left as they are: nothing moves there. Paint over a logo, a display or a frame that "
        "stands still in front of moving things and is not detected.",
    )


def rendering_inputs() -> list[io.Input]:
    """Speed, what to show where motion is lost, and grain. All are optional."""
    return [
        io.Combo.Input(
            "speed",
            options=list(SPEEDS),
            default=SPEEDS[0],
            optional=True,
            tooltip="For the engine without a model. fast takes about half the time: it looks for motion at half the "
            "size, and neither for small things nor for half transparent logos. Other engines ignore it.",
        ),
        io.Combo.Input(
            "when_lost",
            options=list(WHEN_LOST),
            default=WHEN_LOST[0],
            optional=True,
            tooltip="Engine without a model: what to show where no motion can be followed. fade cross-fades "
            "the two images there. hold keeps the pixels of the nearer image in place until half-way. "
            "nearest moves the pixels of the nearer image along with their surroundings.",
        ),
        grain_input(),
    ]


def grain_input() -> io.Input:
    """Whether new frames keep the grain of those given. Optional."""
    return io.Combo.Input(
        "grain",
        options=list(GRAIN_CHOICES),
        default=GRAIN_CHOICES[0],
        optional=True,
        tooltip="Film grain and camera noise. keep gives new frames the grain of the input, which blending removes; "
        "clean clips stay the same. as rendered leaves frames as the interpolator renders them, with less grain.",
    )
