"""Graphs that stand in the place of a node: names that last, links to the outputs meant, and sockets that exist."""

import json

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.wan.lora_mixture import LoraMixture
from example_values import small_keyframes, small_wan, wan_parts

SOCKETS = ("model", "clip", "vae", "keyframes", "clip_vision", "mixture", "model_low", "mixture_low", "reverse_motion")


class Prompt:
    """A running prompt, in which the input `name` of every node comes from the output 0 of a node `name`."""

    def __init__(self, connected):
        self.inputs = {name: [name, 0] for name in connected if name in SOCKETS}

    def get_node(self, _):
        """The only node there is."""
        return {"inputs": self.inputs}


@pytest.fixture
def expanded(tiny_models):
    """What a node puts in its own place when it runs in a prompt as node 7, its names without the prefix."""
    from comfy_api.latest import io
    from comfy_execution.graph_utils import GraphBuilder

    def expand(node_class, arguments):
        node_class.GET_SCHEMA()
        GraphBuilder.set_default_prefix("7", 0)
        hidden = {io.Hidden.unique_id: "7", io.Hidden.dynprompt: Prompt(arguments)}
        clone = node_class.PREPARE_CLASS_CLONE({"hidden_inputs": hidden})
        with torch.inference_mode():
            done = clone.execute(**arguments)
        return json.loads(json.dumps(done.expand).replace("7.0.0.", "")), done.result

    return expand


@pytest.fixture
def wan_arguments(tiny_models):
    """Two segments of 5 frames, with two models and a mixture for each."""
    return {
        **wan_parts(),
        "model": small_wan(),
        "model_low": small_wan(),
        "clip": object(),
        "mixture": LoraMixture(),
        "mixture_low": LoraMixture(),
        "keyframes": small_keyframes(),
        "prompts": "a\nb",
        "negative": "no",
        "cut": {"cut": "every keyframe"},
        "context_frames": 5,
        "seed": 3,
        "own_seeds": "2: 77",
        "steps": 4,
        "high_noise_steps": 1,
        "cfg": 1.5,
        "sampler_name": "euler",
        "scheduler": "simple",
        "clip_images": {"clip_images": "blend", "end_share": 0.3},
        "other_lengths": "refuse",
        "match_colour": True,
        "low_noise_strength": 0.5,
    }


def svd_arguments():
    """Two segments."""
    from node_examples import EXAMPLES

    return {**next(EXAMPLES["InbetweenSVDSegments"]()), "own_seeds": "2: 77"}


def test_wan_s_graph(expanded, wan_arguments):
    """Names are what the host keeps results by: another name makes every saved segment again."""
    from comfyui_inbetween.nodes.wan.segments import InbetweenSegments

    graph, (frames, report) = expanded(InbetweenSegments, wan_arguments)
    assert list(graph) == [
        "negative",
        *("segment 1", "model 1", "model_low 1", "prompt 1", "conditioning 1", "sample 1", "sample 1 low"),
        *("decode 1", "trim 1"),
        *("segment 2", "model 2", "model_low 2", "prompt 2", "conditioning 2", "sample 2", "sample 2 low"),
        *("decode 2", "trim 2", "join"),
    ]
    inputs = {name: node["inputs"] for name, node in graph.items()}
    assert inputs["segment 2"]["before"] == ["trim 1", 0]
    assert "before" not in inputs["segment 1"]
    assert inputs["model_low 2"]["model"] == ["model_low", 0]
    assert (
        inputs["conditioning 2"]
        | {
            "model": ["model 2", 0],
            "positive": ["prompt 2", 0],
            "negative": ["negative", 0],
            "clip_images": "blend",
            "clip_images.end_share": 0.3,
        }
        == inputs["conditioning 2"]
    )
    first, second = inputs["sample 2"], inputs["sample 2 low"]
    assert [first[name] for name in ("positive", "negative", "latent_image")] == [
        ["conditioning 2", n] for n in range(3)
    ]
    assert [second[name] for name in ("positive", "negative")] == [["conditioning 2", n] for n in (3, 4)]
    assert (second["model"], second["latent_image"]) == (["model_low 2", 0], ["sample 2", 0])
    assert (first["noise_seed"], first["end_at_step"], second["start_at_step"]) == (77, 1, 1)
    assert inputs["join"]["clips.clip1"] == ["trim 2", 0]
    assert (frames, report) == (["7.0.0.join", 0], ["7.0.0.join", 2])


