"""The one error an artist sees."""


class InbetweenError(ValueError):
    """A mistake in what was given, told in one line.

    The text says what was given, what is allowed, the nearest valid values and which input to change. The host shows it
    on the node, so it holds no line break and no trace of the code.
    """

    __module__ = "inbetween"  # the page puts this before the text, where the path of a file would stand
