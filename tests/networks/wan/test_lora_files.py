"""LoRA files of every trainer for Wan, and SemFi's seven in one: what is read of them, and what is refused."""

import json
import os
import random
import subprocess
import sys

import pytest
import torch
from comfyui_inbetween import convert
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.wan.lora_mixture import LowRank
from comfyui_inbetween.networks.wan.lora_files import merged_expert, read_lora, read_mixture
from comfyui_inbetween.networks.wan.lora_names import host_names, layers_of, split_name
from comfyui_inbetween.networks.weight_files import WRAPPINGS
from golden.semfi.weights import layer_names, seeded_semfi, write_lora, write_semfi
from safetensors import safe_open
from safetensors.torch import load_file, save_file

# How trainers call the same layers. (VideoX-Fun writes two underscores where kohya writes one.)
NAMES = {
    "ComfyUI": ("diffusion_model.blocks.1.cross_attn.k_img.lora_A.weight", "cross_attn.k_img", "lora_A.weight"),
    "ComfyUI, down": ("diffusion_model.blocks.1.ffn.0.lora_down.weight", "ffn.0", "lora_down.weight"),
    "DiffSynth, old": ("blocks.1.self_attn.q.lora_A.default.weight", "self_attn.q", "lora_A.weight"),
    "DiffSynth, new": ("pipe.dit.blocks.1.self_attn.q.lora_B.weight", "self_attn.q", "lora_B.weight"),
    "PEFT": ("base_model.model.blocks.1.ffn.2.lora_B.weight", "ffn.2", "lora_B.weight"),
    "PEFT, named": ("base_model.model.blocks.1.ffn.2.lora_B.adapter_0.weight", "ffn.2", "lora_B.weight"),
    "diffusers": ("transformer.blocks.1.attn1.to_q.lora_A.weight", "self_attn.q", "lora_A.weight"),
    "diffusers, out": ("transformer.blocks.1.attn1.to_out.0.lora_A.weight", "self_attn.o", "lora_A.weight"),
    "diffusers, text": ("transformer.blocks.1.attn2.to_v.lora_A.weight", "cross_attn.v", "lora_A.weight"),
    "diffusers, image": ("transformer.blocks.1.attn2.add_v_proj.lora_A.weight", "cross_attn.v_img", "lora_A.weight"),
    "diffusers, in": ("transformer.blocks.1.ffn.net.0.proj.lora_A.weight", "ffn.0", "lora_A.weight"),
    "diffusers, after": ("transformer.blocks.1.ffn.net.2.lora.up.weight", "ffn.2", "lora_B.weight"),
    "alpha": ("module.blocks.1.self_attn.q.alpha", "self_attn.q", "alpha"),
    "bias": ("diffusion_model.blocks.1.self_attn.q.diff_b", "self_attn.q", "diff_b"),
}


@pytest.mark.parametrize("trainer", NAMES)
def test_names_of_every_trainer(trainer):
    name, layer, part = NAMES[trainer]
    assert split_name(name) == (f"diffusion_model.blocks.1.{layer}", part)


@pytest.mark.parametrize("underscores", ["_", "__"])
def test_kohya_s_names_stay_for_the_host(underscores):
    name = f"lora_unet{underscores}blocks_1_cross_attn_k.lora_down.weight"
    assert split_name(name) == ("lora_unet_blocks_1_cross_attn_k", "lora_down.weight")


@pytest.mark.parametrize("name", ["blocks.0.self_attn.q.weight", "lora_A.weight", "step", ""])
def test_what_is_no_lora_is_left(name):
    assert split_name(name) is None


def restyled(tensors, style):
    """The tensors of a LoRA, under the names of another trainer."""
    renamed = {}
    for name, tensor in tensors.items():
        layer, _, part = name.removeprefix("diffusion_model.").rpartition(".lora_")
        matrix = part[0]
        renamed[style(layer, matrix)] = tensor
    return renamed


def diffusers_layer(layer):
    for ours, theirs in (("self_attn.o", "attn1.to_out.0"), ("cross_attn.o", "attn2.to_out.0")):
        layer = layer.replace(ours, theirs)
    layer = layer.replace("self_attn.", "attn1.to_").replace("cross_attn.", "attn2.to_")
    return layer.replace("ffn.0", "ffn.net.0.proj").replace("ffn.2", "ffn.net.2")


