"""Interpolate Video: makes a whole video smoother or slower, however long it is."""

from typing import Any

from comfy_api.latest import Input, io

from ...core.flow.consistency import CUT_THRESHOLD
from ...core.interpolation.contract import Engine
from ...core.interpolation.copy_plan import COPY_CHOICES, KEEP, CopyChoice
from ...core.interpolation.cuts import AT_CUT, AtCut
from ...core.interpolation.grained import KEEP as KEEP_GRAIN
from ...core.interpolation.grained import GrainChoice
from ...core.video.encodings import BIT_DEPTHS, ENCODINGS, Encoding
from ...host.runtime import show_report
from ...host.video.interpolation import SOUNDS, Sound, VideoRequest, interpolate_video
from ...media.video_reader import DEINTERLACE, Deinterlace
from ..checked_node import InbetweenNode
from ..interpolation.cut_settings import cut_inputs
from ..interpolation.interpolate import DIRECT, RECURSIVE
from ..interpolation.render_settings import rendering_inputs, settings_inputs
from ..timing.inputs import fps_input
from ..types import Interpolator


class InbetweenVideo(InbetweenNode):
    """Makes a whole video smoother or slower, however long it is."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        target_fps = fps_input(
            "Frame rate of the result, which lasts as long as the video. 23.976, 29.97 and 59.94 mean the exact rates "
            "of television.",
            name="target_fps",
            default=60.0,
        )
        multiplier = io.Int.Input(
            "multiplier",
            default=2,
            min=1,
            max=64,
            tooltip="How many times as many frames per second. The result lasts as long as the video.",
        )
        slower = io.Float.Input(
            "slower",
            default=4.0,
            min=0.01,
            max=100.0,
            step=0.01,
            tooltip="How many times as long the result lasts. Values below 1 speed the video up.",
        )
        seconds = io.Float.Input(
            "seconds", default=10.0, min=0.01, max=1e6, step=0.01, tooltip="How long the result lasts."
        )
        speeds = io.String.Input(
            "speeds",
            default="0-24: 1, 24-48: 0.25, 48-: 1",
            tooltip="Ranges of frames of the video and their speeds: 0-24: 1, 24-48: 0.25, 48-: 1 slows the motion "
            "from frame 24 to frame 48 to a quarter. 48- runs to the end. All other frames play at speed 1.",
        )
        result_fps = io.Float.Input(
            "result_fps",
            default=0.0,
            min=0.0,
            max=1000.0,
            step=0.001,
            tooltip="Frame rate of the result. 0 takes that of the video.",
        )
        return io.Schema(
            node_id="InbetweenVideo",
            display_name="Interpolate Video",
            category="in-between/interpolate",
            description="Make a whole video smoother or slower, with its sound. The length of the video does not "
            "matter: only a few frames are in memory, and a run that was stopped goes on where it was.",
            search_aliases=[
                "video frame interpolation",
                "smooth video",
                "slow motion",
                "60 fps",
                "fps conversion",
                "convert frame rate",
                "vfi",
                "rife",
                "speed ramp",
            ],
            inputs=[
                Interpolator.Input("interpolator", tooltip="The interpolator to use, from Load Interpolator."),
                io.Video.Input("video", tooltip="The video, as from Load Video."),
                io.DynamicCombo.Input(
                    "timing",
                    options=[
                        io.DynamicCombo.Option("frame rate", [target_fps]),
                        io.DynamicCombo.Option("multiplier", [multiplier]),
                        io.DynamicCombo.Option("slow motion", [slower, result_fps]),
                        io.DynamicCombo.Option("duration", [seconds, result_fps]),
                        io.DynamicCombo.Option("speed ramp", [speeds, result_fps]),
                    ],
                    tooltip="frame rate and multiplier make motion smoother. slow motion and duration change how long "
                    "the video lasts. speed ramp slows down or speeds up ranges of frames.",
                ),
                io.DynamicCombo.Input(
                    "codec",
                    options=[io.DynamicCombo.Option(each.name, _codec_inputs(each)) for each in ENCODINGS.values()],
                    tooltip="How the result is written. Save Video keeps this file as it is. Matrix, range and HDR "
                    "tags stay those of the video.",
                ),
                io.Combo.Input(
                    "sound",
                    options=list(SOUNDS),
                    default=SOUNDS[0],
                    tooltip="stretch plays the sound as fast as the pictures and keeps its pitch; if the result lasts "
                    "as long as the video, the sound is not changed at all. keep never changes it. drop leaves it out.",
                ),
                io.Combo.Input(
                    "copies",
                    options=list(COPY_CHOICES),
                    default=KEEP,
                    optional=True,
                    tooltip="What to do with frames that repeat the frame before. keep uses them, so motion stops "
                    "there. keep time replaces them with new frames; use it for animation on twos and for lost frames. "
                    "spread leaves them out and spaces the others evenly. undo 3:2 pulldown restores film at 4/5 of "
                    "the frame rate. All but keep read the video once more.",
                ),
                io.Combo.Input(
                    "deinterlace",
                    options=list(DEINTERLACE),
                    default=DEINTERLACE[0],
                    optional=True,
                    tooltip="For interlaced video, whose frames look combed in motion: makes whole frames from fields "
                    "with bwdif. one frame per field doubles the frame rate.",
                ),
                io.Combo.Input(
                    "method",
                    options=[DIRECT, RECURSIVE],
                    default=DIRECT,
                    optional=True,
                    tooltip="direct creates each frame at its time. recursive creates the middle frame, then the "
                    "middle of each half, and so on; use it with multipliers of 2, 4, 8 and so on.",
                ),
                *cut_inputs(),
                *settings_inputs(),
                *rendering_inputs(),
            ],
            outputs=[
                io.Video.Output(display_name="video", tooltip="The result, for Save Video."),
                io.Float.Output(display_name="fps", tooltip="Frame rate of the result."),
                io.String.Output(
                    display_name="report",
                    tooltip="Frame counts and rates, what was found in the file, detected cuts, and where frames were "
                    "cross-faded.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        interpolator: Engine,
        video: Input.Video,
        timing: dict[str, Any],
        codec: dict[str, Any],
        sound: Sound = SOUNDS[0],
        copies: CopyChoice = KEEP,
        deinterlace: Deinterlace = DEINTERLACE[0],
        method: str = DIRECT,
        cut_threshold: float = CUT_THRESHOLD,
        cuts: str = "",
        at_cut: AtCut = AT_CUT[0],
        grain: GrainChoice = KEEP_GRAIN,
        **settings: Any,
    ) -> io.NodeOutput:
        request = VideoRequest(
            timing["timing"],
            {name: value for name, value in timing.items() if name != "timing"},
            method == RECURSIVE,
            copies,
            cut_threshold,
            cuts,
            at_cut,
            grain,
            sound,
            deinterlace,
            codec["codec"],
            codec.get("crf"),
            codec["bit_depth"],
        )
        result = interpolate_video(video, interpolator, request, settings)
        show_report(result.report)
        return io.NodeOutput(result.video, float(result.fps), result.report)


def _codec_inputs(encoding: Encoding) -> list[io.Input]:
    """Quality and depth of a codec."""
    inputs: list[io.Input] = []
    if encoding.crf is not None:
        default, least, most = encoding.crf
        inputs.append(
            io.Int.Input(
                "crf",
                default=default,
                min=least,
                max=most,
                tooltip="Quality: lower is better and makes larger files.",
            )
        )
    inputs.append(
        io.Combo.Input(
            "bit_depth",
            options=list(BIT_DEPTHS),
            default=BIT_DEPTHS[0],
            tooltip="Bits for each colour. 10 avoids bands in smooth gradients; HDR needs it. The codec takes the "
            "nearest that it has.",
        )
    )
    return inputs
