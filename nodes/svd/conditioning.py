"""SVD Keyframe Conditioning: a first and a last keyframe, told to Stable Video Diffusion."""

from typing import Any

from comfy_api.latest import io

from ...core.keyframes.keyframe_set import KeyframeSet
from ...host.runtime import show_report
from ...host.svd.conditioning import condition_svd
from ..checked_node import InbetweenNode
from ..types import Keyframes
from .inputs import picture_inputs, svd_settings


class InbetweenSVDConditioning(InbetweenNode):
    """Conditions both directions of an SVD."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenSVDConditioning",
            display_name="SVD Keyframe Conditioning",
            category="in-between/svd",
            description="Tell Stable Video Diffusion where a clip begins and where it ends.",
            search_aliases=["svd img2vid", "generative inbetweening", "first last frame", "stable video diffusion"],
            inputs=[
                io.ClipVision.Input("clip_vision", tooltip="From Image Only Checkpoint Loader."),
                io.Vae.Input("vae", tooltip="From Image Only Checkpoint Loader."),
                Keyframes.Input(
                    "keyframes",
                    tooltip="A first and a last one. 25 frames of 1024x576 are what SVD-XT was trained on, 14 SVD; the "
                    "size must be divisible by 8.",
                ),
                *picture_inputs(),
            ],
            outputs=[
                io.Conditioning.Output(display_name="start", tooltip="For Dual-Direction Guider."),
                io.Conditioning.Output(display_name="end", tooltip="For Dual-Direction Guider."),
                io.Latent.Output(display_name="latent", tooltip="Empty, of the length and size of the keyframes."),
                io.String.Output(display_name="report", tooltip="What is made, and what deserves attention."),
            ],
        )

    @classmethod
    def execute(cls, clip_vision: Any, vae: Any, keyframes: KeyframeSet, **pictures: Any) -> io.NodeOutput:
        done = condition_svd(clip_vision, vae, keyframes, svd_settings(**pictures))
        show_report(done.report)
        return io.NodeOutput(done.start, done.end, done.latent, done.report)
