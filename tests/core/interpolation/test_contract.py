"""Settings: what a node offers for all engines, and what each engine takes of it."""

from dataclasses import dataclass

import pytest
from comfyui_inbetween.core.interpolation.contract import PUBLISHED, own_settings
from comfyui_inbetween.networks.interpolation.pervfi.settings import PerVFISettings


@dataclass(frozen=True)
class Sharpness:
    amount: float = 0.5


def test_an_engine_takes_its_own_and_has_defaults_for_the_rest():
    offered = {"temperature": 0.7, "seed": 3, "amount": 2.0}
    assert own_settings(PerVFISettings, offered) == PerVFISettings(0.7, 3, "first")
    assert own_settings(Sharpness, offered) == Sharpness(2.0)
    assert own_settings(Sharpness, {"seed": 3}) == Sharpness()


def test_nothing_set_is_as_published():
    assert own_settings(PerVFISettings, PUBLISHED) == PerVFISettings(temperature=0.3, seed=0, primary_frame="first")
    with pytest.raises(TypeError):
        PUBLISHED["seed"] = 1  # shared by all runs, so it cannot be changed
