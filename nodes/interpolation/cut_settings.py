"""Inputs about cuts: where they are, and what is shown there."""

from comfy_api.latest import io

from ...core.flow.consistency import CUT_THRESHOLD
from ...core.interpolation.cuts import AT_CUT


def cut_inputs() -> list[io.Input]:
    """The threshold, the list, and what happens at a cut. All are optional."""
    return [
        io.Float.Input(
            "cut_threshold",
            default=CUT_THRESHOLD,
            min=0.0,
            max=1.0,
            step=0.05,
            optional=True,
            tooltip="Two neighbouring images whose likeness is below this show different scenes. Raise it if a cut "
            "is missed, lower it if fast motion is taken for a cut. 0 finds no cuts.",
        ),
        io.String.Input(
            "cuts",
            default="",
            optional=True,
            tooltip="Cuts you know of, as the first frame of each new shot, such as 24, 61. They are added to those "
            "that are found; set cut_threshold to 0 to use only these.",
        ),
        io.Combo.Input(
            "at_cut",
            options=list(AT_CUT),
            default=AT_CUT[0],
            optional=True,
            tooltip="What to show at a cut. hold shows the nearer image. cross-fade blends from one image to the "
            "other. carry on moves each image on along the motion of its own shot.",
        ),
    ]
