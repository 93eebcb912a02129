"""Turns the core's errors into the return value that the host's `validate_inputs` expects."""

from collections.abc import Callable

from ..core.errors import InbetweenError


def verdict(check: Callable[[], object]) -> bool | str:
    """True if the check passes, otherwise its one-line error."""
    try:
        check()
    except InbetweenError as error:
        return str(error)
    return True
