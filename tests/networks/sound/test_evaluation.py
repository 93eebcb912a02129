"""What the rows of one evaluation hear, without a host: which tokens they look at, and how often those are made."""

from dataclasses import replace

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.sound.timing import span_of_clip
from comfyui_inbetween.networks.sound import read_adapter
from comfyui_inbetween.networks.sound.branch import attend_to_audio
from comfyui_inbetween.networks.sound.evaluation import AudioEvaluation, BranchSettings, ModelCall, RunCache, frame_ids
from comfyui_inbetween.networks.sound.token_table import TokenTable
from golden.audio.weights import CHANNELS, FEATURES, LAYOUTS, write_adapter

GRID, HEADS = (2, 3), 2
SPAN = span_of_clip(21, 25)  # 6 latent frames


@pytest.fixture
def adapter_of(tmp_path):
    return lambda layout: read_adapter(write_adapter(tmp_path / f"{layout}.safetensors", layout))


def windows_of(adapter):
    layers = (12,) if adapter.config.features == "all layers" else ()
    count = adapter.config.windows.windowed_count(SPAN)
    features = torch.randn(count, *layers, FEATURES, generator=torch.Generator().manual_seed(1))
    return adapter.config.windows.cut(features, SPAN)


def evaluation_of(adapter, rows, cache=None, first_place=0, **settings):
    """rows: for each the numbers of its latent frames, and whether it hears sound."""
    ids = torch.cat([frame_ids(6, sound)[:, :, list(frames)] for frames, sound in rows])
    latent_frames = len(rows[0][0])
    time_BC = torch.ones(len(rows), CHANNELS)
    cpu = torch.device("cpu")
    call = ModelCall(ids, latent_frames, GRID, first_place, HEADS, time_BC, torch.float32, cpu)
    return AudioEvaluation(adapter, BranchSettings(windows_of(adapter), **settings), cache or RunCache(), call)


def test_frame_ids_are_cut_and_batched_like_a_latent():
    ids = torch.cat([frame_ids(5, True), frame_ids(5, False)])[:, :, 2:4]
    assert ids.dtype == torch.int32
    assert ids[:, 0, :, 0, 0].tolist() == [[2, 3], [2, 3]]
    assert ids[:, 1, :, 0, 0].tolist() == [[1, 1], [0, 0]]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_silence_has_one_entry_for_each_kind(adapter_of, layout):
    """Latent frames whose silence is the same share it; those at the ends have other slots without sound."""
    adapter = adapter_of(layout)
    windows = windows_of(adapter)
    table, silent = TokenTable.of_clip(adapter, windows), adapter.silence(windows)
    assert table.sound_entries == 6
    if silent is None:
        assert layout == "fantasy_talking"
        assert table.silence_F is None
        assert len(table.tokens.tokens_FLD) == 6
        return
    entries = table.entries(torch.arange(6), with_sound=False)
    assert torch.equal(table.tokens.tokens_FLD[entries], silent.tokens_FLD)
    assert torch.equal(table.tokens.heard_FL[entries], silent.heard_FL)
    assert len(table.silent.tokens_FLD) == len(set(entries.tolist())) < 6
    assert torch.equal(table.entries(torch.tensor([4, 1]), with_sound=True), torch.tensor([4, 1]))


@pytest.mark.parametrize(("layout", "rows"), [("fantasy_talking", [1]), ("echomimic_preview", [0, 1])])
def test_rows_without_sound_count_where_silence_has_tokens(adapter_of, layout, rows):
    assert evaluation_of(adapter_of(layout), [(range(6), False), (range(6), True)]).rows == rows


