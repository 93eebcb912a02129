"""What a node that expands into a graph passes on to the nodes of that graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from comfy_api.latest import io


@dataclass(frozen=True, eq=False)
class Connected:
    """The inputs of a node that may be connected.

    values: by name, None where nothing is connected. links: where the values come from, in the format of a prompt.
    From a link the host can tell that nothing has changed; from a value it cannot.
    """

    values: Mapping[str, Any]
    links: Mapping[str, Any]

    def has(self, name: str) -> bool:
        """Whether this input is connected."""
        return self.links.get(name) is not None


def connected_inputs(node_class: type[io.ComfyNode], **values: Any) -> Connected:
    """The inputs of the node that runs.

    Args:
        node_class: as passed to `execute`, with the hidden inputs unique_id and dynprompt. If no prompt is running,
            the values stand in for their links.
        values: the values of the inputs, by name.
    """
    hidden = node_class.hidden
    if hidden.dynprompt is None:
        return Connected(values, values)
    given = hidden.dynprompt.get_node(hidden.unique_id)["inputs"]
    return Connected(values, {name: given.get(name) for name in values})


def widgets(values: Mapping[str, Any]) -> dict[str, Any]:
    """Widget values in the format of a prompt, which lists the inputs of a dynamic combo next to it."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= {name if key == name else f"{name}.{key}": inner for key, inner in value.items()}
        else:
            flat[name] = value
    return flat
