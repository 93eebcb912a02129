"""One Segment: cuts one segment out of a long timeline, as its own keyframe set."""

from typing import Any

from comfy_api.latest import io

from ...core.clips.segments import one_segment
from ...core.keyframes.keyframe_set import KeyframeSet
from ...host.runtime import show_report
from ..checked_node import InbetweenNode
from ..types import Keyframes
from .segment_inputs import context_frames_input, cut_input


class InbetweenSegment(InbetweenNode):
    """Cuts one segment out of a keyframe set."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenSegment",
            display_name="One Segment",
            category="in-between/wan",
            description="Cut one segment out of a long timeline, to try it on its own. Segments creates them all.",
            search_aliases=["split keyframes", "part", "section", "long video", "extend video"],
            inputs=[
                Keyframes.Input("keyframes", tooltip="The whole timeline, with keyframes at its first and last frame."),
                io.Int.Input("segment", default=1, min=1, max=1000, tooltip="Which segment, counted from 1."),
                cut_input(),
                context_frames_input(),
                io.Image.Input(
                    "before",
                    optional=True,
                    tooltip="The clip of the previous segment, which hands over its last frames.",
                ),
            ],
            outputs=[
                Keyframes.Output(
                    display_name="keyframes", tooltip="The keyframes of this segment, on their own timeline."
                ),
                io.String.Output(
                    display_name="report", tooltip="Which frames of the whole timeline the segment covers."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        keyframes: KeyframeSet,
        segment: int,
        cut: dict[str, Any],
        context_frames: int,
        before: Any = None,
    ) -> io.NodeOutput:
        part, report = one_segment(keyframes, segment, cut.get("longest_segment"), before, context_frames)
        show_report(report)
        return io.NodeOutput(part, report)
