"""Inputs that the audio nodes share."""

from comfy_api.latest import io


def start_input() -> io.Float.Input:
    """The time in the audio at which the clip starts."""
    return io.Float.Input(
        "start_seconds",
        default=0.0,
        min=0.0,
        max=86400.0,
        step=0.001,
        tooltip="Time in the audio, in seconds, at which frame 0 starts. 0 is the beginning. For a gap or a segment, "
        "connect audio_start of Clip Context.",
    )


def offset_input() -> io.Int.Input:
    """A delay of the audio."""
    return io.Int.Input(
        "offset_ms",
        default=0,
        min=-10000,
        max=10000,
        tooltip="Audio delay in milliseconds; negative values make the audio earlier. Use it to correct lip-sync.",
    )
