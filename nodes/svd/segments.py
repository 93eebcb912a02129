"""Segments (SVD): generates a clip through many keyframes with SVD, one segment per gap."""

from typing import Any

from comfy_api.latest import io

from ...core.keyframes.keyframe_set import KeyframeSet
from ...core.svd.reverse_motion import ReverseMotion as Motion
from ..checked_node import InbetweenNode
from ..clips.segment_inputs import joined_outputs, match_colour_input, seed_inputs
from ..graphs.expansion import connected_inputs
from ..graphs.segments import TimeLine, segments_graph
from ..graphs.svd_segments import SVDSegments
from ..types import Keyframes, ReverseMotion
from .inputs import chunk_input, direction_inputs, picture_inputs, renoise_inputs


class InbetweenSVDSegments(InbetweenNode):
    """Generates all segments of a keyframe set with SVD and joins them."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenSVDSegments",
            display_name="Segments (SVD)",
            category="in-between/svd",
            description="Create a clip through more than two keyframes with Generative Inbetweening. Each segment "
            "runs from one keyframe to the next, with its own seed, and all are joined to exactly the length of the "
            "timeline. After a change, only the affected segments are generated again.",
            search_aliases=["keyframe sequence", "multi keyframe", "long video", "generative inbetweening", "svd"],
            enable_expand=True,
            hidden=[io.Hidden.unique_id, io.Hidden.dynprompt],
            inputs=[
                io.Model.Input("model", tooltip="SVD-XT or SVD, from Image Only Checkpoint Loader."),
                io.ClipVision.Input("clip_vision", tooltip="From Image Only Checkpoint Loader."),
                io.Vae.Input("vae", tooltip="From Image Only Checkpoint Loader."),
                Keyframes.Input(
                    "keyframes",
                    tooltip="The whole timeline, with keyframes at its first and last frame. Space them 24 frames "
                    "apart for SVD-XT or 13 for SVD, so that each segment has the 25 or 14 frames the model was "
                    "trained on.",
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
        model: Any,
        clip_vision: Any,
        vae: Any,
        keyframes: KeyframeSet,
        seed: int,
        own_seeds: str,
        steps: int,
        repeats: int,
        ratio: float,
        method: str,
        fusion: dict[str, Any],
        memory: str,
        motion_bucket: int,
        fps: int,
        noise_augmentation: float,
        augmentation_seed: int,
        preparation: dict[str, Any],
        frames_per_chunk: int,
        match_colour: bool,
        reverse_motion: Motion | None = None,
    ) -> io.NodeOutput:
        connected = connected_inputs(
            cls, model=model, clip_vision=clip_vision, vae=vae, keyframes=keyframes, reverse_motion=reverse_motion
        )
        pictures = {
            "motion_bucket": motion_bucket,
            "fps": fps,
            "noise_augmentation": noise_augmentation,
            "augmentation_seed": augmentation_seed,
            "preparation": preparation,
        }
        directions = {"method": method, "fusion": fusion, "memory": memory}
        renoising = {"repeats": repeats, "ratio": ratio}
        engine = SVDSegments(connected, steps, renoising, pictures, directions, frames_per_chunk)
        graph = segments_graph(connected, TimeLine(keyframes, seed, own_seeds, match_colour), engine)
        return io.NodeOutput(graph.frames, graph.report, expand=graph.nodes)
