"""How long work tells its caller how far it is."""

from collections.abc import Callable

# Called with how many more steps are done. It may raise to stop the work.
ProgressCallback = Callable[[int], None]


def no_progress(_done: int) -> None:
    """For callers that do not want to know."""
