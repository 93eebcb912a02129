"""How long-running work reports its progress."""

from collections.abc import Callable

# Called with the number of steps completed since the last call. It may raise to stop the work.
ProgressCallback = Callable[[int], None]


def no_progress(_done: int) -> None:
    """Ignore the progress."""
