"""Interpolate Frames: creates the frames between keyframes or between the frames of a clip."""

from typing import Any

from comfy_api.latest import Input, io

from ...core.flow.consistency import CUT_THRESHOLD
from ...core.interpolation.contract import Engine
from ...core.interpolation.copy_plan import COPY_CHOICES, KEEP, CopyChoice
from ...core.interpolation.cuts import AT_CUT, AtCut, cut_rule
from ...core.interpolation.frame_plan import AS_KEYFRAMED, BEZIER, LINEAR, plan_frames
from ...core.interpolation.grained import KEEP as KEEP_GRAIN
from ...core.interpolation.grained import GrainChoice
from ...core.interpolation.lost import LostMask
from ...core.keyframes.keyframe_set import KeyframeSet
from ...core.pictures.alpha import parted
from ...core.timing.easing import CURVES, EASE_OVER
from ...host.frame_memory import check_room_for_images
from ...host.interpolation.run import interpolate
from ...host.runtime import Progress, show_report
from ..checked_node import InbetweenNode
from ..timing.inputs import fps_input
from ..transparency import transparency_input, transparency_output
from ..types import Interpolator, Keyframes
from .cut_settings import cut_inputs
from .render_settings import rendering_inputs, settings_inputs, still_mask_input

DIRECT, RECURSIVE = "direct", "recursive"


