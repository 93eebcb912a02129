"""Keyframes: places images at frames on a timeline."""

from collections.abc import Mapping
from typing import Any

from comfy_api.latest import Input, io

from ...core.errors import InbetweenError
from ...core.keyframes.keyframe_set import keyframes_of
from ...core.keyframes.positions import parse_positions, resolve_positions
from ...core.pictures.fit import FITS, Fit
from ...core.timing.frame_counts import FRAME_RULES, check_frame_count
from ..checked_node import InbetweenNode
from ..timing.trained_lengths import trained_lengths
from ..transparency import transparency_input
from ..types import Keyframes
from ..validation import verdict


class InbetweenKeyframes(InbetweenNode):
    """Places images at frames on a timeline."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        image = io.Image.Input(
            "image", optional=True, tooltip="One image, or a batch whose images become keyframes in order."
        )
        return io.Schema(
            node_id="InbetweenKeyframes",
            display_name="Keyframes",
            category="in-between",
            description="Place images at frames on a timeline. An engine then creates the frames between them.",
            search_aliases=["keyframe", "start end frame", "first last frame", "middle frame", "inbetween", "tween"],
            inputs=[
                io.Autogrow.Input(
                    "images",
                    template=io.Autogrow.TemplatePrefix(image, prefix="image", min=2, max=50),
                    tooltip="The keyframes, in order. A new socket appears when the last one is connected.",
                ),
                io.Int.Input(
                    "frame_count",
                    default=25,
                    min=2,
                    max=100000,
                    tooltip="Length of the result in frames, including the first and the last.",
                ),
                io.Combo.Input(
                    "fit",
                    options=list(FITS),
                    default="crop",
                    tooltip="How to fit images of another size: crop fills the frame and trims the edges, pad adds "
                    "black bars, stretch ignores the aspect ratio, off refuses them.",
                ),
                io.Combo.Input(
                    "frame_rule",
                    options=list(FRAME_RULES),
                    default="any",
                    advanced=True,
                    extra_dict={"trained_lengths": trained_lengths()},  # for the timeline
                    tooltip="Frame counts the engine supports: any, 4n+1 (5, 9, ... 81) for Wan, or 8n+1 (9, 17, "
                    "... 257) for LTX-Video.",
                ),
                io.Int.Input(
                    "width",
                    default=0,
                    min=0,
                    max=16384,
                    advanced=True,
                    tooltip="Width of all keyframes in pixels. 0 uses the width of the first image.",
                ),
                io.Int.Input(
                    "height",
                    default=0,
                    min=0,
                    max=16384,
                    advanced=True,
                    tooltip="Height of all keyframes in pixels. 0 uses the height of the first image.",
                ),
                io.Int.Input(
                    "multiple_of",
                    default=1,
                    min=1,
                    max=256,
                    advanced=True,
                    tooltip="Round width and height to the nearest multiple: 16 for Wan, 64 for SVD, 1 for any size.",
                ),
                io.Boolean.Input(
                    "loop",
                    default=False,
                    optional=True,
                    tooltip="Use the image at frame 0 again at the last frame, so that the clip ends where it began. "
                    "One image is enough. Switch on loop in Finish Frames too.",
                ),
                io.String.Input(
                    "positions",
                    default="",
                    optional=True,
                    tooltip="Frame of each image: 0 is the first and -1 the last, as in 0, 24, -1. With strength: "
                    "0, 24:0.8, -1. Leave empty to space them evenly. In a loop, leave out the last frame: it "
                    "repeats the first.",
                ),
                transparency_input(
                    "The MASK of the images, where 1 is transparent, as Load Image gives it: one for each image, or "
                    "one for all. Images with alpha (RGBA), as from Join Image with Alpha, bring their own."
                ),
            ],
            outputs=[
                Keyframes.Output(display_name="keyframes", tooltip="The images and their frames, for any engine.")
            ],
        )

    @classmethod
    def validate_inputs(
        cls,
        frame_count: int | None = None,
        frame_rule: str | None = None,
        loop: bool | None = None,
        positions: str | None = None,
        images: object = None,
    ) -> bool | str:
        def check() -> None:
            if frame_rule is not None and frame_rule not in FRAME_RULES:
                raise InbetweenError(
                    f'frame_rule is "{frame_rule}"; choose {", ".join(FRAME_RULES[:-1])} or {FRAME_RULES[-1]}.'
                )
            if frame_count is not None:
                check_frame_count(frame_count, frame_rule or "any")
            if positions is not None:
                parsed = parse_positions(positions)
                if frame_count is not None:
                    resolve_positions(parsed, frame_count, bool(loop))

        return verdict(check)

    @classmethod
    def execute(
        cls,
        images: Mapping[str, Any],
        frame_count: int,
        fit: Fit,
        frame_rule: str,
        width: int,
        height: int,
        multiple_of: int,
        loop: bool = False,
        positions: str = "",
        transparency: Input.Mask | None = None,
    ) -> io.NodeOutput:
        images_HWC = [image_HWC for batch_THWC in images.values() for image_HWC in batch_THWC]
        size = {"width": width, "height": height, "multiple_of": multiple_of}
        keyframes = keyframes_of(
            images_HWC, positions, frame_count, frame_rule, loop, fit=fit, **size, transparency_THW=transparency
        )
        # For the timeline, which cannot know a length from a link or the size of a batch until the graph has run.
        return io.NodeOutput(keyframes, ui={"frame_count": [frame_count], "image_count": [len(images_HWC)]})
