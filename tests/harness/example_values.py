"""Values for real node inputs: clips, keyframes, sound, tiny models."""

from math import pi

import torch
from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet

Arguments = dict[str, object]


def moving_clip(count: int, height: int = 48, width: int = 64) -> torch.Tensor:
    """Frames of shape (count, height, width, 3) in [0, 1]: a bright disc on a pattern moves right, 3 pixels a frame."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    frames = []
    for frame in range(count):
        disc = torch.exp(-((x - 16 - 3 * frame) ** 2 + (y - height / 2) ** 2) / 60)
        pattern = 0.3 + 0.1 * torch.sin(2 * pi * x / 16) * torch.cos(2 * pi * y / 12)
        frames.append(torch.stack([pattern.maximum(disc), pattern, 1 - pattern], dim=-1))
    return torch.stack(frames)


def sprite_clip(count: int, height: int = 48, width: int = 64) -> torch.Tensor:
    """`moving_clip` with alpha, shape (count, height, width, 4): only the disc is seen, with a soft edge."""
    clip = moving_clip(count, height, width)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    distances = [((x - 16 - 3 * frame) ** 2 + (y - height / 2) ** 2).sqrt() for frame in range(count)]
    return torch.cat([clip, (1.5 - torch.stack(distances) / 8).clamp(0, 1)[..., None]], dim=-1)


def keyframes(frame_count: int = 9) -> KeyframeSet:
    """Three keyframes, at the ends and at frame 4."""
    first, middle, last = moving_clip(3)
    return KeyframeSet(frame_count, (Keyframe(0, first), Keyframe(4, middle, 0.5), Keyframe(frame_count - 1, last)))


def small_wan(name: str = "wan22_i2v"):
    """A tiny Wan, from its file."""
    import nodes

    return nodes.UNETLoader().load_unet(f"{name}.safetensors", "default")[0]


def small_keyframes(frame_count: int = 9) -> KeyframeSet:
    """Three keyframes, at the ends and at frame 4, of a size for Wan."""
    first, middle, last = moving_clip(3, 32, 48)
    return KeyframeSet(frame_count, (Keyframe(0, first), Keyframe(4, middle, 0.5), Keyframe(frame_count - 1, last)))


def wan_parts() -> Arguments:
    """Autoencoder and CLIP vision that fit a tiny Wan."""
    from tiny_encoders import tiny_clip_vision

    import nodes

    return {"vae": nodes.VAELoader().load_vae("wan_vae.safetensors")[0], "clip_vision": tiny_clip_vision()}


def small_ends(frame_count: int = 5) -> KeyframeSet:
    """A first and a last keyframe of a size for SVD."""
    first, last = moving_clip(2, 32, 48)
    return KeyframeSet(frame_count, (Keyframe(0, first), Keyframe(frame_count - 1, last)))


def speech(seconds: float = 1.0, rate: int = 22050) -> Arguments:
    """AUDIO, loud and quiet by turns."""
    time = torch.arange(int(seconds * rate)) / rate
    return {"waveform": (0.3 * torch.sin(900 * time) * torch.sin(9 * time))[None, None], "sample_rate": rate}
