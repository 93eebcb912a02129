"""Files with audio adapters: whose they are, in every wrapping; and what is told of those that are none."""

import json
from dataclasses import replace

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.sound.windows import CentredWindows, TwoPerFrameWindows
from comfyui_inbetween.networks.sound import read_adapter
from comfyui_inbetween.networks.sound.config import BBF
from comfyui_inbetween.networks.sound.layouts import save_bbf_adapter
from comfyui_inbetween.networks.sound.projectors import ModelState
from golden.audio.weights import CHANNELS, DEPTH, FEATURES, LAYOUTS, seeded_adapter, write_adapter
from safetensors import safe_open
from safetensors.torch import load_file, save_file

NAMES = {
    "fantasy_talking": "FantasyTalking",
    "stable_avatar": "StableAvatar",
    "echomimic_preview": "EchoMimicV3 preview",
    "echomimic_flash": "EchoMimicV3 flash",
    "bbf": "BBF",
}
FLASH_EXTRA = "q_audio"  # published, and used by nothing


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("suffix", "prefix"),
    [(".safetensors", ""), (".safetensors", "model.diffusion_model."), (".pt", ""), (".ckpt", "")],
)
def test_every_layout_is_read(tmp_path, layout, suffix, prefix):
    adapter = read_adapter(write_adapter(tmp_path / f"file{suffix}", layout, prefix=prefix))
    assert adapter.config.name == NAMES[layout]
    assert (adapter.channels, adapter.model_depth, adapter.projector.feature_width) == (CHANNELS, DEPTH, FEATURES)
    published = seeded_adapter(layout)
    used = sum(tensor.numel() for name, tensor in published.items() if FLASH_EXTRA not in name)
    assert sum(parameter.numel() for parameter in adapter.parameters()) == used
    assert not any(parameter.requires_grad for parameter in adapter.parameters())
    key = next(tensor for name, tensor in published.items() if "blocks.1.cross_attn" in name and "k_" in name)
    assert torch.equal(adapter.blocks[1].k.weight, key)


def test_the_adapter_in_a_whole_model_is_read_alone(tmp_path):
    """StableAvatar and EchoMimicV3 come as checkpoints of all of Wan: the rest is neither wanted nor in the way."""
    tensors = seeded_adapter("stable_avatar") | {
        "blocks.0.cross_attn.k.weight": torch.zeros(CHANNELS, CHANNELS),
        "blocks.0.self_attn.q.bias": torch.zeros(CHANNELS),
        "vocal_projection.weight": torch.zeros(3),
        "patch_embedding.weight": torch.zeros(CHANNELS, 36, 1, 2, 2),
    }
    torch.save({"state_dict": tensors, "epoch": 3}, tmp_path / "transformer3d-square.pt")
    adapter = read_adapter(tmp_path / "transformer3d-square.pt")
    assert adapter.config.name == "StableAvatar"
    assert adapter.projector.uses_model_state
    assert not adapter.projector.uses_end_difference


def test_a_type_stays_as_it_is_stored(tmp_path):
    tensors = {name: tensor.half() for name, tensor in seeded_adapter("echomimic_preview").items()}
    save_file(tensors, tmp_path / "half.safetensors")
    assert {parameter.dtype for parameter in read_adapter(tmp_path / "half.safetensors").parameters()} == {
        torch.float16
    }


def test_format_1_is_written_as_it_is_read(tmp_path):
    adapter = read_adapter(write_adapter(tmp_path / "a.safetensors", "bbf"))
    save_bbf_adapter(adapter, tmp_path / "b.safetensors")
    assert load_file(tmp_path / "b.safetensors").keys() == seeded_adapter("bbf").keys()
    with safe_open(tmp_path / "b.safetensors", "pt") as file:
        metadata = file.metadata()
    assert (metadata["format"], metadata["format_version"]) == ("inbetween_audio_adapter", "1")
    again = read_adapter(tmp_path / "b.safetensors")
    assert again.config == adapter.config
    assert again.state_dict().keys() == adapter.state_dict().keys()
    assert all(torch.equal(*pair) for pair in zip(again.parameters(), adapter.parameters(), strict=True))


def test_what_a_file_declares_counts(tmp_path):
    declared = {"fps": 16, "heads": 4, "features": "mean of layers", "silence": "no branch", "sequential": True}
    write(tmp_path / "a.safetensors", declared)
    adapter = read_adapter(tmp_path / "a.safetensors")
    config = adapter.config
    assert (config.fps, config.features, config.silence, config.sequential) == (16, "mean of layers", "no branch", True)
    assert adapter.projector.heads == 4
    save_bbf_adapter(adapter, tmp_path / "b.safetensors")
    assert read_adapter(tmp_path / "b.safetensors").config == config


@pytest.mark.parametrize(("name", "windows"), [("centred", CentredWindows()), ("two a frame", TwoPerFrameWindows())])
def test_windows_are_declared_by_name(tmp_path, name, windows):
    write(tmp_path / "a.safetensors", {"windows": name})
    assert read_adapter(tmp_path / "a.safetensors").config == replace(BBF, windows=windows)


