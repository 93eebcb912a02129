"""Numbers, choices and texts held to what is allowed, with errors an artist can act on."""

import math
import re
from collections.abc import Sequence
from difflib import get_close_matches
from numbers import Real

import numpy as np
import torch

from .errors import InbetweenError

_MOST_LISTED = 8  # choices that an error names
_MOST_CHARACTERS = 40  # of a given text that an error repeats


def shown(value: object) -> str:
    """A value as an error repeats it: short, in one line, and without a trace of Python."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        text = re.sub(r"[\r\n]+", " ", value)
        return f'"{text[:_MOST_CHARACTERS]}{"..." if len(text) > _MOST_CHARACTERS else ""}"'
    if isinstance(value, int) and value.bit_length() > 100:
        return f"about {'-' if value < 0 else ''}10^{int(value.bit_length() * math.log10(2))}"
    if isinstance(value, int | float):
        return repr(value).removesuffix(".0")
    return f"of the type {type(value).__name__}"


def number_of(value: object, name: str, whole: bool, hint: str) -> int | float:
    """The number in what came through a link.

    A plain int, and a plain float where fractions are allowed, pass as they are. Numbers of NumPy, tensors with one
    element, fractions and, where a whole number is needed, floats without a fraction become plain ones.

    Args:
        value: anything.
        name: the input, for the error.
        whole: fractions are not allowed.
        hint: what is allowed, for the error, such as "give 1 to 64".

    Raises:
        InbetweenError: the value is no number, or has a fraction where none is allowed.
    """
    if type(value) is int or (type(value) is float and not whole):
        return value
    if isinstance(value, np.generic) or (isinstance(value, torch.Tensor) and value.numel() == 1):
        value = value.item()
    if not isinstance(value, Real):
        raise InbetweenError(f"{name} is {shown(value)}, which is no number; {hint}.")
    if isinstance(value, int):
        return int(value)
    number = float(value)
    if not whole:
        return number
    if not math.isfinite(number):
        raise InbetweenError(f"{name} is {shown(number)}; {hint}.")
    if not number.is_integer():
        below = math.floor(number)
        raise InbetweenError(f"{name} is {shown(number)}, but has to be a whole number; use {below} or {below + 1}.")
    return int(number)


def range_hint(least: float | None, most: float | None) -> str:
    """What an error says of limits: "give 1 to 64"; None is no limit."""
    if most is None:
        return "give a number" if least is None else f"give {shown(least)} or more"
    return f"give {shown(most)} or less" if least is None else f"give {shown(least)} to {shown(most)}"


def check_between(value: float, name: str, least: float | None, most: float | None) -> None:
    """Refuse a number outside its limits, and NaN.

    Args:
        value: the number.
        name: the input, for the error.
        least, most: both allowed; None is no limit.

    Raises:
        InbetweenError: names the input, the number and the limits.
    """
    inside = (least is None or value >= least) and (most is None or value <= most)
    if not inside or (isinstance(value, float) and not math.isfinite(value)):
        raise InbetweenError(f"{name} is {shown(value)}; {range_hint(least, most)}.")


def check_choice(value: object, name: str, options: Sequence[object]) -> None:
    """Refuse what is not one of the options.

    Raises:
        InbetweenError: names the input, what was given and the options; of many, those most like it.
    """
    if isinstance(value, str | int | float) and value in options:
        return
    raise InbetweenError(f"{name} is {shown(value)}; {choice_hint(options, value)}.")


def choice_hint(options: Sequence[object], value: object = None) -> str:
    """What an error says of options: "choose crop, pad or stretch"; of many, those most like a value come first."""
    names = [str(option) for option in options]
    if not names:
        return "there is nothing to choose from"
    if len(names) > _MOST_LISTED:
        alike = get_close_matches(str(value), names, 3) if isinstance(value, str) else []
        listed = list(dict.fromkeys([*alike, *names]))[:_MOST_LISTED]
        return f"choose one of {len(names)}, such as {', '.join(shown(name)[1:-1] for name in listed)}"
    *first, last = names
    return f"choose {', '.join(first)} or {last}" if first else f"choose {last}"
