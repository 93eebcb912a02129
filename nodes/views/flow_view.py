"""Flow View: shows motion as colours."""

from comfy_api.latest import Input, io, ui

from ...core.views.flow_view import BYTES_PER_PIXEL, view_flow
from ...host.frame_memory import check_room_like
from ...host.runtime import Progress, show_report
from ..checked_node import InbetweenNode


class InbetweenFlowView(InbetweenNode):
    """Shows the optical flow of a clip."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenFlowView",
            display_name="Flow View",
            category="in-between/look",
            description="Show the motion from each frame to the next as colours: hue is its direction, saturation its "
            "length. A mask shows areas that come into view.",
            search_aliases=["optical flow", "motion vectors", "flow visualization", "occlusion mask", "color wheel"],
            is_output_node=True,
            inputs=[
                io.Image.Input("images", tooltip="A clip of two or more frames."),
                io.Float.Input(
                    "longest",
                    default=0.0,
                    min=0.0,
                    max=10000.0,
                    step=0.5,
                    tooltip="Motion, in pixels, shown at full saturation; anything longer is darkened. 0 uses the "
                    "largest motion in the clip. All pictures share one scale.",
                ),
                io.Boolean.Input("legend", default=True, tooltip="Draw the colour wheel and the scale in a corner."),
            ],
            outputs=[
                io.Image.Output(
                    display_name="flow", tooltip="One picture for each pair of frames, white where nothing moves."
                ),
                io.Mask.Output(
                    display_name="holes",
                    tooltip="One mask for each pair: areas that the second frame shows and the first one hides.",
                ),
                io.String.Output(display_name="report", tooltip="The scale, and the pairs with the largest motion."),
            ],
        )

    @classmethod
    def execute(cls, images: Input.Image, longest: float, legend: bool) -> io.NodeOutput:
        check_room_like(images, len(images) - 1, BYTES_PER_PIXEL)
        view = view_flow(images, longest, legend, Progress(len(images) - 1))
        show_report(view.report)
        return io.NodeOutput(view.flow_THWC, view.holes_THW, view.report, ui=ui.PreviewImage(view.flow_THWC, cls=cls))
