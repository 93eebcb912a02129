"""The Mixture of LoRA on the host's Wan, against SemFi's published code and against weights changed by hand."""

import re
import shutil
from dataclasses import dataclass, replace

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.wan.lora_mixture import Expert, LoraMixture
from comfyui_inbetween.networks.wan.lora_files import (
    SEMFI_FRAME_COUNTS,
    KeptLora,
    merged_expert,
    read_lora,
    read_mixture,
)
from golden.semfi.cases import stored_outputs
from golden.semfi.weights import layer_names, seeded_semfi, write_lora, write_semfi
from random_weights import numbers
from safetensors.torch import save_file
from value_copies import frozen_copy, same

# The host embeds the timestep in float32, the published code in float64: 2e-5 on these weights, with and without LoRA.
TOLERANCE = 5e-5
SEEN = 0.02  # every mistake below is larger than this


@pytest.fixture(scope="module")
def semfi(tmp_path_factory):
    return read_mixture(write_semfi(tmp_path_factory.mktemp("semfi") / "semfi.ckpt"))


@pytest.fixture
def model(wan):
    """The tiny Wan2.1 I2V that the stored outputs are of."""
    return wan.load("wan_seeded")


def off(found, expected):
    return (found - expected).abs().max().item()


# ------------------------------------------------------------------------------------- against the published code


def test_without_a_mixture_the_models_are_alike(wan, model):
    assert off(wan.output_of(model), stored_outputs()["no lora"]) < TOLERANCE


@pytest.mark.parametrize("method", ["merge", "bypass"])
@pytest.mark.parametrize(("number", "frame_count"), list(enumerate(SEMFI_FRAME_COUNTS, start=1)))
def test_each_expert_is_as_published(wan, model, semfi, number, frame_count, method):
    patched = wan.applied(model, semfi, frame_count, method=method)
    assert off(wan.output_of(patched), stored_outputs()[f"expert {number}"]) < TOLERANCE
    assert off(wan.output_of(model), stored_outputs()["no lora"]) < TOLERANCE  # and the given model is as it was


@pytest.mark.parametrize("method", ["merge", "bypass"])
def test_the_universal_lora_alone(wan, model, semfi, method):
    patched = wan.applied(model, semfi, 33, method=method, strength_expert=0.0)
    assert off(wan.output_of(patched), stored_outputs()["expert 0"]) < TOLERANCE


@dataclass
class Changed:
    """A LoRA with a mistake in it."""

    lora: object
    change: object = lambda layer, given: (layer, given)
    keep: object = lambda layer: True
    name: str = "changed"
    model: str = ""

    def changes(self):
        return dict(self.change(layer, given) for layer, given in self.lora.changes().items() if self.keep(layer))


