"""Apply Mixture of LoRA: applies the expert for the clip length."""

from typing import Any

from comfy_api.latest import io

from ...core.keyframes.keyframe_set import KeyframeSet
from ...core.wan.lora_mixture import EXPERT_CHOICES
from ...core.wan.lora_mixture import LoraMixture as Mixture
from ...host.runtime import show_report
from ...host.wan.lora_mixture import METHODS, Method, MixtureSettings, apply_mixture
from ..checked_node import InbetweenNode
from ..types import Keyframes, LoraMixture


class InbetweenLoraMixture(InbetweenNode):
    """Applies the universal LoRA and an expert to a model."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        trained_frames = io.Int.Input(
            "trained_frames",
            default=81,
            min=1,
            max=100000,
            tooltip="Use the expert trained on exactly this number of frames, however long the clip is.",
        )
        strength = {"default": 1.0, "min": -10.0, "max": 10.0, "step": 0.05}
        return io.Schema(
            node_id="InbetweenLoraMixture",
            display_name="Apply Mixture of LoRA",
            category="in-between/wan",
            description="Apply the universal LoRA and the expert for the clip length to a Wan model. When the length "
            "changes, the expert changes automatically.",
            search_aliases=["semfi", "mixture of lora", "mol", "lora by frame count", "apply lora"],
            inputs=[
                io.Model.Input(
                    "model",
                    tooltip="The Wan model that the mixture was trained on. You can apply other LoRAs before and "
                    "after.",
                ),
                LoraMixture.Input("mixture", tooltip="From Load or Extend Mixture of LoRA."),
                io.Int.Input(
                    "frame_count",
                    default=81,
                    min=5,
                    max=100000,
                    tooltip="Length of the clip in frames. Ignored if keyframes are connected.",
                ),
                io.DynamicCombo.Input(
                    "expert",
                    options=[
                        io.DynamicCombo.Option(choice, [trained_frames] if choice == "fixed" else [])
                        for choice in EXPERT_CHOICES
                    ],
                    tooltip="nearest uses the expert with the nearest frame count, as published. two nearest mixes "
                    "the experts on both sides by distance, which goes beyond the paper. fixed always uses the same "
                    "one.",
                ),
                io.Float.Input("strength_universal", tooltip="Strength of the universal LoRA.", **strength),
                io.Float.Input("strength_expert", tooltip="Strength of the expert.", **strength),
                io.Combo.Input(
                    "method",
                    options=list(METHODS),
                    default="auto",
                    advanced=True,
                    tooltip="merge adds the LoRA to the model's weights. bypass computes it separately, which is more "
                    "accurate for models in 8 bits or fewer. auto uses bypass for those and merge for all others.",
                ),
                Keyframes.Input("keyframes", optional=True, tooltip="Their length determines the expert."),
            ],
            outputs=[
                io.Model.Output(
                    display_name="model", tooltip="The model with the universal LoRA and the expert applied."
                ),
                io.Int.Output(
                    display_name="expert", tooltip="The number of frames that the chosen expert was trained on."
                ),
                io.String.Output(
                    display_name="report",
                    tooltip="Which expert was used, how many LoRA layers match the model, and which do not.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        mixture: Mixture,
        frame_count: int,
        expert: dict[str, Any],
        strength_universal: float,
        strength_expert: float,
        method: Method,
        keyframes: KeyframeSet | None = None,
    ) -> io.NodeOutput:
        count = frame_count if keyframes is None else keyframes.frame_count
        experts = mixture.choose(expert["expert"], count, expert.get("trained_frames"))
        settings = MixtureSettings(strength_universal, strength_expert, method)
        done = apply_mixture(model, mixture, count, experts, settings)
        show_report(done.report)
        return io.NodeOutput(done.model, done.frame_count, done.report)
