"""Interpolate Frames: a clip or keyframes in, more frames out."""

from comfy_api.latest import io

from ..core.easing import CURVES, EASE_OVER, eased, held, parse_bezier
from ..core.errors import InbetweenError
from ..core.images import check_frames
from ..core.interpolator import RenderSettings
from ..core.keyframes import KeyframeSet
from ..core.timing import locate, moments_by_count, moments_by_multiplier, moments_by_rate, moments_by_times
from ..host.interpolation import interpolate
from ..host.runtime import show_report
from .checked_node import InbetweenNode
from .render_settings import settings_inputs
from .types import Interpolator, Keyframes

AS_KEYFRAMED = "as keyframed"
BEZIER = "bezier"
DIRECT, RECURSIVE = "direct", "recursive"


class InbetweenInterpolate(InbetweenNode):
    """Makes frames between the frames of a clip, or between keyframes."""

    @classmethod
    def define_schema(cls):
        multiplier = io.Int.Input(
            "multiplier",
            default=2,
            min=1,
            max=64,
            tooltip="Steps for each gap: n frames become (n - 1) x multiplier + 1.",
        )
        count = io.Int.Input(
            "frame_count", default=49, min=2, max=100000, tooltip="Exactly so many frames, evenly spread."
        )
        source_fps = io.Float.Input(
            "source_fps",
            default=24.0,
            min=0.01,
            max=1000.0,
            step=0.001,
            tooltip="Frame rate of the clip that comes in.",
        )
        target_fps = io.Float.Input(
            "target_fps", default=60.0, min=0.01, max=1000.0, step=0.001, tooltip="Frame rate of the result; any ratio."
        )
        times = io.String.Input(
            "times",
            default="0.25, 0.5, 0.75",
            tooltip="A timing chart: when, between 0 and 1, a frame is made in each gap, such as 0.5, 0.75 or 1/2 3/4. "
            "One list for all gaps, or one for each gap with ; between them.",
        )
        curve = io.String.Input(
            "curve",
            default="0.42, 0, 0.58, 1",
            tooltip="The two inner points x1, y1, x2, y2 of a cubic curve, as in CSS, each 0 to 1.",
        )
        ease_over = io.Combo.Input(
            "ease_over",
            options=list(EASE_OVER),
            default=EASE_OVER[0],
            tooltip="each gap eases from image to image and leaves each at its frame; whole length speeds a clip up "
            "or down from its first to its last frame.",
        )
        return io.Schema(
            node_id="InbetweenInterpolate",
            display_name="Interpolate Frames",
            category="in-between/interpolate",
            description="Make the frames between keyframes, or raise the frame count or frame rate of a clip. "
            "Frames that exist are passed on unchanged.",
            search_aliases=["frame interpolation", "slow motion", "vfi", "rife", "smooth", "fps", "tween", "inbetween"],
            inputs=[
                Interpolator.Input("interpolator", tooltip="What makes the frames, from Load Interpolator."),
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
                    ],
                    tooltip="How many frames: as keyframed takes the frame count of the keyframes; a clip needs one of "
                    "the others. times makes frames at the times of a chart, wherever the keyframes stand.",
                ),
                io.DynamicCombo.Input(
                    "easing",
                    options=[
                        io.DynamicCombo.Option("linear", []),
                        *(io.DynamicCombo.Option(name, [ease_over]) for name in CURVES if name != "linear"),
                        io.DynamicCombo.Option(BEZIER, [curve, ease_over]),
                    ],
                    optional=True,
                    tooltip="How motion speeds up and slows down. The number of frames stays.",
                ),
                io.Int.Input(
                    "hold",
                    default=1,
                    min=1,
                    max=64,
                    optional=True,
                    tooltip="Frames for which each new picture is shown: 1 for smooth motion, 2 for animation on twos. "
                    "The number of frames stays, and so do the images that came in.",
                ),
                io.Combo.Input(
                    "method",
                    options=[DIRECT, RECURSIVE],
                    default=DIRECT,
                    optional=True,
                    tooltip="direct makes each frame at its time. recursive makes the frame half-way, then those "
                    "half-way to it, and so on: for multipliers 2, 4, 8 and so on. PerVFI was trained for half-way "
                    "only (t = 0.5); with direct, all other times are beyond its training.",
                ),
                *settings_inputs(),
            ],
            outputs=[
                io.Image.Output(display_name="frames", tooltip="All frames, those that came in among them."),
                io.String.Output(
                    display_name="report", tooltip="Counts, cuts that were found, and where frames were cross-faded."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        interpolator,
        frames,
        timing,
        easing=None,
        hold=1,
        method=DIRECT,
        temperature=0.3,
        seed=0,
        primary_frame="first",
    ):
        moments, sources, positions = _plan(frames, timing)
        moments = _eased(moments, positions, easing or {"easing": "linear"}, isinstance(frames, KeyframeSet))
        instants = locate(held(moments, positions, hold), positions)
        settings = RenderSettings(temperature, seed, primary_frame)
        result_THWC, report = interpolate(sources, instants, interpolator, settings, method == RECURSIVE)
        show_report(report.text())
        return io.NodeOutput(result_THWC, report.text())


def _plan(frames, timing):
    """The moments that are asked for, the images, and where each image stands."""
    if isinstance(frames, KeyframeSet):
        sources, positions = [keyframe.image_HWC for keyframe in frames.keyframes], frames.frames
        length = frames.frame_count
    else:
        check_frames(frames, "frames")
        sources, positions, length = frames, range(len(frames)), len(frames)
        if timing["timing"] == AS_KEYFRAMED:
            raise InbetweenError(
                f'timing "{AS_KEYFRAMED}" needs keyframes; for a clip choose multiplier, frame count, frame rate or '
                "times."
            )
    if length < 2:
        raise InbetweenError("frames holds one frame; connect a clip of 2 or more, or keyframes.")
    match timing["timing"]:
        case "multiplier":
            moments = moments_by_multiplier(length, timing["multiplier"])
        case "frame count":
            moments = moments_by_count(length, timing["frame_count"])
        case "frame rate":
            moments = moments_by_rate(length, timing["source_fps"], timing["target_fps"])
        case "times":
            moments, positions = moments_by_times(len(sources), timing["times"]), range(len(sources))
        case _:
            moments = moments_by_multiplier(length, 1)
    return moments, sources, positions


def _eased(moments, positions, easing, keyframed):
    name = easing["easing"]
    if name == "linear":
        return moments
    if keyframed and easing["ease_over"] == "whole length":
        raise InbetweenError(
            'ease_over "whole length" would move the keyframes off their frames; choose each gap, or connect a clip.'
        )
    curve = parse_bezier(easing["curve"]) if name == BEZIER else CURVES[name]
    return eased(moments, positions, curve, easing["ease_over"])
