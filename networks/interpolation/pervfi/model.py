"""PerVFI: renders the frame at any time between two, given the optical flow in both directions.

Wu, Tao, Li, Wang, Liu and Zheng, "Perception-Oriented Video Frame Interpolation via Asymmetric Blending", CVPR 2024
(arXiv 2404.06692), in the two published variants: v00 generates frames with a normalising flow, vb with convolutions.
The modules are equal to those of github.com/mulns/PerVFI at 89d90f1.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ....core.errors import InbetweenError
from .convolutional_decoder import ConvolutionalDecoder
from .front_end import FrontEnd, Pair
from .normalizing_flow import CondFlowNet, Encoding, noise_shapes
from .tiles import MULTIPLE

VARIANTS = ("v00", "vb")
TRAINED_TIME = 0.5
TEMPERATURE = 0.3  # of the published command line


class PerVFI(FrontEnd):
    """The network; `checkpoint.build` makes it from a file.

    Weights are in the published layout. The normalising flow and the importance metric are always float32; `dtype` is
    for the rest. With random weights, float16 changes v00's frames by 0.002 at most, and vb's by 0.005.
    """

    def __init__(
        self,
        variant: str,
        operations: Any = torch.nn,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__(operations, dtype, device)
        if variant not in VARIANTS:
            raise ValueError(f"variant is {variant!r}; use one of {', '.join(VARIANTS)}")
        self.variant = variant
        if variant == "v00":
            self.condFLownet = CondFlowNet(operations, device)
        else:
            self.generator = ConvolutionalDecoder(operations, dtype=dtype, device=device)

    def render(
        self,
        first_B3HW: Tensor,
        second_B3HW: Tensor,
        forward_B2HW: Tensor,
        backward_B2HW: Tensor,
        time: float = TRAINED_TIME,
        noise: Sequence[Tensor] | None = None,
        temperature: float = TEMPERATURE,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Render the frame at one time between two.

        Args:
            first_B3HW, second_B3HW: RGB in [0, 1], of any size; padded with zeros to multiples of 8.
            forward_B2HW: where each pixel of the first frame is in the second, in pixels, channel 0 = x.
            backward_B2HW: the same from the second frame to the first.
            time: 0 to 1; the published weights were trained at 0.5 only.
            noise: for v00, three tensors with the `noise_shapes` of the padded size, already scaled; drawn if None.
            temperature: standard deviation of drawn noise, 0 or more; 0 gives the most likely frame.
            generator: draws the noise, on its own device; by default torch's generator for the CPU.

        Returns:
            The frame, float32, not clamped: close to [0, 1] with trained weights. Differentiable.

        Raises:
            InbetweenError: sizes do not match, values are not finite, or the temperature is below 0.
        """
        height, width = check_pair(first_B3HW, second_B3HW, forward_B2HW, backward_B2HW)
        pair = self._prepared(first_B3HW, second_B3HW, forward_B2HW, backward_B2HW)
        batch, _, padded_height, padded_width = pair.flow_back_B2HW.shape
        if noise is None and self.variant == "v00":
            noise = draw_noise(batch, padded_height, padded_width, temperature, generator)
        elif self.variant == "vb":
            noise = None
        if noise is not None:
            check_noise(noise, batch, padded_height, padded_width)
        time_T111 = torch.full((batch, 1, 1, 1), float(time), device=first_B3HW.device)
        return self.generate(self.conditions(pair, time_T111), noise)[:, :, :height, :width]

    def encode(
        self,
        target_B3HW: Tensor,
        first_B3HW: Tensor,
        second_B3HW: Tensor,
        forward_B2HW: Tensor,
        backward_B2HW: Tensor,
        time: float = TRAINED_TIME,
    ) -> Encoding:
        """How likely a frame is for v00, and the latents that represent it; other arguments as in `render`.

        Args:
            target_B3HW: the frame, in [0, 1]. For training, dequantise it first.

        Returns:
            The likelihood, the latents, and the noise from which `render` reproduces the frame.

        Raises:
            InbetweenError: as `render`, or the network is vb, which has no likelihood.
        """
        if self.variant != "v00":
            raise InbetweenError("PerVFI vb has no likelihood; load a v00 file.")
        check_pair(first_B3HW, second_B3HW, forward_B2HW, backward_B2HW)
        if target_B3HW.shape != first_B3HW.shape or not target_B3HW.isfinite().all():
            raise InbetweenError(
                f"the target has shape {tuple(target_B3HW.shape)}; "
                f"give finite values with the shape of the frames, {tuple(first_B3HW.shape)}."
            )
        pair = self._prepared(first_B3HW, second_B3HW, forward_B2HW, backward_B2HW)
        time_T111 = torch.full((first_B3HW.shape[0], 1, 1, 1), float(time), device=first_B3HW.device)
        conditions = [each.float() for each in self.conditions(pair, time_T111)]
        return self.condFLownet.encode(padded(target_B3HW) * 2 - 1, conditions)

    def generate(self, conditions: Sequence[Tensor], noise: Sequence[Tensor] | None) -> Tensor:
        """Frames in [0, 1], float32, not clamped, from the conditions and, for v00 only, noise."""
        if noise is None:
            return (self.generator(conditions).float() + 1) / 2
        conditions = [each.float() for each in conditions]
        noise = [each.to(conditions[0]).contiguous(memory_format=torch.channels_last) for each in noise]
        return (self.condFLownet.decode(noise, conditions) + 1) / 2

    def _prepared(self, first_B3HW: Tensor, second_B3HW: Tensor, forward_B2HW: Tensor, backward_B2HW: Tensor) -> Pair:
        first, second = (self.features(padded(each) * 2 - 1) for each in (first_B3HW, second_B3HW))
        return self.pair(first, second, padded(forward_B2HW), padded(backward_B2HW))


