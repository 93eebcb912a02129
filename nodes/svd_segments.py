"""Segments (SVD): a clip of many keyframes, from each to the next with SVD."""

from comfy_api.latest import io

from ..core.segments import counted_seeds, cut_segments, describe, with_own_seeds
from ..host.dual_direction import check_directions
from ..host.runtime import show_report
from ..host.svd_conditioning import check_encoders, check_ends
from ..host.svd_segments import SVDWidgets, build_svd_segments
from .checked_node import InbetweenNode
from .expansion import flat_widgets, input_links
from .segment_inputs import joined_outputs, match_colour_input, seed_inputs
from .svd_inputs import chunk_input, direction_inputs, direction_settings, picture_inputs, renoise_inputs
from .types import Keyframes, ReverseMotion


class InbetweenSVDSegments(InbetweenNode):
    """Makes all segments of a keyframe set with SVD and joins them."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="InbetweenSVDSegments",
            display_name="Segments (SVD)",
            category="in-between/svd",
            description="Make a clip of more than two keyframes with Generative Inbetweening: from each keyframe to "
            "the next one segment with its own seed, joined to exactly the length asked for. After a change only the "
            "segments it concerns are made again.",
            search_aliases=["keyframe sequence", "multi keyframe", "long video", "generative inbetweening", "svd"],
            enable_expand=True,
            hidden=[io.Hidden.unique_id, io.Hidden.dynprompt],
            inputs=[
                io.Model.Input("model", tooltip="SVD-XT or SVD, from Image Only Checkpoint Loader."),
                io.ClipVision.Input("clip_vision", tooltip="From Image Only Checkpoint Loader."),
                io.Vae.Input("vae", tooltip="From Image Only Checkpoint Loader."),
                Keyframes.Input(
                    "keyframes",
                    tooltip="The whole time line, with keyframes at its first and last frame; best 24 frames apart for "
                    "SVD-XT and 13 for SVD, so that a segment has 25 or 14 with both ends.",
                ),
                ReverseMotion.Input(
                    "reverse_motion", optional=True, tooltip="From Load Reverse Motion, for generative inbetweening."
                ),
                *seed_inputs(),
                *renoise_inputs(),
                *direction_inputs(),
                *picture_inputs(),
                chunk_input(),
                match_colour_input(),
            ],
            outputs=joined_outputs(),
        )

    @classmethod
    def execute(
        cls,
        model,
        clip_vision,
        vae,
        keyframes,
        seed,
        own_seeds,
        steps,
        repeats,
        ratio,
        method,
        fusion,
        memory,
        motion_bucket,
        fps,
        noise_augmentation,
        augmentation_seed,
        preparation,
        frames_per_chunk,
        match_colour,
        reverse_motion=None,
    ):
        segments = cut_segments(keyframes, [seed])
        seeds = with_own_seeds(counted_seeds(seed, len(segments)), own_seeds)
        check_directions(model, reverse_motion, direction_settings(method, fusion, memory))
        check_encoders(clip_vision, vae)
        for segment in segments:
            check_ends(segment.keyframes)
        widgets = SVDWidgets(
            steps,
            {"repeats": repeats, "ratio": ratio},
            {
                "motion_bucket": motion_bucket,
                "fps": fps,
                "noise_augmentation": noise_augmentation,
                "augmentation_seed": augmentation_seed,
                **flat_widgets("preparation", preparation),
            },
            {"method": method, "memory": memory, **flat_widgets("fusion", fusion)},
            frames_per_chunk,
        )
        connected = {"model": model, "clip_vision": clip_vision, "vae": vae, "keyframes": keyframes}
        connected |= {"reverse_motion": reverse_motion}
        show_report(describe([segment.frames for segment in segments], seeds))
        graph = build_svd_segments(input_links(cls, connected), seeds, widgets, match_colour)
        return io.NodeOutput(graph.frames, graph.report, expand=graph.nodes)
