"""PerVFI: the frame at any time between two, given the optical flow both ways.

Wu, Tao, Li, Wang, Liu and Zheng, "Perception-Oriented Video Frame Interpolation via Asymmetric Blending", CVPR 2024
(arXiv 2404.06692), in the two published variants: v00 generates by a normalising flow, vb by convolutions. Equal to the
modules of github.com/mulns/PerVFI at 89d90f1.
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
    """The network; made from a file by `checkpoint.build`.

    Weights come in the published layout. The normalising flow and the importance metric are float32 whatever `dtype`,
    which is that of the rest; with random weights float16 moved v00's frames by 0.002 at most and vb's by 0.005.
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
        """Make the frame at one time between two.

        Args:
            first_B3HW, second_B3HW: RGB in [0, 1]; any size, which is padded with zeros to multiples of 8.
            forward_B2HW: for each pixel of the first frame where it lies in the second, in pixels, channel 0 = x.
            backward_B2HW: the same from the second to the first.
            time: 0 to 1; the published weights were trained at 0.5 alone.
            noise: for v00, three tensors of `noise_shapes` of the padded size, already scaled; else it is drawn.
            temperature: standard deviation of the noise that is drawn, 0 or more; 0 gives the most likely frame.
            generator: draws the noise, on its own device; by default torch's for the CPU.

        Returns:
            The frame, float32, not clamped: near [0, 1] with trained weights. Differentiable.

        Raises:
            InbetweenError: sizes that do not agree, values that are not finite, or a temperature below 0.
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
        """How likely v00 finds a frame, and the latents that stand for it; arguments as in `render`.

        Args:
            target_B3HW: the frame, in [0, 1]. For training it is dequantised by the caller.

        Returns:
            Likelihood, latents, and the noise that `render` makes the frame of again.

        Raises:
            InbetweenError: as `render`, or the weights are those of vb, which has no likelihood.
        """
        if self.variant != "v00":
            raise InbetweenError("PerVFI vb has no likelihood; load a v00 file.")
        check_pair(first_B3HW, second_B3HW, forward_B2HW, backward_B2HW)
        if target_B3HW.shape != first_B3HW.shape or not target_B3HW.isfinite().all():
            raise InbetweenError(
                f"the target is {tuple(target_B3HW.shape)}; "
                f"give finite values of the frames' {tuple(first_B3HW.shape)}."
            )
        pair = self._prepared(first_B3HW, second_B3HW, forward_B2HW, backward_B2HW)
        time_T111 = torch.full((first_B3HW.shape[0], 1, 1, 1), float(time), device=first_B3HW.device)
        conditions = [each.float() for each in self.conditions(pair, time_T111)]
        return self.condFLownet.encode(padded(target_B3HW) * 2 - 1, conditions)

    def generate(self, conditions: Sequence[Tensor], noise: Sequence[Tensor] | None) -> Tensor:
        """Frames in [0, 1], float32, not clamped, from the conditions and, for v00 alone, noise."""
        if noise is None:
            return (self.generator(conditions).float() + 1) / 2
        conditions = [each.float() for each in conditions]
        noise = [each.to(conditions[0]).contiguous(memory_format=torch.channels_last) for each in noise]
        return (self.condFLownet.decode(noise, conditions) + 1) / 2

    def _prepared(self, first_B3HW: Tensor, second_B3HW: Tensor, forward_B2HW: Tensor, backward_B2HW: Tensor) -> Pair:
        first, second = (self.features(padded(each) * 2 - 1) for each in (first_B3HW, second_B3HW))
        return self.pair(first, second, padded(forward_B2HW), padded(backward_B2HW))


def padded(x_BCHW: Tensor) -> Tensor:
    """Zeros right and below up to multiples of 8, as published; for frames before they are mapped to -1..1: black."""
    height, width = x_BCHW.shape[2:]
    return functional.pad(x_BCHW.float(), (0, -width % MULTIPLE, 0, -height % MULTIPLE))


def draw_noise(
    batch: int, height: int, width: int, temperature: float, generator: torch.Generator | None = None
) -> list[Tensor]:
    """Normal noise for a padded size, of standard deviation `temperature`; drawn on the CPU unless told otherwise."""
    check_temperature(temperature)
    device = generator.device if generator is not None else "cpu"
    shapes = noise_shapes(height, width)
    return [temperature * torch.randn(batch, *shape, generator=generator, device=device) for shape in shapes]


def check_temperature(temperature: float) -> None:
    """Raise InbetweenError unless noise can have this standard deviation."""
    if not 0 <= temperature < float("inf"):
        raise InbetweenError(f"temperature is {temperature:g}; give 0 or more (0.3 as published).")


def check_noise(noise: Sequence[Tensor], batch: int, height: int, width: int) -> None:
    """Raise InbetweenError unless the noise is that of a padded size."""
    given, needed = [tuple(each.shape) for each in noise], [(batch, *shape) for shape in noise_shapes(height, width)]
    if given != needed:
        raise InbetweenError(f"the noise is {given} but frames padded to {width}x{height} need {needed}.")


def check_pair(first_B3HW: Tensor, second_B3HW: Tensor, forward_B2HW: Tensor, backward_B2HW: Tensor) -> tuple[int, int]:
    """Height and width of a pair of frames with flows, after a look whether they fit together."""
    batch, channels, height, width = first_B3HW.shape
    if channels != 3 or second_B3HW.shape != first_B3HW.shape:
        raise InbetweenError(
            f"the frames are {tuple(first_B3HW.shape)} and {tuple(second_B3HW.shape)}; "
            "give two of one shape (B, 3, H, W)."
        )
    for name, flow_B2HW in (("forward", forward_B2HW), ("backward", backward_B2HW)):
        if flow_B2HW.shape != (batch, 2, height, width):
            raise InbetweenError(
                f"the {name} flow is {tuple(flow_B2HW.shape)} but the frames need {(batch, 2, height, width)}; "
                "scale it to their size, and its values with it."
            )
    for name, tensor in (
        ("first frame", first_B3HW),
        ("second frame", second_B3HW),
        ("forward flow", forward_B2HW),
        ("backward flow", backward_B2HW),
    ):
        if not tensor.isfinite().all():
            raise InbetweenError(f"the {name} holds NaN or infinite values; look at what made it.")
    return height, width
