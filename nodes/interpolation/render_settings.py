"""The inputs that nodes with an interpolator share: the settings of all engines, of which PerVFI alone has any."""

from comfy_api.latest import io

from ...networks.interpolation.pervfi.settings import PRIMARY_FRAMES, PerVFISettings

DEFAULTS = PerVFISettings()


def settings_inputs() -> list[io.Input]:
    """Temperature, seed and primary frame; optional, and passed over by engines that do not know them."""
    return [
        io.Float.Input(
            "temperature",
            default=DEFAULTS.temperature,
            min=0.0,
            max=2.0,
            step=0.05,
            optional=True,
            tooltip="PerVFI v00: strength of the noise that a frame is made of. 0 makes the most likely, smoothest "
            "frame; 0.3 is published; more brings more texture and grain.",
        ),
        io.Int.Input(
            "seed",
            default=DEFAULTS.seed,
            min=0,
            max=2**64 - 1,
            control_after_generate=io.ControlAfterGenerate.fixed,
            optional=True,
            tooltip="PerVFI v00: which noise; the same seed makes the same frames.",
        ),
        io.Combo.Input(
            "primary_frame",
            options=list(PRIMARY_FRAMES),
            default=DEFAULTS.primary_frame,
            optional=True,
            tooltip="PerVFI makes a frame of one of the two, and takes from the other only what that one does not "
            "show. first is published; nearer takes the one nearer in time; both makes two frames, in twice the time, "
            "and keeps the one that agrees better with both.",
        ),
    ]