STYLES = {
    "ComfyUI": lambda layer, matrix: f"diffusion_model.{layer}.lora_{matrix}.weight",
    "DiffSynth": lambda layer, matrix: f"{layer}.lora_{matrix}.default.weight",
    "PEFT": lambda layer, matrix: f"base_model.model.{layer}.lora_{matrix}.weight",
    "diffusers": lambda layer, matrix: f"transformer.{diffusers_layer(layer)}.lora_{matrix}.weight",
    "kohya": lambda layer, matrix: (
        f"lora_unet_{layer.replace('.', '_')}.lora_{'down' if matrix == 'A' else 'up'}.weight"
    ),
    "VideoX-Fun": lambda layer, matrix: (
        f"lora_unet__{layer.replace('.', '_')}.lora_{'down' if matrix == 'A' else 'up'}.weight"
    ),
}


@pytest.mark.parametrize("style", STYLES)
def test_the_host_reads_files_of_every_trainer(host, tmp_path, style):
    """All twenty layers, by the host's own reader and key map."""
    import comfy.lora
    from golden.semfi.weights import tiny_wan_shapes

    tensors = load_file(write_lora(tmp_path / "ours.safetensors", seed=1))
    save_file(restyled(tensors, STYLES[style]), tmp_path / "theirs.safetensors")
    lora = read_lora(tmp_path / "theirs.safetensors")
    keys = {}
    for name in tiny_wan_shapes():
        if name.endswith(".weight"):
            bare = name.removesuffix(".weight")
            keys |= {f"diffusion_model.{bare}": name, f"lora_unet_{bare.replace('.', '_')}": name}
    loaded = comfy.lora.load_lora(dict(lora.tensors()), keys, log_missing=False)
    assert loaded.keys() == {f"{layer}.weight" for layer, _ in layer_names(2)}
    assert len(layers_of(lora.tensors())) == 20
    for layer, _ in layer_names(2):
        up, down, *_ = loaded[f"{layer}.weight"].weights
        assert torch.equal(up, tensors[f"diffusion_model.{layer}.lora_B.weight"])
        assert torch.equal(down, tensors[f"diffusion_model.{layer}.lora_A.weight"])


def test_the_hosts_names():
    bare, layer = LowRank(torch.rand(4, 6), torch.rand(8, 4)), "diffusion_model.blocks.0.ffn.0"
    matrices = [(f"{layer}.lora_A.weight", bare.down_RI), (f"{layer}.lora_B.weight", bare.up_OR)]
    assert list(host_names(layer, bare)) == matrices
    with_bias = LowRank(bare.down_RI, bare.up_OR, torch.rand(8))
    assert list(host_names(layer, with_bias)) == [*matrices, (f"{layer}.diff_b", with_bias.bias_O)]


# ------------------------------------------------------------------------------------- alpha and biases


def one_layer(**parts):
    return {f"blocks.0.self_attn.q.{name.replace('__', '.')}": tensor for name, tensor in parts.items()}


def test_biases_of_any_lora_become_one(tmp_path):
    """With alpha / rank, which the host multiplies to the matrices but not to a bias."""
    a, b, down, up = torch.rand(4), torch.rand(8), torch.rand(4, 6), torch.rand(8, 4)
    for parts, expected in (
        ({"lora_A__bias": a, "lora_B__bias": b}, up @ a + b),
        ({"lora_A__bias": a}, up @ a),
        ({"lora_B__bias": b}, b),
        ({"lora_B__bias": b, "alpha": torch.tensor(2.0)}, b / 2),
        ({"lora_down__bias": a, "lora_up__bias": b}, up @ a + b),
    ):
        named = ("lora_down", "lora_up") if "lora_down__bias" in parts else ("lora_A", "lora_B")
        matrices = {f"{name}__weight": matrix for name, matrix in zip(named, (down, up), strict=True)}
        save_file(one_layer(**matrices, **parts), tmp_path / "lora.safetensors")
        tensors = read_lora(tmp_path / "lora.safetensors").tensors()
        torch.testing.assert_close(tensors["diffusion_model.blocks.0.self_attn.q.diff_b"], expected)
        assert not any(".bias" in name for name in tensors)


