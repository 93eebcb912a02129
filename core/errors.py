"""The one error an artist sees."""

import re

_LONGEST = 400  # characters; of a longer text the middle is left out


class InbetweenError(ValueError):
    """A mistake in what was given, told in one line.

    The text says what was given, what is allowed, the nearest valid values and which input to change. The host shows it
    on the node, so it holds no line break and no trace of the code. What it repeats of an input may be of any length
    and hold line breaks; these become spaces, and of a long text the middle is left out.
    """

    __module__ = "inbetween"  # the page puts this before the text, where the path of a file would stand

    def __init__(self, text: str) -> None:
        line = re.sub(r"[\r\n]+", " ", text)
        if len(line) > _LONGEST:
            line = f"{line[: _LONGEST // 2 - 5]} [...] {line[-_LONGEST // 2 + 5 :]}"
        super().__init__(line)
