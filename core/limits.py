"""Checks of numbers and choices, with errors that an artist can act on."""

import math
import re
from collections.abc import Sequence
from difflib import get_close_matches
from numbers import Real

import numpy as np
import torch

from .errors import InbetweenError

_MOST_LISTED = 8  # options that an error lists
_MOST_CHARACTERS = 40  # characters of a text that an error quotes


def shown(value: object) -> str:
    """A value as an error quotes it: short, on one line, and free of Python syntax."""
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
    """Convert a value that came through a link to a plain number.

    A plain int passes unchanged, and so does a plain float if fractions are allowed. NumPy numbers, tensors with one
    element, and fractions are converted. If a whole number is needed, so is a float without a fractional part.

    Args:
        value: anything.
        name: the input, for the error.
        whole: only whole numbers are allowed.
        hint: what is allowed, for the error, such as "give 1 to 64".

    Raises:
        InbetweenError: the value is not a number, or not a whole number where one is needed.
    """
    if type(value) is int or (type(value) is float and not whole):
        return value
    if isinstance(value, np.generic) or (isinstance(value, torch.Tensor) and value.numel() == 1):
        value = value.item()
    if not isinstance(value, Real):
        raise InbetweenError(f"{name} is {shown(value)}, which is not a number; {hint}.")
    if isinstance(value, int):
        return int(value)
    number = float(value)
    if not whole:
        return number
    if not math.isfinite(number):
        raise InbetweenError(f"{name} is {shown(number)}; {hint}.")
    if not number.is_integer():
        below = math.floor(number)
        raise InbetweenError(f"{name} is {shown(number)}, but must be a whole number; use {below} or {below + 1}.")
    return int(number)


def range_hint(least: float | None, most: float | None) -> str:
    """The limits as an error states them, such as "give 1 to 64"; None means no limit."""
    if most is None:
        return "give a number" if least is None else f"give {shown(least)} or more"
    return f"give {shown(most)} or less" if least is None else f"give {shown(least)} to {shown(most)}"


def check_between(value: float, name: str, least: float | None, most: float | None) -> None:
    """Refuse NaN and any number outside its limits.

    Args:
        value: the number.
        name: the input, for the error.
        least, most: the limits, both included; None means no limit.

    Raises:
        InbetweenError: names the input, the number and the limits.
    """
    inside = (least is None or value >= least) and (most is None or value <= most)
    if not inside or (isinstance(value, float) and not math.isfinite(value)):
        raise InbetweenError(f"{name} is {shown(value)}; {range_hint(least, most)}.")


def check_choice(value: object, name: str, options: Sequence[object]) -> None:
    """Refuse a value that is not one of the options.

    Raises:
        InbetweenError: names the input, the value and the options; if there are many, those most like the value.
    """
    if isinstance(value, str | int | float) and value in options:
        return
    raise InbetweenError(f"{name} is {shown(value)}; {choice_hint(options, value)}.")


def choice_hint(options: Sequence[object], value: object = None) -> str:
    """The options as an error lists them: "choose crop, pad or stretch".

    If there are many, only some are listed, and those most like the value come first.
    """
    names = [str(option) for option in options]
    if not names:
        return "there is nothing to choose from"
    if len(names) > _MOST_LISTED:
        alike = get_close_matches(str(value), names, 3) if isinstance(value, str) else []
        listed = list(dict.fromkeys([*alike, *names]))[:_MOST_LISTED]
        return f"choose one of {len(names)}, such as {', '.join(shown(name)[1:-1] for name in listed)}"
    *first, last = names
    return f"choose {', '.join(first)} or {last}" if first else f"choose {last}"