class InbetweenInterpolate(InbetweenNode):
    """Creates the frames between keyframes or between the frames of a clip."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        multiplier = io.Int.Input(
            "multiplier",
            default=2,
            min=1,
            max=64,
            tooltip="Steps in each gap: n frames become (n - 1) x multiplier + 1.",
        )
        count = io.Int.Input(
            "frame_count", default=49, min=2, max=100000, tooltip="Exact number of frames in the result, evenly spaced."
        )
        source_fps = fps_input("Frame rate of the input clip.", name="source_fps")
        target_fps = fps_input(
            "Frame rate of the result. Any ratio works. The result lasts as long as the clip.",
            name="target_fps",
            default=60.0,
        )
        times = io.String.Input(
            "times",
            default="0.25, 0.5, 0.75",
            tooltip="A timing chart: the times between 0 and 1 at which each gap gets a frame, such as 0.5, 0.75 or "
            "1/2 3/4. Write one list for all gaps, or one for each gap with ; between them.",
        )
        speeds = io.String.Input(
            "speeds",
            default="0-24: 1, 24-48: 0.25, 48-: 1",
            tooltip="Ranges of frames of the input and their speeds: 0-24: 1, 24-48: 0.25, 48-: 1 slows the motion "
            "from frame 24 to frame 48 to a quarter. 48- runs to the end. All other frames play at speed 1.",
        )
        curve = io.String.Input(
            "curve",
            default="0.42, 0, 0.58, 1",
            tooltip="The two inner control points x1, y1, x2, y2 of a cubic curve, as in CSS, each 0 to 1.",
        )
        ease_over = io.Combo.Input(
            "ease_over",
            options=list(EASE_OVER),
            default=EASE_OVER[0],
            tooltip="each gap eases from image to image and keeps each at its frame. whole length eases a clip "
            "once, from its first to its last frame.",
        )
        return io.Schema(
            node_id="InbetweenInterpolate",
            display_name="Interpolate Frames",
            category="in-between/interpolate",
            description="Create the frames between keyframes, or raise the frame count or frame rate of a clip. "
            "Existing frames are passed on unchanged.",
            search_aliases=[
                "frame interpolation",
                "slow motion",
                "vfi",
                "rife",
                "film",
                "smooth",
                "fps",
                "tween",
                "inbetween",
            ],
            inputs=[
                Interpolator.Input("interpolator", tooltip="The interpolator to use, from Load Interpolator."),
                io.MultiType.Input(
                    "frames", [io.Image, Keyframes], tooltip="Keyframes, or a clip of two or more frames."
                ),
                io.DynamicCombo.Input(
                    "timing",
                    options=[
                        io.DynamicCombo.Option(AS_KEYFRAMED, []),
                        io.DynamicCombo.Option("multiplier", [multiplier]),
                        io.DynamicCombo.Option("frame count", [count]),
                        io.DynamicCombo.Option("frame rate", [source_fps, target_fps]),
                        io.DynamicCombo.Option("times", [times]),
                        io.DynamicCombo.Option("speed ramp", [speeds]),
                    ],
                    tooltip="How many frames to create. as keyframed uses the frame count of the keyframes; a clip "
                    "needs one of the other options. times follows a timing chart and ignores the positions of the "
                    "keyframes. speed ramp slows down or speeds up ranges of frames.",
                ),
                io.DynamicCombo.Input(
                    "easing",
                    options=[
                        io.DynamicCombo.Option(LINEAR, []),
                        *(io.DynamicCombo.Option(name, [ease_over]) for name in CURVES if name != LINEAR),
                        io.DynamicCombo.Option(BEZIER, [curve, ease_over]),
                    ],
                    optional=True,
                    tooltip="How motion speeds up and slows down. The number of frames stays the same.",
                ),
                io.Int.Input(
                    "hold",
                    default=1,
                    min=1,
                    max=64,
                    optional=True,
                    tooltip="How many frames each new picture is shown for: 1 for smooth motion, 2 for animation on "
                    "twos. The number of frames stays the same, and the input images keep their frames.",
                ),
                io.Combo.Input(
                    "method",
                    options=[DIRECT, RECURSIVE],
                    default=DIRECT,
                    optional=True,
                    tooltip="direct creates each frame at its time. recursive creates the middle frame, then the "
                    "middle of each half, and so on; use it with multipliers of 2, 4, 8 and so on. PerVFI and FILM "
                    "were trained on the middle frame only (t = 0.5). FILM halves even with direct wherever it can.",
                ),
                *settings_inputs(),
                fps_input(
                    "Frame rate of the input, from which the fps output is calculated. Changes no frames. "
                    "Not used with frame rate, which has source_fps.",
                    optional=True,
                ),
                io.Combo.Input(
                    "copies",
                    options=list(COPY_CHOICES),
                    default=KEEP,
                    optional=True,
                    tooltip="For clips: what to do with frames that repeat the frame before. keep uses them, so motion "
                    "stops there. keep time replaces them with new frames; use it for animation on twos and for lost "
                    "frames. spread leaves them out and spaces the others evenly; use it for doubled frames. undo 3:2 "
                    "pulldown restores film at 4/5 of the frame rate.",
                ),
                *cut_inputs(),
                still_mask_input(),
                transparency_input(
                    "For a clip: its MASK, where 1 is transparent, as Load Image gives it. It is carried "
                    "along the motion of the frames. Frames with alpha (RGBA) and keyframes bring their own."
                ),
                *rendering_inputs(),
            ],
            outputs=[
                io.Image.Output(display_name="frames", tooltip="All frames, including those of the input."),
                io.String.Output(
                    display_name="report",
                    tooltip="Frame counts, frames that repeat the one before, detected cuts, and where "
                    "frames were cross-faded.",
                ),
                io.Float.Output(
                    display_name="fps",
                    tooltip="Frame rate at which the result plays as fast as the input, for Create Video. With speed "
                    "ramp it is the rate of the input.",
                ),
                transparency_output(),
                io.Mask.Output(
                    display_name="lost",
                    tooltip="White where a frame does not show motion that was followed: cross-faded or held places, "
                    "and whole frames at a cut. Black for frames of the input. PerVFI, RIFE and FILM only report "
                    "cuts.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        interpolator: Engine,
        frames: KeyframeSet | Input.Image,
        timing: dict[str, Any],
        easing: dict[str, Any] | None = None,
        hold: int = 1,
        method: str = DIRECT,
        fps: float = 24.0,
        copies: CopyChoice = KEEP,
        cut_threshold: float = CUT_THRESHOLD,
        cuts: str = "",
        at_cut: AtCut = AT_CUT[0],
        still_mask: Input.Mask | None = None,
        transparency: Input.Mask | None = None,
        grain: GrainChoice = KEEP_GRAIN,
        **settings: Any,
    ) -> io.NodeOutput:
        chosen = {
            **timing,
            **(easing or {}),
            "hold": hold,
            "fps": fps,
            "copies": copies,
            "transparency_THW": transparency,
        }
        plan = plan_frames(frames, **chosen, progress=Progress, check_room=check_room_for_images)
        recursive = method == RECURSIVE
        rule = cut_rule(plan.positions, cut_threshold, cuts, at_cut)
        lost = LostMask()
        result_THWC, report = interpolate(
            plan.sources, plan.instants, interpolator, settings, recursive, rule, still_mask, lost, grain
        )
        text = plan.described(report.text(plan.keyframes, plan.numbers))
        show_report(text)
        lost_THW = lost.frames(*result_THWC.shape[:3], result_THWC.device)
        frames_THWC, transparency_THW = parted(result_THWC, plan.channels)
        return io.NodeOutput(frames_THWC, text, plan.fps, transparency_THW, lost_THW)
