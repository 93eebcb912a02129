"""Load Optical Flow: loads RAFT from a file in torchvision's layout or the authors'."""

from comfy_api.latest import io

from ...host.interpolation.pervfi import FLOWS, load_optical_flow
from ..checked_node import InbetweenNode
from ..types import OpticalFlow
from ..validation import verdict


class InbetweenOpticalFlowLoader(InbetweenNode):
    """Loads a RAFT optical flow model."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenOpticalFlowLoader",
            display_name="Load Optical Flow (RAFT)",
            category="in-between/interpolate",
            description="Load RAFT, which finds how every pixel moves from one frame to the next. It accepts "
            "torchvision's raft_large files and the authors' raft-sintel.pth.",
            search_aliases=["raft", "optical flow", "motion vectors", "raft-sintel"],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=FLOWS.names(),
                    tooltip="A RAFT-large file in models/optical_flow. raft-sintel.pth and raft_large_C_T_SKHT_V1 "
                    "contain the weights that PerVFI was published with.",
                ),
            ],
            outputs=[
                OpticalFlow.Output(
                    display_name="optical_flow", tooltip="For Load Interpolator, and for ComfyUI's own nodes."
                )
            ],
        )

    @classmethod
    def validate_inputs(cls, file: str | None) -> bool | str:
        return verdict(lambda: FLOWS.check(file))

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        return io.NodeOutput(load_optical_flow(file))
