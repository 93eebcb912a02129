"""What tests of the host's side can ask for."""

import pytest


@pytest.fixture
def steps(host):
    """What the host's progress bar was told, as (value, total)."""
    import comfy.utils

    told = []
    comfy.utils.set_progress_bar_global_hook(lambda value, total, preview, node_id=None: told.append((value, total)))
    yield told
    comfy.utils.set_progress_bar_global_hook(None)


@pytest.fixture(scope="session")
def wan(tiny_models):
    """Running the tiny Wan: the module `golden.semfi.runs`."""
    from golden.semfi import runs as wan_runs

    return wan_runs


@pytest.fixture(scope="session")
def svd(tiny_models):
    """Running the tiny SVD: the module `golden.gi.runs`."""
    from golden.gi import runs as svd_runs

    return svd_runs


@pytest.fixture(scope="module")
def clip_vision(host):
    """A tiny CLIP vision that fits Wan and SVD."""
    from tiny_encoders import tiny_clip_vision

    return tiny_clip_vision()
