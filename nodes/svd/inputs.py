"""Inputs that several nodes for SVD share, so that they read alike, and the settings they mean."""

from typing import Any

from comfy_api.latest import io

from ...host.svd.conditioning import CLIP_IMAGE, SVDSettings
from ...host.svd.dual_direction import MEMORY, METHODS, DirectionSettings, Memory, Method
from ...samplers.svd.dual_direction import FUSIONS, Fusion

PUBLISHED, AS_HOST = "as published", "as SVD_img2vid_Conditioning"


def picture_inputs() -> list[io.Input]:
    """How keyframes are prepared and labelled."""
    clip_image = io.Combo.Input(
        "clip_image",
        options=list(CLIP_IMAGE),
        default=CLIP_IMAGE[0],
        tooltip="What CLIP sees: squash shows it the whole picture as a square, as published; crop its middle, not "
        "distorted.",
    )
    return [
        io.Int.Input(
            "motion_bucket",
            default=127,
            min=1,
            max=1023,
            tooltip="How much motion is asked for; 127 as published.",
        ),
        io.Int.Input(
            "fps",
            default=7,
            min=1,
            max=1024,
            tooltip="The rate that the motion is asked for, 7 as published; it is not the rate of the video.",
        ),
        io.Float.Input(
            "noise_augmentation",
            default=0.02,
            min=0.0,
            max=10.0,
            step=0.01,
            tooltip="Noise on the pictures before they are encoded, 0.02 as published: more lets the clip move further "
            "away from them.",
        ),
        io.Int.Input(
            "augmentation_seed",
            default=0,
            min=0,
            max=2**64 - 1,
            advanced=True,
            tooltip="Seed of the noise added to the pictures.",
        ),
        io.DynamicCombo.Input(
            "preparation",
            options=[io.DynamicCombo.Option(PUBLISHED, [clip_image]), io.DynamicCombo.Option(AS_HOST, [])],
            tooltip="as published: one noise for both pictures, which have values from -1 to 1. as "
            "SVD_img2vid_Conditioning: as ComfyUI's node does it, where the same number is twice as much noise and "
            "CLIP sees the middle of the picture.",
        ),
    ]


def svd_settings(
    motion_bucket: int, fps: int, noise_augmentation: float, augmentation_seed: int, preparation: dict[str, Any]
) -> SVDSettings:
    """What `picture_inputs` mean."""
    as_host = preparation["preparation"] == AS_HOST
    clip_image = preparation.get("clip_image", CLIP_IMAGE[0])
    return SVDSettings(motion_bucket, fps, noise_augmentation, augmentation_seed, clip_image, as_host)


def direction_inputs() -> list[io.Input]:
    """How both directions are evaluated and made one."""
    scale = {"min": 0.0, "max": 100.0, "step": 0.1}
    cfg = io.Float.Input("cfg", default=2.0, tooltip="Guidance of every frame, 2 as published.", **scale)
    first_cfg = io.Float.Input(
        "first_cfg", default=1.0, tooltip="Guidance at the keyframe that a direction starts from.", **scale
    )
    last_cfg = io.Float.Input("last_cfg", default=3.0, tooltip="Guidance at the frame farthest from it.", **scale)
    scales: dict[Fusion, list[io.Input]] = {"average": [cfg], "linear by frame": [first_cfg, last_cfg]}
    return [
        io.Combo.Input(
            "method",
            options=list(METHODS),
            default=METHODS[0],
            tooltip="generative inbetweening: the paper's method, with reverse motion. rotation only: without a file "
            "and of lower quality, as in the paper's ablation. time reversal fusion: two plain runs averaged, an older "
            "method. forward only: plain SVD from the first keyframe, which never sees the last.",
        ),
        io.DynamicCombo.Input(
            "fusion",
            options=[io.DynamicCombo.Option(fusion, scales[fusion]) for fusion in FUSIONS],
            tooltip="average: both directions count alike everywhere, as in the paper. linear by frame: near a "
            "keyframe its own direction counts more, the published option weighted_average.",
        ),
        io.Combo.Input(
            "memory",
            options=list(MEMORY),
            default=MEMORY[0],
            advanced=True,
            tooltip="One direction at a time takes about half the memory and gives the same. auto: both at once where "
            "there is room.",
        ),
    ]


def direction_settings(method: Method, fusion: dict[str, Any], memory: Memory) -> DirectionSettings:
    """What `direction_inputs` mean."""
    first = fusion["first_cfg"] if "first_cfg" in fusion else fusion["cfg"]
    return DirectionSettings(method, fusion["fusion"], first, fusion.get("last_cfg", first), memory)


def renoise_inputs() -> list[io.Input]:
    """Which steps are repeated."""
    return [
        io.Int.Input(
            "repeats",
            default=5,
            min=0,
            max=10,
            tooltip="How many times more each of the first steps is taken, with new noise; 5 as published. It makes "
            "both directions agree, and most of the time goes into it: 50 steps are 175 evaluations with 5, 100 with "
            "2 and 50 with 0.",
        ),
        io.Float.Input(
            "ratio",
            default=0.5,
            min=0.0,
            max=1.0,
            step=0.05,
            tooltip="The share of steps that are repeated, from the first on; 0.5 as published.",
        ),
    ]


def chunk_input() -> io.Int.Input:
    """How many frames are decoded at a time."""
    return io.Int.Input(
        "frames_per_chunk",
        default=8,
        min=0,
        max=4096,
        tooltip="Frames decoded at a time, whatever memory is free: 0 is all at once, which flickers least, as "
        "published; fewer take less memory.",
    )
