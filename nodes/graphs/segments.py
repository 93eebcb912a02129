"""A clip through many keyframes, generated segment by segment: what all models have in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...core.clips.segments import Segment, describe, keyframes_with_context, plan_segments
from ...core.keyframes.keyframe_set import KeyframeSet
from ...host.runtime import show_report
from ..clips.finish import InbetweenFinish
from ..clips.join import InbetweenJoin
from ..clips.segment import InbetweenSegment
from .expansion import Connected, widgets
from .named_graph import Link, NamedGraph, PlacedNode

FADE_FRAMES = 8  # from a seam until the segment has its own colours again

MakeSegment = Callable[[int, Segment, Link], Link]


@dataclass(frozen=True, eq=False)
class TimeLine:
    """What all segments together should show.

    cut: where to cut the timeline, as in One Segment. context_frames: how many frames a segment hands to the next one.
    prompts, own_seeds: as entered on the nodes, see `plan_segments`. match_colour: whether to match at the seams.
    """

    keyframes: KeyframeSet
    seed: int
    own_seeds: str
    match_colour: bool
    prompts: str = ""
    cut: Mapping[str, Any] = field(default_factory=lambda: {"cut": "every keyframe"})
    context_frames: int = 1


class SegmentEngine(Protocol):
    """The part of the graph that depends on the model."""

    def check(self) -> None:
        """Raise InbetweenError if the models and settings would fail in any segment."""

    def check_keyframes(self, keyframes: KeyframeSet) -> None:
        """Raise InbetweenError if the model cannot be conditioned on these keyframes of a segment."""

    def begin(self, graph: NamedGraph) -> MakeSegment:
        """Place the nodes that all segments share.

        Returns:
            A function that takes a segment's number, the segment, and the link to its keyframes. It places the nodes
            that generate the segment and returns the link to its frames. There may be more frames than needed.
        """


@dataclass(frozen=True, eq=False)
class SegmentsGraph:
    """The nodes that run in place of one node, and the links to its results."""

    nodes: dict[str, Any]
    frames: Link
    report: Link


def segments_graph(connected: Connected, wanted: TimeLine, engine: SegmentEngine) -> SegmentsGraph:
    """The graph that generates all segments and joins them.

    Each segment has its own nodes, whose names stay the same from run to run. So the host keeps their results, and
    repeats a segment only if its seed, its prompt or something it depends on has changed.

    Args:
        connected: the inputs of the node, including keyframes.

    Raises:
        InbetweenError: for anything that would otherwise fail at a later segment, after others have been sampled.
    """
    segments = plan_segments(
        wanted.keyframes, wanted.seed, wanted.own_seeds, wanted.prompts, wanted.cut.get("longest_segment")
    )
    engine.check()
    for keyframes in keyframes_with_context(segments, wanted.context_frames):
        engine.check_keyframes(keyframes)
    show_report(describe(segments))
    graph = NamedGraph()
    make = engine.begin(graph)
    finished: list[PlacedNode] = []
    for number, segment in enumerate(segments, start=1):
        part = graph.add(
            InbetweenSegment,
            f"segment {number}",
            keyframes=connected.links["keyframes"],
            segment=number,
            context_frames=wanted.context_frames,
            **widgets({"cut": wanted.cut}),
        )
        if finished and wanted.context_frames > 1:
            part.connect(before=finished[-1].output("frames"))
        keyframes_link = part.output("keyframes")
        frames_link = make(number, segment, keyframes_link)
        finished.append(_trimmed(graph, number, frames_link, keyframes_link))
    result = _joined(graph, finished, wanted) if len(finished) > 1 else finished[0]
    return SegmentsGraph(graph.finished(), result.output("frames"), result.output("report"))


def _trimmed(graph: NamedGraph, number: int, frames: Link, keyframes: Link) -> PlacedNode:
    """The frames of a segment, trimmed to the length of its timeline, without other changes."""
    unchanged = {"put_back": "off", "match_colour": False, "loop": False}
    return graph.add(InbetweenFinish, f"trim {number}", images=frames, keyframes=keyframes, **unchanged)


def _joined(graph: NamedGraph, finished: list[PlacedNode], wanted: TimeLine) -> PlacedNode:
    """All segments as one clip. Each starts with the last frames of the previous one."""
    fade_out = {"match_colour": "fade out", "match_colour.fade_frames": FADE_FRAMES}
    return graph.add(
        InbetweenJoin,
        "join",
        overlap=wanted.context_frames,
        seam="cut",
        fps=24.0,
        **(fade_out if wanted.match_colour else {"match_colour": "off"}),
        **{f"clips.clip{number}": clip.output("frames") for number, clip in enumerate(finished)},
    )
