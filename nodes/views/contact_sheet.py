"""Contact Sheet: shows a clip at a glance."""

from comfy_api.latest import Input, io, ui

from ...core.keyframes.keyframe_set import KeyframeSet
from ...core.views.contact_sheet import contact_sheet
from ..checked_node import InbetweenNode
from ..transparency import transparency_input
from ..types import Keyframes


class InbetweenContactSheet(InbetweenNode):
    """Draws the frames of a clip in a numbered grid."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenContactSheet",
            display_name="Contact Sheet",
            category="in-between/look",
            description="Draw the frames of a clip in a numbered grid, with keyframes marked.",
            search_aliases=["grid", "overview", "storyboard", "frames grid", "preview frames"],
            is_output_node=True,
            inputs=[
                io.Image.Input("images", tooltip="The clip."),
                Keyframes.Input("keyframes", optional=True, tooltip="Keyframes to mark in the sheet."),
                io.Int.Input(
                    "columns", default=0, min=0, max=64, tooltip="Pictures in each row. 0 chooses automatically."
                ),
                io.Int.Input(
                    "thumbnail_width", default=240, min=32, max=2048, step=8, tooltip="Width of each picture in pixels."
                ),
                io.Int.Input(
                    "most_frames",
                    default=64,
                    min=2,
                    max=1024,
                    advanced=True,
                    tooltip="Maximum number of frames drawn. Longer clips are thinned out evenly; the first frame, "
                    "the last frame and the keyframes stay.",
                ),
                transparency_input(),
            ],
            outputs=[io.Image.Output(display_name="sheet", tooltip="The picture, also shown on the node.")],
        )

    @classmethod
    def execute(
        cls,
        images: Input.Image,
        columns: int,
        thumbnail_width: int,
        most_frames: int,
        keyframes: KeyframeSet | None = None,
        transparency: Input.Mask | None = None,
    ) -> io.NodeOutput:
        marked = keyframes.frames if keyframes is not None else ()
        sheet = contact_sheet(images, marked, columns, thumbnail_width, most_frames, transparency)
        return io.NodeOutput(sheet, ui=ui.PreviewImage(sheet, cls=cls))
