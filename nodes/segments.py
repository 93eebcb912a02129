"""Segments: a long clip, segment by segment, each with its own seed and prompt."""

from comfy_api.latest import io

from ..core.segments import counted_seeds, cut_segments, describe, prompt_lines, segment_ranges, with_own_seeds
from ..host.runtime import show_report
from ..host.segments import SAMPLERS, SCHEDULERS, Sampling, build_segments, check_before_sampling
from ..host.wan_conditioning import WanSettings, check_keyframes
from .checked_node import InbetweenNode
from .expansion import flat_widgets, input_links
from .segment_inputs import joined_outputs, match_colour_input, seed_inputs
from .types import Keyframes, LoraMixture
from .wan_inputs import (
    clip_images_input,
    context_frames_input,
    cut_input,
    low_noise_strength_input,
    other_lengths_input,
)


class InbetweenSegments(InbetweenNode):
    """Makes all segments of a keyframe set and joins them."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="InbetweenSegments",
            display_name="Segments",
            category="in-between/wan",
            description="Make a clip that is longer than a Wan model can: segment by segment, each with its own seed "
            "and prompt, joined to exactly the length asked for. After a change only the segments it concerns are "
            "made again.",
            search_aliases=["long video", "extend video", "sections", "chunks", "multi prompt", "keyframe sequence"],
            enable_expand=True,
            hidden=[io.Hidden.unique_id, io.Hidden.dynprompt],
            inputs=[
                io.Model.Input("model", tooltip="The Wan model; for Wan2.2 the high-noise one."),
                io.Clip.Input("clip", tooltip="The text encoder, for the prompts."),
                io.Vae.Input("vae", tooltip="wan_2.1_vae."),
                Keyframes.Input(
                    "keyframes", tooltip="The whole time line, with keyframes at its first and last frame."
                ),
                io.String.Input(
                    "prompts",
                    multiline=True,
                    default="",
                    tooltip="One line for each segment, or one line for all.",
                ),
                io.String.Input("negative", multiline=True, default="", tooltip="What no segment shall show."),
                cut_input(),
                context_frames_input(),
                *seed_inputs(),
                io.Float.Input(
                    "cfg",
                    default=5.0,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip="How closely the prompt is followed; 1 with LoRAs for few steps.",
                ),
                io.Combo.Input("sampler_name", options=list(SAMPLERS), default="euler", tooltip="As in KSampler."),
                io.Combo.Input("scheduler", options=list(SCHEDULERS), default="simple", tooltip="As in KSampler."),
                clip_images_input(),
                other_lengths_input(),
                match_colour_input(),
                io.ClipVision.Input("clip_vision", optional=True, tooltip="clip_vision_h, for every Wan2.1 model."),
                LoraMixture.Input("mixture", optional=True, tooltip="Each segment takes the expert for its length."),
                io.Model.Input("model_low", optional=True, tooltip="The low-noise model of Wan2.2."),
                LoraMixture.Input("mixture_low", optional=True, tooltip="The mixture for the low-noise model."),
                io.Int.Input(
                    "high_noise_steps",
                    default=10,
                    min=1,
                    max=10000,
                    optional=True,
                    advanced=True,
                    tooltip="For Wan2.2: how many of the steps the high-noise model does.",
                ),
                low_noise_strength_input(),
            ],
            outputs=joined_outputs(),
        )

    @classmethod
    def execute(
        cls,
        model,
        clip,
        vae,
        keyframes,
        prompts,
        negative,
        cut,
        context_frames,
        seed,
        own_seeds,
        steps,
        cfg,
        sampler_name,
        scheduler,
        clip_images,
        other_lengths,
        match_colour,
        low_noise_strength,
        clip_vision=None,
        mixture=None,
        model_low=None,
        mixture_low=None,
        high_noise_steps=10,
    ):
        longest = cut.get("longest_segment")
        count = len(segment_ranges(keyframes, longest))
        seeds = with_own_seeds(counted_seeds(seed, count), own_seeds)
        segments = cut_segments(keyframes, seeds, prompt_lines(prompts), longest)
        sampling = Sampling(steps, cfg, sampler_name, scheduler, high_noise_steps)
        settings = WanSettings(clip_images["clip_images"], other_lengths=other_lengths)
        check_before_sampling(
            segments,
            context_frames,
            sampling,
            model_low is not None,
            lambda part: check_keyframes(model, vae, part, clip_vision, settings),
        )
        connected = {"model": model, "clip": clip, "vae": vae, "keyframes": keyframes, "clip_vision": clip_vision}
        connected |= {"mixture": mixture, "model_low": model_low, "mixture_low": mixture_low}
        show_report(describe([segment.frames for segment in segments], seeds))
        graph = build_segments(
            input_links(cls, connected),
            [segment.seed for segment in segments],
            [segment.prompt for segment in segments],
            negative,
            sampling,
            flat_widgets("cut", cut),
            {
                **flat_widgets("clip_images", clip_images),
                "other_lengths": other_lengths,
                "low_noise_strength": low_noise_strength,
            },
            context_frames,
            match_colour,
        )
        return io.NodeOutput(graph.frames, graph.report, expand=graph.nodes)
