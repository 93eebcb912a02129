"""Segment: one piece of a long time line, as keyframes of its own."""

from comfy_api.latest import io

from ..core.errors import InbetweenError
from ..core.segments import part_of, segment_ranges, with_context
from ..host.runtime import show_report
from .checked_node import InbetweenNode
from .types import Keyframes
from .wan_inputs import context_frames_input, cut_input


class InbetweenSegment(InbetweenNode):
    """Cuts one segment out of a keyframe set."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="InbetweenSegment",
            display_name="One Segment",
            category="in-between/wan",
            description="Cut one segment out of a long time line, to try it on its own. Segments makes them all.",
            search_aliases=["split keyframes", "part", "section", "long video", "extend video"],
            inputs=[
                Keyframes.Input(
                    "keyframes", tooltip="The whole time line, with keyframes at its first and last frame."
                ),
                io.Int.Input("segment", default=1, min=1, max=1000, tooltip="Which one, counted from 1."),
                cut_input(),
                context_frames_input(),
                io.Image.Input(
                    "before",
                    optional=True,
                    tooltip="The clip that the segment before made, to hand over its last frames.",
                ),
            ],
            outputs=[
                Keyframes.Output(display_name="keyframes", tooltip="Of this segment, on a time line of its own."),
                io.String.Output(display_name="report", tooltip="Which frames of the whole time line it has."),
            ],
        )

    @classmethod
    def execute(cls, keyframes, segment, cut, context_frames, before=None):
        ranges = segment_ranges(keyframes, cut.get("longest_segment"))
        if not 1 <= segment <= len(ranges):
            raise InbetweenError(f"segment is {segment}, but there are {len(ranges)}; give 1 to {len(ranges)}.")
        frames = ranges[segment - 1]
        part = part_of(keyframes, frames)
        report = f"Segment {segment} of {len(ranges)}: frames {frames[0]} to {frames[-1]}, {len(frames)} in all"
        if before is not None and context_frames > 1:
            part = with_context(part, before, context_frames)
            report += f", behind {context_frames - 1} frames of the segment before"
        show_report(f"{report}.")
        return io.NodeOutput(part, f"{report}.")
