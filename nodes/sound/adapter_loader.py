"""Load Audio Adapter: loads a network that drives a Wan model with audio."""

from comfy_api.latest import io

from ...host.sound.adapter_library import ADAPTERS, load_adapter
from ..checked_node import InbetweenNode
from ..types import ModelPatch
from ..validation import verdict


class InbetweenAudioAdapterLoader(InbetweenNode):
    """Loads an audio adapter."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenAudioAdapterLoader",
            display_name="Load Audio Adapter",
            category="in-between/audio",
            description="Load an audio adapter for Wan2.1: FantasyTalking, StableAvatar, EchoMimicV3 (preview or "
            "flash) or BBF. If the file also contains a whole model, only the adapter is read.",
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
                    tooltip="A file in models/model_patches or models/diffusion_models. The files of StableAvatar and "
                    "EchoMimicV3 contain a whole model, so put them in models/diffusion_models.",
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
