"""Load Audio Adapter: what lets a Wan model hear."""

from comfy_api.latest import io

from ...host.sound.adapter_library import ADAPTERS, load_adapter
from ..checked_node import InbetweenNode
from ..types import ModelPatch
from ..validation import verdict


class InbetweenAudioAdapterLoader(InbetweenNode):
    """Opens an audio adapter."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenAudioAdapterLoader",
            display_name="Load Audio Adapter",
            category="in-between/audio",
            description="Open an audio adapter for Wan2.1: FantasyTalking, StableAvatar, EchoMimicV3 (preview or "
            "flash), or BBF's. Only its own tensors are read, also out of the checkpoint of a whole model.",
            search_aliases=[
                "fantasytalking",
                "stableavatar",
                "echomimic",
                "bbf",
                "lip sync",
                "talking head",
                "audio to video",
            ],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=ADAPTERS.names(),
                    tooltip="A file in models/model_patches, or in models/diffusion_models if the adapter is part of a "
                    "whole model there, as those of StableAvatar and EchoMimicV3 are.",
                )
            ],
            outputs=[ModelPatch.Output(display_name="audio_adapter", tooltip="For Apply Audio Adapter.")],
        )

    @classmethod
    def validate_inputs(cls, file: str | None) -> bool | str:
        return verdict(lambda: ADAPTERS.check(file))

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        return io.NodeOutput(load_adapter(file))
