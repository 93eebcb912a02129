"""What FFmpeg's errors mean for an artist."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import av

from ..core.errors import InbetweenError


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn errors of opening a file into one line.

    Raises:
        InbetweenError: the file is missing, not readable, not a video, or coded in an unknown way.
    """
    try:
        yield
    except FileNotFoundError:
        raise InbetweenError(f"video: {name} does not exist any more; choose another file.") from None
    except PermissionError:
        raise InbetweenError(f"video: {name} may not be read; allow reading it, or choose another file.") from None
    except (av.error.DecoderNotFoundError, NotImplementedError):
        raise InbetweenError(f"video: {name} uses an unknown codec; convert it to H.264 first.") from None
    except av.error.EOFError:
        raise InbetweenError(f"video: {name} is empty or breaks off at its start; copy it again.") from None
    except (av.error.FFmpegError, ValueError) as error:
        if isinstance(error, InbetweenError):
            raise
        reason = str(getattr(error, "strerror", "") or error)
        raise InbetweenError(
            f"video: {name} cannot be read ({reason[:80]}); it is damaged, incomplete or not a video. Copy or convert "
            "it again."
        ) from None


@contextmanager
def writing(path: str) -> Iterator[None]:
    """Turn errors of writing a file into one line.

    Raises:
        InbetweenError: the disk is full, the file may not be written, or the codec refuses what it gets.
    """
    name, folder = os.path.basename(path), os.path.basename(os.path.dirname(path))
    try:
        yield
    except (OSError, av.error.FFmpegError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC:
            text = f"there is no space left for {name}; free some on that disk, and run again to go on."
        elif isinstance(error, PermissionError | FileNotFoundError | NotADirectoryError):
            text = f"{name} cannot be written into the folder {folder}; allow writing there."
        else:
            reason = str(getattr(error, "strerror", "") or error)[:100]
            text = f"{name} cannot be written ({reason}); choose another codec."
        raise InbetweenError(text) from None
