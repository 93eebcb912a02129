"""Frame Count: converts a duration to a number of frames."""

from collections.abc import Mapping
from typing import Any

from comfy_api.latest import io

from ...core.timing.frame_counts import FRAME_RULES, ROUNDINGS, Rounding, audio_seconds, count_frames, exact
from ...host.runtime import show_report
from ..checked_node import InbetweenNode
from ..validation import verdict
from .inputs import fps_input


class InbetweenFrameCount(InbetweenNode):
    """Converts seconds, or the length of an audio clip, to a number of frames."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        seconds = io.Float.Input(
            "seconds", default=3.0, min=0.0, max=86400.0, step=0.01, tooltip="How long the result should last."
        )
        audio = io.Audio.Input("audio", tooltip="The result lasts as long as this audio.")
        return io.Schema(
            node_id="InbetweenFrameCount",
            display_name="Frame Count",
            category="in-between",
            description="Convert seconds, or the length of an audio clip, to a frame count that the engine supports.",
            search_aliases=["frames from seconds", "duration", "length", "4n+1", "8n+1", "audio length", "fps"],
            inputs=[
                io.DynamicCombo.Input(
                    "duration",
                    options=[io.DynamicCombo.Option("seconds", [seconds]), io.DynamicCombo.Option("audio", [audio])],
                    tooltip="Take the length from a number of seconds or from audio.",
                ),
                fps_input("Frames per second at which the result will be played."),
                io.Combo.Input(
                    "frame_rule",
                    options=list(FRAME_RULES),
                    default="any",
                    tooltip="Frame counts the engine supports: any, 4n+1 (5, 9, ... 81) for Wan, or 8n+1 (9, 17, "
                    "... 257) for LTX-Video.",
                ),
                io.Combo.Input(
                    "rounding",
                    options=list(ROUNDINGS),
                    default="nearest",
                    tooltip="How to round when the exact count is not allowed: nearest, up (never shorter than "
                    "requested) or down (never longer).",
                ),
            ],
            outputs=[
                io.Int.Output(
                    display_name="frame_count", tooltip="Number of frames, including the first and the last."
                ),
                io.Float.Output(display_name="fps", tooltip="The same frame rate, for Create Video."),
                io.String.Output(display_name="report", tooltip="How the count was calculated, and how long it lasts."),
            ],
        )

    @classmethod
    def validate_inputs(cls, fps: float | None = None, duration: object = None) -> bool | str:
        # The host always passes dynamic inputs, but without their values.
        return verdict(lambda: fps is None or exact(fps, "fps"))

    @classmethod
    def execute(cls, duration: Mapping[str, Any], fps: float, frame_rule: str, rounding: Rounding) -> io.NodeOutput:
        if duration["duration"] == "audio":
            audio = duration["audio"]
            seconds = audio_seconds(audio["waveform"].shape[-1], audio["sample_rate"])
        else:
            seconds = duration["seconds"]
        counted = count_frames(seconds, fps, frame_rule, rounding)
        show_report(counted.report)
        return io.NodeOutput(counted.frame_count, float(fps), counted.report)
