"""Inputs about time that several nodes share."""

from comfy_api.latest import io


def fps_input(tooltip: str, name: str = "fps", default: float = 24.0, optional: bool = False) -> io.Float.Input:
    """A frame rate, in frames per second."""
    return io.Float.Input(name, default=default, min=0.01, max=1000.0, step=0.001, tooltip=tooltip, optional=optional)
