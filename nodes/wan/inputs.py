"""Inputs shared by the Wan nodes, so that they read alike."""

from comfy_api.latest import io

from ...core.wan.layout import OTHER_LENGTHS
from ...host.clip_images import CLIP_IMAGES


def clip_images_input() -> io.DynamicCombo.Input:
    """Which pictures CLIP shows the model."""
    end_share = io.Float.Input(
        "end_share",
        default=0.5,
        min=0.0,
        max=1.0,
        step=0.05,
        tooltip="Share of the last picture: 0 uses only the first, 0.5 both equally, 1 only the last.",
    )
    return io.DynamicCombo.Input(
        "clip_images",
        options=[io.DynamicCombo.Option(mode, [end_share] if mode == "blend" else []) for mode in CLIP_IMAGES],
        tooltip="Which pictures the model sees through CLIP vision. auto chooses by model: the first and last side by "
        "side for FLF2V, their sum for I2V with a mixture such as SemFi, otherwise the first.",
    )


def other_lengths_input() -> io.Combo.Input:
    """What to do with a length that is not 4n+1."""
    return io.Combo.Input(
        "other_lengths",
        options=list(OTHER_LENGTHS),
        default="refuse",
        tooltip="What to do if the length is not 4n+1. refuse stops with an error. snap up adds up to three frames "
        "that repeat the last keyframe; Finish Frames trims them.",
    )


def low_noise_strength_input() -> io.Float.Input:
    """How firmly the second model of Wan2.2 holds keyframes between the first and the last."""
    return io.Float.Input(
        "low_noise_strength",
        default=1.0,
        min=0.0,
        max=1.0,
        step=0.05,
        tooltip="For Wan2.2: how strictly the low-noise model follows keyframes between the first and the last, "
        "multiplied by their own strength. Try 0 to 0.2 if they flash.",
    )
