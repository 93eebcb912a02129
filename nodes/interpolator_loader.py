"""Load Interpolator: the engine that makes the frames between two."""

from comfy_api.latest import io

from ..host.interpolation import interpolator_names, load_interpolator
from .types import Interpolator


class InbetweenInterpolatorLoader(io.ComfyNode):
    """Chooses a two-frame interpolator."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="InbetweenInterpolatorLoader",
            display_name="Load Interpolator",
            category="in-between/interpolate",
            description="Choose what makes the frames between two frames. Optical flow needs no model file.",
            search_aliases=["interpolation model", "optical flow", "vfi", "rife", "film", "pervfi"],
            inputs=[
                io.Combo.Input(
                    "interpolator",
                    options=interpolator_names(),
                    tooltip="Optical flow follows every pixel from one frame to the next; it needs no file and runs on "
                    "any machine.",
                ),
            ],
            outputs=[Interpolator.Output(display_name="interpolator", tooltip="For Interpolate Frames.")],
        )

    @classmethod
    def execute(cls, interpolator):
        return io.NodeOutput(load_interpolator(interpolator))
