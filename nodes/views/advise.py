"""Engine Advice: recommends an engine and a length for the keyframes."""

from comfy_api.latest import io

from ...core.keyframes.keyframe_set import KeyframeSet
from ...core.views.advice import advise, measure_gaps
from ...host.runtime import Progress, gpu_memory_gib, show_report
from ..checked_node import InbetweenNode
from ..types import Keyframes


class InbetweenAdvise(InbetweenNode):
    """Measures the keyframes and recommends a graph."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenAdvise",
            display_name="Engine Advice",
            category="in-between/look",
            description="Measure the motion between keyframes, and recommend an engine and a length.",
            search_aliases=["which engine", "choose model", "recommend", "motion between keyframes", "how many frames"],
            is_output_node=True,
            inputs=[
                Keyframes.Input("keyframes", tooltip="The keyframes to assess. No frames are created."),
                io.Boolean.Input(
                    "has_sound",
                    default=False,
                    tooltip="Switch on if lips or motion should follow a sound. Only Wan can do that.",
                ),
                io.Float.Input(
                    "gpu_memory",
                    default=0.0,
                    min=0.0,
                    max=1024.0,
                    step=1.0,
                    advanced=True,
                    tooltip="GPU memory in GiB, for advice about another machine. 0 uses the GPU of this machine.",
                ),
            ],
            outputs=[
                io.String.Output(
                    display_name="report",
                    tooltip="The advice. Then, for each pair of keyframes: how far things move, how well the motion "
                    "explains the change, and a natural number of frames.",
                )
            ],
        )

    @classmethod
    def execute(cls, keyframes: KeyframeSet, has_sound: bool, gpu_memory: float) -> io.NodeOutput:
        gaps = measure_gaps(keyframes, Progress(len(keyframes.keyframes) - 1))
        report = advise(gaps, keyframes.frame_count, has_sound, gpu_memory or gpu_memory_gib())
        show_report(report)
        return io.NodeOutput(report)
