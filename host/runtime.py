"""Devices, progress and interruption, as the host wants them."""

import sys
from collections.abc import Sequence

import comfy.model_management as model_management
import comfy.utils
import torch
from comfy.model_patcher import ModelPatcher
from comfy_execution.utils import get_executing_context

from ..core.reports import headline

_EVERYTHING = 1e32  # bytes, as the host writes it


def compute_device() -> torch.device:
    """Where the host wants work to be done."""
    return model_management.get_torch_device()


def load_whole(patchers: Sequence[ModelPatcher], memory: int) -> None:
    """Bring all weights of some models to their device, also where the host was started with --novram or --lowvram.

    For networks that read their weights in ways of their own, in which the host cannot fetch what it left behind.

    Args:
        patchers: the models.
        memory: bytes that the work itself will take.
    """
    model_management.load_models_gpu(list(patchers), memory_required=memory, force_full_load=True)
    for patcher in patchers:
        patcher.partially_load(patcher.load_device, _EVERYTHING)


def gpu_memory_gib() -> float:
    """Memory of the GPU in GiB, or 0 where the host computes on the CPU."""
    device = compute_device()
    return 0.0 if device.type == "cpu" else model_management.get_total_memory(device) / 1024**3


def show_on_node(text: str) -> None:
    """Show a text on the node that runs, in the page of who started it; without a page nothing happens.

    It stays until the next one: what tells a warning must tell it, too, when all is well again.
    """
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    running = get_executing_context()
    if server is not None and running is not None:
        server.send_progress_text(text, running.node_id, server.client_id)


def show_report(report: str) -> None:
    """Show on the node that runs what a report says first, and its warnings."""
    show_on_node(headline(report))


class Progress:
    """The node's progress bar; calling it also stops the work if the user pressed Interrupt."""

    def __init__(self, total: int) -> None:
        self._bar = comfy.utils.ProgressBar(total)

    def __call__(self, done: int) -> None:
        """Count `done` more steps.

        Raises:
            comfy.model_management.InterruptProcessingException: the user interrupted.
        """
        model_management.throw_exception_if_processing_interrupted()
        self._bar.update(done)