MISTAKES = {
    "no biases": {"change": lambda layer, given: (layer, replace(given, bias_O=None))},
    "no ffn": {"keep": lambda layer: "ffn" not in layer},
    "no cross attention": {"keep": lambda layer: "cross_attn" not in layer},
    "scaled by alpha over rank again": {"change": lambda layer, given: (layer, replace(given, up_OR=given.up_OR / 16))},
    "k of the image branch instead of the text": {
        "change": lambda layer, given: (re.sub(r"cross_attn\.k$", "cross_attn.k_img", layer), given)
    },
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_would_be_seen(wan, model, semfi, mistake):
    wrong = LoraMixture(
        Changed(semfi.universal, **MISTAKES[mistake]),
        tuple(Expert(each.frame_count, Changed(each.lora, **MISTAKES[mistake])) for each in semfi.experts),
    )
    assert off(wan.output_of(wan.applied(model, wrong, 33)), stored_outputs()["expert 4"]) > SEEN


def test_other_experts_and_one_without_the_universal_lora_would_be_seen(wan, model, semfi):
    for wrong in (
        wan.applied(model, semfi, 17),
        wan.applied(model, semfi, 65),
        wan.applied(model, LoraMixture(None, semfi.experts), 33),
    ):
        assert off(wan.output_of(wrong), stored_outputs()["expert 4"]) > SEEN


@pytest.mark.parametrize("dropped", ["A", "B"])
def test_each_of_the_two_biases_counts(wan, model, semfi, tmp_path, dropped):
    tensors = seeded_semfi()
    for name in tensors:
        if name.endswith(f"lora_{dropped}.bias"):
            tensors[name] = torch.zeros_like(tensors[name])
    torch.save(tensors, tmp_path / "semfi.ckpt")
    wrong = wan.applied(model, read_mixture(tmp_path / "semfi.ckpt"), 33)
    assert off(wan.output_of(wrong), stored_outputs()["expert 4"]) > SEEN


# ------------------------------------------------------------------------------------- against weights changed by hand


def test_sampling_equals_weights_that_were_changed_by_hand(wan, model, semfi):
    """Through the host's sampler, strengths and the mix of two experts included."""
    tensors, shares = seeded_semfi(), ((3, 0.25 * 0.5), (4, 0.75 * 0.5), (0, 2.0))
    by_hand = wan.load("wan_seeded")
    linears = wan.layers_of(by_hand)
    with torch.no_grad():
        for layer, published in layer_names(2):
            linear = linears[layer]
            for number, share in shares:
                a, bias_a, b, bias_b = (
                    tensors[f"{published}.{number}.lora_{part}"]
                    for part in ("A.weight", "A.bias", "B.weight", "B.bias")
                )
                linear.weight += share * (b @ a)
                linear.bias += share * (b @ bias_a + bias_b)
    for method in ("merge", "bypass"):
        settings = wan.MixtureSettings(2.0, 0.5, method)
        done = wan.apply_mixture(model, semfi, 29, semfi.nearest_two(29), settings)
        assert done.frame_count == 33
        assert off(wan.sampled(done.model), wan.sampled(by_hand)) < 1e-4
    assert off(wan.sampled(model), wan.sampled(by_hand)) > SEEN


# ------------------------------------------------------------------------------------- beside other LoRAs


@pytest.mark.parametrize("method", ["merge", "bypass"])
@pytest.mark.parametrize("theirs", ["merge", "bypass"])
@pytest.mark.parametrize("order", ["before", "after", "both"])
def test_it_goes_with_other_loras(wan, model, semfi, tmp_path, method, theirs, order):
    import comfy.sd

    lora = comfy.utils.load_torch_file(str(write_lora(tmp_path / "other.safetensors", seed=5)), safe_load=True)
    load_theirs = comfy.sd.load_lora_for_models if theirs == "merge" else comfy.sd.load_bypass_lora_for_models

    def other(patcher):
        return load_theirs(patcher, None, dict(lora), 0.7, 0)[0]

    chained = other(model) if order in ("before", "both") else model
    chained = wan.applied(chained, semfi, 33, method=method)
    if order == "both":  # of two bypass loaders of the host one would be lost
        chained = comfy.sd.load_lora_for_models(chained, None, dict(lora), 0.7, 0)[0]
    elif order == "after":
        chained = other(chained)
    strength = 1.4 if order == "both" else 0.7
    expected = comfy.sd.load_lora_for_models(wan.applied(model, semfi, 33), None, dict(lora), strength, 0)[0]
    assert off(wan.output_of(chained), wan.output_of(expected)) < TOLERANCE
    assert off(wan.output_of(model), stored_outputs()["no lora"]) < TOLERANCE


def test_two_mixtures_beside_the_weights(wan, model, semfi):
    """And the second one of them changed, which the host must not take for the same."""
    once = wan.applied(model, semfi, 33, method="bypass")
    for frame_count in (9, 81):
        twice = wan.applied(once, semfi, frame_count, method="bypass")
        merged = wan.applied(wan.applied(model, semfi, 33), semfi, frame_count)
        assert off(wan.output_of(twice), wan.output_of(merged)) < TOLERANCE
    assert off(wan.output_of(once), stored_outputs()["expert 4"]) < TOLERANCE


def test_changing_the_length_changes_the_expert_without_a_trace(wan, model, semfi):
    for method in ("merge", "bypass"):
        for number in (1, 6, 1):
            patched = wan.applied(model, semfi, SEMFI_FRAME_COUNTS[number - 1], method=method)
            assert off(wan.output_of(patched), stored_outputs()[f"expert {number}"]) < TOLERANCE
    import comfy.model_management

    comfy.model_management.unload_all_models()
    assert all(not layer._forward_hooks for layer in wan.layers_of(model).values())


# ------------------------------------------------------------------------------------- files of other trainers


def every_kind(layer="diffusion_model.blocks.0"):
    """A file with a plain LoRA, one with alpha and a bias, DoRA, LoHa, LoKr, whole differences, and norms."""

    def part(name, *shape):
        small = 1.0 if "hada" in name else shape[-1] ** -0.5  # LoHa multiplies four of them
        return 0.3 * small * numbers(name, shape)

    kinds = {
        "self_attn.q": {"lora_A.weight": (4, 128), "lora_B.weight": (128, 4)},
        "self_attn.k": {"lora_down.weight": (4, 128), "lora_up.weight": (128, 4), "diff_b": (128,)},
        "self_attn.v": {"lora_A.weight": (4, 128), "lora_B.weight": (128, 4), "dora_scale": (128, 1)},
        "self_attn.o": {"hada_w1_a": (128, 4), "hada_w1_b": (4, 128), "hada_w2_a": (128, 4), "hada_w2_b": (4, 128)},
        "cross_attn.q": {"lokr_w1": (2, 2), "lokr_w2": (64, 64)},
        "cross_attn.k": {"diff": (128, 128), "diff_b": (128,)},
        "norm3": {"w_norm": (128,), "b_norm": (128,)},
        "self_attn.norm_q": {"diff": (128,)},
    }
    tensors = {
        f"{layer}.{name}.{kind}": part(f"{name}.{kind}", *shape)
        for name, shapes in kinds.items()
        for kind, shape in shapes.items()
    }
    return tensors | {f"{layer}.self_attn.k.alpha": torch.tensor(2.0)}


@pytest.mark.parametrize("method", ["merge", "bypass"])
@pytest.mark.parametrize(
    "changed", ["", "self_attn.k", "self_attn.v", "self_attn.o", "cross_attn.q", "norm3", "norm_q"]
)
def test_every_kind_of_file_does_what_the_host_makes_of_it(wan, model, tmp_path, method, changed):
    """All kinds together; and each of them counts, or the comparison would prove nothing."""
    import comfy.sd

    tensors = {name: tensor for name, tensor in every_kind().items() if not changed or changed in name}
    save_file(tensors, tmp_path / "kinds.safetensors")
    mixture = LoraMixture().with_expert(33, read_lora(tmp_path / "kinds.safetensors"))
    done = wan.apply_mixture(model, mixture, 33, ((mixture.experts[0], 1.0),), wan.MixtureSettings(1.0, 0.7, method))
    count = 1 if changed else 8
    assert f"{count} of {count} layers fit." in done.report
    expected = comfy.sd.load_lora_for_models(model, None, tensors, 0.7, 0)[0]
    found = wan.output_of(done.model)
    assert off(found, wan.output_of(expected)) < TOLERANCE
    assert off(found, stored_outputs()["no lora"]) > 10 * TOLERANCE


def test_a_bias_of_a_layer_that_has_none_does_not_fit(wan, model, tmp_path):
    layer = "diffusion_model.blocks.0.self_attn"
    save_file(
        {f"{layer}.norm_q.diff_b": torch.rand(128), f"{layer}.q.diff_b": torch.rand(128)}, tmp_path / "b.safetensors"
    )
    mixture = LoraMixture().with_expert(33, read_lora(tmp_path / "b.safetensors"))
    done = wan.apply_mixture(model, mixture, 33, ((mixture.experts[0], 1.0),), wan.MixtureSettings())
    assert f"1 of 2 layers fit. These do not: {layer}.norm_q." in done.report


# ------------------------------------------------------------------------------------- weights of 8 bits


@pytest.mark.parametrize("kind", ["fp8", "scaled fp8"])
def test_quantised_weights_are_left_alone(wan, semfi, kind):
    """auto puts the LoRA beside them, which is nearer to the truth than merging it into 8 bits."""
    small = wan.load("wan_seeded", dtype="fp8_e4m3fn") if kind == "fp8" else wan.load_scaled_fp8()
    made = {}
    for method in ("auto", "bypass", "merge"):
        patched = wan.applied(small, semfi, 33, method=method)
        assert bool(patched.patches) == (method == "merge")
        made[method] = wan.output_of(patched, torch.no_grad)  # torch cannot move scaled weights in inference mode
    assert torch.equal(made["auto"], made["bypass"])
    beside, merged = ((made[name] - stored_outputs()["expert 4"]).square().mean().sqrt() for name in ("auto", "merge"))
    assert beside < merged


# ------------------------------------------------------------------------------------- what is read


def test_only_the_chosen_expert_is_read(wan, model, tmp_path):
    """The universal LoRA when the file is opened, and nothing of the others ever."""
    mixture = read_mixture(write_semfi(tmp_path / "semfi.safetensors"))
    asked = []
    file = mixture.experts[0].lora.file
    assert all(expert.lora.file is file for expert in mixture.experts)
    original = file.read

    def read(names):
        names = list(names)
        asked.extend(names)
        return original(names)

    file.read = read
    wan.applied(model, mixture, 33)
    assert {name.split(".lora_")[1].split(".")[1] for name in asked} == {"4"}
    assert len(asked) == 2 * 10 * 4


def test_the_base_is_not_read_again(wan, tiny_models, semfi, tmp_path):
    """Its file is gone once it is loaded."""
    import comfy.sd

    base = shutil.copyfile(tiny_models / "diffusion_models" / "wan_seeded.safetensors", tmp_path / "base.safetensors")
    model = comfy.sd.load_diffusion_model(str(base))
    assert off(wan.output_of(wan.applied(model, semfi, 33)), stored_outputs()["expert 4"]) < TOLERANCE
    base.unlink()
    for method in ("merge", "bypass"):
        patched = wan.applied(model, semfi, 5, method=method)
        assert off(wan.output_of(patched), stored_outputs()["expert 1"]) < TOLERANCE


@pytest.mark.parametrize("method", ["merge", "bypass"])
def test_converted_experts_are_the_same_to_the_host_s_own_loaders(wan, model, semfi, tmp_path, method):
    """Universal LoRA, expert and biases, from one file."""
    import comfy.sd

    save_file(merged_expert(semfi, semfi.expert_for(33)), tmp_path / "semfi_033_frames.safetensors")
    lora = comfy.utils.load_torch_file(str(tmp_path / "semfi_033_frames.safetensors"), safe_load=True)
    load = comfy.sd.load_lora_for_models if method == "merge" else comfy.sd.load_bypass_lora_for_models
    assert off(wan.output_of(load(model, None, lora, 1.0, 0)[0]), stored_outputs()["expert 4"]) < TOLERANCE


# ------------------------------------------------------------------------------------- reports and refusals


def test_the_report_says_what_was_done(wan, model, semfi):
    done = wan.apply_mixture(model, semfi, 29, ((semfi.nearest(29), 1.0),), wan.MixtureSettings())
    assert done.report.splitlines() == [
        "Expert for 33 frames on a clip of 29, merged into the weights.",
        "universal LoRA of semfi.ckpt, strength 1: 20 of 20 layers fit.",
        "expert 33 of semfi.ckpt, strength 1: 20 of 20 layers fit.",
    ]
    assert done.warnings == ()
    from comfyui_inbetween.host.wan.lora_mixture import has_mixture

    assert has_mixture(done.model)
    assert not has_mixture(model)


def test_a_mixture_for_wan21_on_wan22_is_told(wan, semfi):
    done = wan.apply_mixture(wan.load("wan22_i2v"), semfi, 33, ((semfi.nearest(33), 1.0),), wan.MixtureSettings())
    assert "trained on Wan2.1 I2V, but the model is Wan2.2 I2V" in done.warnings[0]
    assert done.warnings[0] in done.report


def test_a_lora_that_fits_little_is_told(wan, model, tmp_path):
    """One of a deeper model: the layers that are there fit, the others are named."""
    mixture = LoraMixture().with_expert(33, read_lora(write_lora(tmp_path / "deep.safetensors", seed=1, blocks=8)))
    done = wan.apply_mixture(model, mixture, 33, ((mixture.experts[0], 1.0),), wan.MixtureSettings())
    assert "only 20 of 80 layers of deep.safetensors fit Wan2.1 I2V" in done.warnings[0]
    assert "and 57 more" in done.report


def test_matrices_that_do_not_go_together_do_not_fit(wan, model, tmp_path):
    """Of three layers: ranks that differ, without and with a bias, and one that is whole."""
    layers = {f"diffusion_model.blocks.0.self_attn.{name}": rank for name, rank in (("q", 3), ("k", 3), ("v", 4))}
    tensors = {}
    for layer, rank in layers.items():
        tensors |= {f"{layer}.lora_A.weight": torch.rand(4, 128), f"{layer}.lora_B.weight": torch.rand(128, rank)}
    tensors["diffusion_model.blocks.0.self_attn.k.lora_B.bias"] = torch.rand(128)
    save_file(tensors, tmp_path / "odd.safetensors")
    mixture = LoraMixture().with_expert(33, read_lora(tmp_path / "odd.safetensors"))
    done = wan.apply_mixture(model, mixture, 33, ((mixture.experts[0], 1.0),), wan.MixtureSettings())
    assert "odd.safetensors, strength 1: 1 of 3 layers fit." in done.report
    assert wan.output_of(done.model).isfinite().all()


@pytest.mark.parametrize("wrong", [{"dim": 64}, {"prefix": "diffusion_model.layers."}])
def test_a_lora_of_another_model_is_refused(wan, model, tmp_path, wrong):
    """By its shapes, which the host would find out and drop while sampling, or by its names."""
    mixture = LoraMixture().with_expert(33, read_lora(write_lora(tmp_path / "other.safetensors", seed=1, **wrong)))
    with pytest.raises(InbetweenError, match=r"none of the 20 layers of other\.safetensors fits Wan2\.1 I2V"):
        wan.applied(model, mixture, 33)


def test_a_model_that_is_no_wan_is_refused(wan, svd, semfi):
    with pytest.raises(InbetweenError, match="the model is SVD_img2vid, not a Wan model"):
        wan.applied(svd.load("svd"), semfi, 33)


def test_kept_tensors_are_not_written_to(wan, model, semfi):
    before = frozen_copy(semfi.universal.changes())
    assert isinstance(semfi.universal, KeptLora)
    wan.output_of(wan.applied(model, semfi, 33, method="bypass", strength_universal=0.3))
    wan.output_of(wan.applied(model, semfi, 33, method="merge", strength_universal=0.3))
    assert same(frozen_copy(semfi.universal.changes()), before)
