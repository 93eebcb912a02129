"""The names of SVD's tensors: diffusers' to the host's, on the full published set of keys."""

import pytest
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.networks.svd.names import DIFFUSERS_LAYERS, TEMPORAL_LAYERS, TO_OUT, TO_V, UP_LAYERS, host_name
from golden.gi.weights import FULL_SIZES, changed_shapes, diffusers_names, svd_shapes


def test_every_tensor_of_the_published_model_has_its_place_in_the_host(host):
    """1428 tensors, each of the same shape, none twice."""
    converted = {host_name(name): shape for name, shape in diffusers_names().items()}
    assert len(converted) == len(diffusers_names()) == 1428
    assert converted == svd_shapes(FULL_SIZES)


def test_the_layers_are_all_temporal_self_attentions(host):
    shapes = svd_shapes(FULL_SIZES)
    assert {name for name in shapes if "time_stack.0.attn1.to_q" in name} == {
        f"{layer}.to_q.weight" for layer in TEMPORAL_LAYERS
    }
    assert sum(rows * columns for rows, columns in changed_shapes(shapes).values()) == 24_780_800
    assert (len(TEMPORAL_LAYERS), len(UP_LAYERS)) == (16, 9)


def test_widths_tell_how_often_the_latent_was_halved(host):
    shapes = svd_shapes(FULL_SIZES)
    widths = {layer: shapes[f"{layer}.{TO_V}"][0] for layer in TEMPORAL_LAYERS}
    assert all(widths[layer] == (320, 640, 1280, 1280)[halvings] for layer, halvings in TEMPORAL_LAYERS.items())


def test_diffusers_names_of_the_layers():
    names = diffusers_names()
    assert all(f"{theirs}.{end}" in names for theirs in DIFFUSERS_LAYERS.values() for end in (TO_V, TO_OUT))
    assert all(host_name(f"{theirs}.{TO_V}") == f"{ours}.{TO_V}" for ours, theirs in DIFFUSERS_LAYERS.items())
    assert DIFFUSERS_LAYERS.keys() == TEMPORAL_LAYERS.keys()


@pytest.mark.parametrize(
    "name",
    [
        "down_blocks.0.attentions",
        "blocks.0.self_attn.q.weight",
        "up_blocks.0.resnets.0.norm1.weight",
        "mid_block.resnets.0.spatial_res_block.norm3.weight",
        "",
    ],
)
def test_other_names_are_refused(name):
    with pytest.raises(InbetweenError, match="is not a tensor of a Stable Video Diffusion UNet"):
        host_name(name)
