"""Extend Mixture of LoRA: one LoRA file more, as an expert for a length or for all lengths."""

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
            tooltip="The number of frames of the clips it was trained on, both ends included.",
        )
        return io.Schema(
            node_id="InbetweenLoraMixtureAdd",
            display_name="Extend Mixture of LoRA",
            category="in-between/wan",
            description="Add a LoRA file to a mixture: as the expert for clips of a length, or as the universal LoRA, "
            "which is used for every length. Without a mixture it begins a new one.",
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
                    tooltip="expert: used where its number of frames is the nearest. universal: always used beside the "
                    "expert.",
                ),
                LoraMixture.Input("mixture", optional=True, tooltip="What to add to; nothing begins a new mixture."),
            ],
            outputs=[LoraMixture.Output(display_name="mixture", tooltip="With the file added.")],
        )

    @classmethod
    def validate_inputs(cls, file: str | None, role: Any = None) -> bool | str:
        return verdict(lambda: LORAS.check(file))

    @classmethod
    def execute(cls, file: str, role: dict[str, Any], mixture: Mixture | None = None) -> io.NodeOutput:
        return io.NodeOutput((mixture or Mixture()).with_lora(load_lora(file), role.get("trained_frames")))
