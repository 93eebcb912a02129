"""What dev.py says: one line for each step, and one line for each failure."""


class DevError(Exception):
    """A failure that the user can do something about; its text is one line, which may be followed by lines of a log."""


def say(line: str) -> None:
    """Prints one line at once, also into a pipe."""
    print(f"dev.py: {line}", flush=True)
