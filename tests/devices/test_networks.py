"""Every engine and every network on the pretend GPU, with much memory and with little, against the CPU."""

import gc

import pytest
import torch
from device_runs import (
    ENGINES,
    NETWORKS,
    interpolated,
    interpolated_by_the_host,
    interpolated_with_grain,
)
from pretend_device import MEMORY

# A GPU makes several frames at once, and a network sums differently beside others' numbers.
SEVERAL_AT_ONCE = 1e-5

# On the CPU paired attention goes by the map of a layer, elsewhere by torch's attention; and torch's attention, which
# hearing goes by, is fused on the CPU alone.
BY_OTHER_MEANS = {"SVD, both directions at once": 5e-4} | {name: 1e-4 for name in NETWORKS if "hears" in name}

SOME_WEIGHTS = {"vram": "LOW_VRAM", "room": 200_000}
NEXT_TO_NONE = {"vram": "NO_VRAM"}


@pytest.mark.parametrize("name", ENGINES)
def test_engines(frames_of_the_cpu, on_device, name):
    """Also when the host was started with --novram: PerVFI and RAFT need all their weights."""
    expected = frames_of_the_cpu(name)
    with on_device():
        found = interpolated(name, 4)
    with on_device(**NEXT_TO_NONE):
        half_way = interpolated(name, 2, 2)
    assert found.device.type == half_way.device.type == "cpu"
    torch.testing.assert_close(found, expected, rtol=0, atol=SEVERAL_AT_ONCE)
    torch.testing.assert_close(half_way[1], expected[2], rtol=0, atol=SEVERAL_AT_ONCE)


@pytest.mark.parametrize("name", ["weight-free", "RIFE"])
def test_grain(on_device, tiny_models, name):
    expected = interpolated_with_grain(name, "keep")
    assert not torch.equal(expected, interpolated_with_grain(name, "as rendered"))
    with on_device():
        found = interpolated_with_grain(name, "keep")
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ENGINES)
def test_engines_under_the_hosts_own_node(tiny_models, on_device, name):
    expected = interpolated_by_the_host(name)
    with on_device():
        found = interpolated_by_the_host(name)
    assert found.device.type == "cpu"
    torch.testing.assert_close(found, expected, rtol=0, atol=SEVERAL_AT_ONCE)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(on_the_cpu, on_device, name):
    """Weights that stay in main memory come to the device layer by layer, ours as well as the host's."""
    expected, found, peaks = on_the_cpu(name), [], []
    for memory in ({}, SOME_WEIGHTS, NEXT_TO_NONE):
        with on_device(**memory):
            peaks.append(MEMORY.peak_of(lambda: found.append(NETWORKS[name]())))
    assert all(each.device.type == "cpu" for each in found)
    for each in found:
        torch.testing.assert_close(each, expected, rtol=0, atol=BY_OTHER_MEANS.get(name, 0.0))
    assert peaks[2] < peaks[0], "the host loaded everything, whatever it was told"


def test_models_leave_the_device(tiny_models, on_device):
    gc.collect()
    before = MEMORY.live
    with on_device():
        interpolated("PerVFI vb with RAFT", 2, 2)
        NETWORKS["SVD, one direction at a time"]()
        assert MEMORY.live > before
    gc.collect()
    assert MEMORY.live == before
