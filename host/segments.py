"""A graph that makes a long clip segment by segment, from the host's own sampling nodes and ours."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import comfy.samplers
from comfy_execution.graph_utils import GraphBuilder

from ..core.errors import InbetweenError
from ..core.keyframes import KeyframeSet
from ..core.segments import Segment, with_context

SAMPLERS = comfy.samplers.KSampler.SAMPLERS
SCHEDULERS = comfy.samplers.KSampler.SCHEDULERS

FADE_FRAMES = 8  # over which colours matched at a seam return to a segment's own


@dataclass(frozen=True)
class Sampling:
    """How each segment is sampled; high_noise_steps count where there is a second model, for low noise."""

    steps: int
    cfg: float
    sampler_name: str
    scheduler: str
    high_noise_steps: int


@dataclass(frozen=True)
class SegmentsGraph:
    """The nodes to run in the place of one, and the links to its results."""

    nodes: dict[str, Any]
    frames: Any
    report: Any


def check_before_sampling(
    segments: Sequence[Segment],
    context_frames: int,
    sampling: Sampling,
    two_models: bool,
    check: Callable[[KeyframeSet], object],
) -> None:
    """Raise InbetweenError now for what would else fail at a later segment, when others have been sampled.

    Args:
        segments: all of them.
        context_frames: how many frames each hands to the next.
        sampling: how each is sampled, by `two_models` or one.
        check: refuses keyframes that the model cannot be conditioned on.
    """
    before = 0
    for segment in segments:
        keyframes = segment.keyframes
        if before and context_frames > 1:
            stand_in_THWC = keyframes.keyframes[0].image_HWC.expand(before, -1, -1, -1)
            keyframes = with_context(keyframes, stand_in_THWC, context_frames)
        check(keyframes)
        before = keyframes.frame_count
    if two_models and sampling.high_noise_steps >= sampling.steps:
        raise InbetweenError(
            f"high_noise_steps is {sampling.high_noise_steps} of {sampling.steps} steps, which leaves none for "
            f"model_low; give {sampling.steps - 1} or fewer."
        )


def build_segments(
    links: Mapping[str, Any],
    seeds: Sequence[int],
    prompts: Sequence[str],
    negative: str,
    sampling: Sampling,
    cut: Mapping[str, Any],
    conditioning: Mapping[str, Any],
    context_frames: int,
    match_colour: bool,
) -> SegmentsGraph:
    """Put the graph together.

    Each segment has nodes of its own whose names stay the same from run to run: the host keeps their results, and makes
    only those segments again of which the seed, the prompt or something before them has changed.

    Args:
        links: of the inputs model, clip, vae and keyframes, and of clip_vision, mixture, model_low and mixture_low as
            far as they are connected.
        seeds, prompts: one for each segment.
        negative: for all.
        sampling: for all.
        cut, conditioning: widgets of One Segment and Wan Keyframe Conditioning, by name.
        context_frames: how many frames a segment hands to the next one.
        match_colour: at the seams.
    """
    graph = GraphBuilder()
    against = graph.node("CLIPTextEncode", "negative", clip=links["clip"], text=negative)
    finished: list[Any] = []
    for number, (seed, prompt) in enumerate(zip(seeds, prompts, strict=True), start=1):
        part = graph.node(
            "InbetweenSegment",
            f"segment {number}",
            keyframes=links["keyframes"],
            segment=number,
            context_frames=context_frames,
            **cut,
        )
        if finished and context_frames > 1:
            part.set_input("before", finished[-1].out(0))
        models = [
            _with_mixture(graph, f"{name} {number}", links[name], links.get(mixture), part.out(0))
            for name, mixture in (("model", "mixture"), ("model_low", "mixture_low"))
            if links.get(name) is not None
        ]
        guided = graph.node(
            "InbetweenWanConditioning",
            f"conditioning {number}",
            model=models[0],
            positive=graph.node("CLIPTextEncode", f"prompt {number}", clip=links["clip"], text=prompt).out(0),
            negative=against.out(0),
            vae=links["vae"],
            keyframes=part.out(0),
            batch_size=1,
            **conditioning,
        )
        if links.get("clip_vision") is not None:
            guided.set_input("clip_vision", links["clip_vision"])
        latent = _sampled(graph, number, models, guided, seed, sampling)
        decoded = graph.node("VAEDecode", f"decode {number}", samples=latent, vae=links["vae"])
        finished.append(trimmed(graph, number, decoded, part))
    return joined(graph, finished, context_frames, match_colour)


def trimmed(graph: GraphBuilder, number: int, decoded: Any, part: Any) -> Any:
    """The frames of a segment, exactly as many as its time line has."""
    return graph.node(
        "InbetweenFinish",
        f"trim {number}",
        images=decoded.out(0),
        keyframes=part.out(0),
        put_back="off",
        match_colour=False,
        loop=False,
    )


def joined(graph: GraphBuilder, finished: Sequence[Any], overlap: int, match_colour: bool) -> SegmentsGraph:
    """All segments as one clip.

    Args:
        graph: is finished by this.
        finished: from `trimmed`, in order.
        overlap: how many frames of a segment the next one begins with.
        match_colour: at the seams.
    """
    if len(finished) == 1:
        return SegmentsGraph(graph.finalize(), finished[0].out(0), finished[0].out(1))
    colours = {"match_colour": "fade out", "match_colour.fade_frames": FADE_FRAMES} if match_colour else {}
    joined = graph.node(
        "InbetweenJoin",
        "join",
        overlap=overlap,
        seam="cut",
        fps=24.0,
        **({"match_colour": "off"} | colours),
        **{f"clips.clip{number}": clip.out(0) for number, clip in enumerate(finished)},
    )
    return SegmentsGraph(graph.finalize(), joined.out(0), joined.out(2))


def _with_mixture(graph: GraphBuilder, name: str, model: Any, mixture: Any, keyframes: Any) -> Any:
    if mixture is None:
        return model
    return graph.node(
        "InbetweenLoraMixture",
        name,
        model=model,
        mixture=mixture,
        keyframes=keyframes,
        frame_count=5,  # not used where keyframes are connected
        expert="nearest",
        strength_universal=1.0,
        strength_expert=1.0,
        method="auto",
    ).out(0)


def _sampled(
    graph: GraphBuilder, number: int, models: Sequence[Any], guided: Any, seed: int, sampling: Sampling
) -> Any:
    """The latent of a segment: from one model, or from the one for high and then the one for low noise."""

    def sampler(class_type: str, name: str, model: Any, outputs: tuple[int, int], latent: Any, **own: Any) -> Any:
        return graph.node(
            class_type,
            name,
            model=model,
            positive=guided.out(outputs[0]),
            negative=guided.out(outputs[1]),
            latent_image=latent,
            steps=sampling.steps,
            cfg=sampling.cfg,
            sampler_name=sampling.sampler_name,
            scheduler=sampling.scheduler,
            **own,
        ).out(0)

    name, empty, change = f"sample {number}", guided.out(2), sampling.high_noise_steps
    if len(models) == 1:
        return sampler("KSampler", name, models[0], (0, 1), empty, seed=seed, denoise=1.0)
    first = {"add_noise": "enable", "return_with_leftover_noise": "enable", "start_at_step": 0, "end_at_step": change}
    then = {"add_noise": "disable", "return_with_leftover_noise": "disable", "start_at_step": change}
    begun = sampler("KSamplerAdvanced", name, models[0], (0, 1), empty, noise_seed=seed, **first)
    return sampler(
        "KSamplerAdvanced", f"{name} low", models[1], (3, 4), begun, noise_seed=seed, end_at_step=10000, **then
    )