@pytest.mark.parametrize("layout", ["fantasy_talking", "echomimic_preview", "echomimic_flash"])
def test_each_row_looks_at_the_tokens_of_its_own_frames(adapter_of, layout):
    """A part of the clip, out of order, with places of a reference in front and behind."""
    adapter, frames = adapter_of(layout), [0, 4, 2]
    evaluation = evaluation_of(adapter, [(frames, True)], first_place=6)
    x, query = torch.randn(1, 30, CHANNELS), torch.randn(1, 30, CHANNELS)
    added = evaluation.add(x, query, 1) - x
    tokens = adapter.tokens(windows_of(adapter))
    keys, values = adapter.blocks[1](tokens.tokens_FLD[frames])
    mask = tokens.heard_FL[frames][None] if adapter.config.masks_padding else None
    expected = attend_to_audio(query[:, 6:24], keys[None], values[None], HEADS, mask)
    assert expected.abs().max() > 0.01
    assert (added[:, 6:24] - expected).abs().max() < 1e-5
    assert not added[:, :6].any()
    assert not added[:, 24:].any()


def test_tokens_that_look_at_the_model_are_made_once_for_rows_that_see_the_same(adapter_of):
    """Text differs from row to row only later; other places or other frames are seen as others."""
    adapter, made = adapter_of("stable_avatar"), []
    adapter.projector.final_head.register_forward_hook(lambda *_: made.append(1))
    first, second = [0, 1, 2], [3, 4, 5]
    rows = [(first, True), (first, False), (first, True), (second, True), (first, True)]
    evaluation = evaluation_of(adapter, rows)
    places = torch.randn(1, 18, CHANNELS).repeat(5, 1, 1)
    places[4] += 1
    evaluation.refine(places, torch.randn(1, 6, CHANNELS).repeat(5, 1, 1))
    assert len(made) == 3
    query = torch.randn(1, 18, CHANNELS).repeat(5, 1, 1)
    added = evaluation.add(torch.zeros_like(query), query, 0)
    assert torch.equal(added[0], added[2])
    for one, other in ((0, 1), (0, 3), (0, 4), (1, 3)):
        assert (added[one] - added[other]).abs().max() > 1e-3


def test_keys_and_values_last_for_a_run_unless_tokens_look_at_the_model(adapter_of):
    for layout, expected in (("echomimic_preview", 1), ("stable_avatar", 2)):
        adapter, cache, made = adapter_of(layout), RunCache(), []
        adapter.blocks[0].register_forward_hook(lambda *_, made=made: made.append(1))
        for _ in range(2):
            evaluation = evaluation_of(adapter, [(range(6), True)], cache)
            evaluation.refine(torch.randn(1, 36, CHANNELS), torch.randn(1, 6, CHANNELS))
            evaluation.add(torch.zeros(1, 36, CHANNELS), torch.randn(1, 36, CHANNELS), 0)
        assert len(made) == expected


def test_a_region_follows_the_frames_of_a_row(adapter_of):
    """One mask for each latent frame of the clip, brought to the grid; a part of the clip has its own ones."""
    region = torch.zeros(6, 1, 4, 6)
    region[4, :, :2] = 1
    adapter = adapter_of("echomimic_preview")
    x, query = torch.zeros(1, 18, CHANNELS), torch.randn(1, 18, CHANNELS)
    added = evaluation_of(adapter, [([3, 4, 5], True)], region_F1HW=region).add(x, query, 0)
    inside = (added != 0).any(dim=-1).view(3, *GRID)
    assert inside[1].tolist() == [[True] * 3, [False] * 3]
    assert not inside[[0, 2]].any()


@pytest.mark.parametrize(("frames", "sampled"), [(range(6), 5), (range(5), 6)])
def test_another_length_is_told(adapter_of, frames, sampled):
    adapter = adapter_of("fantasy_talking")
    evaluation = evaluation_of(adapter, [(frames, True)])
    call = replace(evaluation._call, latent_frames=sampled)
    with pytest.raises(InbetweenError, match=f"a latent of 6 latent frames, but {sampled} are sampled; connect"):
        AudioEvaluation(adapter, BranchSettings(windows_of(adapter)), RunCache(), call)
