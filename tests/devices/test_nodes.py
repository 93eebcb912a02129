"""Every node on the pretend GPU: what it gives there is what it gives on the CPU, and lies where the host wants it."""

import pytest
from device_values import brought_home, differences, left_on_the_device
from pretend_device import MEMORY

# They hand out a graph, which test_segments.py runs.
EXPANDED = ("InbetweenSegments", "InbetweenSVDSegments")

# Several frames are made at once on a GPU, and others' numbers beside one's own change how the CPU sums.
# Colours that are hardly seen are divided by an alpha near 0.
TOLERANCES = {"InbetweenInterpolate": 5e-4, "InbetweenRefine": 1e-5}


def test_examples_give_the_same_on_the_device(node_class, tiny_models, on_device, run_node):
    from node_examples import EXAMPLES

    if node_class.__name__ in EXPANDED:
        return
    expected = [brought_home(run_node(node_class, example)) for example in EXAMPLES[node_class.__name__]()]
    with on_device():
        found = [run_node(node_class, example) for example in EXAMPLES[node_class.__name__]()]
        assert list(left_on_the_device(found)) == []
        found = brought_home(found)
    assert list(differences(expected, found, TOLERANCES.get(node_class.__name__, 0.0))) == []


# Nodes that do heavy work themselves; others hand it on, or are better off on the CPU.
@pytest.mark.parametrize(
    "name",
    [
        "InbetweenWanConditioning",
        "InbetweenSVDConditioning",
        "InbetweenVideoDecode",
        "InbetweenInterpolate",
        "InbetweenRefine",
        "InbetweenAudioAdapter",
    ],
)
def test_heavy_work_is_done_on_the_device(all_nodes, tiny_models, on_device, run_node, name):
    """Or the test above would compare the CPU with itself."""
    from node_examples import EXAMPLES

    (node_class,) = [each for each in all_nodes if each.__name__ == name]
    with on_device("as the host chooses"):
        before = MEMORY.allocations
        run_node(node_class, next(EXAMPLES[name]()))
        assert MEMORY.allocations - before > 20
