"""Files of reverse motion: every layout, the published rule, what is refused, and the conversion."""

import pytest
import torch
from comfyui_inbetween import convert
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.networks.svd.names import DIFFUSERS_LAYERS, TO_OUT, TO_V
from comfyui_inbetween.networks.svd.reverse_motion_files import (
    FORMAT,
    change_tensors,
    model_name,
    read_change,
    read_tuned,
    unet_file,
)
from golden.gi.weights import (
    BASE_SEED,
    by_diffusers_names,
    seeded_svd,
    svd_shapes,
    tuned_weights,
    write_change,
)
from random_weights import write_weights
from safetensors import safe_open
from safetensors.torch import load_file

LAYER = "input_blocks.1.1.time_stack.0.attn1"
PUBLISHED = "svd_reverse_motion_with_attnflip/unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def weights(host):
    """Tuned and base by the host's names, only the layers that are read and one that is not."""
    shapes = svd_shapes()
    kept = {name for name in shapes if "time_stack.0.attn1" in name} | {"out.2.weight"}
    return [
        {name: tensor for name, tensor in tensors.items() if name in kept}
        for tensors in (tuned_weights(shapes), seeded_svd(shapes, BASE_SEED))
    ]


def as_diffusers(tensors):
    return {
        f"{DIFFUSERS_LAYERS[name.split('.to_')[0]]}.to_{name.split('.to_')[1]}": tensor
        for name, tensor in tensors.items()
        if ".to_" in name
    }


def prefixed(prefix):
    return lambda tensors: {prefix + name: tensor for name, tensor in tensors.items()}


LAYOUTS = {
    "diffusers": as_diffusers,
    "host": lambda tensors: tensors,
    "checkpoint": prefixed("model.diffusion_model."),
    "host with prefix": prefixed("diffusion_model."),
    "training": lambda tensors: prefixed("module.")(as_diffusers(tensors)),
}


@pytest.fixture
def files(weights, tmp_path):
    """Writes tuned and base in layouts; returns the paths."""

    def written(tuned="diffusers", base="checkpoint", dtype=torch.float32, suffix=".safetensors"):
        paths = tmp_path / f"tuned{suffix}", tmp_path / f"svd{suffix}"
        for path, layout, tensors in zip(paths, (tuned, base), weights, strict=True):
            stored = {name: tensor.to(dtype) for name, tensor in LAYOUTS[layout](tensors).items()}
            torch.save(stored, path) if suffix == ".pth" else write_weights(stored, path)
        return paths

    return written


@pytest.mark.parametrize("tuned", LAYOUTS)
@pytest.mark.parametrize("base", LAYOUTS)
def test_every_layout_gives_the_same_change(files, weights, tuned, base):
    motion, warnings = read_tuned(*files(tuned, base))
    assert (motion.name, len(motion.changes), warnings) == ("tuned", 16, [])
    for layer, change in motion.changes.items():
        for end, tensor in ((TO_V, change.to_v), (TO_OUT, change.to_out)):
            assert torch.equal(tensor, weights[0][f"{layer}.{end}"] - weights[1][f"{layer}.{end}"])
            assert tensor.abs().max() > 0.1


def test_files_of_torch_are_read_too(files):
    assert len(read_tuned(*files(suffix=".pth"))[0].changes) == 16


def test_added_to_other_weights_it_is_the_published_rule(files, host):
    """In half precision, where the published code works: W + (tuned - base), to one unit in the last place."""
    tuned, base = files("diffusers", "diffusers", torch.float16)
    motion, _ = read_tuned(tuned, base)
    tuned_tensors, base_tensors = load_file(tuned), load_file(base)
    xt = {name: tensor.half() for name, tensor in seeded_svd(svd_shapes()).items()}
    for layer, theirs in DIFFUSERS_LAYERS.items():
        for end, ours in ((TO_V, motion.changes[layer].to_v), (TO_OUT, motion.changes[layer].to_out)):
            published = xt[f"{layer}.{end}"] + (tuned_tensors[f"{theirs}.{end}"] - base_tensors[f"{theirs}.{end}"])
            merged = xt[f"{layer}.{end}"] + ours
            assert ours.dtype == torch.float16
            assert (merged.view(torch.int16).int() - published.view(torch.int16).int()).abs().max() <= 1


def test_the_wider_type_is_kept(files, weights, tmp_path):
    tuned, _ = files()
    half = write_weights({name: tensor.half() for name, tensor in weights[1].items()}, tmp_path / "half.safetensors")
    assert read_tuned(tuned, half)[0].changes[LAYER].to_v.dtype == torch.float32


