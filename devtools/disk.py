"""Free space on the disk: checking it before large downloads, and recognising errors when it runs out."""

import errno
import shutil
from pathlib import Path

from .messages import DevError

GIGABYTE = 10**9
WINDOWS_DISK_FULL = (39, 112)  # ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL


def is_disk_full(error: OSError) -> bool:
    """Whether a system error says that the disk is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT) or getattr(error, "winerror", None) in WINDOWS_DISK_FULL


def require_free_space(folder: Path, gigabytes: float, purpose: str) -> None:
    """Raises DevError if the disk of an existing folder has less free space than that."""
    free = shutil.disk_usage(folder).free / GIGABYTE
    if free < gigabytes:
        raise DevError(
            f"{purpose} needs about {gigabytes:g} GB, but the disk of {folder} has only {free:.1f} GB free: "
            f"free up space first."
        )
