"""Wan Keyframe Conditioning: conditions a Wan image-to-video model on keyframes at any frames."""

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
    """Conditions a Wan image-to-video model on keyframes."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenWanConditioning",
            display_name="Wan Keyframe Conditioning",
            category="in-between/wan",
            description="Condition a Wan image-to-video model on keyframes at any frames: the first, the last, and "
            "any between. For Wan2.1 I2V, FLF2V, Fun-InP, SemFi and Wan2.2.",
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
                    tooltip="The Wan model, used only to detect its kind. Connect the model as it is before any LoRA "
                    "nodes, so that changing a LoRA does not encode the pictures again. If you use SemFi, connect the "
                    "output of Apply Mixture of LoRA, so that auto recognises it.",
                ),
                io.Conditioning.Input("positive", tooltip="Prompt: what the clip shows and how it moves."),
                io.Conditioning.Input("negative", tooltip="Negative prompt."),
                io.Vae.Input("vae", tooltip="wan_2.1_vae, or wan2.2_vae for TI2V-5B."),
                Keyframes.Input(
                    "keyframes",
                    tooltip="From Keyframes. Width and height must be multiples of 16, and the length 4n+1. Strengths "
                    "apply: with 24:0.8 the model follows the picture at frame 24 less strictly.",
                ),
                io.ClipVision.Input(
                    "clip_vision",
                    optional=True,
                    tooltip="clip_vision_h, for every Wan2.1 model. Wan2.2 does not use it.",
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
                    tooltip="How many clips to generate in one run, each from its own noise.",
                ),
            ],
            outputs=[
                io.Conditioning.Output(
                    display_name="positive", tooltip="For the sampler. With Wan2.2, for the high-noise sampler."
                ),
                io.Conditioning.Output(
                    display_name="negative", tooltip="For the sampler. With Wan2.2, for the high-noise sampler."
                ),
                io.Latent.Output(display_name="latent", tooltip="The latent to sample, with the length to generate."),
                io.Conditioning.Output(
                    display_name="positive_low",
                    tooltip="For the low-noise sampler of Wan2.2, if low_noise_strength is below 1.",
                ),
                io.Conditioning.Output(
                    display_name="negative_low",
                    tooltip="For the low-noise sampler of Wan2.2, if low_noise_strength is below 1.",
                ),
                io.String.Output(
                    display_name="report", tooltip="The kind of model, the number of frames to generate, and warnings."
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
