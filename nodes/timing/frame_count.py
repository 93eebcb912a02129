"""Frame Count: how many frames a duration needs."""

from collections.abc import Mapping
from typing import Any

from comfy_api.latest import io

from ...core.timing.frame_counts import FRAME_RULES, ROUNDINGS, Rounding, audio_seconds, count_frames, exact
from ...host.runtime import show_report
from ..checked_node import InbetweenNode
from ..validation import verdict


class InbetweenFrameCount(InbetweenNode):
    """Frames from seconds, or from the length of a piece of audio."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        seconds = io.Float.Input(
            "seconds", default=3.0, min=0.0, max=86400.0, step=0.01, tooltip="How long the result shall last."
        )
        audio = io.Audio.Input("audio", tooltip="The result lasts as long as this audio.")
        return io.Schema(
            node_id="InbetweenFrameCount",
            display_name="Frame Count",
            category="in-between",
            description="How many frames a number of seconds, or a piece of audio, needs: a count the engine can make.",
            search_aliases=["frames from seconds", "duration", "length", "4n+1", "8n+1", "audio length", "fps"],
            inputs=[
                io.DynamicCombo.Input(
                    "duration",
                    options=[io.DynamicCombo.Option("seconds", [seconds]), io.DynamicCombo.Option("audio", [audio])],
                    tooltip="Whether the length comes from a number of seconds or from audio.",
                ),
                io.Float.Input(
                    "fps",
                    default=24.0,
                    min=0.01,
                    max=1000.0,
                    step=0.001,
                    tooltip="Frames per second the result will be played at.",
                ),
                io.Combo.Input(
                    "frame_rule",
                    options=list(FRAME_RULES),
                    default="any",
                    tooltip="Which frame counts the engine can make: any, 4n+1 (5, 9, ... 81) for Wan, or 8n+1 (9, 17, "
                    "... 257) for LTX-Video.",
                ),
                io.Combo.Input(
                    "rounding",
                    options=list(ROUNDINGS),
                    default="nearest",
                    tooltip="Which of the two possible counts beside the exact one: nearest, up (never shorter than "
                    "asked) or down (never longer).",
                ),
            ],
            outputs=[
                io.Int.Output(display_name="frame_count", tooltip="Number of frames, first and last included."),
                io.Float.Output(display_name="fps", tooltip="The frame rate again, for Create Video."),
                io.String.Output(display_name="report", tooltip="How the count came about, and how long it lasts."),
            ],
        )

    @classmethod
    def validate_inputs(cls, fps: float | None = None, duration: object = None) -> bool | str:
        # The host always passes on what is dynamic, without its values.
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
