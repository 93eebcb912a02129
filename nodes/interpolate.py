"""Interpolate Frames: a clip or keyframes in, more frames out."""

from comfy_api.latest import io

from ..core.errors import InbetweenError
from ..core.images import check_frames
from ..core.keyframes import KeyframeSet
from ..core.timing import locate, moments_by_count, moments_by_multiplier, moments_by_rate
from ..host.interpolation import interpolate
from .types import Interpolator, Keyframes

AS_KEYFRAMED = "as keyframed"


class InbetweenInterpolate(io.ComfyNode):
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
                    ],
                    tooltip="How many frames: as keyframed takes the frame count of the keyframes; a clip needs one of "
                    "the others.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="frames", tooltip="All frames, those that came in among them."),
                io.String.Output(
                    display_name="report", tooltip="Counts, cuts that were found, and where frames were cross-faded."
                ),
            ],
        )

    @classmethod
    def execute(cls, interpolator, frames, timing):
        if isinstance(frames, KeyframeSet):
            sources, positions = [keyframe.image_HWC for keyframe in frames.keyframes], frames.frames
            length = frames.frame_count
        else:
            check_frames(frames, "frames")
            sources, positions, length = frames, range(len(frames)), len(frames)
            if timing["timing"] == AS_KEYFRAMED:
                raise InbetweenError(
                    f'timing "{AS_KEYFRAMED}" needs keyframes; for a clip choose multiplier, frame count or frame rate.'
                )
        if length < 2:
            raise InbetweenError("frames holds one frame; connect a clip of 2 or more, or keyframes.")
        moments = _moments(timing, length)
        result_THWC, report = interpolate(sources, locate(moments, positions), interpolator)
        return io.NodeOutput(result_THWC, report.text())


def _moments(timing, length):
    match timing["timing"]:
        case "multiplier":
            return moments_by_multiplier(length, timing["multiplier"])
        case "frame count":
            return moments_by_count(length, timing["frame_count"])
        case "frame rate":
            return moments_by_rate(length, timing["source_fps"], timing["target_fps"])
    return moments_by_multiplier(length, 1)
