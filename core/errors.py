"""The error that users see."""

import re

_LONGEST = 400  # characters; a longer text loses its middle


class InbetweenError(ValueError):
    """A mistake in the inputs, explained in one line.

    The text says what was given, what is allowed, the nearest valid values, and which input to change. The host shows
    it on the node, so it is one line and never mentions the code. A quoted input may be long or contain line breaks:
    line breaks become spaces, and an overlong text loses its middle.
    """

    __module__ = "inbetween"  # the page shows this before the text, instead of the path of a Python module

    def __init__(self, text: str) -> None:
        line = re.sub(r"[\r\n\v\f]+", " ", text)
        if len(line) > _LONGEST:
            line = f"{line[: _LONGEST // 2 - 5]} [...] {line[-_LONGEST // 2 + 5 :]}"
        super().__init__(line)


class TooFewFramesError(InbetweenError):
    """Fewer frames came in than the work needs. They may be one item of a list, which the host knows.

    frames: the number that came in.
    """

    __module__ = "inbetween"

    def __init__(self, text: str, frames: int) -> None:
        super().__init__(text)
        self.frames = frames
