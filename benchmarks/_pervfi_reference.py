"""The published modules of PerVFI on the CPU, with a splat in torch instead of the CUDA kernel."""

import contextlib
import sys
import types
from pathlib import Path

import torch
from _run import checkout
from torch import Tensor

REPOSITORY = "https://github.com/mulns/PerVFI"
COMMIT = "89d90f1f7c3b9fee064a65bb9209bd70560a0150"


def reference_folder(named: Path | None) -> Path:
    """The given checkout of the published code, or a downloaded one."""
    return named or checkout(REPOSITORY, COMMIT)


def published_network(folder: Path, variant: str, weights: dict[str, Tensor]) -> torch.nn.Module:
    """The published network of a variant, "v00" or "vb", ready to use."""
    _stand_ins()
    sys.path.insert(0, str(folder / "src" / "test"))
    from models.generators import build_generator_arch
    from models.generators.softsplatnet import softsplat

    softsplat.softsplat_func = _Splat
    network = build_generator_arch(variant)
    network.load_state_dict(weights)
    return network.eval()


def published_frame(
    network: torch.nn.Module, frames: list[Tensor], flows: list[Tensor], time: float, noise: list[Tensor]
) -> Tensor:
    """One frame as the published command line renders it; the sides of frames and flows are multiples of 8."""
    frame_13HW, _ = network(zs=noise, inps=[*frames, *flows], time=time, code="decode")
    return frame_13HW


class _Splat:
    """Summation splatting, corner by corner; replaces an autograd function."""

    @staticmethod
    def apply(values_BCHW: Tensor, flow_B2HW: Tensor) -> Tensor:
        batch, channels, height, width = values_BCHW.shape
        made_BCN = values_BCHW.new_zeros(batch, channels, height * width)
        rows_H1, columns_W = torch.arange(height)[:, None], torch.arange(width)
        for sample in range(batch):
            x_HW, y_HW = columns_W + flow_B2HW[sample, 0], rows_H1 + flow_B2HW[sample, 1]
            for down in (0, 1):
                for right in (0, 1):
                    column_HW, row_HW = x_HW.floor() + right, y_HW.floor() + down
                    weight_HW = (1 - (x_HW - column_HW).abs()) * (1 - (y_HW - row_HW).abs())
                    inside_HW = (column_HW >= 0) & (column_HW < width) & (row_HW >= 0) & (row_HW < height)
                    place_HW = torch.where(inside_HW, row_HW * width + column_HW, 0).long()
                    shares_CN = (values_BCHW[sample] * torch.where(inside_HW, weight_HW, 0)).flatten(1)
                    made_BCN[sample].index_add_(1, place_HW.flatten(), shares_CN)
        return made_BCN.unflatten(2, (height, width))


def _stand_ins() -> None:
    """Replace imports that the published code does not need on a CPU."""

    class Accelerator:
        autocast = staticmethod(contextlib.nullcontext)

    modules = {
        "accelerate": {"Accelerator": Accelerator},
        "loguru": {"logger": types.SimpleNamespace(info=lambda *_: None, error=print)},
        "cupy": {"memoize": lambda **_: lambda function: function},
    }
    for name, contents in modules.items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(contents)
    torch.Tensor.cuda = lambda self, *_, **__: self  # type: ignore[method-assign]