def test_what_format_1_declares_is_written_to_the_byte(tmp_path):
    """The metadata of a file as they were written before windows were classes."""
    save_bbf_adapter(read_adapter(write_adapter(tmp_path / "a.safetensors", "bbf")), tmp_path / "b.safetensors")
    with safe_open(tmp_path / "b.safetensors", "pt") as file:
        assert file.metadata()["adapter"] == (
            '{"fps": 25, "heads": 8, "features": "last", "masks_padding": true, "silence": "zero tokens", '
            '"sequential": false}'
        )


@pytest.mark.parametrize(
    ("layout", "uses_model_state", "uses_end_difference"),
    [
        ("fantasy_talking", False, False),
        ("stable_avatar", True, False),
        ("echomimic_preview", False, False),
        ("echomimic_flash", False, False),
        ("bbf", True, True),
    ],
)
def test_what_each_projector_looks_at(tmp_path, layout, uses_model_state, uses_end_difference):
    """Tokens of a projector that does not look at the model stay as they are in an evaluation."""
    projector = read_adapter(write_adapter(tmp_path / "a.safetensors", layout)).projector
    assert (projector.uses_model_state, projector.uses_end_difference) == (uses_model_state, uses_end_difference)
    tokens_FLD = torch.randn(3, 5, CHANNELS)
    state = ModelState(torch.randn(2, 12, CHANNELS), torch.randn(2, 6, CHANNELS), torch.randn(2, CHANNELS))
    refined = projector.refined(tokens_FLD, state)
    assert refined.shape == (2, 3, 5, CHANNELS)
    assert torch.equal(refined, tokens_FLD.expand(2, -1, -1, -1)) != uses_model_state


def test_tokens_may_have_a_width_of_their_own(tmp_path):
    adapter = read_adapter(write_adapter(tmp_path / "a.safetensors", "bbf", tokens=96))
    assert adapter.blocks[0].k.weight.shape == (CHANNELS, 96)
    assert adapter.projector.time.weight.shape == (96, CHANNELS)


def write(path, declared, **metadata):
    stored = {"format": "inbetween_audio_adapter", "format_version": "1", "adapter": json.dumps(declared), **metadata}
    save_file(seeded_adapter("bbf"), path, stored)


def without(layout, *parts):
    return {name: tensor for name, tensor in seeded_adapter(layout).items() if not any(part in name for part in parts)}


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (
            lambda path: save_file({"lora": torch.zeros(1)}, path),
            "contains no known audio adapter; use Fantasy",
        ),
        (lambda path: save_file(without("fantasy_talking", "blocks.1"), path), None),
        (
            lambda path: save_file(without("fantasy_talking", "blocks.0"), path),
            "has no audio keys for block 0; download",
        ),
        (lambda path: save_file(without("stable_avatar", "blocks.0.cross_attn.v_vocal"), path), "StableAvatar but"),
        (lambda path: save_file(without("echomimic_flash", "proj1_vf"), path), "EchoMimicV3 flash but"),
        (lambda path: save_file(without("stable_avatar", "_vocal."), path), "has no audio keys for block 0"),
        (
            lambda path: write(path, {}, format="other"),
            "has format other 1, but this version reads inbetween_audio_adapter 1",
        ),
        (lambda path: write(path, {}, format_version="2"), "has format inbetween_audio_adapter 2, but .* update"),
        (
            lambda path: write(path, {"silence": "loud"}),
            "declares settings that are invalid in inbetween_audio_adapter 1",
        ),
        (lambda path: write(path, {"colour": 1}), "declares settings"),
        (lambda path: write(path, {"fps": 0}), "declares settings"),
        (lambda path: write(path, {"heads": 7}), "declares 7 heads, which do not divide 128 channels; save it"),
        (lambda path: write(path, {"features": "all layers"}), "declares settings"),
        (lambda path: write(path, {"windows": "neighbours"}), "declares settings"),
        (lambda path: write(path, {"windows": ["centred"]}), "declares settings"),
        (lambda path: write(path, {}, adapter="[1]"), "declares settings"),
        (lambda path: path.write_bytes(b"<!DOCTYPE html><html>"), "is a web page, not a weight file"),
        (lambda path: path.write_bytes(b"\x10\0\0\0\0\0\0\0{broken"), "cannot be read; the download may be incomplete"),
    ],
)
def test_a_file_that_is_none_is_told(tmp_path, make, told):
    path = tmp_path / "file.safetensors"
    make(path)
    if told is None:
        assert read_adapter(path).model_depth == 1
        return
    with pytest.raises(InbetweenError, match=told) as error:
        read_adapter(path)
    assert str(error.value).startswith("file.safetensors ")
    assert "\n" not in str(error.value)


def test_only_bbf_has_a_format_of_ours(tmp_path):
    adapter = read_adapter(write_adapter(tmp_path / "a.safetensors", "stable_avatar"))
    with pytest.raises(InbetweenError, match="StableAvatar is not a BBF adapter"):
        save_bbf_adapter(adapter, tmp_path / "b.safetensors")
