"""Flow over nothing: things are found wherever they went."""

import pytest
import torch
from comfyui_inbetween.core.flow.consistency import is_cut_between
from comfyui_inbetween.core.flow.optical_flow import flow_both_ways
from comfyui_inbetween.core.flow.visible_flow import find_shifts, flows_as_seen
from comfyui_inbetween.core.pictures.alpha import premultiplied
from drawn_sprites import over, sprite


def shifts(first, second):
    return find_shifts(*(premultiplied(each).movedim(2, 0)[None] for each in (first, second)))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("across", "down"), [(70, 10), (-50, -20), (8, 30)])
def test_where_a_sprite_went(seed, across, down):
    first, second = sprite(seed, 80 - across / 2, 48 - down / 2), sprite(seed, 80 + across / 2, 48 + down / 2)
    assert abs(shifts(first, second)[0][0] - across) <= 2
    assert abs(shifts(first, second)[0][1] - down) <= 2
    inside = first[..., 3] == 1
    forward = flows_as_seen(first, second)[0][:, inside]
    assert (forward - torch.tensor([[across], [down]])).abs().mean() < 0.5
    back = flows_as_seen(first, second)[1][:, second[..., 3] == 1]
    assert (back + torch.tensor([[across], [down]])).abs().mean() < 0.5


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_that_go_different_ways(seed):
    first = over(sprite(seed, 50, 26, 28), sprite(seed + 10, 110, 70, 28))
    second = over(sprite(seed, 110, 26, 28), sprite(seed + 10, 50, 70, 28))
    forward = flows_as_seen(first, second)[0]
    upper, lower = (sprite(*each)[..., 3] == 1 for each in ((seed, 50, 26, 28), (seed + 10, 110, 70, 28)))
    assert (forward[0][upper] - 60).abs().mean() < 1
    assert (forward[0][lower] + 60).abs().mean() < 1


def test_no_shift_where_nothing_moves_or_nothing_is_alike():
    assert shifts(sprite(1, 80), sprite(1, 81)) == [(0, 0)]
    assert shifts(sprite(1, 80), torch.zeros_like(sprite(1, 80))) == [(0, 0)]
    nothing = torch.zeros_like(sprite(1, 80))
    assert shifts(nothing, nothing) == [(0, 0)]


def test_frames_without_alpha_get_the_plain_flow():
    first, second = torch.rand(2, 48, 64, 3)
    for each, plain in zip(flows_as_seen(first, second), flow_both_ways(first, second), strict=True):
        assert torch.equal(each, plain)


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_sprite_that_moves_far_appears_or_goes_is_no_cut(seed):
    first, second = sprite(seed, 40, 40, hidden=1), sprite(seed, 110, 60, hidden=2)
    assert not is_cut_between(first, second)
    assert not is_cut_between(first, torch.zeros_like(first))
    assert not is_cut_between(torch.zeros_like(first), second)


def test_scenes_that_fill_the_frame_are_cut_as_without_alpha():
    def scene(seed):
        noise = torch.rand(1, 3, 12, 20, generator=torch.Generator().manual_seed(seed))
        opaque = torch.nn.functional.interpolate(noise, (96, 160), mode="bicubic")[0].movedim(0, 2).clamp(0, 1)
        return torch.cat([opaque, torch.ones(96, 160, 1)], dim=-1)

    assert is_cut_between(scene(1), scene(2))
    assert not is_cut_between(scene(1), scene(1).roll(5, 1))
