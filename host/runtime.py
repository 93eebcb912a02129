"""The host's devices, memory, progress bar and interruption."""

import sys
from collections.abc import Sequence
from typing import Any

import comfy.model_management as model_management
import comfy.utils
import torch
from comfy.model_patcher import ModelPatcher
from comfy_execution.utils import get_executing_context

from ..core.reports import headline

_EVERYTHING = 1e32  # bytes; the number that the host itself uses to load all weights


def compute_device() -> torch.device:
    """The device on which the host computes."""
    return model_management.get_torch_device()


def load_whole(patchers: Sequence[ModelPatcher], memory: int) -> None:
    """Load all weights of some models onto their device, even if the host was started with --novram or --lowvram.

    Use this for networks that read weights outside of layer calls, where the host cannot load them on demand.

    Args:
        patchers: the models.
        memory: bytes that the computation itself needs.
    """
    model_management.load_models_gpu(list(patchers), memory_required=memory, force_full_load=True)
    for patcher in patchers:
        patcher.partially_load(patcher.load_device, _EVERYTHING)


def gpu_memory_gib() -> float:
    """GPU memory in GiB, or 0 if the host computes on the CPU."""
    device = compute_device()
    return 0.0 if device.type == "cpu" else model_management.get_total_memory(device) / 1024**3


def show_on_node(text: str) -> None:
    """Show a text on the running node, in the page that started the run. Without a page, nothing happens.

    The text stays until another replaces it, so a node that shows warnings must also show a text when there are none.
    """
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    running = get_executing_context()
    if server is not None and running is not None:
        server.send_progress_text(text, running.node_id, server.client_id)


def show_report(report: str) -> None:
    """Show the first line of a report and its warnings on the running node."""
    show_on_node(headline(report))


class Progress:
    """The node's progress bar. Calling it also stops the run if the user has pressed Interrupt."""

    def __init__(self, total: int) -> None:
        self._bar = comfy.utils.ProgressBar(total)

    def __call__(self, done: int) -> None:
        """Count `done` more steps.

        Raises:
            comfy.model_management.InterruptProcessingException: the user interrupted.
        """
        model_management.throw_exception_if_processing_interrupted()
        self._bar.update(done)

    def preview(self, image: Any, most_pixels: int) -> None:
        """Show a picture on the node.

        Args:
            image: a PIL image.
            most_pixels: of its longer side in the page.
        """
        self._bar.update_absolute(self._bar.current, preview=("JPEG", image, most_pixels))
