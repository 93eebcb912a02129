"""A graph that makes a clip of many keyframes with SVD, from the host's own sampling nodes and ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from comfy_execution.graph_utils import GraphBuilder

from .segments import SegmentsGraph, joined, trimmed


@dataclass(frozen=True)
class SVDWidgets:
    """The widgets of the nodes that each segment has, by name.

    sampler: of Re-noising Sampler. pictures: of SVD Keyframe Conditioning. directions: of Dual-Direction Guider.
    """

    steps: int
    sampler: Mapping[str, Any]
    pictures: Mapping[str, Any]
    directions: Mapping[str, Any]
    frames_per_chunk: int


def build_svd_segments(
    links: Mapping[str, Any], seeds: Sequence[int], widgets: SVDWidgets, match_colour: bool
) -> SegmentsGraph:
    """Put the graph together: from each keyframe to the next one clip, joined at the keyframes.

    The nodes of a segment keep their names from run to run, so that the host makes only those again of which the seed
    or something before them has changed.

    Args:
        links: of the inputs model, clip_vision, vae and keyframes, and of reverse_motion if it is connected.
        seeds: one for each segment.
        widgets: for all.
        match_colour: at the seams.
    """
    graph = GraphBuilder()
    sampler = graph.node("InbetweenRenoiseSampler", "sampler", **widgets.sampler)
    schedule = {"scheduler": "karras", "steps": widgets.steps, "denoise": 1.0}
    sigmas = graph.node("BasicScheduler", "sigmas", model=links["model"], **schedule)
    finished = []
    for number, seed in enumerate(seeds, start=1):
        part = graph.node(
            "InbetweenSegment",
            f"segment {number}",
            keyframes=links["keyframes"],
            segment=number,
            cut="every keyframe",
            context_frames=1,
        )
        ends = graph.node(
            "InbetweenSVDConditioning",
            f"conditioning {number}",
            clip_vision=links["clip_vision"],
            vae=links["vae"],
            keyframes=part.out(0),
            **widgets.pictures,
        )
        guider = graph.node(
            "InbetweenDualDirectionGuider",
            f"guider {number}",
            model=links["model"],
            start=ends.out(0),
            end=ends.out(1),
            **widgets.directions,
        )
        if links.get("reverse_motion") is not None:
            guider.set_input("reverse_motion", links["reverse_motion"])
        sampled = graph.node(
            "SamplerCustomAdvanced",
            f"sample {number}",
            noise=graph.node("RandomNoise", f"noise {number}", noise_seed=seed).out(0),
            guider=guider.out(0),
            sampler=sampler.out(0),
            sigmas=sigmas.out(0),
            latent_image=ends.out(2),
        )
        decoded = graph.node(
            "InbetweenVideoDecode",
            f"decode {number}",
            samples=sampled.out(0),
            vae=links["vae"],
            frames_per_chunk=widgets.frames_per_chunk,
        )
        finished.append(trimmed(graph, number, decoded, part))
    return joined(graph, finished, 1, match_colour)
