"""Room on the disk: asked for before the big downloads, and named when it ran out."""

import errno
import shutil
from pathlib import Path

from .messages import DevError

GIGABYTE = 10**9
WINDOWS_DISK_FULL = (39, 112)  # ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL


def is_disk_full(error: OSError) -> bool:
    """Whether an error of the system says that there is no room left."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT) or getattr(error, "winerror", None) in WINDOWS_DISK_FULL


def require_free_space(folder: Path, gigabytes: float, purpose: str) -> None:
    """Raises DevError if the disk of an existing folder has less room than that."""
    free = shutil.disk_usage(folder).free / GIGABYTE
    if free < gigabytes:
        raise DevError(
            f"{purpose} needs about {gigabytes:g} GB, and the disk of {folder} has {free:.1f} GB free: "
            f"make room there first."
        )
