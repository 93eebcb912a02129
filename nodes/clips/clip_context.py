"""Clip Context: what stands around a gap, for the clip that is to fill it."""

from collections.abc import Mapping
from typing import Any

from comfy_api.latest import io

from ...core.clips.clip_context import ContextSettings, context_of
from ...core.clips.gap_sound import NONE, OF_GAP, PART, WHOLE
from ...core.clips.gaps import BETWEEN, BETWEEN_SECONDS, WITHIN, WITHIN_SECONDS
from ...core.timing.frame_counts import FRAME_RULES, exact
from ...host.runtime import show_report
from ..checked_node import InbetweenNode
from ..sound.inputs import fps_input
from ..types import Keyframes
from ..validation import verdict


class InbetweenClipContext(InbetweenNode):
    """Takes what is around a gap out of the clips."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        audio = io.Audio.Input("audio", tooltip="The audio.")
        return io.Schema(
            node_id="InbetweenClipContext",
            display_name="Clip Context",
            category="in-between/audio",
            description="A gap between two clips, or a part of one clip to be made anew: what is known around it, as "
            "keyframes, as sound, and as pictures with a question for a vision-language model.",
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
                    tooltip="Whether the gap lies between two clips, or is a part of one clip that is made anew, and "
                    "how it is measured.",
                ),
                fps_input("Frames per second of the clips."),
                io.DynamicCombo.Input(
                    "sound",
                    # The page cannot begin with an option that has sockets and no widget.
                    options=[
                        io.DynamicCombo.Option(NONE, []),
                        io.DynamicCombo.Option(WHOLE, [audio]),
                        io.DynamicCombo.Option(OF_GAP, [audio]),
                        io.DynamicCombo.Option(PART, [audio, *_part_inputs()]),
                    ],
                    tooltip="of the whole: it begins with the clip before and ends with the clip after. of the gap: it "
                    "begins with the gap. part of it: the gap lies in it from one time to another.",
                ),
                io.Combo.Input(
                    "frame_rule",
                    options=list(FRAME_RULES),
                    default="4n+1",
                    tooltip="Which lengths the engine can make: 4n+1 for Wan, 8n+1 for LTX-Video, any for others. "
                    "To fit them, the new clip includes up to 3 or 7 more frames of the clips.",
                ),
                io.Int.Input(
                    "context_frames",
                    default=1,
                    min=1,
                    max=77,
                    step=4,
                    tooltip="Frames of the clip before that the new clip begins with: 1 is the one beside the gap, 5 "
                    "or 9 show how things move.",
                ),
                io.Int.Input(
                    "caption_frames",
                    default=6,
                    min=4,
                    max=8,
                    tooltip="How many frames to describe, half from each side.",
                ),
                io.Int.Input(
                    "caption_size",
                    default=512,
                    min=64,
                    max=4096,
                    advanced=True,
                    tooltip="Most pixels of the longer side of frames to describe.",
                ),
                io.Float.Input(
                    "audio_context",
                    default=0.5,
                    min=0.0,
                    max=10.0,
                    step=0.1,
                    advanced=True,
                    tooltip="Seconds of sound before and after the new clip that come along.",
                ),
            ],
            outputs=[
                Keyframes.Output(
                    display_name="keyframes", tooltip="The new clip's first and last frames, which are known."
                ),
                io.Int.Output(display_name="frame_count", tooltip="Frames of the new clip."),
                io.Image.Output(display_name="clip_before", tooltip="For Join Clips with overlap 1."),
                io.Image.Output(
                    display_name="clip_after", tooltip="For Join Clips with overlap 1, after the new clip."
                ),
                io.Audio.Output(display_name="audio", tooltip="The sound of the new clip, with some on both sides."),
                io.Float.Output(
                    display_name="audio_start", tooltip="Where in that the new clip begins: start_seconds elsewhere."
                ),
                io.Image.Output(display_name="caption_frames", tooltip="For image of Generate Text."),
                io.String.Output(display_name="caption_prompt", tooltip="For prompt of Generate Text."),
                io.String.Output(display_name="report", tooltip="How long the new clip is, and what of it is known."),
            ],
        )

    @classmethod
    def validate_inputs(cls, fps: float | None = None, gap: object = None, sound: object = None) -> bool | str:
        # Dynamic inputs come without their values.
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
    first = frame("first", 24, "The first frame that is made anew, from 0.")
    end = frame("end", 48, "The first frame after it that stays.")
    begins = time("from_seconds", 1.0, "Where the part that is made anew begins.")
    ends = time("to_seconds", 2.0, "Where it ends.")
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
