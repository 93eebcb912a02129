"""Lists: the host calls a node once for each item of a list that comes in, so pictures may come one by one.

No call sees the others. But before the first one the host asks the node, item by item, which inputs it needs
(`check_lazy_status`), and says with each question which item it is about. So the number of items is known in time.
"""

from contextvars import ContextVar
from typing import NamedTuple

from comfy_execution.utils import get_executing_context

from ..core.errors import InbetweenError, TooFewFramesError

JOINER = "Rebatch Images"  # the host's node that makes one batch of a list


class _Asked(NamedTuple):
    """The items that the host has asked about so far, for one node in one run."""

    prompt: str
    node: str
    items: int


# In the context of the run, so it ends with it.
_asked: ContextVar[_Asked | None] = ContextVar("asked", default=None)


def count_item() -> None:
    """Count the item that the host asks about; to be called from `check_lazy_status`."""
    running = get_executing_context()
    if running is not None and running.list_index is not None:
        _asked.set(_Asked(running.prompt_id, running.node_id, running.list_index + 1))


def item_count() -> int:
    """How many times the running node is called, once for each item of a list; 1 if nothing came as a list."""
    running, asked = get_executing_context(), _asked.get()
    if running is None or asked is None or asked[:2] != (running.prompt_id, running.node_id):
        return 1
    return asked.items


def explained(error: TooFewFramesError) -> InbetweenError:
    """The error as it is, or, if the frames are one item of a list, what to do about the list."""
    items = item_count()
    if items == 1:
        return InbetweenError(str(error))
    if error.frames == 1:
        return InbetweenError(f"{items} pictures came one by one, as a list; {_joined(items)}.")
    return InbetweenError(f"{items} clips came one by one, as a list; {_joined(items * error.frames)}; {error}")


def list_note(what: str) -> str:
    """A warning for a node that can work with a single picture; "" if nothing came as a list.

    Args:
        what: the input that has one picture.
    """
    items = item_count()
    if items == 1:
        return ""
    came = f"{what} is one picture, and {items} items came one by one, as a list"
    return f"{came}; if they are one clip, {_joined(items)}."


def _joined(frames: int) -> str:
    return f"join them into one batch with {JOINER} (batch_size {frames})"
