"""
Whatever goes into a node, a result comes out of it, or one line that says what is wrong.

The suite tries about 2,000 inputs, the same each time. To try more, or others, say how many for each node and from
which seed on; 4400 for each are about 100,000:

    INBETWEEN_WILD=4400:7 python dev.py test tests/nodes/test_wild_inputs.py

A failure names the seed of the input; with it and a count of 1 the same input is tried again.
"""

import math
import os
import sys
import traceback
from collections.abc import Iterator
from random import Random

import pytest
import torch

COUNT, FIRST_SEED = 88, 0
MOST_CHARACTERS = 400
MOST_MEMORY = 6 * 2**30  # bytes
# Nodes that run networks or read files, of which one in so many inputs is tried.
ONE_IN = {"InbetweenWanConditioning": 6, "InbetweenSVDConditioning": 4, "InbetweenLoraMixture": 3}
ONE_IN |= {"InbetweenInterpolate": 2, "InbetweenAudioAdapter": 2, "InbetweenLoraMixtureLoader": 2}
ONE_IN |= {"InbetweenInterpolatorLoader": 2, "InbetweenVideoDecode": 2}


def inputs_to_try(node_id: str) -> range:
    """The seeds, from the environment or those of the suite."""
    count, _, first = os.environ.get("INBETWEEN_WILD", f"{COUNT}:{FIRST_SEED}").partition(":")
    return range(int(first or 0), int(first or 0) + int(count), ONE_IN.get(node_id, 1))


@pytest.fixture(scope="module", autouse=True)
def little_memory() -> Iterator[None]:
    """Too much memory is an error in this process, and not the end of another one; where the system can say so."""
    if sys.platform != "linux":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_DATA, before)


def test_wild_inputs(node_class, tiny_models):
    from comfyui_inbetween.core.errors import InbetweenError
    from node_examples import EXAMPLES
    from node_runs import run_node
    from wild_inputs import wild_arguments

    schema = node_class.GET_SCHEMA()
    examples = list(EXAMPLES[schema.node_id]())
    found: dict[str, str] = {}
    for seed in inputs_to_try(schema.node_id):
        number = Random(seed).randrange(len(examples))
        wild = wild_arguments(examples[number], schema.inputs, f"{schema.node_id} {seed}")
        try:
            results = run_node(node_class, wild.arguments)
            complaints = list(wrong_results(schema, results, largest_of(wild.arguments)))
        except InbetweenError as error:
            complaints = [f"the error {str(error)!r} {fault}" for fault in faults_of(str(error))]
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            complaints = [f"{type(error).__name__} at {place.filename}:{place.lineno}: {str(error)[:200]!r}"]
        for complaint in complaints:
            found.setdefault(complaint, f"seed {seed}: {complaint}; example {number}, {'; '.join(wild.changes)}")
    assert not found, "\n".join(["", *found.values()])


def faults_of(error: str) -> Iterator[str]:
    """What is wrong with the text of an error."""
    if "\n" in error or "\r" in error:
        yield "has more than one line"
    if len(error) > MOST_CHARACTERS:
        yield f"has {len(error)} characters"
    if not error.endswith("."):
        yield "does not end with a full stop"


def largest_of(value: object) -> float:
    """The largest number in the images among arguments."""
    if isinstance(value, dict):
        return max(map(largest_of, value.values()), default=0.0)
    if isinstance(value, torch.Tensor) and value.is_floating_point() and value.numel():
        return float(value.detach().abs().max())
    return 0.0


def wrong_results(schema, results: list, largest: float) -> Iterator[str]:
    """Which results are not what the schema says."""
    for output, result in zip(schema.outputs, results, strict=True):
        if schema.enable_expand:
            continue  # a link to a node of the graph that the node puts in its place
        wrong = wrong_result(output.get_io_type(), result, largest)
        if wrong:
            yield f"{output.display_name} {wrong}"


def wrong_result(io_type: str, result: object, largest: float) -> str | None:
    """What is wrong with a result of a type; frames may overflow if what came in does not fit into their type."""
    match io_type:
        case "IMAGE":
            if not isinstance(result, torch.Tensor) or result.ndim != 4 or not result.numel():
                return f"is no IMAGE: {getattr(result, 'shape', result)}"
            if result.shape[-1] not in (3, 4):
                return f"is no IMAGE: {getattr(result, 'shape', result)}"
            if not result.is_floating_point():
                return f"is of the type {result.dtype}"
            fits = largest <= torch.finfo(result.dtype).max
            return "is not finite" if fits and not torch.isfinite(result).all() else None
        case "INT":
            return None if type(result) is int else f"is {result!r}"
        case "FLOAT":
            return None if type(result) is float and math.isfinite(result) else f"is {result!r}"
        case "STRING":
            if not isinstance(result, str) or not result:
                return f"is {result!r}"
            return "tells of nan or inf" if {"nan", "inf"} & set(result.replace(",", " ").split()) else None
        case "AUDIO":
            waveform = result["waveform"]
            if (
                waveform.ndim != 3
                or not waveform.numel()
                or not waveform.is_floating_point()
                or result["sample_rate"] < 1
            ):
                return f"is no AUDIO: {waveform.shape} at {result['sample_rate']}"
            return None if torch.isfinite(waveform).all() else "is not finite"
        case "LATENT":
            return None if torch.isfinite(result["samples"]).all() else "is not finite"
    return "is nothing" if result is None else None
