"""Files: the published ones in every wrapping are read, all others are refused by a line that says what they are."""

import pickle
import random

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.networks import weight_files
from comfyui_inbetween.networks.interpolation.pervfi import WANTED, build
from golden.pervfi.weights import VARIANTS, seeded_weights, write_pervfi
from safetensors.torch import save_file


def read_file(path):
    """As the host's side reads it."""
    return weight_files.read_file(path, WANTED)


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request):
    return request.param


@pytest.fixture(scope="module")
def weights(variant):
    return seeded_weights(variant)


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda weights: weights,
        lambda weights: {f"module.{name}": tensor for name, tensor in weights.items()},
        lambda weights: {"state_dict": weights, "epoch": 95},
        lambda weights: {"model": {f"module.{name}": tensor for name, tensor in weights.items()}},
        lambda weights: {"params": weights},
        lambda weights: {"model": {"state_dict": weights}, "module": 3},
    ],
    ids=["bare", "module.", "state_dict", "model, module.", "params", "twice"],
)
def test_every_wrapping_is_opened(weights, variant, wrapped):
    network = build(wrapped(weights))
    assert network.variant == variant
    assert all(torch.equal(tensor, weights[name]) for name, tensor in network.state_dict().items())
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_files_are_read(tmp_path, variant, suffix):
    assert build(read_file(write_pervfi(tmp_path / f"x{suffix}", variant))).variant == variant


def test_only_the_prefix_is_taken_off(weights):
    """With "module." within a name, or a second prefix, a file is refused."""
    with pytest.raises(InbetweenError, match="is not a model that this node knows"):
        build({f"net.module.{name}": tensor for name, tensor in weights.items()})


def changed(weights, **tensors):
    return {**weights, **{name.replace("__", "."): tensor for name, tensor in tensors.items()}}


def test_a_tensor_too_few_or_too_many_is_named(weights, variant):
    name = "multiscaleFuse.final_layers.2.bias"
    lacking = {key: tensor for key, tensor in weights.items() if key != name}
    with pytest.raises(InbetweenError, match=f'lacks 1 of .* tensors of PerVFI {variant}, such as "{name}"'):
        build(lacking, name="v00.pth")
    with pytest.raises(InbetweenError, match=r'v00\.pth has 1 tensors that do not belong to .* "extra.weight"'):
        build({**weights, "extra.weight": torch.zeros(1)}, name="v00.pth")


def test_a_tensor_of_another_shape_is_named(weights):
    with pytest.raises(
        InbetweenError, match=r'"multiscaleFuse.final_layers.2.bias" has shape \(7,\) but needs \(96,\)'
    ):
        build({**weights, "multiscaleFuse.final_layers.2.bias": torch.zeros(7)})


def test_a_flow_that_was_never_trained_is_refused():
    flag = "condFLownet.blocks.1.flows.3.actnorm.initialized"
    with pytest.raises(InbetweenError, match=f'saved before training: 1 normalisations such as "{flag}"'):
        build({**seeded_weights("v00"), flag: torch.tensor(0, dtype=torch.uint8)})


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["flownet.block0.conv0.0.0.weight"], "x is RIFE; use a PerVFI file, v00.pth or vb.pth"),
        (["module.block0.conv0.0.0.weight"], "x is RIFE"),
        (["extract.extract_sublevels.convs.0.0.conv.weight"], "x is FILM"),
        (["module.update_block.flow_head.conv1.weight"], "x is RAFT, an optical flow model"),
        (["blocks.0.attn.lora_down.weight"], "x is a LoRA"),
        (["something.weight"], "x is not a model that this node knows"),
    ],
)
def test_other_models_are_called_by_their_name(names, message):
    with pytest.raises(InbetweenError, match=message):
        build({name: torch.zeros(2, 2) for name in names}, name="x")


@pytest.mark.parametrize("loaded", [{}, [1, 2], torch.zeros(2), {"state_dict": {}}])
def test_what_holds_no_weights_is_told(loaded):
    with pytest.raises(InbetweenError, match="contains no named weights"):
        build(loaded, name="x")


class Code:
    """Runs on unpickling, unless it is not unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('code was run')",))


def test_a_file_with_code_is_not_opened(tmp_path):
    path = tmp_path / "v00.pth"
    torch.save({"x": Code()}, path)
    with pytest.raises(InbetweenError, match=r"v00\.pth is not a weight file, or contains more than weights"):
        read_file(path)
    path.write_bytes(pickle.dumps(Code(), protocol=2))
    with pytest.raises(InbetweenError, match=r"v00\.pth is not a weight file, or contains more than weights"):
        read_file(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_that_was_cut_off_is_told(tmp_path, suffix):
    whole = write_pervfi(tmp_path / f"whole{suffix}", "vb").read_bytes()
    for length in (0, 3, 1000, len(whole) // 2, len(whole) - 10):
        path = tmp_path / f"cut{suffix}"
        path.write_bytes(whole[:length])
        with pytest.raises(InbetweenError, match=r"download it again|is not a weight file") as told:
            read_file(path)
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_that_cannot_be_opened_is_no_damaged_one(tmp_path, suffix):
    with pytest.raises(InbetweenError, match=rf"^lost\{suffix} cannot be opened: \w"):
        read_file(tmp_path / f"lost{suffix}")


def test_any_damage_is_told_in_one_line(tmp_path):
    """Whatever the reader of torch makes of it."""
    generator = random.Random(0)
    for _ in range(300):
        path = tmp_path / "noise.pth"
        path.write_bytes(b"\x80\x02" * generator.randrange(2) + generator.randbytes(generator.randrange(300)))
        with pytest.raises(InbetweenError) as told:
            build(read_file(path), name=path.name)
        assert "\n" not in str(told.value)


def test_half_precision_files_are_read_as_single(tmp_path):
    weights = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in seeded_weights("vb").items()
    }
    save_file(weights, tmp_path / "vb.safetensors")
    assert build(read_file(tmp_path / "vb.safetensors")).generator.tail.weight.dtype == torch.float32