@pytest.mark.parametrize(
    ("settings", "alpha"),
    [({"lora_alpha": 8, "r": 4}, 8.0), ({"lora_alpha": 8, "r": 4, "use_rslora": True}, 16.0), ({"r": 4}, None)],
)
@pytest.mark.parametrize("where", ["beside", "within"])
def test_alpha_that_is_noted_outside_the_tensors(tmp_path, settings, alpha, where):
    """By PEFT in a file beside, by diffusers in the header."""
    file = tmp_path / "a.safetensors"
    tensors = one_layer(lora_A__weight=torch.rand(4, 6), lora_B__weight=torch.rand(8, 4))
    if where == "beside":
        save_file({f"base_model.model.{name}": tensor for name, tensor in tensors.items()}, file)
        (tmp_path / "adapter_config.json").write_text(json.dumps(settings))
    else:
        named = {f"transformer.{key}": value for key, value in settings.items()}
        save_file(tensors, file, metadata={"lora_adapter_metadata": json.dumps(named)})
    found = read_lora(file).tensors().get("diffusion_model.blocks.0.self_attn.q.alpha")
    assert (None if found is None else found.item()) == alpha


def test_a_note_beside_is_for_files_of_peft_alone(tmp_path):
    """In a folder of many LoRAs it belongs to one of them."""
    (tmp_path / "adapter_config.json").write_text('{"lora_alpha": 8, "r": 4}')
    tensors = read_lora(write_lora(tmp_path / "other.safetensors", seed=1)).tensors()
    assert not any(name.endswith("alpha") for name in tensors)


@pytest.mark.parametrize("note", ['{"lora_alpha": 8, "r": 4, "alpha_pattern": {"q": 2}}', "[]", "no json"])
def test_alpha_that_cannot_be_read_is_told(tmp_path, note):
    tensors = one_layer(lora_A__weight=torch.rand(4, 6), lora_B__weight=torch.rand(8, 4))
    save_file({f"base_model.model.{name}": each for name, each in tensors.items()}, tmp_path / "a.safetensors")
    (tmp_path / "adapter_config.json").write_text(note)
    with pytest.raises(InbetweenError, match=r"a\.safetensors"):
        read_lora(tmp_path / "a.safetensors")


def test_a_dora_of_peft_is_refused(tmp_path):
    """The host would take the LoRA and leave out the magnitudes."""
    parts = {"lora_A__weight": torch.rand(4, 6), "lora_B__weight": torch.rand(8, 4)}
    save_file(one_layer(**parts, lora_magnitude_vector=torch.rand(8)), tmp_path / "dora.safetensors")
    with pytest.raises(InbetweenError, match=r"dora\.safetensors is a DoRA in PEFT's format"):
        read_lora(tmp_path / "dora.safetensors")


def test_a_lora_of_the_image_branch_is_one_of_wan21(tmp_path):
    save_file({"blocks.0.cross_attn.k_img.lora_A.weight": torch.rand(4, 6)}, tmp_path / "i2v.safetensors")
    assert read_lora(tmp_path / "i2v.safetensors").model == "Wan2.1 I2V"
    assert read_lora(write_lora(tmp_path / "any.safetensors", seed=1)).model == ""


# ------------------------------------------------------------------------------------- SemFi


@pytest.fixture(scope="module")
def semfi(tmp_path_factory):
    return read_mixture(write_semfi(tmp_path_factory.mktemp("semfi") / "semfi.ckpt"))


def test_a_published_file_is_seven_loras(semfi):
    assert semfi.frame_counts == (5, 9, 17, 33, 65, 81)
    changes, published = semfi.expert_for(17).lora.changes(), seeded_semfi()
    for layer, name in layer_names(2):
        change = changes[f"diffusion_model.{layer}"]
        a, b = (published[f"{name}.3.lora_{matrix}.weight"] for matrix in "AB")
        assert torch.equal(change.down_RI, a)
        assert torch.equal(change.up_OR, b)
        bias = b @ published[f"{name}.3.lora_A.bias"] + published[f"{name}.3.lora_B.bias"]
        torch.testing.assert_close(change.bias_O, bias)
    assert len(changes) == 20


