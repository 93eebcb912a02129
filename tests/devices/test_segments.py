"""The two Segments nodes on the pretend GPU: the graphs that they put in their place, run node by node."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from device_values import brought_home, differences, left_on_the_device

# Examples by number: with two models and mixtures; each of them makes two segments.
RUNS = [("InbetweenSegments", 1), ("InbetweenSVDSegments", 0), ("InbetweenSVDSegments", 1)]

# Paired attention goes by the map of a layer on the CPU, and by torch's attention elsewhere.
TOLERANCES = {"InbetweenSegments": 0.0, "InbetweenSVDSegments": 2e-4}


def host_nodes(all_nodes: list[type]) -> dict[str, type]:
    """Those of the host that such graphs use, and ours, by id."""
    from comfy_extras.nodes_custom_sampler import BasicScheduler, RandomNoise, SamplerCustomAdvanced

    import nodes

    extra = (BasicScheduler, RandomNoise, SamplerCustomAdvanced, *all_nodes)
    return nodes.NODE_CLASS_MAPPINGS | {each.GET_SCHEMA().node_id: each for each in extra}


def nested(inputs: Mapping[str, Any], node_class: type) -> dict[str, Any]:
    """Inputs of a prompt as `execute` gets them: what a dynamic input brings along stands within it."""
    made: dict[str, Any] = {}
    dynamic = {name.split(".")[0] for name in inputs if "." in name}
    if hasattr(node_class, "GET_SCHEMA"):
        from comfy_api.latest import io

        dynamic |= {each.id for each in node_class.GET_SCHEMA().inputs if isinstance(each, io.DynamicCombo.Input)}
    for name, value in inputs.items():
        owner, _, inner = name.partition(".")
        if owner in dynamic:
            made.setdefault(owner, {})[inner or owner] = value
        else:
            made[name] = value
    return made


def run_graph(graph: Mapping[str, Any], known: Mapping[str, type]) -> dict[str, list[Any]]:
    """The outputs of every node of a graph, each run when its inputs are there."""
    made: dict[str, list[Any]] = {}

    def value(given: Any) -> Any:
        is_link = isinstance(given, list) and len(given) == 2 and given[0] in graph
        return outputs(given[0])[given[1]] if is_link else given

    def outputs(name: str) -> list[Any]:
        if name not in made:
            node_class = known[graph[name]["class_type"]]
            inputs = nested({key: value(given) for key, given in graph[name]["inputs"].items()}, node_class)
            run = getattr(node_class(), node_class.FUNCTION)
            result = run(**inputs)
            made[name] = list(getattr(result, "result", result))
        return made[name]

    for name in graph:
        outputs(name)
    return made


def segments(node_class: type, number: int, known: Mapping[str, type]) -> tuple[dict[str, list[Any]], list[Any]]:
    """All outputs of the graph of an example, and the two of the node itself."""
    from comfy_execution.graph_utils import GraphBuilder
    from node_examples import EXAMPLES
    from tiny_encoders import tiny_umt5

    example = list(EXAMPLES[node_class.__name__]())[number]
    if "clip" in example:
        example |= {"clip": tiny_umt5(), "mixture": None, "mixture_low": None}  # which the example leaves empty
    GraphBuilder.set_default_prefix("node", 0)
    with torch.inference_mode():
        given = node_class.PREPARE_CLASS_CLONE(None).EXECUTE_NORMALIZED(**example)
        made = run_graph(given.expand, known)
    return made, [made[name][output] for name, output in given.result]


@pytest.mark.parametrize(("name", "number"), RUNS)
def test_segments_are_the_same_on_the_device(all_nodes, tiny_models, on_device, name, number):
    known = host_nodes(all_nodes)
    node_class = known[name]
    _, expected = segments(node_class, number, known)
    with on_device():
        made, found = segments(node_class, number, known)
        assert list(left_on_the_device(made)) == []
        found = brought_home(found)
    assert found[0].shape[0] == 9
    assert list(differences(brought_home(expected), found, TOLERANCES[name])) == []
