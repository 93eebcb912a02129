"""BBF's adapter by itself: what is zero in the beginning, and what its embeddings know."""

from dataclasses import replace

import pytest
import torch
from comfyui_inbetween.core.sound.windows import AudioWindows
from comfyui_inbetween.networks.sound import read_adapter
from comfyui_inbetween.networks.sound.bbf import sines, start_untrained
from comfyui_inbetween.networks.sound.projectors import ModelState
from comfyui_inbetween.networks.sound.vocal_projector import VocalProjector
from golden.audio.weights import CHANNELS, write_adapter


@pytest.fixture
def adapter(tmp_path):
    return read_adapter(write_adapter(tmp_path / "bbf.safetensors", "bbf"))


def heard(frames=3, slots=5, width=64):
    there = torch.ones(frames, slots, dtype=torch.bool)
    there[0, 3:] = False
    delays = torch.linspace(-1, 1, frames * slots).view(frames, slots)
    return AudioWindows(torch.randn(frames, slots, width), there, delays, torch.linspace(0, 1, frames))


def state(frames=3, batch=1):
    modulation, time = torch.randn(batch, 6, CHANNELS), torch.randn(batch, CHANNELS)
    return ModelState(torch.randn(batch, 4 * frames, CHANNELS), modulation, time)


def test_untrained_it_is_stable_avatar_to_the_bit(adapter):
    projector, given, known = adapter.projector, heard(), state()
    start_untrained(projector)
    tokens, plain = projector(given).tokens_FLD, projector.proj_model(given).tokens_FLD
    assert torch.equal(tokens, plain)
    found = projector.refined(tokens, replace(known, end_difference_CHW=torch.randn(16, 4, 6)))
    assert torch.equal(found, VocalProjector.refined(projector, plain, known))


def test_slots_without_sound_stay_zero(adapter):
    tokens = adapter.tokens(heard())
    assert not tokens.tokens_FLD[~tokens.heard_FL].any()
    assert tokens.tokens_FLD[tokens.heard_FL].abs().sum(dim=-1).min() > 0


def test_the_difference_of_the_ends_is_seen(adapter):
    projector, given, known = adapter.projector, heard(), state()
    tokens = projector(given).tokens_FLD
    step = torch.ones(16, 4, 4)
    states = [replace(known, end_difference_CHW=each * step) for each in (0.0, 1.0, -1.0, 2.0)]
    made = [projector.refined(tokens, each) for each in states]
    assert min((one - other).abs().max() for one in made for other in made if one is not other) > 1e-3


def test_the_difference_has_no_fixed_size(adapter):
    assert adapter.projector.diff(torch.randn(16, 6, 10)).shape == (1, 6, CHANNELS)


def test_time_and_place_are_told_apart():
    """Delays of a hundredth of a latent frame, and positions, have embeddings of their own."""
    embedded = sines(torch.tensor([-1.0, -0.5, 0.0, 0.01, 0.5, 1.0]), 128)
    assert embedded.shape == (6, 128)
    distances = torch.cdist(embedded, embedded) + torch.eye(6)
    assert distances.min() > 0.005
    assert torch.equal(embedded[2], torch.cat([torch.zeros(64), torch.ones(64)]))