@pytest.mark.parametrize(
    "prefix", ["model.", "module.", "dit.", "pipe.dit.", "diffusion_model.", "model.diffusion_model."]
)
@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
def test_prefixes_do_not_matter(semfi, tmp_path, prefix, suffix):
    read = read_mixture(write_semfi(tmp_path / f"semfi{suffix}", prefix))
    one, other = (each.expert_for(65).lora.changes() for each in (read, semfi))
    assert one.keys() == other.keys()
    for layer, change in one.items():
        assert all(torch.equal(tensor, getattr(other[layer], part)) for part, tensor in vars(change).items())


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("old", [True, False])
def test_wrapped_and_old_files_are_read(semfi, tmp_path, wrapping, old):
    torch.save({wrapping: seeded_semfi(), "step": 5}, tmp_path / "a.ckpt", _use_new_zipfile_serialization=not old)
    read = read_mixture(tmp_path / "a.ckpt")
    assert torch.equal(
        read.experts[0].lora.changes()["diffusion_model.blocks.0.ffn.0"].bias_O,
        semfi.experts[0].lora.changes()["diffusion_model.blocks.0.ffn.0"].bias_O,
    )


@pytest.mark.parametrize("part", ["lora_ffn_2.6", "lora_A.bias", "blocks.0.self_attn.lora_q.0.lora_B.weight"])
def test_an_incomplete_file_is_refused(tmp_path, part):
    """The published code fills what is missing with random numbers."""
    torch.save({name: tensor for name, tensor in seeded_semfi().items() if part not in name}, tmp_path / "part.ckpt")
    with pytest.raises(InbetweenError, match=r"^part\.ckpt lacks \d+ of 560 tensors .* download the whole file again"):
        read_mixture(tmp_path / "part.ckpt")


@pytest.mark.parametrize("part", ["lora_A.weight", "lora_A.bias", "lora_B.weight", "lora_B.bias"])
def test_parts_that_do_not_belong_together_are_refused(tmp_path, part):
    tensors, name = seeded_semfi(), f"blocks.1.cross_attn.lora_k.4.{part}"
    tensors[name] = torch.zeros(5, *tensors[name].shape[1:])
    torch.save(tensors, tmp_path / "semfi.ckpt")
    with pytest.raises(
        InbetweenError, match=r"in semfi\.ckpt, the matrices and biases of blocks\.1\.cross_attn\.k have"
    ):
        read_mixture(tmp_path / "semfi.ckpt")


def test_each_kind_of_file_has_its_node(tmp_path):
    with pytest.raises(
        InbetweenError, match=r"lora\.safetensors is not a Mixture of LoRA in one file; .* Extend Mixture"
    ):
        read_mixture(write_lora(tmp_path / "lora.safetensors", seed=1))
    with pytest.raises(InbetweenError, match=r"semfi\.ckpt is a whole Mixture of LoRA; open it with Load Mixture"):
        read_lora(write_semfi(tmp_path / "semfi.ckpt"))
    save_file({"blocks.0.self_attn.q.weight": torch.rand(2, 2)}, tmp_path / "model.safetensors")
    with pytest.raises(InbetweenError, match=r"model\.safetensors contains no LoRA"):
        read_lora(tmp_path / "model.safetensors")


@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
def test_damaged_files_are_told_in_one_line(tmp_path, suffix):
    whole = write_semfi(tmp_path / f"semfi{suffix}").read_bytes()
    generator, told = random.Random(0), set()
    for number in range(12):
        broken = bytearray(whole[: generator.randrange(len(whole))])
        for place in range(0, min(len(broken), 2000), 97):
            broken[place] ^= generator.randrange(256)
        file = tmp_path / f"{number}{suffix}"
        file.write_bytes(broken)
        with pytest.raises(InbetweenError) as error:
            read_mixture(file)
        assert "\n" not in str(error.value)
        told.add(str(error.value).partition(" ")[2][:20])
    assert told
    with pytest.raises(InbetweenError, match="cannot be opened: No such file"):
        read_mixture(tmp_path / f"none{suffix}")


