"""Clip Context: collects the surroundings of a gap, for the clip that will fill it."""

from collections.abc import Mapping
from typing import Any

from comfy_api.latest import io

from ...core.clips.clip_context import ContextSettings, context_of
from ...core.clips.gap_sound import NONE, OF_GAP, PART, WHOLE
from ...core.clips.gaps import BETWEEN, BETWEEN_SECONDS, WITHIN, WITHIN_SECONDS
from ...core.timing.frame_counts import FRAME_RULES, exact
from ...host.runtime import show_report
from ..checked_node import InbetweenNode
from ..timing.inputs import fps_input
from ..types import Keyframes
from ..validation import verdict


class InbetweenClipContext(InbetweenNode):
    """Extracts the surroundings of a gap from its clips."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        audio = io.Audio.Input("audio", tooltip="The audio for the clip.")
        return io.Schema(
            node_id="InbetweenClipContext",
            display_name="Clip Context",
            category="in-between/audio",
            description="Prepare a gap to be filled, between two clips or inside one: the frames around it as "
            "keyframes, the sound, and frames with a prompt for a vision-language model.",
            search_aliases=[
                "fix segment",
                "regenerate part",
                "fill gap",
                "bridge clips",
                "video inpaint",
                "temporal inpaint",
            ],
            inputs=[
                io.DynamicCombo.Input(
                    "gap",
                    options=_gap_options(),
                    tooltip="Whether the gap lies between two clips or inside one, and whether you give it in frames "
                    "or seconds.",
                ),
                fps_input("Frames per second of the clips.", default=25.0),
                io.DynamicCombo.Input(
                    "sound",
                    # The page cannot start with an option that has sockets but no widget.
                    options=[
                        io.DynamicCombo.Option(NONE, []),
                        io.DynamicCombo.Option(WHOLE, [audio]),
                        io.DynamicCombo.Option(OF_GAP, [audio]),
                        io.DynamicCombo.Option(PART, [audio, *_part_inputs()]),
                    ],
                    tooltip="What the audio covers. of the whole: it starts with the clip before and ends with the "
                    "clip after. of the gap: it starts with the gap. part of it: the gap lies between two times in "
                    "it.",
                ),
                io.Combo.Input(
                    "frame_rule",
                    options=list(FRAME_RULES),
                    default="4n+1",
                    tooltip="Frame counts the engine supports: 4n+1 for Wan, 8n+1 for LTX-Video, any for others. To "
                    "reach one, the new clip includes up to 3 or 7 extra frames of the clips.",
                ),
                io.Int.Input(
                    "context_frames",
                    default=1,
                    min=1,
                    max=77,
                    step=4,
                    tooltip="How many frames of the clip before to include at the start of the new clip: 1 is only the "
                    "frame next to the gap, 5 or 9 also show how things move.",
                ),
                io.Int.Input(
                    "caption_frames",
                    default=6,
                    min=4,
                    max=8,
                    tooltip="How many frames to caption, half from each side.",
                ),
                io.Int.Input(
                    "caption_size",
                    default=512,
                    min=64,
                    max=4096,
                    advanced=True,
                    tooltip="Maximum length of the longer side of the frames to caption, in pixels.",
                ),
                io.Float.Input(
                    "audio_context",
                    default=0.5,
                    min=0.0,
                    max=10.0,
                    step=0.1,
                    advanced=True,
                    tooltip="Seconds of sound to include before and after the new clip.",
                ),
            ],
            outputs=[
                Keyframes.Output(
                    display_name="keyframes", tooltip="The known frames at the start and end of the new clip."
                ),
                io.Int.Output(display_name="frame_count", tooltip="Number of frames in the new clip."),
                io.Image.Output(display_name="clip_before", tooltip="For Join Clips with overlap 1."),
                io.Image.Output(
                    display_name="clip_after", tooltip="For Join Clips with overlap 1, after the new clip."
                ),
                io.Audio.Output(
                    display_name="audio", tooltip="The sound of the new clip, with some extra on both sides."
                ),
                io.Float.Output(
                    display_name="audio_start",
                    tooltip="Where the new clip starts in that audio. Connect it to start_seconds.",
                ),
                io.Image.Output(display_name="caption_frames", tooltip="Connect to image of Generate Text."),
                io.String.Output(display_name="caption_prompt", tooltip="Connect to prompt of Generate Text."),
                io.String.Output(
                    display_name="report", tooltip="How long the new clip is, and which of its frames are known."
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, fps: float | None = None, gap: object = None, sound: object = None) -> bool | str:
        # The host passes dynamic inputs without their values.
        return verdict(lambda: fps is None or exact(fps, "fps"))

    @classmethod
    def execute(
        cls,
        gap: Mapping[str, Any],
        fps: float,
        sound: Mapping[str, Any],
        frame_rule: str,
        context_frames: int,
        caption_frames: int,
        caption_size: int,
        audio_context: float,
    ) -> io.NodeOutput:
        settings = ContextSettings(context_frames, frame_rule, caption_frames, caption_size, audio_context)
        known = context_of(gap, fps, sound, settings)
        show_report(known.report)
        return io.NodeOutput(
            known.keyframes,
            known.keyframes.frame_count,
            known.before_THWC,
            known.after_THWC,
            known.sound.as_audio(),
            float(known.audio_start),
            known.caption_THWC,
            known.caption_prompt,
            known.report,
        )


def _gap_options() -> list[io.DynamicCombo.Option]:
    def frame(name: str, default: int, tooltip: str) -> io.Int.Input:
        return io.Int.Input(name, default=default, min=0, max=100000, tooltip=tooltip)

    def time(name: str, default: float, tooltip: str) -> io.Float.Input:
        return io.Float.Input(name, default=default, min=0.0, max=86400.0, step=0.001, tooltip=tooltip)

    two = [
        io.Image.Input("clip_before", tooltip="Frames before the gap."),
        io.Image.Input("clip_after", tooltip="Frames after the gap."),
    ]
    clip = io.Image.Input("clip", tooltip="All frames of the clip.")
    first = frame("first", 24, "The first frame to regenerate, counted from 0.")
    end = frame("end", 48, "The first frame after the gap, which stays.")
    begins = time("from_seconds", 1.0, "Where the part to regenerate begins.")
    ends = time("to_seconds", 2.0, "Where the part to regenerate ends.")
    return [
        io.DynamicCombo.Option(BETWEEN, [*two, frame("frames", 23, "How many frames are missing.")]),
        io.DynamicCombo.Option(BETWEEN_SECONDS, [*two, time("seconds", 1.0, "How much time is missing.")]),
        io.DynamicCombo.Option(WITHIN, [clip, first, end]),
        io.DynamicCombo.Option(WITHIN_SECONDS, [clip, begins, ends]),
    ]


def _part_inputs() -> list[io.Float.Input]:
    options = {"min": 0.0, "max": 86400.0, "step": 0.001}
    return [
        io.Float.Input("from_seconds", default=1.0, tooltip="Where in the audio the gap begins.", **options),
        io.Float.Input("to_seconds", default=2.0, tooltip="Where in the audio the gap ends.", **options),
    ]
