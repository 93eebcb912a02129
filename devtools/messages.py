"""The messages of dev.py: one line for each step, and one line for each failure."""


class DevError(Exception):
    """A failure that the user can fix. Its text is one line; lines from a log may follow."""


def say(line: str) -> None:
    """Prints one line without buffering, even into a pipe."""
    print(f"dev.py: {line}", flush=True)
