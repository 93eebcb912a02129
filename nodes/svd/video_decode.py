"""Decode Video in Chunks: gives the same frames however much memory is free."""

from typing import Any

from comfy_api.latest import io

from ...host.svd.video_decode import decode_in_chunks
from ..checked_node import InbetweenNode
from .inputs import chunk_input


class InbetweenVideoDecode(InbetweenNode):
    """Decodes a video in chunks of a fixed number of frames."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenVideoDecode",
            display_name="Decode Video in Chunks",
            category="in-between/svd",
            description="Decode an SVD video in chunks of a fixed size. VAE Decode chooses the chunk size according "
            "to the free memory, so its frames can differ from run to run.",
            search_aliases=["vae decode", "svd decode", "decode chunk size", "video decode"],
            inputs=[
                io.Latent.Input("samples", tooltip="From the sampler."),
                io.Vae.Input("vae", tooltip="From Image Only Checkpoint Loader."),
                chunk_input(),
            ],
            outputs=[io.Image.Output(display_name="frames", tooltip="As many frames as the latent has.")],
        )

    @classmethod
    def execute(cls, samples: dict[str, Any], vae: Any, frames_per_chunk: int) -> io.NodeOutput:
        return io.NodeOutput(decode_in_chunks(vae, samples, frames_per_chunk))