def padded(x_BCHW: Tensor) -> Tensor:
    """Pad right and below with zeros to multiples of 8, as published; frames in [0, 1] are padded with black."""
    height, width = x_BCHW.shape[2:]
    return functional.pad(x_BCHW.float(), (0, -width % MULTIPLE, 0, -height % MULTIPLE))


def draw_noise(
    batch: int, height: int, width: int, temperature: float, generator: torch.Generator | None = None
) -> list[Tensor]:
    """Normal noise of standard deviation `temperature` for a padded size; on the generator's device, else the CPU."""
    check_temperature(temperature)
    device = generator.device if generator is not None else "cpu"
    shapes = noise_shapes(height, width)
    return [temperature * torch.randn(batch, *shape, generator=generator, device=device) for shape in shapes]


def check_temperature(temperature: float) -> None:
    """Raise InbetweenError unless the temperature is 0 or more, and finite."""
    if not 0 <= temperature < float("inf"):
        raise InbetweenError(f"temperature is {temperature:g}; give 0 or more (0.3 as published).")


def check_noise(noise: Sequence[Tensor], batch: int, height: int, width: int) -> None:
    """Raise InbetweenError unless the noise has the shapes for a padded size."""
    given, needed = [tuple(each.shape) for each in noise], [(batch, *shape) for shape in noise_shapes(height, width)]
    if given != needed:
        raise InbetweenError(f"the noise has shapes {given} but frames padded to {width}x{height} need {needed}.")


def check_pair(first_B3HW: Tensor, second_B3HW: Tensor, forward_B2HW: Tensor, backward_B2HW: Tensor) -> tuple[int, int]:
    """Check that frames and flows fit together, and return the height and width."""
    batch, channels, height, width = first_B3HW.shape
    if channels != 3 or second_B3HW.shape != first_B3HW.shape:
        raise InbetweenError(
            f"the frames have shapes {tuple(first_B3HW.shape)} and {tuple(second_B3HW.shape)}; "
            "give both the same shape (B, 3, H, W)."
        )
    for name, flow_B2HW in (("forward", forward_B2HW), ("backward", backward_B2HW)):
        if flow_B2HW.shape != (batch, 2, height, width):
            raise InbetweenError(
                f"the {name} flow has shape {tuple(flow_B2HW.shape)} but the frames need {(batch, 2, height, width)}; "
                "scale it to their size, and scale its values too."
            )
    for name, tensor in (
        ("first frame", first_B3HW),
        ("second frame", second_B3HW),
        ("forward flow", forward_B2HW),
        ("backward flow", backward_B2HW),
    ):
        if not tensor.isfinite().all():
            raise InbetweenError(f"the {name} has NaN or infinite values; check where it comes from.")
    return height, width
