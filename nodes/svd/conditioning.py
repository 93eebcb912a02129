"""SVD Keyframe Conditioning: conditions Stable Video Diffusion on a first and a last keyframe."""

from typing import Any

from comfy_api.latest import io

from ...core.keyframes.keyframe_set import KeyframeSet
from ...host.runtime import show_report
from ...host.svd.conditioning import condition_svd
from ..checked_node import InbetweenNode
from ..types import Keyframes
from .inputs import picture_inputs, svd_settings


class InbetweenSVDConditioning(InbetweenNode):
    """Encodes the first and the last keyframe for the two directions."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenSVDConditioning",
            display_name="SVD Keyframe Conditioning",
            category="in-between/svd",
            description="Condition Stable Video Diffusion on the first and the last frame of a clip.",
            search_aliases=["svd img2vid", "generative inbetweening", "first last frame", "stable video diffusion"],
            inputs=[
                io.ClipVision.Input("clip_vision", tooltip="From Image Only Checkpoint Loader."),
                io.Vae.Input("vae", tooltip="From Image Only Checkpoint Loader."),
                Keyframes.Input(
                    "keyframes",
                    tooltip="One keyframe at the first frame and one at the last. SVD-XT was trained on 25 frames of "
                    "1024x576, SVD on 14. Width and height must be divisible by 8.",
                ),
                *picture_inputs(),
            ],
            outputs=[
                io.Conditioning.Output(display_name="start", tooltip="For Dual-Direction Guider."),
                io.Conditioning.Output(display_name="end", tooltip="For Dual-Direction Guider."),
                io.Latent.Output(
                    display_name="latent", tooltip="An empty latent with the length and size of the keyframes."
                ),
                io.String.Output(display_name="report", tooltip="Length and size of the clip, and warnings."),
            ],
        )

    @classmethod
    def execute(cls, clip_vision: Any, vae: Any, keyframes: KeyframeSet, **pictures: Any) -> io.NodeOutput:
        done = condition_svd(clip_vision, vae, keyframes, svd_settings(**pictures))
        show_report(done.report)
        return io.NodeOutput(done.start, done.end, done.latent, done.report)
