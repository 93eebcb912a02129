"""The project's commands, from a bare clone on: `python dev.py demo | test | serve | lint | bench`."""

# This file has to parse on Python 3.8, so that an old Python gets one clear line instead of a syntax error.
import sys

if __name__ == "__main__":
    if sys.version_info < (3, 10):  # noqa: UP036
        found = ".".join(str(number) for number in sys.version_info[:2])
        sys.exit("dev.py needs Python 3.10 or newer, and this is " + found + ": start it with a newer one.")
    from devtools.command_line import main

    sys.exit(main(sys.argv[1:]))