def test_svd_s_graph(expanded):
    from comfyui_inbetween.nodes.svd.segments import InbetweenSVDSegments

    graph, _ = expanded(InbetweenSVDSegments, svd_arguments())
    each = ("segment", "conditioning", "guider", "noise", "sample", "decode", "trim")
    numbered = [f"{name} {number}" for number in (1, 2) for name in each]
    assert list(graph) == ["sampler", "sigmas", *numbered, "join"]
    inputs = {name: node["inputs"] for name, node in graph.items()}
    assert (inputs["guider 2"]["start"], inputs["guider 2"]["end"]) == (["conditioning 2", 0], ["conditioning 2", 1])
    assert inputs["guider 2"]["reverse_motion"] == ["reverse_motion", 0]
    assert inputs["sample 2"]["latent_image"] == ["conditioning 2", 2]
    assert inputs["noise 2"] == {"noise_seed": 77}
    assert inputs["decode 2"]["samples"] == ["sample 2", 0]


@pytest.mark.parametrize("engine", ["Wan", "SVD"])
def test_every_input_of_the_graph_is_one_of_its_node(expanded, wan_arguments, engine):
    """And every input that must be given is given, by the host's own list of them."""
    from comfyui_inbetween.host.host_nodes import host_node
    from comfyui_inbetween.nodes import ALL_NODES
    from comfyui_inbetween.nodes.svd.segments import InbetweenSVDSegments
    from comfyui_inbetween.nodes.wan.segments import InbetweenSegments

    ours = {node_class.__name__: node_class for node_class in ALL_NODES}
    graph, _ = (
        expanded(InbetweenSegments, wan_arguments)
        if engine == "Wan"
        else expanded(InbetweenSVDSegments, svd_arguments())
    )
    for name, node in graph.items():
        kind = ours.get(node["class_type"]) or host_node(node["class_type"])
        needed = set(kind.INPUT_TYPES()["required"])
        assert needed <= {given.partition(".")[0] for given in node["inputs"]}, name


def test_sockets_that_are_not_there_are_told(host):
    from comfyui_inbetween.nodes.clips.finish import InbetweenFinish
    from comfyui_inbetween.nodes.graphs.named_graph import NamedGraph

    graph = NamedGraph()
    with pytest.raises(InbetweenError, match='InbetweenFinish has no input "pictures"'):
        graph.add(InbetweenFinish, "a", pictures=1)
    placed = graph.add(InbetweenFinish, "b", images=1)
    with pytest.raises(InbetweenError, match='InbetweenFinish has no output "IMAGE"'):
        placed.output("IMAGE")
    with pytest.raises(InbetweenError, match='InbetweenFinish has no input "before"'):
        placed.connect(before=["a", 0])
    with pytest.raises(InbetweenError, match='KSampler has no input "sigmas"'):
        graph.add_host("KSampler", "c", sigmas=1)
    with pytest.raises(InbetweenError, match="ComfyUI has no node KSamplerOfOld"):
        graph.add_host("KSamplerOfOld", "d")
    assert placed.output("report") == [f"{graph._builder.prefix}b", 1]


def test_outputs_of_host_nodes_by_name_or_type(host):
    from comfyui_inbetween.nodes.graphs.named_graph import NamedGraph

    graph = NamedGraph()
    assert graph.add_host("SamplerCustomAdvanced", "a").output("denoised_output")[1] == 1
    assert graph.add_host("KSampler", "b").output("LATENT")[1] == 0
