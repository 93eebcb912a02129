"""Running one node as the host runs it."""

import torch


def run_node(node_class: type, arguments: dict[str, object]) -> list[object]:
    """The results of a node: no gradients, on a locked copy of the class, links within a graph always named alike."""
    from comfy_api.internal import make_locked_method_func
    from comfy_execution.graph_utils import GraphBuilder

    GraphBuilder.set_default_prefix("node", 0)
    call = make_locked_method_func(node_class, node_class.FUNCTION, node_class.PREPARE_CLASS_CLONE(None))
    with torch.inference_mode():
        return list(call(**arguments).result)
