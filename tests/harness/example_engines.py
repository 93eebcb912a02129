"""Engines and networks with random weights, as the host passes them to nodes."""

from functools import cache

import torch
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator
from golden.pervfi.weights import seeded_weights
from rife_film_weights import small_film, small_rife


def pervfi_engine(variant: str = "vb"):
    """PerVFI with seeded weights, on the weight-free flow."""
    from comfyui_inbetween.host.interpolation.pervfi import PerVFIEngine
    from comfyui_inbetween.networks.interpolation.pervfi import build

    return PerVFIEngine(patcher(build(_weights(variant))), None)


def rife_engine():
    """A small RIFE with random weights."""
    from comfyui_inbetween.host.interpolation.rife_film import RIFE, HostEngine

    return HostEngine(patcher(small_rife()), RIFE)


def film_engine():
    """A small FILM with random weights, which makes about the mean of two frames."""
    from comfyui_inbetween.host.interpolation.rife_film import FILM, HostEngine

    return HostEngine(patcher(small_film()), FILM)


@cache
def _weights(variant: str) -> dict[str, torch.Tensor]:
    return seeded_weights(variant)


def patcher(network: torch.nn.Module):
    """The network as the host passes it on, for the device on which the host computes."""
    import comfy.model_management as model_management
    from comfy.model_patcher import ModelPatcher

    return ModelPatcher(network, model_management.get_torch_device(), model_management.unet_offload_device())


def flow_engine():
    """The weight-free engine, where the host computes."""
    import comfy.model_management as model_management

    return FlowInterpolator(model_management.get_torch_device())
