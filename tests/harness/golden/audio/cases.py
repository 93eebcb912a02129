"""
What the published code of four audio adapters makes of seeded weights and inputs.

The codes are Fantasy-AMAP/fantasy-talking at commit 8c2d0c9, Francis-Rings/StableAvatar at 46c0492 and
antgroup/echomimic_v3 at 7e89489 (preview and flash). The script that wrote `outputs.safetensors` stands outside
of the repository. Its recipe, in float32 on the CPU:

Make each video model with the sizes of `golden_wan_sizes()` (model_type i2v, cross_attn_norm True) and put a projector
of its own class for 768 features and a width of 256 into the place of the one with hard-coded sizes (for flash
`intermediate_dim=16`; for FantasyTalking `FantasyTalkingAudioConditionModel(dit, 768, 512)`). Load `seeded_wan` of the
shapes that Wan2.1 has itself, and `seeded_adapter(layout, **GOLDEN_SIZES)`. FantasyTalking's attention is written for
flash-attn, which is masked by lengths; in its place stands torch's attention with the same masks. Clips have 9 frames,
3 latent frames.

Per layout, from `features(layout)` and `network_inputs()`, stored as "<layout> tokens" (what the projector makes,
every 8th channel; StableAvatar's in the state that the model has for these inputs), "<layout> attended" (the
cross-attention of block 0 on `attention_inputs()` with those tokens), "<layout> sound" and "<layout> silence" (the
whole model; silence as the pipeline of each has it). For StableAvatar also "stable_avatar three": one call with the
three rows of its pipeline, `other_text()` without sound, the same with sound, the text with sound. For the preview
also "echomimic_preview region": with sound, `ip_mask` of 0, 1, 0.25 and 0.5 for the four places of a latent frame,
`audio_scale` 0.7; elsewhere ones and 1.
"""

from functools import cache
from pathlib import Path

import torch
from random_weights import numbers
from safetensors.torch import load_file

OUTPUTS = Path(__file__).with_name("outputs.safetensors")
FRAMES, LATENT_FRAMES = 9, 3
GOLDEN_SIZES = {"channels": 256, "depth": 2, "features": 768}
EVERY = 8  # channels of tokens of which one is stored

# Features that wav2vec2 makes of the time of 9 frames: FantasyTalking at 23 frames a second, the others at 25.
FEATURE_COUNTS = {"fantasy_talking": 19, "stable_avatar": 17, "echomimic_preview": 18, "echomimic_flash": 9}


def features(layout: str) -> torch.Tensor:
    """Of an audio encoder: (features, 768), for flash (frames, 12, 768)."""
    count = FEATURE_COUNTS[layout]
    return numbers(f"{layout} features", (count, 12, 768) if layout == "echomimic_flash" else (count, 768))


def network_inputs() -> dict[str, torch.Tensor]:
    """Noisy latent x (1, 16, 3, 4, 4), timestep, text of 512 rows, CLIP tokens, and y: mask and guidance."""
    return {
        "x": numbers("audio x", (1, 16, LATENT_FRAMES, 4, 4)),
        "timestep": torch.tensor([833.3]),
        "context": _text("audio context"),
        "clip_feature": numbers("audio clip", (1, 257, 1280)),
        "y": numbers("audio y", (1, 20, LATENT_FRAMES, 4, 4)),
    }


def other_text() -> torch.Tensor:
    """A negative prompt of 512 rows."""
    return _text("audio other context")


def attention_inputs() -> tuple[torch.Tensor, torch.Tensor]:
    """Places (1, 12, 256) and context (1, 257 + 512, 256) of a cross-attention."""
    return numbers("audio places", (1, 12, 256)), numbers("audio seen", (1, 769, 256))


def _text(name: str) -> torch.Tensor:
    """12 rows of text; Wan is given zeros up to 512."""
    rows = torch.zeros(1, 512, 4096)
    rows[:, :12] = 0.1 * numbers(name, (1, 12, 4096))
    return rows


@cache
def stored_outputs() -> dict[str, torch.Tensor]:
    """What the published code made."""
    return load_file(OUTPUTS)
