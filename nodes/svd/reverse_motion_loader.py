"""Load Reverse Motion: loads what SVD learned for the direction from the last frame to the first."""

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
    """Loads the files of Generative Inbetweening."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        tuned = io.Combo.Input(
            "tuned",
            options=TUNED.names(),
            tooltip="The fine-tuned UNet, in models/diffusion_models: the authors' "
            "svd_reverse_motion_with_attnflip/unet/diffusion_pytorch_model.safetensors, or another one with the "
            "tensor names of diffusers or ComfyUI.",
        )
        base = io.Combo.Input(
            "base",
            options=BASES.names(),
            tooltip="The model it was tuned from, in models/checkpoints: svd.safetensors, the 14-frame model, not "
            "SVD-XT.",
        )
        change = io.Combo.Input(
            "file",
            options=CHANGES.names(),
            tooltip="A file written by python -m comfyui_inbetween.convert, in models/model_patches.",
        )
        return io.Schema(
            node_id="InbetweenReverseMotionLoader",
            display_name="Load Reverse Motion",
            category="in-between/svd",
            description="Load what Stable Video Diffusion learned for Generative Inbetweening: motion from the last "
            "frame back to the first. The node reads only the weights it needs.",
            search_aliases=["generative inbetweening", "svd keyframe interpolation", "backward motion", "svd reverse"],
            inputs=[
                io.DynamicCombo.Input(
                    "source",
                    options=[
                        io.DynamicCombo.Option(FROM_TUNED, [tuned, base]),
                        io.DynamicCombo.Option(FROM_CHANGE, [change]),
                    ],
                    tooltip="tuned UNet and its base: the two files as downloaded; the node uses the difference "
                    "between them. change alone: one small file with that difference, converted from the two.",
                )
            ],
            outputs=[
                ReverseMotion.Output(display_name="reverse_motion", tooltip="For Dual-Direction Guider."),
                io.String.Output(display_name="report", tooltip="What was loaded, and warnings."),
            ],
        )

    @classmethod
    def validate_inputs(cls, **given: Any) -> bool | str:
        # With **given, the host passes dynamic inputs with their values, and does not check them itself.
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
