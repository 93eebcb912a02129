"""Extend Mixture of LoRA: adds a LoRA file, as the expert for one length or as the universal LoRA."""

from typing import Any

from comfy_api.latest import io

from ...core.wan.lora_mixture import LoraMixture as Mixture
from ...host.wan.lora_library import LORAS, load_lora
from ..checked_node import InbetweenNode
from ..types import LoraMixture
from ..validation import verdict


class InbetweenLoraMixtureAdd(InbetweenNode):
    """Adds a LoRA to a mixture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        trained_frames = io.Int.Input(
            "trained_frames",
            default=33,
            min=1,
            max=100000,
            tooltip="Length of the clips that the LoRA was trained on, in frames, both ends included.",
        )
        return io.Schema(
            node_id="InbetweenLoraMixtureAdd",
            display_name="Extend Mixture of LoRA",
            category="in-between/wan",
            description="Add a LoRA file to a mixture, either as the expert for one clip length or as the universal "
            "LoRA for all lengths. If no mixture is connected, this starts a new one.",
            search_aliases=["mixture of lora", "lora expert", "lora by length", "add lora", "lora stack"],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=LORAS.names(),
                    tooltip="A LoRA for Wan in models/loras, from any trainer: ComfyUI, diffusers, PEFT, "
                    "DiffSynth-Studio, kohya, musubi-tuner or VideoX-Fun.",
                ),
                io.DynamicCombo.Input(
                    "role",
                    options=[
                        io.DynamicCombo.Option("expert", [trained_frames]),
                        io.DynamicCombo.Option("universal", []),
                    ],
                    tooltip="expert: used when its frame count is the nearest to the clip length. universal: always "
                    "used, together with the expert.",
                ),
                LoraMixture.Input(
                    "mixture", optional=True, tooltip="The mixture to extend. Leave unconnected to start a new one."
                ),
            ],
            outputs=[LoraMixture.Output(display_name="mixture", tooltip="The mixture with the file added.")],
        )

    @classmethod
    def validate_inputs(cls, file: str | None, role: Any = None) -> bool | str:
        return verdict(lambda: LORAS.check(file))

    @classmethod
    def execute(cls, file: str, role: dict[str, Any], mixture: Mixture | None = None) -> io.NodeOutput:
        return io.NodeOutput((mixture or Mixture()).with_lora(load_lora(file), role.get("trained_frames")))