def test_code_in_a_file_is_not_run(tmp_path):
    class Malicious:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    torch.save({"blocks.0.lora_ffn_0.0.lora_A.weight": Malicious()}, tmp_path / "bad.ckpt")
    with pytest.raises(InbetweenError, match="contains more than weights"):
        read_mixture(tmp_path / "bad.ckpt")
    assert not (tmp_path / "made").exists()


def test_one_expert_touches_a_seventh_of_the_file(tmp_path):
    """And the universal LoRA another seventh, when the file is opened."""
    mixture = read_mixture(write_semfi(tmp_path / "semfi.safetensors"))
    file = mixture.experts[0].lora.file
    asked = [name for names in mixture.experts[0].lora.names.values() for name in names.values()]
    numbers = {name: torch.Size(shape).numel() for name, shape in file.shapes.items()}
    assert 7 * sum(numbers[name] for name in asked) == sum(numbers.values())


# ------------------------------------------------------------------------------------- conversion


def converted(*arguments):
    """The exit code of the command, run in this process."""
    return convert.main([*map(str, arguments)])


def test_a_converted_expert_is_one_lora(semfi, tmp_path):
    """By the command as a user gives it."""
    source = write_semfi(tmp_path / "semfi.ckpt")
    arguments = [source, "--output", tmp_path / "experts", "--frames", "5", "33"]
    command = [sys.executable, "-m", "comfyui_inbetween.convert", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in (tmp_path / "experts").iterdir()) == [
        "semfi_005_frames.safetensors",
        "semfi_033_frames.safetensors",
    ]
    written = load_file(tmp_path / "experts" / "semfi_033_frames.safetensors")
    universal, expert = semfi.universal.changes(), semfi.expert_for(33).lora.changes()
    assert len(written) == 60
    for layer, _ in layer_names(2):
        name = f"diffusion_model.{layer}"
        found = written[f"{name}.lora_B.weight"] @ written[f"{name}.lora_A.weight"]
        expected = sum(part[name].up_OR @ part[name].down_RI for part in (universal, expert))
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(written[f"{name}.diff_b"], universal[name].bias_O + expert[name].bias_O)
    with safe_open(tmp_path / "experts" / "semfi_033_frames.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt", "trained_frames": "33", "made_from": "semfi.ckpt"}


def test_the_type_of_converted_numbers(semfi):
    tensors = merged_expert(semfi, semfi.experts[0], torch.bfloat16)
    assert {name.split(".")[-1]: tensor.dtype for name, tensor in tensors.items()} == {
        "weight": torch.bfloat16,
        "diff_b": torch.float32,
    }


def test_a_lora_of_another_file_is_not_converted(semfi, tmp_path):
    mixture = semfi.with_expert(121, read_lora(write_lora(tmp_path / "other.safetensors", seed=1)))
    with pytest.raises(InbetweenError, match=r"other\.safetensors is not from a published mixture"):
        merged_expert(mixture, mixture.experts[-1])


def test_conversion_replaces_nothing_unasked(tmp_path, capsys):
    source = write_semfi(tmp_path / "semfi.ckpt")
    kept = tmp_path / "semfi_081_frames.safetensors"
    kept.write_bytes(b"mine")
    assert converted(source) == 1
    assert capsys.readouterr().err == (
        "error: semfi_081_frames.safetensors already exists; add --overwrite or choose another --output.\n"
    )
    assert kept.read_bytes() == b"mine"
    assert converted(source, "--overwrite") == 0
    assert capsys.readouterr().out.count("_frames.safetensors") == 6
    assert len(load_file(kept)) == 60
    assert not list(tmp_path.glob("*.unfinished"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.ckpt"], "missing.ckpt cannot be opened: No such file or directory."),
        (["{semfi}", "--frames", "34"], "there is no expert for 34 frames; choose 5, 9, 17, 33, 65 or 81."),
        (["{semfi}", "--output", "{semfi}"], "cannot be written to"),
    ],
)
def test_what_conversion_cannot_do_is_told(tmp_path, capsys, arguments, message):
    source = write_semfi(tmp_path / "semfi.ckpt")
    assert converted(*(argument.format(semfi=source) for argument in arguments)) == 1
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
