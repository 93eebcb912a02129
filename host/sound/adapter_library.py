"""Audio adapters from the host's model folders."""

import comfy.model_management as model_management
import comfy.ops
from comfy.model_patcher import CoreModelPatcher, ModelPatcher

from ...networks.sound import WANTED, read_adapter
from ..model_files import ModelFolder

# The second folder holds whole models that brought their adapter along.
ADAPTERS = ModelFolder(("model_patches", "diffusion_models"), WANTED)


def load_adapter(file: str) -> ModelPatcher:
    """An adapter as a model patch of the host's, which moves and counts its memory; see `read_adapter`."""
    return CoreModelPatcher(
        read_adapter(ADAPTERS.path(file), comfy.ops.manual_cast),
        load_device=model_management.get_torch_device(),
        offload_device=model_management.unet_offload_device(),
    )
