"""Half precision as the host would choose it on a GPU: near float32, without values that are no numbers, and half."""

import pytest
import torch
from device_runs import ENGINES, NETWORKS, interpolated
from pretend_device import promotions

# Largest difference from float32 as a share of the largest value. bfloat16 has 8 bits where float16 has 11.
NEAR = {"as the host chooses": 0.02, "bfloat16": 0.12}


def places(found) -> set[str]:
    return {each.place for each in found if each.place != "outside the pack"}


@pytest.mark.parametrize("name", ENGINES)
def test_engines(frames_of_the_cpu, on_device, name):
    expected = frames_of_the_cpu(name)[[0, 2, 4]]
    with on_device("as the host chooses"), promotions() as found:
        made = interpolated(name, 2, 2)
    assert made.isfinite().all()
    assert made.dtype == torch.float32, "images are float32 for the host"
    assert (made - expected).abs().max() < NEAR["as the host chooses"]
    assert places(found) == set()


@pytest.mark.parametrize("precision", NEAR)
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(on_the_cpu, on_device, name, precision):
    expected = on_the_cpu(name)
    with on_device(precision), promotions() as found:
        made = NETWORKS[name]()
    assert made.isfinite().all()
    assert (made - expected).abs().max() < NEAR[precision] * expected.abs().max()
    assert not torch.equal(made, expected), "nothing was computed in half precision"
    assert places(found) == set()
