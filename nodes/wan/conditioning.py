"""Wan Keyframe Conditioning: keyframes at any frames, told to a Wan image-to-video model."""

from collections.abc import Mapping
from typing import Any

from comfy_api.latest import io

from ...core.keyframes.keyframe_set import KeyframeSet
from ...core.wan.layout import OtherLengths
from ...host.runtime import show_report
from ...host.wan.conditioning import Conditioning, WanSettings, condition_on_keyframes
from ..checked_node import InbetweenNode
from ..types import Keyframes
from .inputs import clip_images_input, low_noise_strength_input, other_lengths_input


class InbetweenWanConditioning(InbetweenNode):
    """Conditions a Wan model on keyframes."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenWanConditioning",
            display_name="Wan Keyframe Conditioning",
            category="in-between/wan",
            description="Tell a Wan image-to-video model where the keyframes stand: the first, the last, and any "
            "between, each at its exact frame. For Wan2.1 I2V, FLF2V, Fun-InP, SemFi and Wan2.2.",
            search_aliases=[
                "first last frame",
                "flf2v",
                "first middle last frame",
                "image to video",
                "semfi",
                "wan inpaint",
                "keyframe",
            ],
            inputs=[
                io.Model.Input(
                    "model",
                    tooltip="The Wan model, to see what kind it is. Connect it before its LoRAs, so that a changed "
                    "LoRA does not encode the pictures again; after Apply Mixture of LoRA, auto sees SemFi.",
                ),
                io.Conditioning.Input("positive", tooltip="What the clip shows and how it moves."),
                io.Conditioning.Input("negative", tooltip="Negative prompt."),
                io.Vae.Input("vae", tooltip="wan_2.1_vae; for TI2V-5B wan2.2_vae."),
                Keyframes.Input(
                    "keyframes",
                    tooltip="From Keyframes, of a size that is a multiple of 16 and a length of 4n+1. Strengths count: "
                    "24:0.8 holds the picture at frame 24 less firmly.",
                ),
                io.ClipVision.Input(
                    "clip_vision",
                    optional=True,
                    tooltip="clip_vision_h, for every Wan2.1 model; Wan2.2 has no use for it.",
                ),
                clip_images_input(),
                other_lengths_input(),
                low_noise_strength_input(),
                io.Int.Input(
                    "batch_size",
                    default=1,
                    min=1,
                    max=4096,
                    advanced=True,
                    tooltip="How many clips to make at once, each from its own noise.",
                ),
            ],
            outputs=[
                io.Conditioning.Output(
                    display_name="positive", tooltip="For the sampler; in Wan2.2 the high-noise one."
                ),
                io.Conditioning.Output(
                    display_name="negative", tooltip="For the sampler; in Wan2.2 the high-noise one."
                ),
                io.Latent.Output(display_name="latent", tooltip="Empty, of the length that is made."),
                io.Conditioning.Output(
                    display_name="positive_low",
                    tooltip="For the low-noise sampler of Wan2.2, where low_noise_strength is below 1.",
                ),
                io.Conditioning.Output(
                    display_name="negative_low",
                    tooltip="For the low-noise sampler of Wan2.2, where low_noise_strength is below 1.",
                ),
                io.String.Output(
                    display_name="report", tooltip="The kind of model, the frames made, and what deserves attention."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        positive: Conditioning,
        negative: Conditioning,
        vae: Any,
        keyframes: KeyframeSet,
        clip_images: Mapping[str, Any],
        other_lengths: OtherLengths,
        low_noise_strength: float,
        batch_size: int,
        clip_vision: Any = None,
    ) -> io.NodeOutput:
        settings = WanSettings(
            clip_images["clip_images"],
            clip_images.get("end_share", 0.5),
            other_lengths,
            low_noise_strength,
            batch_size,
        )
        done = condition_on_keyframes(model, positive, negative, vae, keyframes, clip_vision, settings)
        show_report(done.report)
        return io.NodeOutput(
            done.positive, done.negative, done.latent, done.positive_low, done.negative_low, done.report
        )
