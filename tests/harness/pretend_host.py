"""
The real host on the pretend GPU, in the process in which `boot_host` put it on the CPU.

The host detects its device on import. This sets the results, `cpu_state`, `npu_available` and `vram_state`, to what it
would have found with torch_npu. Its own code does the rest, and `torch.npu` answers its questions about memory. No
function of the host is replaced. `torch.version.cuda` is set to None, because with a torch built for CUDA the host
assumes an NVIDIA card whenever it is not on the CPU. Everything is restored at the end.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import comfy.model_management as model_management
import torch
from comfy.cli_args import args
from pretend_device import MEMORY

GIB = 1024**3

# What a user starts the host with for each precision. On an NPU, as on newer NVIDIA cards, the host itself chooses
# float16 for Wan, SVD and PerVFI, and bfloat16 where a model is known not to bear that.
PRECISIONS: dict[str, dict[str, Any]] = {
    "float32": {"force_fp32": True},
    "bfloat16": {"bf16_unet": True, "bf16_vae": True},
    "as the host chooses": {},
}


@contextmanager
def host_on_device(
    precision: str = "float32", vram: str = "NORMAL_VRAM", room: int = 80 * GIB, **options: Any
) -> Iterator[None]:
    """The host computes on the pretend GPU while this is open, and has nothing loaded before and after.

    Args:
        precision: one of `PRECISIONS`.
        vram: name of the host's VRAMState; LOW_VRAM loads as much as there is room for, NO_VRAM next to nothing.
        room: memory of the device in bytes, beside the 1.2 GiB that the host keeps free for its work.
        options: of the host's command line, as its `args` has them.
    """
    options = {**PRECISIONS[precision], **options}
    state = {
        "cpu_state": model_management.CPUState.GPU,
        "npu_available": True,
        "vram_state": model_management.VRAMState[vram],
        "FORCE_FP32": options.get("force_fp32", False),  # read from the option when the host is imported
        "LORA_COMPUTE_DTYPES": {},  # kept by device
    }
    _unload()
    with (
        _assigned(model_management, **state),
        _assigned(args, **options),
        _assigned(torch.version, cuda=None),
        _assigned(MEMORY, total=int(model_management.minimum_inference_memory()) + room),
    ):
        try:
            yield
        finally:
            _unload()


@contextmanager
def _assigned(owner: object, **values: Any) -> Iterator[None]:
    before = {name: getattr(owner, name) for name in values}
    for name, value in values.items():
        setattr(owner, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(owner, name, value)


def _unload() -> None:
    """Every model off its device. The host's own loop trips over models that die on the way."""
    for loaded in [*model_management.current_loaded_models]:
        if loaded.model is not None:
            loaded.model_unload()
    model_management.current_loaded_models.clear()
