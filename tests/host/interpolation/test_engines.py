"""The registry of engines: what is listed, whose a file is, what wrong files are told."""

import pytest
import torch
from golden.semfi.weights import write_lora
from rife_film_weights import published_rife, small_film, small_rife

FOLDER = "frame_interpolation"


@pytest.fixture
def engines(tiny_models):
    """The module under test, with files in the folders."""
    from comfyui_inbetween.host.interpolation import engines

    return engines


@pytest.fixture
def put(tiny_models):
    """Puts a file into the folder of models for the time of the test, and returns its name."""
    import folder_paths

    written = []

    def saved(name, content):
        path = tiny_models / FOLDER / name
        written.append(path)
        if callable(content):
            content(path)
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            torch.save(content, path)
        folder_paths.filename_list_cache.pop(FOLDER, None)
        return name

    yield saved
    for path in written:
        path.unlink()
    folder_paths.filename_list_cache.pop(FOLDER, None)


def test_engines_without_a_model_are_listed_first_then_every_file(engines, tiny_models):
    files = sorted(path.name for path in (tiny_models / FOLDER).iterdir())
    named = [name for kind in engines.ENGINES for name in kind.names]
    assert named[0] == "optical flow (no model)"
    assert engines.interpolator_names()[: len(named)] == named
    assert sorted(engines.interpolator_names()[len(named) :]) == files


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("optical flow (no model)", "optical flow (no model)"),
        ("v00.pth", "PerVFI v00 with weight-free flow"),
        ("vb.pth", "PerVFI vb with weight-free flow"),
        ("flownet.pkl", "RIFE"),
        ("rife.safetensors", "RIFE"),
    ],
)
def test_every_name_leads_to_its_engine(engines, name, report):
    assert engines.load_interpolator(name).name == report


def test_a_file_is_for_one_engine_only(engines):
    from comfyui_inbetween.networks.interpolation.pervfi import build
    from golden.pervfi.weights import seeded_weights

    files = {variant: build(seeded_weights(variant)).state_dict() for variant in ("v00", "vb")}
    files |= {"rife": small_rife().state_dict(), "flownet": published_rife(small_rife().state_dict())}
    files |= {"film": small_film().state_dict()}
    claims = {name: [kind.detects(tensors) for kind in engines.ENGINES] for name, tensors in files.items()}
    assert all(sum(claimed) == 1 for claimed in claims.values()), claims
    assert len({tuple(claimed) for claimed in claims.values()}) == 3


def prefixed(prefix):
    return {f"{prefix}{name}": tensor for name, tensor in published_rife(small_rife().state_dict()).items()}


@pytest.mark.parametrize(
    "content",
    [
        lambda: prefixed("module."),
        lambda: prefixed("flownet."),
        lambda: prefixed("module.flownet."),
        lambda: {"state_dict": prefixed(""), "epoch": 95},
        lambda: {"state_dict": prefixed("module.")},
        lambda: {"params": prefixed("")},
        lambda: {"net": prefixed("module.")},
    ],
    ids=["module.", "flownet.", "module.flownet.", "state_dict", "state_dict, module.", "params", "net, module."],
)
def test_rife_in_every_wrapping_that_the_host_opens(engines, put, content):
    engine = engines.load_interpolator(put("wrapped.pth", content()))
    loaded = engine.interp_model.model.state_dict()
    assert engine.name == "RIFE"
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in small_rife().state_dict().items())


def four_blocks():
    return {name: t for name, t in published_rife(small_rife().state_dict()).items() if not name.startswith("block4")}


def too_narrow():
    return small_film().state_dict()


def torch_script(path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(path))


WANTED = "{WANTED}."  # of the module under test
PAGE = "https://huggingface.co/Comfy-Org/frame_interpolation."


@pytest.mark.filterwarnings("ignore:.*TorchScript")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (four_blocks, f"x.pth is a version of RIFE that ComfyUI cannot load; use RIFE 4.25 or 4.26 from {PAGE}"),
        (
            too_narrow,
            f"x.pth is a version of FILM that ComfyUI cannot load; use film_net_fp16.safetensors from {PAGE}",
        ),
        (
            lambda: {"update_block.flow_head.conv1.weight": torch.zeros(1)},
            f"x.pth is RAFT, an optical flow model; use {WANTED}",
        ),
        (lambda: {"something.weight": torch.zeros(1)}, f"x.pth is not a model that this node knows; use {WANTED}"),
        (lambda: {}, f"x.pth contains no named weights; use {WANTED}"),
        (lambda: [torch.zeros(1)], f"x.pth contains no named weights; use {WANTED}"),
        (lambda: {"state_dict": {}}, f"x.pth contains no named weights; use {WANTED}"),
        (
            lambda: torch_script,
            f"x.pth is a TorchScript program, not just weights, and was not opened; use {WANTED}",
        ),
        (
            lambda: b"<!DOCTYPE html>",
            f"x.pth is a web page, not a weight file, so the download failed; download it again: {WANTED}",
        ),
        (
            lambda: b"PK\x03\x04 cut off",
            f"x.pth cannot be read; the download may be incomplete, so download it again: {WANTED}",
        ),
    ],
)
def test_what_a_wrong_file_is_and_what_is_wanted(engines, put, content, message):
    with pytest.raises(ValueError) as told:  # noqa: PT011
        engines.load_interpolator(put("x.pth", content()))
    assert str(told.value) == message.replace("{WANTED}", engines.WANTED)


def test_a_lora_is_called_one(engines, put):
    name = put("lora.safetensors", lambda path: write_lora(path, seed=8))
    with pytest.raises(ValueError, match=r"^lora.safetensors is a LoRA; use a PerVFI file"):
        engines.load_interpolator(name)


def test_a_pervfi_file_that_is_not_whole_is_named_by_pervfi(engines, put):
    with pytest.raises(ValueError, match=r"x.pth lacks \d+ of the \d+ tensors of PerVFI vb"):
        engines.load_interpolator(put("x.pth", {"module.generator.tail.weight": torch.zeros(1)}))


def test_an_unknown_interpolator_names_what_there_is(engines):
    with pytest.raises(
        ValueError, match=r'there is no "rife" in models/frame_interpolation; put v00.pth or .* or choose "optical flow'
    ):
        engines.load_interpolator("rife")
