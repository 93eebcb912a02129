"""The published block of EchoMimicV3 preview with its audio branch, downloaded and run unchanged.

antgroup/echomimic_v3 at commit 7e89489, `src/wan_transformer3d_audio.py`. A block does not use what that file imports
for whole models, several GPUs and caches, so those imports are replaced with empty modules.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

from _run import checkout

REPOSITORY, COMMIT = "https://github.com/antgroup/echomimic_v3", "7e89489"
_EMPTY = {
    "diffusers.configuration_utils": ("ConfigMixin", "register_to_config"),
    "diffusers.loaders": ("FromOriginalModelMixin",),
    "diffusers.loaders.single_file_model": ("FromOriginalModelMixin",),
    "diffusers.models.modeling_utils": ("ModelMixin",),
    "diffusers.utils": ("is_torch_version", "logging"),
    "src.dist": (
        "get_sequence_parallel_rank",
        "get_sequence_parallel_world_size",
        "get_sp_group",
        "xFuserLongContextAttention",
    ),
    "src.dist.wan_xfuser": ("usp_attn_forward",),
}


def published_block(**sizes: Any) -> Any:
    """A `WanAttentionBlock` with its image and audio branches."""
    folder = checkout(REPOSITORY, COMMIT)
    package = ModuleType("src")
    package.__path__ = [str(folder / "src")]
    sys.modules["src"] = package
    sys.modules["diffusers"] = ModuleType("diffusers")
    for name, members in _EMPTY.items():
        module = ModuleType(name)
        for member in members:  # an empty base class, or a decorator that changes nothing
            setattr(module, member, type(member, (), {}) if member.endswith("Mixin") else lambda given, *_: given)
        sys.modules[name] = module
    published = importlib.import_module("src.wan_transformer3d_audio")
    return published.WanAttentionBlock("i2v_cross_attn", **sizes, cross_attn_norm=True)
