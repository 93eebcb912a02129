"""What FFmpeg's errors mean for an artist."""

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
