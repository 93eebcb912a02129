"""The lengths that models were trained for. The node definition carries them to the timeline of Keyframes."""

from typing import Any

from ...core.timing.latent_grid import ANY, LatentGrid
from ...core.wan.layout import LONGEST_TRAINED, WAN
from ...host.svd.conditioning import TRAINED_FRAMES
from ...networks.wan.lora_files import SEMFI_FRAME_COUNTS

LTX, LONGEST_LTX = LatentGrid(first=1, step=8), 257  # Lightricks/LTX-Video, README: "works best on ... below 257"


def trained_lengths() -> dict[str, dict[str, list[Any]]]:
    """For each frame rule, the lengths that experts or named models were trained for, in ascending order."""
    models = [{"name": name, "frames": frames} for frames, name in TRAINED_FRAMES.items()]
    return {
        ANY: {"models": [*models, {"name": "Wan", "frames": LONGEST_TRAINED}]},
        WAN.rule: {"experts": list(SEMFI_FRAME_COUNTS)},
        LTX.rule: {"models": [{"name": "LTX-Video", "frames": LONGEST_LTX}]},
    }
