"""Apply Audio Adapter: the clip follows the sound."""

from collections.abc import Mapping
from typing import Any

from comfy_api.latest import io

from ...core.keyframes.keyframe_set import KeyframeSet
from ...core.timing.frame_counts import exact
from ...host.runtime import show_report
from ...host.sound.adapter import GUIDANCE_FORMS, AudioSettings, GuidanceForm, apply_audio
from ...host.sound.features import LEVELS, Source
from ..checked_node import InbetweenNode
from ..types import Keyframes, ModelPatch
from ..validation import verdict
from .inputs import fps_input, offset_input, start_input

FROM_AUDIO, FROM_ENCODED = "audio", "encoded audio"


class InbetweenAudioAdapter(InbetweenNode):
    """Lets a Wan model hear."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        audio = io.Audio.Input("audio", tooltip="Speech, or what else the adapter was trained on, of any rate.")
        encoder = io.AudioEncoder.Input(
            "audio_encoder",
            tooltip="wav2vec2-base from Load Audio Encoder: wav2vec2-base-960h; for EchoMimicV3 flash "
            "chinese-wav2vec2-base.",
        )
        level = io.Combo.Input(
            "level",
            options=list(LEVELS),
            default=LEVELS[0],
            advanced=True,
            tooltip="How loud the encoder hears it. as trained is what the adapter's authors do.",
        )
        context_seconds = io.Float.Input(
            "context_seconds",
            default=0.0,
            min=0.0,
            max=10.0,
            step=0.1,
            advanced=True,
            tooltip="Seconds of sound before and after the clip that the encoder hears as well, where the clip is a "
            "part of running speech; 0 is as published.",
        )
        encoded = io.AudioEncoderOutput.Input(
            "encoded_audio", tooltip="From AudioEncoderEncode. Not for EchoMimicV3 flash."
        )
        return io.Schema(
            node_id="InbetweenAudioAdapter",
            display_name="Apply Audio Adapter",
            category="in-between/audio",
            description="Let a Wan2.1 image-to-video model hear: lips follow speech, between keyframes, too. Each "
            "latent frame hears the sound of its own time.",
            search_aliases=[
                "lip sync",
                "talking head",
                "speech to video",
                "audio driven",
                "fantasytalking",
                "echomimic",
            ],
            inputs=[
                io.Model.Input("model", tooltip="The Wan2.1 model that the adapter was trained on, LoRAs applied."),
                ModelPatch.Input("audio_adapter", tooltip="From Load Audio Adapter."),
                io.Conditioning.Input("positive", tooltip="From Wan Keyframe Conditioning."),
                io.Conditioning.Input("negative", tooltip="From Wan Keyframe Conditioning."),
                io.Latent.Input("latent", tooltip="What will be sampled: it says how many frames there are."),
                io.DynamicCombo.Input(
                    "sound",
                    options=[
                        io.DynamicCombo.Option(FROM_AUDIO, [audio, encoder, context_seconds, level]),
                        io.DynamicCombo.Option(FROM_ENCODED, [encoded]),
                    ],
                    tooltip="audio is cut, levelled and encoded as the adapter was trained. encoded audio is what "
                    "AudioEncoderEncode made.",
                ),
                fps_input("Frames per second of the clip. FantasyTalking was trained at 23, the others at 25."),
                start_input(),
                offset_input(),
                io.Float.Input(
                    "scale",
                    default=1.0,
                    min=0.0,
                    max=10.0,
                    step=0.05,
                    tooltip="How strongly sound acts, 1 as published, 0 not at all.",
                ),
                io.Combo.Input(
                    "guidance",
                    options=list(GUIDANCE_FORMS),
                    default=GUIDANCE_FORMS[0],
                    advanced=True,
                    tooltip="What Dual CFG Guider compares. text, then audio: silence with the prompt stands between. "
                    "audio, then text: sound with the negative prompt. audio only: the prompt with sound and without.",
                ),
                io.Mask.Input(
                    "region",
                    optional=True,
                    tooltip="Sound acts only here: a face among several. One mask, or one for each frame.",
                ),
                Keyframes.Input(
                    "keyframes", optional=True, tooltip="Only for BBF's adapter, which looks at how the ends differ."
                ),
                io.Vae.Input("vae", optional=True, tooltip="Only for BBF's adapter, with keyframes."),
            ],
            outputs=[
                io.Model.Output(display_name="model", tooltip="For Dual CFG Guider."),
                io.Conditioning.Output(display_name="positive", tooltip="For cond1 of Dual CFG Guider."),
                io.Conditioning.Output(display_name="middle", tooltip="For cond2 of Dual CFG Guider."),
                io.Conditioning.Output(display_name="negative", tooltip="For negative of Dual CFG Guider."),
                io.String.Output(
                    display_name="report",
                    tooltip="What is heard, the scales for Dual CFG Guider, and what deserves attention.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, fps: float | None = None, sound: object = None) -> bool | str:
        # The host always passes on what is dynamic, without its values.
        return verdict(lambda: fps is None or exact(fps, "fps"))

    @classmethod
    def execute(
        cls,
        model: Any,
        audio_adapter: Any,
        positive: list[Any],
        negative: list[Any],
        latent: Mapping[str, Any],
        sound: Mapping[str, Any],
        fps: float,
        start_seconds: float,
        offset_ms: int,
        scale: float,
        guidance: GuidanceForm,
        region: Any = None,
        keyframes: KeyframeSet | None = None,
        vae: Any = None,
    ) -> io.NodeOutput:
        if sound["sound"] == FROM_ENCODED:
            source = Source(encoded=sound["encoded_audio"])
        else:
            source = Source(sound["audio"], sound["audio_encoder"], sound["level"], sound["context_seconds"])
        settings = AudioSettings(fps, start_seconds, offset_ms, scale, region, guidance)
        done = apply_audio(model, audio_adapter, positive, negative, latent, source, settings, keyframes, vae)
        show_report(done.report)
        return io.NodeOutput(done.model, done.positive, done.middle, done.negative, done.report)