def test_only_what_is_needed_is_read(files, monkeypatch):
    from comfyui_inbetween.networks.svd import reverse_motion_files

    asked, read = [], reverse_motion_files.TensorFile.read

    def watched(file, names):
        asked.append(list(names))
        return read(file, asked[-1])

    monkeypatch.setattr(reverse_motion_files.TensorFile, "read", watched)
    read_tuned(*files())
    assert [len(names) for names in asked] == [48, 48]


def test_another_base_is_told(files, weights, tmp_path):
    """As when SVD-XT is chosen in the place of the 14-frame model: weights that were frozen differ."""
    tuned, _ = files()
    other = write_weights(
        seeded_svd({n: tuple(t.shape) for n, t in weights[1].items()}, 9), tmp_path / "xt.safetensors"
    )
    _, (warning,) = read_tuned(tuned, other)
    assert warning.startswith("xt.safetensors does not seem to be the base of tuned")
    assert "the 14-frame model" in warning


def test_a_base_in_half_precision_is_the_same_base(files, weights, tmp_path):
    tuned, _ = files()
    half = write_weights({name: tensor.half() for name, tensor in weights[1].items()}, tmp_path / "half.safetensors")
    assert read_tuned(tuned, half)[1] == []


# ---------------------------------------------------------------------------------------------- what is refused


def test_a_network_of_another_width_is_no_base(files, tmp_path, host):
    other = svd_shapes() | {name: (8, 8) for name in svd_shapes() if name.startswith(LAYER) and name.endswith("weight")}
    base = write_weights(seeded_svd(other, BASE_SEED), tmp_path / "wide.safetensors")
    with pytest.raises(
        InbetweenError, match=r"shape \(32, 32\) in .*, but \(8, 8\) in wide.safetensors; choose the base"
    ):
        read_tuned(files()[0], base)


def test_the_same_file_twice_has_learned_nothing(files):
    tuned, _ = files()
    with pytest.raises(InbetweenError, match="have the same weights, so nothing was learned"):
        read_tuned(tuned, tuned)


@pytest.mark.parametrize("which", [0, 1])
def test_what_is_no_svd_is_refused(files, tmp_path, which):
    paths = list(files())
    paths[which] = write_weights({"blocks.0.self_attn.q.weight": torch.zeros(2, 2)}, tmp_path / "wan.safetensors")
    wanted = ("svd_reverse_motion_with_attnflip", "svd.safetensors from https://huggingface.co")[which]
    with pytest.raises(InbetweenError, match=f"wan.safetensors has none of the layers .*; use {wanted}"):
        read_tuned(*paths)


def test_a_part_is_refused(files, weights, tmp_path):
    tuned, base = files("host")
    part = {name: tensor for name, tensor in load_file(tuned).items() if not name.startswith("middle")}
    write_weights(part, tuned)
    with pytest.raises(InbetweenError, match=r"tuned.safetensors lacks 3 of 48 tensors"):
        read_tuned(tuned, base)


@pytest.mark.parametrize("damage", ["cut off", "web page", "empty"])
def test_failed_downloads_are_told(files, tmp_path, damage):
    tuned, base = files()
    match damage:
        case "cut off":
            tuned.write_bytes(tuned.read_bytes()[:-1000])
        case "web page":
            tuned.write_text("\n<!DOCTYPE html><html><title>Google Drive - Virus scan warning</title></html>")
        case "empty":
            tuned.write_bytes(b"")
    expected = "is a web page, not a weight file" if damage == "web page" else "the download may be incomplete"
    with pytest.raises(InbetweenError, match=f"tuned.safetensors .*{expected}.*svd_reverse_motion_with_attnflip"):
        read_tuned(tuned, base)


def test_values_that_are_no_numbers_are_refused(files, weights, tmp_path):
    tuned, base = files("host")
    broken = load_file(tuned)
    broken[f"{LAYER}.{TO_V}"][0, 0] = torch.nan
    write_weights(broken, tuned)
    with pytest.raises(InbetweenError, match="has NaN or infinite values"):
        read_tuned(tuned, base)


# ---------------------------------------------------------------------------------------------- the change alone


def test_the_change_alone_is_read_as_it_was_written(files, tmp_path):
    motion, _ = read_tuned(*files())
    again = read_change(write_weights(change_tensors(motion), tmp_path / "change.safetensors"))
    assert again.name == "change.safetensors"
    assert again.changes.keys() == motion.changes.keys()
    for layer, change in motion.changes.items():
        assert torch.equal(again.changes[layer].to_v, change.to_v)
        assert torch.equal(again.changes[layer].to_out, change.to_out)


def test_the_hosts_lora_loader_reads_it(files, tmp_path, tiny_models):
    """All 32 tensors: the format is one that other tools know."""
    import comfy.lora
    from golden.gi.runs import load

    motion, _ = read_tuned(*files())
    keys = comfy.lora.model_lora_keys_unet(load().model, {})
    assert len(comfy.lora.load_lora(change_tensors(motion), keys)) == 32


