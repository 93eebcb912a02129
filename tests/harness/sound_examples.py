"""Real inputs for the nodes about sound; see `node_examples.py`."""

from collections.abc import Iterator

import torch
from example_values import Arguments, small_keyframes, small_wan, speech, wan_parts


def audio_adapter_loader() -> Iterator[Arguments]:
    """Two files."""
    for file in ("fantasy_talking.ckpt", "echomimic_flash.safetensors"):
        yield {"file": file}


def audio_adapter() -> Iterator[Arguments]:
    """Every kind of adapter, of sound and of guidance."""
    from comfyui_inbetween.host.sound.adapter import GUIDANCE_FORMS
    from comfyui_inbetween.host.sound.adapter_library import load_adapter
    from comfyui_inbetween.host.sound.features import LEVELS
    from tiny_encoders import tiny_wav2vec2

    text = [[torch.zeros(1, 8, 4096), {}]]
    common = {"model": small_wan("wan_i2v"), "positive": text, "negative": text, "fps": 25.0, "start_seconds": 0.1}
    common |= {"latent": {"samples": torch.zeros(1, 16, 3, 4, 6)}, "offset_ms": -20, "scale": 0.8}
    encoder = tiny_wav2vec2()
    heard = {"sound": "audio", "audio": speech(), "audio_encoder": encoder, "context_seconds": 0.2}
    files = ("stable_avatar.pt", "echomimic_preview.safetensors", "echomimic_flash.safetensors", "fantasy_talking.ckpt")
    for file, level, guidance in zip(files, LEVELS, GUIDANCE_FORMS, strict=True):
        adapter = load_adapter(file)
        yield {**common, "audio_adapter": adapter, "sound": {**heard, "level": level}, "guidance": guidance}
    with torch.inference_mode():
        encoded = {"sound": "encoded audio", "encoded_audio": encoder.encode_audio(speech()["waveform"], 22050)}
    ends = {"keyframes": small_keyframes(), "vae": wan_parts()["vae"], "region": torch.rand(9, 16, 24)}
    yield {
        **common,
        **ends,
        "audio_adapter": load_adapter("bbf.safetensors"),
        "sound": encoded,
        "guidance": "as trained",
    }


def audio_view() -> Iterator[Arguments]:
    """With and without an adapter."""
    from comfyui_inbetween.host.sound.adapter_library import load_adapter

    common = {"audio": speech(), "fps": 25.0, "start_seconds": 0.0, "offset_ms": 40, "width": 640, "height": 400}
    yield {**common, "length": {"length": "frame count", "frame_count": 21}}
    adapter = load_adapter("echomimic_flash.safetensors")
    yield {**common, "length": {"length": "keyframes", "keyframes": small_keyframes()}, "audio_adapter": adapter}
