"""Finish Frames: exact frame count, exact keyframes, matched colours."""

from typing import Any

from comfy_api.latest import Input, io

from ...core.clips.finish import PUT_BACK_MODES, finish_frames
from ...core.keyframes.keyframe_set import KeyframeSet
from ...core.pictures.alpha import joined, parted
from ...host.frame_memory import check_room_like
from ...host.runtime import Progress, show_report
from ..checked_node import InbetweenNode
from ..transparency import transparency_input, transparency_output
from ..types import Keyframes


class InbetweenFinish(InbetweenNode):
    """Trims generated frames, matches their colours and puts the keyframes back."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        blend_frames = io.Int.Input(
            "blend_frames",
            default=2,
            min=1,
            max=64,
            tooltip="Frames corrected on each side of a keyframe. The correction stops short of the next keyframe.",
        )
        return io.Schema(
            node_id="InbetweenFinish",
            display_name="Finish Frames",
            category="in-between/finish",
            description="Trim an engine's frames to the length set in Keyframes, match their colours to the "
            "keyframes, put the exact keyframes back, and close a loop.",
            search_aliases=[
                "exact keyframes",
                "replace keyframes",
                "trim",
                "end frame",
                "paste keyframes",
                "color match",
                "colour drift",
                "seamless loop",
            ],
            inputs=[
                io.Image.Input("images", tooltip="Frames from any engine, at least as many as set in Keyframes."),
                Keyframes.Input("keyframes", tooltip="The keyframes from which the frames were created."),
                io.DynamicCombo.Input(
                    "put_back",
                    options=[
                        io.DynamicCombo.Option(mode, [blend_frames] if mode == "replace and blend" else [])
                        for mode in PUT_BACK_MODES
                    ],
                    tooltip="replace restores each keyframe exactly; replace and blend also spreads the correction "
                    "over the neighbouring frames; off leaves the frames as generated.",
                ),
                io.Boolean.Input(
                    "match_colour",
                    default=False,
                    optional=True,
                    tooltip="Undo a drift in colour and contrast. The correction found at each keyframe is spread "
                    "smoothly over the frames between.",
                ),
                io.Boolean.Input(
                    "loop",
                    default=False,
                    optional=True,
                    tooltip="For a clip that plays in a loop: leave out the last frame, which repeats the first, so "
                    "the result is one frame shorter. Switch on loop in Keyframes too.",
                ),
                transparency_input(),
            ],
            outputs=[
                io.Image.Output(
                    display_name="frames", tooltip="Exactly the frame count of the keyframes, or one less in a loop."
                ),
                io.String.Output(
                    display_name="report",
                    tooltip="What was done. For each keyframe: how far the generated frame was off, and how far the "
                    "colour jumps there, before and after.",
                ),
                transparency_output(),
            ],
        )

    @classmethod
    def execute(
        cls,
        images: Input.Image,
        keyframes: KeyframeSet,
        put_back: dict[str, Any],
        match_colour: bool = False,
        loop: bool = False,
        transparency: Input.Mask | None = None,
    ) -> io.NodeOutput:
        blend_frames = put_back.get("blend_frames", 0)
        check_room_like(images, min(len(images), keyframes.frame_count))
        progress = Progress(keyframes.frame_count)
        joined_THWC = joined(images, transparency, "images")
        finished = finish_frames(
            joined_THWC, keyframes, put_back["put_back"], blend_frames, match_colour, loop, progress
        )
        show_report(finished.report)
        frames_THWC, transparency_THW = parted(finished.frames_THWC, images.shape[-1])
        return io.NodeOutput(frames_THWC, finished.report, transparency_THW)
