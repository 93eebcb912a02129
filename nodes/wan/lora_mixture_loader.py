"""Load Mixture of LoRA: loads a published file with all experts."""

from comfy_api.latest import io

from ...host.wan.lora_library import MIXTURES, load_mixture
from ..checked_node import InbetweenNode
from ..types import LoraMixture
from ..validation import verdict


class InbetweenLoraMixtureLoader(InbetweenNode):
    """Loads a mixture from one file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenLoraMixtureLoader",
            display_name="Load Mixture of LoRA",
            category="in-between/wan",
            description="Load SemFi: one file with a universal LoRA and six experts, for clips of 5, 9, 17, 33, 65 "
            "and 81 frames.",
            search_aliases=["semfi", "mixture of lora", "mol", "lora experts", "load lora"],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=MIXTURES.names(),
                    tooltip="semfi.ckpt, or the same as .safetensors, in models/loras. For LoRAs in separate files, "
                    "use Extend Mixture of LoRA.",
                )
            ],
            outputs=[LoraMixture.Output(display_name="mixture", tooltip="For Apply Mixture of LoRA.")],
        )

    @classmethod
    def validate_inputs(cls, file: str | None) -> bool | str:
        return verdict(lambda: MIXTURES.check(file))

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        return io.NodeOutput(load_mixture(file))
