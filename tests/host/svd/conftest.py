"""What the tests of the guider can ask for."""

import pytest


@pytest.fixture(scope="module")
def models(svd):
    """The tiny SVD-XT as the loader gives it, and its clones, which the host's cache would keep as well."""
    return [svd.load()]


@pytest.fixture
def model(models):
    """A clone that a test may change."""
    models.append(models[0].clone())
    return models[-1]


@pytest.fixture
def attention_module(svd):
    """The module that teaches the layers."""
    from comfyui_inbetween.host.svd import temporal_attention

    return temporal_attention


@pytest.fixture
def guider_module(svd):
    """The module under test."""
    from comfyui_inbetween.host.svd import dual_direction

    return dual_direction
