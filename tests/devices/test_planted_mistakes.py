"""
Mistakes of the kind that only a GPU shows, planted one by one: the tests of this folder see each of them.

That the same evaluation without a mistake shows nothing is held by test_networks.py (float32) and by
test_half_precision.py.
"""

import pytest
import torch
from device_values import left_on_the_device
from pretend_device import promotions

OTHER_DEVICE = "Expected all tensors to be on the same device"


@pytest.fixture
def predicted(svd, tiny_models, on_device):
    """One evaluation of both directions on the device, with guidance by frame, and what left half precision."""

    def run(precision: str = "float32"):
        with on_device(precision), promotions() as found:
            guided = svd.guider(svd.load(), memory="one direction at a time", **svd.WEIGHTED)
            svd.predicted(guided, svd.noisy(1.0), 1.0)
        return {each.place for each in found if each.place != "outside the pack"}

    return run


@pytest.fixture
def guider_module(svd):
    from comfyui_inbetween.host.svd import dual_direction

    return dual_direction


@pytest.fixture
def attention_module(svd):
    from comfyui_inbetween.host.svd import temporal_attention

    return temporal_attention


def test_a_constant_made_on_the_cpu_is_seen(predicted, guider_module, monkeypatch):
    fused = guider_module.fused
    monkeypatch.setattr(guider_module, "fused", lambda *clips: fused(*clips) * torch.ones(1, 4, 1, 1))
    with pytest.raises(RuntimeError, match=OTHER_DEVICE):
        predicted()


def test_a_missing_to_is_seen(predicted, guider_module, monkeypatch):
    """The scales by frame, which are made on the CPU, stay there."""

    def scales(guided, x):
        settings = guided.settings
        return guider_module.guidance_scales(len(x), settings.first_cfg, settings.last_cfg).view(-1, 1, 1, 1)

    monkeypatch.setattr(guider_module.DualDirectionGuider, "_scale", scales)
    with pytest.raises(RuntimeError, match=OTHER_DEVICE):
        predicted()


def test_weights_that_the_host_is_not_told_of_are_seen(predicted, attention_module, monkeypatch):
    """A layer of ours in the model that no patcher of the host's brings to the device."""
    add = attention_module._TwoWayAttention._add_change

    def with_a_layer(layer, which, made, given):
        add(layer, which, made, given)
        made += torch.nn.Linear(given.shape[-1], made.shape[-1])(given)

    monkeypatch.setattr(attention_module._TwoWayAttention, "_add_change", with_a_layer)
    with pytest.raises(RuntimeError, match=OTHER_DEVICE):
        predicted()


def test_a_float32_factor_in_half_precision_is_seen(predicted, attention_module, monkeypatch):
    rotated = attention_module.rotated
    monkeypatch.setattr(
        attention_module,
        "rotated",
        lambda map_RHNN: rotated(map_RHNN * torch.ones(map_RHNN.shape[-1], device=map_RHNN.device)).to(map_RHNN),
    )
    assert predicted() == set(), "in float32 it is none"
    assert predicted("as the host chooses") == {"host/svd/temporal_attention.py run"}


def test_random_numbers_of_the_cpus_generator_are_seen(predicted, guider_module, monkeypatch):
    fused = guider_module.fused
    generator = torch.Generator()
    monkeypatch.setattr(
        guider_module,
        "fused",
        lambda forward, *rest: fused(forward + torch.randn(1, generator=generator, device=forward.device), *rest),
    )
    with pytest.raises(RuntimeError, match="device type for generator"):
        predicted()


@pytest.mark.parametrize("mistake", [False, True])
def test_frames_that_stay_on_the_gpu_are_seen(all_nodes, tiny_models, on_device, run_node, monkeypatch, mistake):
    from node_examples import EXAMPLES

    (node_class,) = [each for each in all_nodes if each.__name__ == "InbetweenVideoDecode"]
    with on_device():
        (example,) = EXAMPLES["InbetweenVideoDecode"]()
        if mistake:
            monkeypatch.setattr(example["vae"], "output_device", example["vae"].device)
        found = run_node(node_class, example)
        assert list(left_on_the_device(found)) == (["result[0]"] if mistake else [])


def test_numpy_without_cpu_is_seen(on_device):
    import cv2
    from pretend_device import DEVICE

    picture_HWC = torch.zeros(8, 8, 3, device=DEVICE)
    with pytest.raises(TypeError, match=r"Use Tensor\.cpu"):
        cv2.resize(picture_HWC.numpy(), (4, 4))