def test_a_whole_network_is_no_change_alone(files):
    with pytest.raises(InbetweenError, match=r'is a whole UNet, .* set source to "tuned UNet and its base"'):
        read_change(files()[0])


def test_a_change_alone_is_no_tuned_network(files, tmp_path, host):
    change = write_change(tmp_path / "change.safetensors")
    with pytest.raises(InbetweenError, match='is already the change alone; set source to "change alone"'):
        read_tuned(change, files()[1])


def test_something_else_is_no_change(tmp_path):
    file = write_weights({"blocks.0.lora_A.weight": torch.zeros(2, 2)}, tmp_path / "lora.safetensors")
    with pytest.raises(InbetweenError, match=r"lora.safetensors contains no change of SVD's temporal attention"):
        read_change(file)


def test_a_part_of_a_change_is_refused(tmp_path, host):
    file = write_change(tmp_path / "change.safetensors")
    tensors = load_file(file)
    del tensors[f"diffusion_model.{LAYER}.to_v.diff"]
    write_weights(tensors, file)
    with pytest.raises(InbetweenError, match="lacks 1 of 32 tensors"):
        read_change(file)


# ---------------------------------------------------------------------------------------------- conversion


def converted(*arguments):
    """The command in this process: its result."""
    return convert.main([*map(str, arguments)])


@pytest.fixture(scope="module")
def downloaded(host, tmp_path_factory):
    """The authors' folder and the base, as a user has them."""
    folder = tmp_path_factory.mktemp("downloaded")
    write_weights(by_diffusers_names(tuned_weights(svd_shapes())), folder / PUBLISHED)
    base = prefixed("model.diffusion_model.")(seeded_svd(svd_shapes(), BASE_SEED))
    return folder / "svd_reverse_motion_with_attnflip", write_weights(base, folder / "svd.safetensors")


def test_the_authors_folder_becomes_one_small_file(downloaded, tmp_path, capfd):
    """In this process; that the command starts one is told with the LoRAs."""
    folder, base = downloaded
    arguments = map(str, (folder, "--base", base, "--output", tmp_path / "new", "--type", "float16"))
    done = convert.main([*arguments])
    printed = capfd.readouterr()
    file = tmp_path / "new" / "svd_reverse_motion_with_attnflip_change.safetensors"
    assert (done, printed.out.strip(), printed.err) == (0, str(file), "")
    expected, _ = read_tuned(folder / "unet" / "diffusion_pytorch_model.safetensors", base)
    assert torch.equal(read_change(file).changes[LAYER].to_out, expected.changes[LAYER].to_out.half())
    with safe_open(file, framework="pt") as opened:
        assert opened.metadata() == {
            "format": "pt",
            "inbetween_format": FORMAT,
            "made_from": "svd_reverse_motion_with_attnflip",
            "base": "svd.safetensors",
        }
    assert not list(tmp_path.rglob("*.unfinished"))


def test_nothing_is_replaced_unasked(downloaded, tmp_path, capsys):
    file = tmp_path / "svd_reverse_motion_with_attnflip_change.safetensors"
    file.write_text("mine")
    arguments = [*downloaded[:1], "--base", downloaded[1], "--output", tmp_path]
    assert converted(*arguments) == 1
    assert file.read_text() == "mine"
    assert "already exists; add --overwrite" in capsys.readouterr().err
    assert converted(*arguments, "--overwrite") == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["{folder}"], "cannot be opened: Is a directory"),
        (["{folder}", "--base", "{folder}/unet"], "have the same weights, so nothing was learned"),
        (["{folder}", "--base", "{base}", "--frames", "5"], "--frames works only for a Mixture of LoRA"),
        (["{folder}/..", "--base", "{base}"], "there is no unet/diffusion_pytorch_model.safetensors"),
        (["{folder}", "--base", "{base}", "--output", "{base}"], "cannot be written to"),
        (["nothing.safetensors", "--base", "{base}"], "nothing.safetensors cannot be opened"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line(downloaded, arguments, told, capsys):
    folder, base = downloaded
    assert converted(*(argument.format(folder=folder, base=base) for argument in arguments)) == 1
    done = capsys.readouterr()
    assert done.out == ""
    assert done.err.startswith("error: ")
    assert told in done.err
    assert done.err.count("\n") == 1


def test_files_are_called_by_their_folder_where_diffusers_gives_them_one_name(downloaded, tmp_path):
    folder, base = downloaded
    assert unet_file(folder) == unet_file(folder / "unet") == folder / "unet" / "diffusion_pytorch_model.safetensors"
    assert model_name(unet_file(folder)) == "svd_reverse_motion_with_attnflip"
    assert model_name(base) == "svd"
