"""Refine Frames: rebuilds chosen frames of a clip from their neighbours."""

from typing import Any

from comfy_api.latest import Input, io

from ...core.interpolation.contract import Engine
from ...core.interpolation.defects import SCORES
from ...core.interpolation.grained import KEEP, GrainChoice
from ...core.keyframes.keyframe_set import KeyframeSet
from ...core.pictures.alpha import joined, parted
from ...host.interpolation.run import refine
from ...host.runtime import show_report
from ..checked_node import InbetweenNode
from ..transparency import transparency_input, transparency_output
from ..types import Interpolator, Keyframes
from .render_settings import grain_input, settings_inputs, still_mask_input


class InbetweenRefine(InbetweenNode):
    """Rebuilds chosen frames of a clip from their neighbours."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        passes = io.Int.Input(
            "passes",
            default=1,
            min=1,
            max=8,
            tooltip="1 rebuilds frames 1, 3, 5, ...; 2 then rebuilds 2, 4, 6, ... from those, and further passes "
            "alternate.",
        )
        frames = io.String.Input(
            "frames",
            default="1",
            tooltip="Frame numbers from 0, such as 3, 8-11, -2. The first and the last frame cannot be rebuilt.",
        )
        score = io.Combo.Input(
            "score",
            options=list(SCORES),
            tooltip="The defect to look for: flicker, unlike both neighbours; blur, less detail than both; ghost, "
            "things seen twice; missing, a repeat of the frame before.",
        )
        count = io.Int.Input("count", default=5, min=1, max=100000, tooltip="Maximum number of frames, worst first.")
        return io.Schema(
            node_id="InbetweenRefine",
            display_name="Refine Frames",
            category="in-between/finish",
            description="Rebuild chosen frames of a clip from their neighbours, to fix flicker, blur and ghosting "
            "from any engine. Keyframes stay untouched.",
            search_aliases=[
                "deflicker",
                "clean frames",
                "fix frames",
                "repair",
                "ghosting",
                "deblur",
                "pervfi refiner",
            ],
            inputs=[
                Interpolator.Input("interpolator", tooltip="The interpolator to use, from Load Interpolator."),
                io.Image.Input("images", tooltip="A clip of three or more frames, from any engine."),
                io.DynamicCombo.Input(
                    "which",
                    options=[
                        io.DynamicCombo.Option("every other", [passes]),
                        io.DynamicCombo.Option("list", [frames]),
                        io.DynamicCombo.Option("worst", [score, count]),
                    ],
                    tooltip="Frames to rebuild: every other one, a list, or the worst by a score. Several in a row "
                    "are rebuilt from the nearest frames on both sides that are not being rebuilt.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="How much of the new frame to use: 1 replaces the old one, 0.5 mixes both equally.",
                ),
                Keyframes.Input("keyframes", optional=True, tooltip="Frames with a keyframe are never changed."),
                *settings_inputs(),
                still_mask_input(),
                transparency_input(),
                grain_input(),
            ],
            outputs=[
                io.Image.Output(display_name="frames", tooltip="The clip, with the same number of frames."),
                io.String.Output(
                    display_name="report", tooltip="Which frames were rebuilt, and how much each changed."
                ),
                transparency_output(),
            ],
        )

    @classmethod
    def execute(
        cls,
        interpolator: Engine,
        images: Input.Image,
        which: dict[str, Any],
        strength: float,
        keyframes: KeyframeSet | None = None,
        still_mask: Input.Mask | None = None,
        transparency: Input.Mask | None = None,
        grain: GrainChoice = KEEP,
        **settings: Any,
    ) -> io.NodeOutput:
        joined_THWC = joined(images, transparency, "images")
        result_THWC, report = refine(joined_THWC, which, interpolator, settings, strength, keyframes, still_mask, grain)
        frames_THWC, transparency_THW = parted(result_THWC, images.shape[-1])
        show_report(report.text())
        return io.NodeOutput(frames_THWC, report.text(), transparency_THW)
