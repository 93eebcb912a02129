"""Re-noising Sampler: Euler steps that are taken several times."""

from comfy_api.latest import io

from ...host.svd.renoise_sampler import RenoiseSampler
from ...samplers.svd.renoise import Renoising
from ..checked_node import InbetweenNode
from .inputs import renoise_inputs


class InbetweenRenoiseSampler(InbetweenNode):
    """A sampler that goes back and takes its first steps again."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenRenoiseSampler",
            display_name="Re-noising Sampler",
            category="in-between/svd",
            description="Euler, with the first steps taken several times: noise is added to go back, and the step is "
            "taken once more. What two directions disagree on has more chances to settle.",
            search_aliases=["noise injection", "time travel", "recurrence", "resample", "generative inbetweening"],
            inputs=renoise_inputs(),
            outputs=[
                io.Sampler.Output(
                    display_name="sampler", tooltip="For Sampler Custom Advanced; its progress counts evaluations."
                )
            ],
        )

    @classmethod
    def execute(cls, repeats: int, ratio: float) -> io.NodeOutput:
        return io.NodeOutput(RenoiseSampler(Renoising(repeats, ratio)))
