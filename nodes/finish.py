"""Finish Frames: exact count, exact keyframes."""

from comfy_api.latest import io

from ..core.finish import finish_frames
from .types import Keyframes


class InbetweenFinish(io.ComfyNode):
    """Trims generated frames and puts the keyframes back."""

    @classmethod
    def define_schema(cls):
        blend_frames = io.Int.Input(
            "blend_frames",
            default=2,
            min=1,
            max=64,
            tooltip="Frames corrected on each side of a keyframe; stops short of the next keyframe.",
        )
        return io.Schema(
            node_id="InbetweenFinish",
            display_name="Finish Frames",
            category="in-between/finish",
            description="Trim an engine's frames to the frame count of the keyframes and put the keyframes exactly at "
            "their frames.",
            search_aliases=["exact keyframes", "replace keyframes", "trim", "end frame", "paste keyframes"],
            inputs=[
                io.Image.Input("images", tooltip="Frames from any engine, as many as the keyframes ask for or more."),
                Keyframes.Input("keyframes", tooltip="The keyframes the frames were made from."),
                io.DynamicCombo.Input(
                    "put_back",
                    options=[
                        io.DynamicCombo.Option("replace", []),
                        io.DynamicCombo.Option("replace and blend", [blend_frames]),
                        io.DynamicCombo.Option("off", []),
                    ],
                    tooltip="replace sets each keyframe exactly; replace and blend also spreads its correction over "
                    "the frames beside it; off only trims.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="frames", tooltip="Exactly as many frames as the keyframes say."),
                io.String.Output(
                    display_name="report", tooltip="What was trimmed, and how far each keyframe had been missed."
                ),
            ],
        )

    @classmethod
    def execute(cls, images, keyframes, put_back):
        finished = finish_frames(images, keyframes, put_back["put_back"], put_back.get("blend_frames", 0))
        return io.NodeOutput(finished.frames_THWC, finished.report)
