"""What tests of devices can ask for: the real host on the pretend GPU, and running nodes on it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache

import pytest
import torch


@pytest.fixture
def on_device(host) -> Callable[..., AbstractContextManager[None]]:
    """Puts the host on the pretend GPU: `pretend_host.host_on_device`."""
    from pretend_host import host_on_device

    return host_on_device


@pytest.fixture(scope="session")
def on_the_cpu(tiny_models) -> Callable[[str], torch.Tensor]:
    """What a network of `device_runs.NETWORKS` makes on the CPU, once for all tests."""
    from device_runs import NETWORKS

    @cache
    def made(name: str) -> torch.Tensor:
        return NETWORKS[name]()

    return made


@pytest.fixture(scope="session")
def frames_of_the_cpu(tiny_models) -> Callable[[str], torch.Tensor]:
    """What an engine of `device_runs.ENGINES` makes on the CPU of three pictures, once for all tests: 9 frames."""
    from device_runs import interpolated

    return cache(lambda name: interpolated(name, 4))


@pytest.fixture
def svd(tiny_models):
    """Running the tiny SVD: the module `golden.gi.runs`."""
    from golden.gi import runs as svd_runs

    return svd_runs


@pytest.fixture
def run_node(host) -> Callable[[type, dict], list]:
    """Executes a node as the host does: no gradients, on a locked copy of the class."""
    from comfy_api.internal import make_locked_method_func
    from comfy_execution.graph_utils import GraphBuilder

    def run(node_class: type, arguments: dict) -> list:
        node_class.GET_SCHEMA()
        GraphBuilder.set_default_prefix("node", 0)
        call = make_locked_method_func(node_class, node_class.FUNCTION, node_class.PREPARE_CLASS_CLONE(None))
        with torch.inference_mode():
            return list(call(**arguments).result)

    return run
