"""Audio View: draws audio, frames, and the sound each latent frame uses on one time axis."""

from collections.abc import Mapping
from typing import Any

from comfy_api.latest import io, ui

from ...core.sound.timing import span_of_clip
from ...core.timing.frame_counts import exact
from ...host.runtime import show_report
from ...host.sound.adapter import view_audio
from ..checked_node import InbetweenNode
from ..sound.inputs import offset_input, start_input
from ..timing.inputs import fps_input
from ..types import Keyframes, ModelPatch
from ..validation import verdict

BY_COUNT, BY_KEYFRAMES = "frame count", "keyframes"


class InbetweenAudioView(InbetweenNode):
    """Draws audio over the frames of a clip."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        frame_count = io.Int.Input(
            "frame_count",
            default=81,
            min=5,
            max=100000,
            step=4,
            tooltip="Number of frames in the clip: 4n+1, both ends included.",
        )
        keyframes = Keyframes.Input(
            "keyframes", tooltip="Keyframes that set the length of the clip. They are marked in the picture."
        )
        return io.Schema(
            node_id="InbetweenAudioView",
            display_name="Audio View",
            category="in-between/look",
            description="Draw a clip's audio, its frames, its latent frames, and the sound that each latent frame "
            "uses, on one time axis. Use it to check that words fall where they should.",
            search_aliases=["waveform", "audio timeline", "lip sync check", "audio windows"],
            is_output_node=True,
            inputs=[
                io.Audio.Input("audio", tooltip="The audio you connect to Apply Audio Adapter."),
                io.DynamicCombo.Input(
                    "length",
                    options=[
                        io.DynamicCombo.Option(BY_COUNT, [frame_count]),
                        io.DynamicCombo.Option(BY_KEYFRAMES, [keyframes]),
                    ],
                    tooltip="Where the length of the clip comes from.",
                ),
                fps_input("Frames per second of the clip.", default=25.0),
                start_input(),
                offset_input(),
                ModelPatch.Input(
                    "audio_adapter",
                    optional=True,
                    tooltip="The adapter whose windows are drawn. Without one, the windows of StableAvatar and "
                    "FantasyTalking are drawn.",
                ),
                io.Int.Input("width", default=1400, min=480, max=8192, tooltip="Width of the picture in pixels."),
                io.Int.Input("height", default=620, min=360, max=8192, tooltip="Height of the picture in pixels."),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The picture, also shown on the node."),
                io.String.Output(
                    display_name="report", tooltip="Which part of the audio the clip uses, and what is silent."
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, fps: float | None = None, length: object = None) -> bool | str:
        # The host always passes dynamic inputs, but without their values.
        return verdict(lambda: fps is None or exact(fps, "fps"))

    @classmethod
    def execute(
        cls,
        audio: Mapping[str, Any],
        length: Mapping[str, Any],
        fps: float,
        start_seconds: float,
        offset_ms: int,
        width: int,
        height: int,
        audio_adapter: Any = None,
    ) -> io.NodeOutput:
        keyframes = length.get("keyframes")
        frame_count = keyframes.frame_count if keyframes else length["frame_count"]
        placed = keyframes.frames if keyframes else ()
        span = span_of_clip(frame_count, fps, start_seconds, offset_ms)
        picture, report = view_audio(audio, span, audio_adapter, placed, (width, height))
        show_report(report)
        return io.NodeOutput(picture, report, ui=ui.PreviewImage(picture, cls=cls))
