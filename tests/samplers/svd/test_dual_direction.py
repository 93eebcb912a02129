"""Rotated attention, fusion and guidance as plain functions."""

import pytest
import torch
from comfyui_inbetween.samplers.svd import dual_direction
from comfyui_inbetween.samplers.svd.dual_direction import (
    attend,
    attention_map,
    fused,
    guidance_scales,
    paired_attention,
    rotated,
)

ROWS, HEADS, FRAMES, SIZE = 6, 2, 7, 8


def made(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=["by its map", "without a map"])
def way(request, monkeypatch):
    """Both ways to compute paired attention, of which this machine would take the first."""
    if request.param == "without a map":
        monkeypatch.setattr(dual_direction, "MAPS_ARE_FASTER", ())


@pytest.fixture
def query_key():
    return [made(seed, ROWS, FRAMES, HEADS * SIZE) for seed in (1, 2)]


@pytest.fixture
def values():
    return made(3, 2 * ROWS, FRAMES, HEADS * SIZE)


def test_a_map_turned_twice_is_itself(query_key):
    map_RHNN = attention_map(*query_key, HEADS)
    assert torch.equal(rotated(rotated(map_RHNN)), map_RHNN)
    assert not torch.allclose(rotated(map_RHNN), map_RHNN, atol=0.1)


def test_turning_moves_both_queries_and_keys():
    map_NN = torch.tensor([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert torch.equal(rotated(map_NN), torch.tensor([[9.0, 8, 7], [6, 5, 4], [3, 2, 1]]))


def test_a_map_is_softmax_of_scaled_products(query_key):
    query, key = (each.view(ROWS, FRAMES, HEADS, SIZE).transpose(1, 2) for each in query_key)
    expected = torch.softmax(torch.einsum("rhid,rhjd->rhij", query, key) / SIZE**0.5, dim=-1)
    torch.testing.assert_close(attention_map(*query_key, HEADS), expected, atol=1e-6, rtol=0)


def test_half_precision_is_computed_in_float32(query_key):
    """Products of 100 and more would overflow otherwise."""
    query, key = (300 * each for each in query_key)
    map_RHNN = attention_map(query.half(), key.half(), HEADS)
    assert map_RHNN.dtype == torch.float16
    assert torch.isfinite(map_RHNN).all()
    torch.testing.assert_close(map_RHNN.float().sum(-1), torch.ones(ROWS, HEADS, FRAMES), atol=2e-3, rtol=0)


@pytest.mark.usefixtures("way")
def test_the_pair_is_plain_attention_and_attention_with_the_turned_map(query_key, values):
    map_RHNN = attention_map(*query_key, HEADS)
    forward, backward = paired_attention(*query_key, values, HEADS).chunk(2)
    torch.testing.assert_close(forward, attend(map_RHNN, values[:ROWS]), atol=1e-6, rtol=0)
    torch.testing.assert_close(backward, attend(rotated(map_RHNN), values[ROWS:]), atol=1e-6, rtol=0)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    "wrong",
    [lambda m: m, lambda m: m.flip(-1), lambda m: m.flip(-2), lambda m: m.transpose(-1, -2), lambda m: m.flip(1)],
    ids=["not turned", "keys only", "queries only", "transposed", "heads turned"],
)
def test_other_maps_would_be_seen(query_key, values, wrong):
    _, backward = paired_attention(*query_key, values, HEADS).chunk(2)
    other = attend(wrong(attention_map(*query_key, HEADS)), values[ROWS:])
    assert (backward - other).abs().max() > 0.1


@pytest.mark.usefixtures("way")
def test_rows_may_be_taken_in_parts(query_key, values, monkeypatch):
    whole = paired_attention(*query_key, values, HEADS)
    whole_map = attention_map(*query_key, HEADS)
    monkeypatch.setattr(dual_direction, "ROWS_PER_CALL", 4)
    torch.testing.assert_close(paired_attention(*query_key, values, HEADS), whole, atol=1e-6, rtol=0)
    torch.testing.assert_close(attention_map(*query_key, HEADS), whole_map, atol=1e-6, rtol=0)


def test_guidance_grows_in_equal_steps():
    assert guidance_scales(5, 1.0, 3.0).tolist() == [1.0, 1.5, 2.0, 2.5, 3.0]
    assert guidance_scales(1, 1.0, 3.0).tolist() == [1.0]


def test_the_average_turns_the_backward_clip_around():
    forward, backward = made(4, FRAMES, 4, 2, 2), made(5, FRAMES, 4, 2, 2)
    torch.testing.assert_close(fused(forward, backward, "average"), (forward + backward.flip(0)) / 2)


def test_weights_by_frame_go_from_one_direction_to_the_other():
    forward, backward = torch.zeros(5, 4, 2, 2), torch.ones(5, 4, 2, 2)
    assert fused(forward, backward, "linear by frame")[:, 0, 0, 0].tolist() == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize("fusion", ["average", "linear by frame"])
def test_velocities_and_clean_latents_are_fused_alike(fusion):
    """x0 = -v s / sqrt(s^2 + 1) + x / (s^2 + 1) for both directions."""
    x, forward, backward, sigma = (*(made(seed, FRAMES, 4, 2, 2) for seed in (6, 7, 8)), 3.0)

    def clean(velocity, noisy):
        return -velocity * sigma / (sigma**2 + 1) ** 0.5 + noisy / (sigma**2 + 1)

    of_velocities = clean(fused(forward, backward, fusion), x)
    of_latents = fused(clean(forward, x), clean(backward, x.flip(0)), fusion)
    torch.testing.assert_close(of_velocities, of_latents, atol=1e-6, rtol=0)
