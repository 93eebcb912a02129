"""Inputs shared by the SVD nodes, so that they read alike, and the settings built from them."""

from typing import Any

from comfy_api.latest import io

from ...host.svd.conditioning import CLIP_IMAGE, SVDSettings
from ...host.svd.dual_direction import MEMORY, METHODS, DirectionSettings, Memory, Method
from ...samplers.svd.dual_direction import FUSIONS, Fusion

PUBLISHED, AS_HOST = "as published", "as SVD_img2vid_Conditioning"


def picture_inputs() -> list[io.Input]:
    """How the pictures are prepared, and the motion and frame rate to ask for."""
    clip_image = io.Combo.Input(
        "clip_image",
        options=list(CLIP_IMAGE),
        default=CLIP_IMAGE[0],
        tooltip="What CLIP sees. squash: the whole picture, squashed to a square, as published. crop: the middle of "
        "the picture, undistorted.",
    )
    return [
        io.Int.Input(
            "motion_bucket",
            default=127,
            min=1,
            max=1023,
            tooltip="How much motion to ask for; 127 as published.",
        ),
        io.Int.Input(
            "fps",
            default=7,
            min=1,
            max=1024,
            tooltip="Frame rate that SVD assumes for the motion; 7 as published. It does not change the frame rate of "
            "the video.",
        ),
        io.Float.Input(
            "noise_augmentation",
            default=0.02,
            min=0.0,
            max=10.0,
            step=0.01,
            tooltip="Noise added to the pictures before they are encoded; 0.02 as published. More noise lets the clip "
            "move further away from them.",
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
            tooltip="How to prepare the pictures. as published adds the same noise to both, with pixel values from -1 "
            "to 1. as SVD_img2vid_Conditioning follows ComfyUI's node, where the same noise_augmentation is twice as "
            "strong and CLIP sees the middle of the picture.",
        ),
    ]


def svd_settings(
    motion_bucket: int, fps: int, noise_augmentation: float, augmentation_seed: int, preparation: dict[str, Any]
) -> SVDSettings:
    """The settings from the values of `picture_inputs`."""
    as_host = preparation["preparation"] == AS_HOST
    clip_image = preparation.get("clip_image", CLIP_IMAGE[0])
    return SVDSettings(motion_bucket, fps, noise_augmentation, augmentation_seed, clip_image, as_host)


def direction_inputs() -> list[io.Input]:
    """How both directions are evaluated and combined."""
    scale = {"min": 0.0, "max": 100.0, "step": 0.1}
    cfg = io.Float.Input("cfg", default=2.0, tooltip="Guidance scale for every frame; 2 as published.", **scale)
    first_cfg = io.Float.Input(
        "first_cfg",
        default=1.0,
        tooltip="Guidance scale at the keyframe where a direction starts.",
        **scale,
    )
    last_cfg = io.Float.Input("last_cfg", default=3.0, tooltip="Guidance scale at the other end of the clip.", **scale)
    scales: dict[Fusion, list[io.Input]] = {"average": [cfg], "linear by frame": [first_cfg, last_cfg]}
    return [
        io.Combo.Input(
            "method",
            options=list(METHODS),
            default=METHODS[0],
            tooltip="generative inbetweening: the paper's method, with reverse motion. rotation only: needs no "
            "reverse motion file, at lower quality, as in the paper's ablation. time reversal fusion: an older method "
            "that averages two plain runs. forward only: plain SVD from the first keyframe, which never sees the "
            "last.",
        ),
        io.DynamicCombo.Input(
            "fusion",
            options=[io.DynamicCombo.Option(fusion, scales[fusion]) for fusion in FUSIONS],
            tooltip="How to combine the two directions. average weights them equally everywhere, as in the paper. "
            "linear by frame gives more weight to the direction that starts at the nearer keyframe; this is the "
            "published option weighted_average.",
        ),
        io.Combo.Input(
            "memory",
            options=list(MEMORY),
            default=MEMORY[0],
            advanced=True,
            tooltip="one direction at a time needs about half the memory and gives the same result, up to rounding. "
            "auto runs both directions at once if there is enough memory.",
        ),
    ]


def direction_settings(method: Method, fusion: dict[str, Any], memory: Memory) -> DirectionSettings:
    """The settings from the values of `direction_inputs`."""
    first = fusion["first_cfg"] if "first_cfg" in fusion else fusion["cfg"]
    return DirectionSettings(method, fusion["fusion"], first, fusion.get("last_cfg", first), memory)


def renoise_inputs() -> list[io.Input]:
    """Which steps to repeat, and how often."""
    return [
        io.Int.Input(
            "repeats",
            default=5,
            min=0,
            max=10,
            tooltip="How many extra times to repeat each early step, with new noise; 5 as published. Repeats help the "
            "two directions agree, but take time: with ratio 0.5, 5 repeats take about 3.5 times as long as none, and "
            "2 take twice as long.",
        ),
        io.Float.Input(
            "ratio",
            default=0.5,
            min=0.0,
            max=1.0,
            step=0.05,
            tooltip="Share of the steps to repeat, counted from the first step; 0.5 as published.",
        ),
    ]


def chunk_input() -> io.Int.Input:
    """How many frames to decode at a time."""
    return io.Int.Input(
        "frames_per_chunk",
        default=8,
        min=0,
        max=4096,
        tooltip="How many frames to decode at a time. 0 decodes all at once, as published, which flickers least. "
        "Smaller chunks need less memory.",
    )
