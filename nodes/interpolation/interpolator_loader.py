"""Load Interpolator: loads the engine that creates the frames between two frames."""

from typing import Any

from comfy_api.latest import io

from ...host.interpolation.engines import check_interpolator, interpolator_names, load_interpolator
from ...host.interpolation.interp_model import as_interp_model
from ..checked_node import InbetweenNode
from ..types import InterpModel, Interpolator, OpticalFlow
from ..validation import verdict


class InbetweenInterpolatorLoader(InbetweenNode):
    """Loads a two-frame interpolator."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenInterpolatorLoader",
            display_name="Load Interpolator",
            category="in-between/interpolate",
            description="Choose how in-between frames are created. Optical flow needs no model file; PerVFI, RIFE and "
            "FILM run from a file in models/frame_interpolation.",
            search_aliases=["interpolation model", "optical flow", "vfi", "rife", "film", "pervfi"],
            inputs=[
                io.Combo.Input(
                    "interpolator",
                    options=interpolator_names(),
                    tooltip="Optical flow follows every pixel from one frame to the next. It needs no file and runs "
                    "on any machine. PerVFI: v00.pth is the published model; vb.pth is a little faster and uses no "
                    "noise. RIFE creates a frame at any time; FILM halves the gap.",
                ),
                OpticalFlow.Input(
                    "optical_flow",
                    optional=True,
                    tooltip="Motion for PerVFI, from Load Optical Flow (RAFT) or Load Optical Flow Model. It is "
                    "better than motion found without a model. The other interpolators find motion themselves.",
                ),
            ],
            outputs=[
                Interpolator.Output(display_name="interpolator", tooltip="For Interpolate Frames and Refine Frames."),
                InterpModel.Output(
                    display_name="interp_model",
                    tooltip="The same interpolator for ComfyUI's own Run Frame Interpolation Model, with the "
                    "published settings.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, interpolator: str) -> bool | str:
        return verdict(lambda: check_interpolator(interpolator))

    @classmethod
    def execute(cls, interpolator: str, optical_flow: Any = None) -> io.NodeOutput:
        engine = load_interpolator(interpolator, optical_flow)
        return io.NodeOutput(engine, as_interp_model(engine))
