"""Load Reverse Motion: what an SVD learned for the direction from the last frame to the first."""

from typing import Any

from comfy_api.latest import io

from ...core.reports import report_text
from ...host.runtime import show_report
from ...host.svd.reverse_motion_library import BASES, CHANGES, TUNED, load_change, load_tuned
from ..checked_node import InbetweenNode
from ..types import ReverseMotion
from ..validation import verdict

FROM_TUNED, FROM_CHANGE = "tuned UNet and its base", "change alone"


class InbetweenReverseMotionLoader(InbetweenNode):
    """Opens the files of Generative Inbetweening."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        tuned = io.Combo.Input(
            "tuned",
            options=TUNED.names(),
            tooltip="The fine-tuned UNet, in models/diffusion_models: svd_reverse_motion_with_attnflip/unet/"
            "diffusion_pytorch_model.safetensors of the authors, or another in the same or in ComfyUI's layout.",
        )
        base = io.Combo.Input(
            "base",
            options=BASES.names(),
            tooltip="What it was tuned from, in models/checkpoints: svd.safetensors, the 14-frame model, not SVD-XT.",
        )
        change = io.Combo.Input(
            "file",
            options=CHANGES.names(),
            tooltip="What python -m comfyui_inbetween.convert wrote, in models/model_patches.",
        )
        return io.Schema(
            node_id="InbetweenReverseMotionLoader",
            display_name="Load Reverse Motion",
            category="in-between/svd",
            description="Open what Generative Inbetweening taught Stable Video Diffusion: motion from the last frame "
            "back to the first. Only the 48 tensors needed are read of each file.",
            search_aliases=["generative inbetweening", "svd keyframe interpolation", "backward motion", "svd reverse"],
            inputs=[
                io.DynamicCombo.Input(
                    "source",
                    options=[
                        io.DynamicCombo.Option(FROM_TUNED, [tuned, base]),
                        io.DynamicCombo.Option(FROM_CHANGE, [change]),
                    ],
                    tooltip="tuned UNet and its base: the files as they are downloaded; the change is the one minus "
                    "the other. change alone: one small file that was made of them once.",
                )
            ],
            outputs=[
                ReverseMotion.Output(display_name="reverse_motion", tooltip="For Dual-Direction Guider."),
                io.String.Output(display_name="report", tooltip="What was read, and what deserves attention."),
            ],
        )

    @classmethod
    def validate_inputs(cls, **given: Any) -> bool | str:
        # With **given the host passes on what is dynamic with its values, and checks none itself.
        chosen = given["source"]

        def check() -> None:
            if chosen["source"] == FROM_CHANGE:
                CHANGES.check(chosen["file"])
            else:
                TUNED.check(chosen["tuned"])
                BASES.check(chosen["base"])

        return verdict(check)

    @classmethod
    def execute(cls, source: dict[str, Any]) -> io.NodeOutput:
        if source["source"] == FROM_CHANGE:
            motion, warnings = load_change(source["file"]), ()
        else:
            motion, warnings = load_tuned(source["tuned"], source["base"])
        report = report_text([f"{motion.name}: changes of {len(motion.changes)} layers."], warnings)
        show_report(report)
        return io.NodeOutput(motion, report)
