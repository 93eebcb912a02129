"""Every engine and every network on the pretend GPU, with much memory and with little, against the CPU."""

import gc

import pytest
import torch
from device_runs import ENGINES, NETWORKS, interpolated
from pretend_device import MEMORY

# A GPU makes several frames at once, and a network sums differently beside others' numbers.
SEVERAL_AT_ONCE = 1e-5

SOME_WEIGHTS = {"vram": "LOW_VRAM", "room": 200_000}
NEXT_TO_NONE = {"vram": "NO_VRAM"}


@pytest.mark.parametrize("name", ENGINES)
def test_engines(tiny_models, on_device, name):
    """Also when the host was started with --novram: PerVFI and RAFT need all their weights."""
    expected = interpolated(name)
    for memory in ({}, NEXT_TO_NONE):
        with on_device(**memory):
            found = interpolated(name)
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
    assert [torch.equal(each, expected) for each in found] == [True] * 3
    assert peaks[2] < peaks[0], "the host loaded everything, whatever it was told"
    assert peaks[2] <= peaks[1] <= peaks[0]


def test_models_leave_the_device(tiny_models, on_device):
    before = MEMORY.live
    with on_device():
        interpolated("PerVFI vb with RAFT", 2, 2)
        NETWORKS["SVD, one direction at a time"]()
        assert MEMORY.live > before
    gc.collect()
    assert MEMORY.live == before
