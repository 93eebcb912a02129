"""Inputs that several nodes for sound share, so that they read alike."""

from comfy_api.latest import io


def fps_input(tooltip: str) -> io.Float.Input:
    """Frames per second of the clip."""
    return io.Float.Input("fps", default=25.0, min=0.01, max=1000.0, step=0.001, tooltip=tooltip)


def start_input() -> io.Float.Input:
    """Where in the audio the clip begins."""
    return io.Float.Input(
        "start_seconds",
        default=0.0,
        min=0.0,
        max=86400.0,
        step=0.001,
        tooltip="Where in the audio frame 0 stands: audio_start of Clip Context, or 0 for the beginning.",
    )


def offset_input() -> io.Int.Input:
    """Sound later or earlier than the pictures."""
    return io.Int.Input(
        "offset_ms",
        default=0,
        min=-10000,
        max=10000,
        tooltip="Milliseconds by which the sound comes later than the pictures, below 0 earlier: against lips that are "
        "late or early.",
    )
