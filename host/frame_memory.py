"""Memory for frames: what does not fit into the memory that is free now is refused before any work.

An operating system grants more memory than there is, and ends a program when it fills it. So the host's figure of what
is free decides, not the allocation.
"""

import math

import comfy.memory_management
import comfy.model_management as model_management
import torch
from torch import Tensor

from ..core.errors import InbetweenError

RESERVE = 256 * 2**20  # bytes that stay free for everything else
WORK_PER_PIXEL = (
    160  # bytes for each pixel of one frame: what the engine without a model needs, see its bytes_per_pixel
)


def empty_frames(count: int, height: int, width: int, channels: int = 3) -> Tensor:
    """Memory for a result of shape (count, height, width, channels), where and as the host keeps images.

    Raises:
        InbetweenError: it does not fit into free memory.
    """
    dtype, device = model_management.intermediate_dtype(), model_management.intermediate_device()
    value_bytes = model_management.dtype_size(dtype)
    check_room(count, height, width, channels * value_bytes, device)
    try:
        return torch.empty((count, height, width, channels), dtype=dtype, device=device)
    except (MemoryError, RuntimeError):
        raise _too_large(count, height, width, channels * value_bytes, None) from None


def check_room(count: int, height: int, width: int, pixel_bytes: float, device: torch.device | None = None) -> None:
    """Raise InbetweenError unless frames fit into the memory that is free, or that the host can free, on a device.

    Args:
        count, height, width: the frames that the work will make.
        pixel_bytes: bytes for each pixel of a frame.
        device: where they will be; None is the main memory.
    """
    device = torch.device("cpu") if device is None else device
    needed = math.ceil(count * height * width * pixel_bytes)
    free = _free_bytes(device, needed + _reserve(height, width))
    if needed + _reserve(height, width) > free:
        raise _too_large(count, height, width, pixel_bytes, free)


def check_room_for_images(count: int, height: int, width: int, channels: int = 3) -> None:
    """`check_room` for images where and as the host keeps them."""
    pixel_bytes = channels * model_management.dtype_size(model_management.intermediate_dtype())
    check_room(count, height, width, pixel_bytes, model_management.intermediate_device())


def check_room_like(frames_THWC: Tensor, count: int, pixel_bytes: float | None = None) -> None:
    """`check_room` for `count` frames of the size of others.

    Without pixel_bytes they are also of the same type and on the same device; with it they are in main memory.
    What is not a batch of frames passes: the work that takes it says what is wrong with it.
    """
    if isinstance(frames_THWC, Tensor) and frames_THWC.ndim == 4:
        height, width, channels = frames_THWC.shape[1:]
        if pixel_bytes is None:
            check_room(count, height, width, channels * frames_THWC.element_size(), frames_THWC.device)
        else:
            check_room(count, height, width, pixel_bytes)


def _free_bytes(device: torch.device, wanted: int) -> int:
    """Free memory, after the host has given up what it keeps without need if less than `wanted` bytes are free."""
    if model_management.is_device_cpu(device):
        comfy.memory_management.extra_ram_release(wanted)  # results of earlier runs
    else:
        model_management.free_memory(wanted, device)  # models
    return int(model_management.get_free_memory(device))


def _reserve(height: int, width: int) -> int:
    return RESERVE + WORK_PER_PIXEL * height * width


def _too_large(count: int, height: int, width: int, pixel_bytes: float, free: int | None) -> InbetweenError:
    """The error, with what would fit if the free memory is known."""
    needed = count * height * width * pixel_bytes
    text = f"{count} frames of {width}x{height} need {_gib(needed)} of memory"
    if free is None:
        return InbetweenError(f"{text}; ask for fewer or smaller frames.")
    fitting = max(0, int((free - _reserve(height, width)) // (height * width * pixel_bytes)))
    shrunk = _fitting_size(count, height, width, pixel_bytes, free)
    fits = [f"at most {fitting} of this size fit"] if fitting else []
    if shrunk:
        fits.append(f"{count} fit at {shrunk[0]}x{shrunk[1]}")
    return InbetweenError(
        f"{text}, but only {_gib(free)} are free{': ' if fits else ''}{', or '.join(fits)}; ask for fewer or smaller "
        "frames, or close other programs."
    )


def _fitting_size(count: int, height: int, width: int, pixel_bytes: float, free: int) -> tuple[int, int] | None:
    """The largest width and height of the same shape at which all frames fit, both even; None if that is no picture."""
    scale = math.sqrt(max(0, free - RESERVE) / (count * pixel_bytes + WORK_PER_PIXEL) / (height * width))
    size = int(width * scale) // 2 * 2, int(height * scale) // 2 * 2
    return size if min(size) >= 16 and scale < 1 else None


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB"
