"""The text that gives the positions of keyframes.

There are three forms. Frame numbers start at 0; negative numbers count from the end, so -1 is the last frame:

    (empty)                                       spread evenly, first image at frame 0, last at the last frame
    0, 24:0.8, -1                                 a list; `:0.8` is a strength
    [0, {"frame": 24, "strength": 0.8}, -1]       JSON

In a loop the image at frame 0 also appears at the last frame. The text names each image once, so it leaves out the last
frame.

web/js/positions.js reads the same text in the page, by the same rules and with the same errors.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import TypeGuard

from ..errors import InbetweenError, TooFewFramesError

_HOW = "write frame numbers such as 0, 24, -1 (strength: 24:0.8), or leave it empty to spread the images evenly"
_ENTRY = re.compile(r"(?P<frame>[+-]?\d+)(?::(?P<strength>\d*\.?\d+))?", re.ASCII)
_BLANKS = " \t\n\r\f\v\u00a0\u3000"  # spelt out, because Python and JavaScript differ on what is white space


@dataclass(frozen=True)
class KeyPosition:
    """The position of a keyframe: a 0-based frame number, and a strength of 0..1."""

    frame: int
    strength: float = 1.0


def even_positions(image_count: int, frame_count: int, loop: bool = False) -> tuple[KeyPosition, ...]:
    """Spread images over the timeline, the first at frame 0 and the last at the last frame; halves are rounded up.

    In a loop the first image also takes the last frame, L, so k images are at 0, L/k, 2L/k, ...

    Raises:
        InbetweenError: more images than frames.
    """
    if loop:
        if image_count >= frame_count:
            raise InbetweenError(
                f"{image_count} images do not fit into a loop of {frame_count} frames, whose last frame repeats the "
                f"first; set frame_count to {image_count + 1} or more."
            )
        return even_positions(image_count + 1, frame_count)[:-1]
    if image_count > frame_count:
        raise InbetweenError(
            f"{image_count} images do not fit into {frame_count} frames; set frame_count to {image_count} or more."
        )
    if image_count < 2:
        return tuple(KeyPosition(0) for _ in range(image_count))
    gaps, span = image_count - 1, frame_count - 1
    return tuple(KeyPosition((2 * number * span + gaps) // (2 * gaps)) for number in range(image_count))


def parse_positions(text: str) -> tuple[KeyPosition, ...]:
    """Read the text as written: negative frames stay negative, and an empty text gives no positions.

    Raises:
        InbetweenError: the text is neither a list nor JSON of the forms above, or a strength is outside 0..1.
    """
    text = text.strip(_BLANKS)
    if not text:
        return ()
    entries = _json_entries(text) if text[0] in "[{" else _list_entries(text)
    for position in entries:
        if not 0.0 <= position.strength <= 1.0:
            raise InbetweenError(f"positions: frame {position.frame} has strength {position.strength:g}; give 0 to 1.")
    return tuple(entries)


def resolve_positions(
    positions: tuple[KeyPosition, ...], frame_count: int, loop: bool = False
) -> tuple[KeyPosition, ...]:
    """Count negative frames from the end, and refuse frames that are off the timeline or used twice.

    Raises:
        InbetweenError: a frame is outside -frame_count..frame_count - 1, or two images are at one frame; in a loop
            also if an image is at the last frame, or none at frame 0.
    """
    resolved: dict[int, KeyPosition] = {}
    for position in positions:
        frame = position.frame + frame_count if position.frame < 0 else position.frame
        if not 0 <= frame < frame_count:
            raise InbetweenError(
                f"positions: frame {position.frame} is outside the {frame_count} frames; "
                f"use 0 to {frame_count - 1}, or -1 to -{frame_count} from the end."
            )
        if frame in resolved:
            raise InbetweenError(f"positions: two images are at frame {frame}; give each its own frame.")
        resolved[frame] = KeyPosition(frame, position.strength)
    last = frame_count - 1
    if loop and last in resolved:
        raise InbetweenError(
            f"positions: in a loop the last frame, {last}, repeats the image at frame 0; "
            f"use 0 to {last - 1}, or switch off loop."
        )
    if loop and resolved and 0 not in resolved:
        raise InbetweenError(
            "positions: a loop starts and ends with the image at frame 0, but the first image is at frame "
            f"{min(resolved)}; put an image at frame 0, or switch off loop."
        )
    return tuple(resolved.values())


def read_positions(text: str, image_count: int, frame_count: int, loop: bool = False) -> tuple[KeyPosition, ...]:
    """The position of each image, in the order of the images.

    Args:
        text: see the top of this module.
        image_count: number of images to place.
        frame_count: length of the timeline, both ends included.
        loop: keep the last frame free for the image at frame 0.

    Returns:
        One position per image, with frames in 0..frame_count - 1, all different, not necessarily ascending.

    Raises:
        InbetweenError: the text cannot be read, names another number of images, or names a frame that is used twice or
            off the timeline.
    """
    positions = parse_positions(text)
    if not positions:
        return even_positions(image_count, frame_count, loop)
    if len(positions) != image_count:
        problem = (
            f"positions names {len(positions)} frames but {image_count} images came in; "
            "give one frame per image, or leave it empty to spread them evenly."
        )
        raise TooFewFramesError(problem, image_count) if image_count < len(positions) else InbetweenError(problem)
    return resolve_positions(positions, frame_count, loop)


def _list_entries(text: str) -> list[KeyPosition]:
    entries = []
    for word in re.split(f"[,;{_BLANKS}]+", text.strip(",;" + _BLANKS)):
        match = _ENTRY.fullmatch(word)
        if match is None:
            raise InbetweenError(f"positions: cannot read {_shown(word)}; {_HOW}.")
        entries.append(KeyPosition(_frame(match["frame"]), float(match["strength"] or 1.0)))
    return entries


def _json_entries(text: str) -> list[KeyPosition]:
    try:
        values = json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError):
        raise InbetweenError(f"positions: {_shown(text)} is not valid JSON; {_HOW}.") from None
    if not isinstance(values, list):
        raise InbetweenError(f"positions: JSON must be a list like [0, 24, -1], got {_shown(text)}.")
    return [_json_entry(value) for value in values]


def _json_entry(value: object) -> KeyPosition:
    entry = value if isinstance(value, dict) else {"frame": value}
    frame, strength = entry.get("frame"), entry.get("strength", 1.0)
    if set(entry) - {"frame", "strength"} or not _is_number(frame) or not _is_number(strength):
        written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        raise InbetweenError(f"positions: cannot read {_shown(written)}; {_HOW}.")
    if frame != int(frame):
        raise InbetweenError(
            f"positions: frame {frame:g} is not a whole number; use {math.floor(frame)} or {math.ceil(frame)}."
        )
    return KeyPosition(_frame(str(int(frame))), float(strength))


def _refused(constant: str) -> None:
    """Refuse NaN and Infinity, which are not JSON although Python's reader accepts them."""
    raise ValueError(constant)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _frame(digits: str) -> int:
    if len(digits) > 12:
        raise InbetweenError(f"positions: {_shown(digits)} is not a frame number; {_HOW}.")
    return int(digits)


def _shown(text: str) -> str:
    """The text on one line, in quotes and shortened."""
    line = " ".join(re.split(f"[{_BLANKS}]+", text.strip(_BLANKS)))
    return f'"{line[:40]}..."' if len(line) > 43 else f'"{line}"'
