"""The project's commands, which work in a fresh clone: `python dev.py demo | test | serve | lint | bench`."""

# This file has to parse on Python 3.8, so that an old Python gets one clear line instead of a syntax error.
import sys

if __name__ == "__main__":
    if sys.version_info < (3, 10):  # noqa: UP036
        found = ".".join(str(number) for number in sys.version_info[:2])
        sys.exit("dev.py needs Python 3.10 or newer, but this is " + found + ": run it with a newer Python.")
    from devtools.command_line import main

    sys.exit(main(sys.argv[1:]))
