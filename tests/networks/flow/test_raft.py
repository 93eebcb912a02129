"""RAFT: both key layouts are read, and both directions in one pass are what two passes of torchvision make."""

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.networks.flow import raft
from raft_weights import in_original_layout, seeded_raft
from random_weights import randomise
from torchvision.models.optical_flow import raft_small

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def weights():
    return seeded_raft()


@pytest.fixture(scope="module")
def network(weights):
    return raft.build(weights)


def frames(height, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, height, width, generator=generator), torch.rand(1, 3, height, width, generator=generator)


def published(network, first, second):
    with torch.no_grad():
        return network(first * 2 - 1, second * 2 - 1, num_flow_updates=12)[-1]


def test_both_ways_is_twice_one_way(network):
    first, second = frames(136, 168)
    forward, backward = raft.flow_both_ways(network, first, second)
    expected = published(network, first, second)
    assert expected.abs().mean() > 0.3
    torch.testing.assert_close(forward, expected, rtol=0, atol=5e-5)
    torch.testing.assert_close(backward, published(network, second, first), rtol=0, atol=5e-5)


def test_one_direction_after_the_other_gives_the_same(network, monkeypatch):
    """What is done when both at once do not fit into memory."""
    first, second = frames(128, 136)
    expected = [flow[0] for flow in raft.flow_both_ways(network, first, second)]
    original, tried = raft.flow_both_ways, []

    def scarce(network, first, second, together=True):
        tried.append(together)
        if together:
            raise torch.OutOfMemoryError
        return original(network, first, second, together)

    monkeypatch.setattr(raft, "flow_both_ways", scarce)
    with torch.no_grad():
        found = raft.RaftFlow(network).both_ways(first[0].movedim(0, 2), second[0].movedim(0, 2))
    assert tried == [True, False]
    for flow, flow_expected in zip(found, expected, strict=True):
        torch.testing.assert_close(flow, flow_expected, rtol=0, atol=5e-5)


def test_the_small_one_runs_as_well():
    """Which another pack may pass on as OPTICAL_FLOW."""
    network = randomise(raft_small(weights=None, progress=False), 0).eval()
    first, second = frames(128, 136)
    with torch.no_grad():
        forward, backward = raft.flow_both_ways(network, first, second)
    torch.testing.assert_close(forward, published(network, first, second), rtol=1e-5, atol=5e-5)
    torch.testing.assert_close(backward, published(network, second, first), rtol=1e-5, atol=5e-5)


def test_a_batch_of_pairs(network):
    first, second = (torch.cat(pair) for pair in zip(frames(128, 136), frames(128, 136, seed=1), strict=True))
    forward, backward = raft.flow_both_ways(network, first, second)
    alone, _ = raft.flow_both_ways(network, first[1:], second[1:])
    assert backward.shape == (2, 2, 128, 136)
    torch.testing.assert_close(forward[1:], alone, rtol=0, atol=5e-5)


def test_small_and_odd_sizes_are_padded_by_their_edges(network):
    first, second = frames(45, 130)
    forward, backward = raft.flow_both_ways(network, first, second)
    assert forward.shape == backward.shape == (1, 2, 45, 130)
    wide = [torch.nn.functional.pad(frame, (0, 6, 0, 83), mode="replicate") for frame in (first, second)]
    torch.testing.assert_close(forward, published(network, *wide)[:, :, :45, :130], rtol=0, atol=5e-5)


def test_large_frames_get_their_flow_smaller_and_scaled(network, monkeypatch):
    """In extent and in value, each axis by its own ratio: 261 x 290 becomes 130 x 145."""
    monkeypatch.setattr(raft, "MOST_PIXELS", 18_900)
    resize = torch.nn.functional.interpolate
    first, second = frames(261, 290)
    small = [resize(frame, (130, 145), mode="bilinear", antialias=True) for frame in (first, second)]
    found, _ = raft.flow_both_ways(network, *small)
    forward, _ = raft.flow_both_ways(network, first, second)
    expected = resize(found, (261, 290), mode="bilinear")
    torch.testing.assert_close(forward[:, 0], expected[:, 0] * 290 / 145)
    torch.testing.assert_close(forward[:, 1], expected[:, 1] * 261 / 130)


def test_original_names_are_read(weights, network):
    original = {f"module.{name}": tensor for name, tensor in in_original_layout(weights).items()}
    assert "module.fnet.layer1.0.conv1.weight" in original
    assert "module.cnet.layer2.0.norm3.weight" in original  # saved twice by the authors
    again = raft.build(original)
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in network.state_dict().items())


def test_nothing_is_left_in_the_network(network):
    raft.flow_both_ways(network, *frames(128, 128))
    assert network.corr_block.corr_pyramid == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: {"block0.conv0.0.0.weight": torch.zeros(1)}, "raft.pth differs from RAFT-large in"),
        (lambda weights: {**weights, "mask_predictor.conv.bias": torch.zeros(3)}, 'such as "mask_predictor.conv.bias"'),
        (lambda weights: [1], "raft.pth contains no named weights"),
        (
            lambda weights: {name: tensor for name, tensor in weights.items() if name != "mask_predictor.conv.bias"},
            "in 1 tensors",
        ),
    ],
)
def test_other_files_are_refused(weights, change, message):
    with pytest.raises(InbetweenError, match=message):
        raft.build(change(weights), name="raft.pth")
