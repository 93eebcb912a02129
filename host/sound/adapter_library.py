"""Audio adapters from the host's model folders."""

import comfy.model_management as model_management
import comfy.ops
from comfy.model_patcher import CoreModelPatcher, ModelPatcher

from ...networks.sound import WANTED, read_adapter
from ..model_files import ModelFolder

# The second folder contains whole models whose files include an adapter.
ADAPTERS = ModelFolder(("model_patches", "diffusion_models"), WANTED)


def load_adapter(file: str) -> ModelPatcher:
    """Load an adapter as a MODEL_PATCH, so that the host manages its memory; see `read_adapter`."""
    return CoreModelPatcher(
        read_adapter(ADAPTERS.path(file), comfy.ops.manual_cast),
        load_device=model_management.get_torch_device(),
        offload_device=model_management.unet_offload_device(),
    )
