"""Motion Plot: shows at a glance where a clip jumps."""

from comfy_api.latest import Input, io, ui

from ...core.flow.clip_motion import measure_motion
from ...core.keyframes.keyframe_set import KeyframeSet
from ...core.views.motion_plot import motion_plot
from ...host.runtime import Progress, show_report
from ..checked_node import InbetweenNode
from ..types import Keyframes


class InbetweenMotionPlot(InbetweenNode):
    """Draws motion, flicker and colour step over the frames of a clip."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenMotionPlot",
            display_name="Motion Plot",
            category="in-between/look",
            description="Plot motion, flicker and colour step over the frames of a clip, with jumps and stops marked.",
            search_aliases=[
                "flicker",
                "jump",
                "temporal consistency",
                "motion graph",
                "quality check",
                "color shift",
                "duplicate frames",
            ],
            is_output_node=True,
            inputs=[
                io.Image.Input("images", tooltip="A clip of two or more frames."),
                Keyframes.Input("keyframes", optional=True, tooltip="Keyframes to mark in the plot."),
                io.Int.Input("width", default=1200, min=320, max=4096, step=8, tooltip="Width of the plot in pixels."),
                io.Int.Input("height", default=720, min=240, max=4096, step=8, tooltip="Height of the plot in pixels."),
            ],
            outputs=[
                io.Image.Output(display_name="plot", tooltip="The picture, also shown on the node."),
                io.String.Output(
                    display_name="report", tooltip="The averages, and every frame at which the clip jumps or stops."
                ),
            ],
        )

    @classmethod
    def execute(
        cls, images: Input.Image, width: int, height: int, keyframes: KeyframeSet | None = None
    ) -> io.NodeOutput:
        motion = measure_motion(images, Progress(len(images) - 1))
        marked = keyframes.frames if keyframes is not None else ()
        plot = motion_plot(motion, marked, width, height)
        show_report(motion.report())
        return io.NodeOutput(plot, motion.report(), ui=ui.PreviewImage(plot, cls=cls))
