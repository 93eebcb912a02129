"""What the timeline on the Keyframes node says about lengths; it reaches the page with the definition of the node."""

from typing import Any

from ...core.timing.latent_grid import ANY, LatentGrid
from ...core.wan.layout import LONGEST_TRAINED, WAN
from ...host.svd.conditioning import TRAINED_FRAMES
from ...networks.wan.lora_files import SEMFI_FRAME_COUNTS

LTX, LONGEST_LTX = LatentGrid(first=1, step=8), 257  # Lightricks/LTX-Video, README: "works best on ... below 257"


def trained_lengths() -> dict[str, dict[str, list[Any]]]:
    """For each frame rule the lengths that experts, or models by name, were trained for, ascending."""
    models = [{"name": name, "frames": frames} for frames, name in TRAINED_FRAMES.items()]
    return {
        ANY: {"models": [*models, {"name": "Wan", "frames": LONGEST_TRAINED}]},
        WAN.rule: {"experts": list(SEMFI_FRAME_COUNTS)},
        LTX.rule: {"models": [{"name": "LTX-Video", "frames": LONGEST_LTX}]},
    }
