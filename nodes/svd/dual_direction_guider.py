"""Dual-Direction Guider: denoises a clip from its first and its last keyframe at the same time."""

from typing import Any

from comfy_api.latest import io

from ...core.svd import reverse_motion as learned
from ...host.svd.dual_direction import dual_direction_guider
from ..checked_node import InbetweenNode
from ..types import ReverseMotion
from .inputs import direction_inputs, direction_settings


class InbetweenDualDirectionGuider(InbetweenNode):
    """Guides the sampler by the predictions of both directions."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenDualDirectionGuider",
            display_name="Dual-Direction Guider",
            category="in-between/svd",
            description="Generate the frames between two keyframes with Generative Inbetweening: SVD denoises the "
            "clip forward from the first keyframe and backward from the last at the same time. The backward direction "
            "uses the attention of the forward direction, reversed in time.",
            search_aliases=["generative inbetweening", "svd keyframe interpolation", "trf", "time reversal fusion"],
            inputs=[
                io.Model.Input("model", tooltip="SVD-XT or SVD, from Image Only Checkpoint Loader."),
                io.Conditioning.Input("start", tooltip="From SVD Keyframe Conditioning."),
                io.Conditioning.Input("end", tooltip="From SVD Keyframe Conditioning."),
                ReverseMotion.Input(
                    "reverse_motion", optional=True, tooltip="From Load Reverse Motion, for generative inbetweening."
                ),
                *direction_inputs(),
            ],
            outputs=[io.Guider.Output(display_name="guider", tooltip="For Sampler Custom Advanced.")],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        start: list[Any],
        end: list[Any],
        reverse_motion: learned.ReverseMotion | None = None,
        **directions: Any,
    ) -> io.NodeOutput:
        settings = direction_settings(**directions)
        return io.NodeOutput(dual_direction_guider(model, start, end, reverse_motion, settings))
