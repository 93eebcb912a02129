"""The comparison that catches nodes writing into their inputs."""

from dataclasses import dataclass

import pytest
import torch
from value_copies import frozen_copy, same


@dataclass(frozen=True)
class Holder:
    tensor: torch.Tensor


class Plain:
    def __init__(self, tensor):
        self.tensor = tensor


def conditioning(tensor):
    return [[tensor, {"concat_latent_image": tensor}]]


@pytest.mark.parametrize(
    "wrap", [lambda t: t, conditioning, lambda t: {"samples": t}, lambda t: (1, [t]), Holder, Plain]
)
def test_a_write_is_seen(wrap):
    tensor = torch.zeros(2, 3)
    value = wrap(tensor)
    before = frozen_copy(value)
    assert same(before, frozen_copy(value))
    tensor[1, 2] = 1e-30
    assert not same(before, frozen_copy(value))


def test_an_added_key_is_seen():
    value = {"samples": torch.zeros(1)}
    before = frozen_copy(value)
    value["noise_mask"] = torch.ones(1)
    assert not same(before, frozen_copy(value))


def test_types_count_and_nan_equals_nan():
    assert not same(torch.zeros(1), torch.zeros(1).half())
    assert not same(1, 1.0)
    assert same(torch.tensor([float("nan")]), torch.tensor([float("nan")]))
