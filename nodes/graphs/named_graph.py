"""A graph built from node classes. Inputs and outputs are given by name and looked up in the class."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from comfy_api.latest import io
from comfy_execution.graph_utils import GraphBuilder, Node

from ...core.errors import InbetweenError
from ...host.host_nodes import host_node

Link = Any  # [node id, output index], or the value itself if no prompt is running


@dataclass(frozen=True)
class _Sockets:
    """The names of a node's inputs, and of its outputs in order."""

    inputs: frozenset[str]
    outputs: tuple[str, ...]


class PlacedNode:
    """A node placed in a graph."""

    def __init__(self, node: Node, sockets: _Sockets) -> None:
        self._node, self._sockets = node, sockets

    def output(self, name: str) -> Link:
        """The link to one of its outputs.

        Raises:
            InbetweenError: the node has no output of this name.
        """
        if name not in self._sockets.outputs:
            raise _no_such(self._node.class_type, "output", name)
        return self._node.out(self._sockets.outputs.index(name))

    def connect(self, **inputs: Link) -> None:
        """Set inputs.

        Raises:
            InbetweenError: the node has no input with one of these names.
        """
        _check_inputs(self._node.class_type, self._sockets, inputs)
        for name, value in inputs.items():
            self._node.set_input(name, value)


class NamedGraph:
    """A graph whose nodes keep their names from run to run, so that the host can reuse their results."""

    def __init__(self) -> None:
        self._builder = GraphBuilder()
        self._known: dict[str, _Sockets] = {}

    def add(self, node_class: type[io.ComfyNode], name: str, **inputs: Any) -> PlacedNode:
        """Place one of our nodes.

        Args:
            node_class: its class.
            name: unique in this graph.
            inputs: links and widget values. Name the inputs of a dynamic input "input.name".
        """
        return self._place(node_class.GET_SCHEMA().node_id, node_class, name, inputs)

    def add_host(self, node_id: str, name: str, **inputs: Any) -> PlacedNode:
        """Place one of the host's nodes. An output without a name is looked up by its type.

        Raises:
            InbetweenError: the host has no such node.
        """
        return self._place(node_id, host_node(node_id), name, inputs)

    def finished(self) -> dict[str, Any]:
        """All nodes in the format of a prompt."""
        return self._builder.finalize()

    def _place(self, node_id: str, node_class: Any, name: str, inputs: dict[str, Any]) -> PlacedNode:
        if node_id not in self._known:
            self._known[node_id] = _sockets_of(node_class)
        _check_inputs(node_id, self._known[node_id], inputs)
        return PlacedNode(self._builder.node(node_id, name, **inputs), self._known[node_id])


def _sockets_of(node_class: Any) -> _Sockets:
    if issubclass(node_class, io.ComfyNode):
        schema = node_class.GET_SCHEMA()
        names = tuple(output.display_name or output.io_type for output in schema.outputs)
        return _Sockets(frozenset(each.id for each in schema.inputs), names)
    given = node_class.INPUT_TYPES()
    inputs = frozenset(given.get("required", {})) | frozenset(given.get("optional", {}))
    return _Sockets(inputs, tuple(getattr(node_class, "RETURN_NAMES", node_class.RETURN_TYPES)))


def _check_inputs(node_id: str, sockets: _Sockets, names: Iterable[str]) -> None:
    for name in names:
        if name.partition(".")[0] not in sockets.inputs:  # inputs of a dynamic input are named "input.name"
            raise _no_such(node_id, "input", name)


def _no_such(node_id: str, kind: str, name: str) -> InbetweenError:
    return InbetweenError(
        f'the node {node_id} has no {kind} "{name}", so this version of ComfyUI does not fit this pack; update both.'
    )
