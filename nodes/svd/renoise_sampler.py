"""Re-noising Sampler: Euler's method with repeated early steps."""

from comfy_api.latest import io

from ...host.svd.renoise_sampler import RenoiseSampler
from ...samplers.svd.renoise import Renoising
from ..checked_node import InbetweenNode
from .inputs import renoise_inputs


class InbetweenRenoiseSampler(InbetweenNode):
    """Creates a sampler that repeats its early steps."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InbetweenRenoiseSampler",
            display_name="Re-noising Sampler",
            category="in-between/svd",
            description="An Euler sampler that repeats its early steps: it adds noise to go back, then takes the step "
            "again. This gives the two directions more chances to agree.",
            search_aliases=["noise injection", "time travel", "recurrence", "resample", "generative inbetweening"],
            inputs=renoise_inputs(),
            outputs=[
                io.Sampler.Output(
                    display_name="sampler",
                    tooltip="For Sampler Custom Advanced. The progress bar counts repeats as steps.",
                )
            ],
        )

    @classmethod
    def execute(cls, repeats: int, ratio: float) -> io.NodeOutput:
        return io.NodeOutput(RenoiseSampler(Renoising(repeats, ratio)))
