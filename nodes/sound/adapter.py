"""Apply Audio Adapter: drives a clip with audio."""

from collections.abc import Mapping
from typing import Any

from comfy_api.latest import io

from ...core.keyframes.keyframe_set import KeyframeSet
from ...core.timing.frame_counts import exact
from ...host.runtime import show_report
from ...host.sound.adapter import GUIDANCE_FORMS, AudioSettings, GuidanceForm, apply_audio
from ...host.sound.features import LEVELS, AudioSource
from ..checked_node import InbetweenNode
from ..timing.inputs import fps_input
from ..types import Keyframes, ModelPatch
from ..validation import verdict
from .inputs import offset_input, start_input

FROM_AUDIO, FROM_ENCODED = "audio", "encoded audio"


class InbetweenAudioAdapter(InbetweenNode):
    """Drives a Wan model with audio."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        audio = io.Audio.Input(
            "audio", tooltip="Speech, or another sound that the adapter was trained on. Any sample rate works."
        )
        encoder = io.AudioEncoder.Input(
            "audio_encoder",
            tooltip="From Load Audio Encoder: chinese-wav2vec2-base for EchoMimicV3 flash, wav2vec2-base-960h for all "
            "other adapters.",
        )
        level = io.Combo.Input(
            "level",
            options=list(LEVELS),
            default=LEVELS[0],
            advanced=True,
            tooltip="Loudness of the audio that goes into the encoder. as trained is the level from the adapter's "
            "training.",
        )
        context_seconds = io.Float.Input(
            "context_seconds",
            default=0.0,
            min=0.0,
            max=10.0,
            step=0.1,
            advanced=True,
            tooltip="Seconds of audio before and after the clip that also go into the encoder. Use this when the clip "
            "is part of continuous speech. 0 as published.",
        )
        encoded = io.AudioEncoderOutput.Input(
            "encoded_audio", tooltip="From AudioEncoderEncode. Does not work with EchoMimicV3 flash."
        )
        return io.Schema(
            node_id="InbetweenAudioAdapter",
            display_name="Apply Audio Adapter",
            category="in-between/audio",
            description="Drive a Wan2.1 image-to-video model with audio, so that lips follow speech, with keyframes "
            "if you like. Each latent frame follows the sound at its own time.",
            search_aliases=[
                "lip sync",
                "talking head",
                "speech to video",
                "audio driven",
                "fantasytalking",
                "echomimic",
            ],
            inputs=[
                io.Model.Input("model", tooltip="The Wan2.1 model that the adapter was trained on, after any LoRAs."),
                ModelPatch.Input("audio_adapter", tooltip="From Load Audio Adapter."),
                io.Conditioning.Input("positive", tooltip="From Wan Keyframe Conditioning."),
                io.Conditioning.Input("negative", tooltip="From Wan Keyframe Conditioning."),
                io.Latent.Input("latent", tooltip="The latent you will sample. It sets the length of the clip."),
                io.DynamicCombo.Input(
                    "sound",
                    options=[
                        io.DynamicCombo.Option(FROM_AUDIO, [audio, encoder, context_seconds, level]),
                        io.DynamicCombo.Option(FROM_ENCODED, [encoded]),
                    ],
                    tooltip="audio: the node cuts it, sets its level and encodes it as in the adapter's training. "
                    "encoded audio: use the output of AudioEncoderEncode.",
                ),
                fps_input(
                    "Frames per second of the clip. FantasyTalking was trained at 23, the others at 25.", default=25.0
                ),
                start_input(),
                offset_input(),
                io.Float.Input(
                    "scale",
                    default=1.0,
                    min=0.0,
                    max=10.0,
                    step=0.05,
                    tooltip="Strength of the audio: 1 as published, 0 off.",
                ),
                io.Combo.Input(
                    "guidance",
                    options=list(GUIDANCE_FORMS),
                    default=GUIDANCE_FORMS[0],
                    advanced=True,
                    tooltip="What Dual CFG Guider compares. text, then audio: the middle condition is the prompt "
                    "without sound. audio, then text: it is the negative prompt with sound. audio only: the prompt "
                    "with and without sound.",
                ),
                io.Mask.Input(
                    "region",
                    optional=True,
                    tooltip="Mask of the area that the audio affects, such as one of several faces. One mask for the "
                    "whole clip, or one for each frame.",
                ),
                Keyframes.Input(
                    "keyframes",
                    optional=True,
                    tooltip="Only for a BBF adapter, which compares the first and the last keyframe.",
                ),
                io.Vae.Input("vae", optional=True, tooltip="Only for a BBF adapter, to encode the keyframes."),
            ],
            outputs=[
                io.Model.Output(display_name="model", tooltip="For Dual CFG Guider."),
                io.Conditioning.Output(display_name="positive", tooltip="For cond1 of Dual CFG Guider."),
                io.Conditioning.Output(display_name="middle", tooltip="For cond2 of Dual CFG Guider."),
                io.Conditioning.Output(display_name="negative", tooltip="For negative of Dual CFG Guider."),
                io.String.Output(
                    display_name="report",
                    tooltip="Which part of the audio the clip uses, the scales for Dual CFG Guider, and warnings.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, fps: float | None = None, sound: object = None) -> bool | str:
        # The host always passes dynamic inputs, but without their values.
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
            source = AudioSource(encoded=sound["encoded_audio"])
        else:
            source = AudioSource(sound["audio"], sound["audio_encoder"], sound["level"], sound["context_seconds"])
        settings = AudioSettings(fps, start_seconds, offset_ms, scale, region, guidance)
        done = apply_audio(model, audio_adapter, positive, negative, latent, source, settings, keyframes, vae)
        show_report(done.report)
        return io.NodeOutput(done.model, done.positive, done.middle, done.negative, done.report)
