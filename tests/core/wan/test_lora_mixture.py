"""Which expert is chosen, and the arithmetic of LoRAs with biases."""

from dataclasses import dataclass

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.wan.lora_mixture import EXPERT_CHOICES, LoraMixture, LowRank, concatenated
from random_weights import numbers


@dataclass(frozen=True)
class Named:
    """A LoRA of which only the name matters."""

    name: str
    model: str = ""

    def tensors(self):
        return {}


def mixture(*frame_counts, universal=False):
    made = LoraMixture(Named("u") if universal else None)
    for count in frame_counts:
        made = made.with_expert(count, Named(f"e{count}"))
    return made


SEMFI = mixture(5, 9, 17, 33, 65, 81)


def published_choice(frame_count):
    """The thresholds of the published code, on the count that it rounds up first."""
    made = frame_count if frame_count % 4 == 1 else (frame_count + 2) // 4 * 4 + 1
    thresholds = ((7, 5), (13, 9), (25, 17), (49, 33), (73, 65))
    return next((expert for limit, expert in thresholds if made <= limit), 81)


def test_the_expert_is_that_of_the_published_code():
    for frame_count in range(1, 401):
        assert SEMFI.nearest(frame_count).frame_count == published_choice(frame_count), frame_count


@pytest.mark.parametrize(("frame_count", "expert"), [(6, 9), (7, 9), (13, 9), (25, 17), (49, 33), (73, 65), (400, 81)])
def test_ties_and_lengths_that_are_rounded(frame_count, expert):
    assert SEMFI.nearest(frame_count).frame_count == expert


def test_the_experts_are_the_users_own():
    own = mixture(121, 25)
    assert own.frame_counts == (25, 121)
    assert own.nearest(73).frame_count == 25
    assert own.nearest(77).frame_count == 121
    assert SEMFI.with_expert(121, Named("long")).nearest(109).lora.name == "long"
    assert SEMFI.frame_counts[-1] == 81  # and the mixture that was extended is as it was


@pytest.mark.parametrize(
    ("frame_count", "shares"),
    [
        (41, {33: 0.75, 65: 0.25}),
        (33, {33: 1.0}),
        (5, {5: 1.0}),
        (81, {81: 1.0}),
        (97, {81: 1.0}),
        (10, {9: 0.5, 17: 0.5}),
    ],
)
def test_two_nearest_are_mixed_by_distance(frame_count, shares):
    assert {expert.frame_count: share for expert, share in SEMFI.nearest_two(frame_count)} == shares


def test_a_length_below_all_experts_has_one():
    ((expert, share),) = mixture(33, 65).nearest_two(9)
    assert (expert.frame_count, share) == (33, 1.0)


@pytest.mark.parametrize(
    ("choice", "trained_frames", "shares"),
    [
        ("nearest", None, {33: 1.0}),
        ("two nearest", None, {33: 0.75, 65: 0.25}),
        ("fixed", 9, {9: 1.0}),
        ("nearest", 9, {33: 1.0}),  # a number left over from another choice
    ],
)
def test_each_way_to_choose(choice, trained_frames, shares):
    chosen = SEMFI.choose(choice, 41, trained_frames)
    assert {expert.frame_count: share for expert, share in chosen} == shares


def test_a_lora_is_added_as_an_expert_or_for_all_lengths():
    made = LoraMixture().with_lora(Named("u"), None).with_lora(Named("e"), 33)
    assert made.universal.name == "u"
    assert [(expert.frame_count, expert.lora.name) for expert in made.experts] == [(33, "e")]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: SEMFI.with_expert(33, Named("mine")), "two experts are for 33 frames, e33 and mine"),
        (lambda: mixture(0), "e0 is for 0 frames; give 1 or more"),
        (lambda: mixture(5, universal=True).with_universal(Named("v")), "has a universal LoRA, u; add v as an expert"),
        (lambda: SEMFI.expert_for(34), "no expert for 34 frames; choose 5, 9, 17, 33, 65 or 81"),
        (lambda: mixture(33).expert_for(34), "choose 33"),
        (lambda: mixture(universal=True).nearest(33), "has no expert; add one with Extend Mixture of LoRA"),
        (lambda: mixture().nearest_two(33), "has no expert"),
        (lambda: SEMFI.choose("fixed", 33, 34), "no expert for 34 frames"),
        *(
            (lambda choice=choice: SEMFI.choose(choice, 4, 33), "frame_count is 4; Wan needs 5")
            for choice in EXPERT_CHOICES
        ),
    ],
)
def test_what_cannot_be_is_told(act, message):
    with pytest.raises(InbetweenError, match=message):
        act()


# ------------------------------------------------------------------------------------- arithmetic


class PublishedLora(torch.nn.Module):
    """A LoRA as SemFi has it: two linear layers, both with a bias, alpha equal to rank."""

    def __init__(self, name, inputs=24, outputs=40, rank=16):
        super().__init__()
        self.lora_A, self.lora_B = torch.nn.Linear(inputs, rank), torch.nn.Linear(rank, outputs)
        with torch.no_grad():
            for part, tensor in self.named_parameters():
                tensor.copy_(numbers(f"{name}.{part}", tensor.shape) / tensor.shape[-1] ** 0.5)

    def forward(self, x):
        return self.lora_B(self.lora_A(x))

    def folded(self):
        return LowRank.of_affine(self.lora_A.weight, self.lora_A.bias, self.lora_B.weight, self.lora_B.bias)


@torch.no_grad()
def test_folding_is_the_published_module():
    """A linear layer, the universal LoRA and an expert: against one layer with the change folded into its weights."""
    x = numbers("x", (10, 24))
    universal, expert, neighbour = map(PublishedLora, ("universal", "expert", "other"))
    base = PublishedLora("base", rank=40).lora_A
    published = base(x) + universal(x) + expert(x)

    def folded(*changes):
        change = concatenated(changes)
        return torch.nn.functional.linear(
            x, base.weight + change.up_OR @ change.down_RI, base.bias + (0 if change.bias_O is None else change.bias_O)
        )

    assert (folded(universal.folded(), expert.folded()) - published).abs().max() < 1e-6 * published.abs().max()
    bare = LowRank(expert.folded().down_RI, expert.folded().up_OR)
    for wrong in ([universal.folded(), bare], [universal.folded(), neighbour.folded()], [expert.folded()]):
        assert (folded(*wrong) - published).abs().max() > 0.01


@torch.no_grad()
def test_strength_scales_the_whole_change():
    change = PublishedLora("any").folded()
    half = change.times(0.5)
    torch.testing.assert_close(half.up_OR @ half.down_RI, 0.5 * change.up_OR @ change.down_RI)
    torch.testing.assert_close(half.bias_O, 0.5 * change.bias_O)
    both = concatenated([half, half])
    torch.testing.assert_close(both.up_OR @ both.down_RI, change.up_OR @ change.down_RI)
    assert concatenated([LowRank(half.down_RI, half.up_OR)]).bias_O is None


@torch.no_grad()
def test_biases_of_half_precision_are_added_up_in_full():
    lora = PublishedLora("any").to(torch.bfloat16)
    assert lora.folded().bias_O.dtype == torch.float32
    exact = lora.lora_B.weight.double() @ lora.lora_A.bias.double() + lora.lora_B.bias.double()
    assert (lora.folded().bias_O - exact).abs().max() < 1e-6
