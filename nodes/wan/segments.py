"""Segments: generates a long clip segment by segment, each with its own seed and prompt."""

from typing import Any

from comfy_api.latest import io

from ...core.keyframes.keyframe_set import KeyframeSet
from ...core.wan.layout import OtherLengths
from ...core.wan.lora_mixture import LoraMixture as Mixture
from ...host.host_nodes import SAMPLERS, SCHEDULERS
from ..checked_node import InbetweenNode
from ..clips.segment_inputs import context_frames_input, cut_input, joined_outputs, match_colour_input, seed_inputs
from ..graphs.expansion import connected_inputs
from ..graphs.segments import TimeLine, segments_graph
from ..graphs.wan_segments import Sampling, WanSegments
from ..types import Keyframes, LoraMixture
from .inputs import clip_images_input, low_noise_strength_input, other_lengths_input


class InbetweenSegments(InbetweenNode):
    """Generates all segments of a keyframe set and joins them."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenSegments",
            display_name="Segments",
            category="in-between/wan",
            description="Create a clip that is longer than a Wan model allows. It is generated segment by segment, "
            "each with its own seed and prompt, and joined to exactly the length of the timeline. After a change, "
            "only the affected segments are generated again.",
            search_aliases=["long video", "extend video", "sections", "chunks", "multi prompt", "keyframe sequence"],
            enable_expand=True,
            hidden=[io.Hidden.unique_id, io.Hidden.dynprompt],
            inputs=[
                io.Model.Input("model", tooltip="The Wan model. For Wan2.2, the high-noise model."),
                io.Clip.Input("clip", tooltip="The text encoder, for the prompts."),
                io.Vae.Input("vae", tooltip="wan_2.1_vae."),
                Keyframes.Input("keyframes", tooltip="The whole timeline, with keyframes at its first and last frame."),
                io.String.Input(
                    "prompts",
                    multiline=True,
                    default="",
                    tooltip="The prompts: one line for each segment, or one line for all.",
                ),
                io.String.Input("negative", multiline=True, default="", tooltip="Negative prompt, for every segment."),
                cut_input(),
                context_frames_input(),
                *seed_inputs(),
                io.Float.Input(
                    "cfg",
                    default=5.0,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip="How closely to follow the prompt. Use 1 with few-step LoRAs.",
                ),
                io.Combo.Input("sampler_name", options=list(SAMPLERS), default="euler", tooltip="As in KSampler."),
                io.Combo.Input("scheduler", options=list(SCHEDULERS), default="simple", tooltip="As in KSampler."),
                clip_images_input(),
                other_lengths_input(),
                match_colour_input(),
                io.ClipVision.Input("clip_vision", optional=True, tooltip="clip_vision_h, for every Wan2.1 model."),
                LoraMixture.Input(
                    "mixture", optional=True, tooltip="A Mixture of LoRA. Each segment uses the expert for its length."
                ),
                io.Model.Input("model_low", optional=True, tooltip="The low-noise model of Wan2.2."),
                LoraMixture.Input("mixture_low", optional=True, tooltip="A Mixture of LoRA for the low-noise model."),
                io.Int.Input(
                    "high_noise_steps",
                    default=10,
                    min=1,
                    max=10000,
                    optional=True,
                    advanced=True,
                    tooltip="For Wan2.2: how many of the steps run on the high-noise model.",
                ),
                low_noise_strength_input(),
            ],
            outputs=joined_outputs(),
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        clip: Any,
        vae: Any,
        keyframes: KeyframeSet,
        prompts: str,
        negative: str,
        cut: dict[str, Any],
        context_frames: int,
        seed: int,
        own_seeds: str,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        clip_images: dict[str, Any],
        other_lengths: OtherLengths,
        match_colour: bool,
        low_noise_strength: float,
        clip_vision: Any = None,
        mixture: Mixture | None = None,
        model_low: Any = None,
        mixture_low: Mixture | None = None,
        high_noise_steps: int = 10,
    ) -> io.NodeOutput:
        connected = connected_inputs(
            cls,
            model=model,
            clip=clip,
            vae=vae,
            keyframes=keyframes,
            clip_vision=clip_vision,
            mixture=mixture,
            model_low=model_low,
            mixture_low=mixture_low,
        )
        wanted = TimeLine(keyframes, seed, own_seeds, match_colour, prompts, cut, context_frames)
        sampling = Sampling(steps, cfg, sampler_name, scheduler, high_noise_steps)
        engine = WanSegments(connected, negative, sampling, clip_images, other_lengths, low_noise_strength)
        graph = segments_graph(connected, wanted, engine)
        return io.NodeOutput(graph.frames, graph.report, expand=graph.nodes)
