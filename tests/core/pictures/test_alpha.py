"""Pictures with alpha: premultiplied and back, how they look, and the MASK that belongs to them."""

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.pictures.alpha import (
    FramesWithAlpha,
    SeenFrames,
    as_seen,
    fitting_transparency,
    is_same_picture,
    joined,
    mixed,
    parted,
    premultiplied,
    seen_pair,
    straight,
)
from drawn_sprites import sprite


def picture(seed, height=24, width=32, channels=4):
    return torch.rand(height, width, channels, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_straight_is_the_reverse_of_premultiplied(seed):
    frame = picture(seed)
    frame[..., 3] = frame[..., 3].clamp(min=0.05)
    torch.testing.assert_close(straight(premultiplied(frame)[None])[0], frame, rtol=0, atol=1e-5)


def test_opaque_pictures_come_back_to_the_bit():
    frame = picture(1)
    frame[..., 3] = 1
    assert torch.equal(straight(premultiplied(frame)[None])[0], frame)


def test_pictures_without_alpha_pass_as_they_are():
    first, second = picture(1, channels=3), picture(2, channels=3)
    assert premultiplied(first) is first
    assert straight(first) is first
    assert seen_pair(first, second)[0] is first
    assert as_seen(first[None]).shape == (1, 24, 32, 3)
    assert torch.equal(mixed(first, second, 0.3), torch.lerp(first, second, 0.3))


def test_what_is_not_seen_gets_the_colour_of_what_is_seen():
    frame = torch.zeros(64, 64, 4)
    frame[20:30, 20:30] = torch.tensor([0.8, 0.1, 0.3, 1])
    torch.testing.assert_close(
        straight(frame[None])[0, ..., :3], frame[25, 25, :3].expand(64, 64, 3), rtol=0, atol=1e-3
    )


def test_hidden_colours_make_no_difference_to_how_pictures_look():
    first, other = sprite(1, 60, hidden=1), sprite(1, 60, hidden=2)
    assert not torch.equal(first, other)
    assert is_same_picture(first, other)
    assert not is_same_picture(first, sprite(1, 61, hidden=1))


@pytest.mark.parametrize(("kind", "ground"), [("dark", 1.0), ("light", 0.0)])
def test_a_sprite_is_seen_in_front_of_what_it_differs_from(kind, ground):
    first, second = seen_pair(sprite(1, 60, kind=kind), sprite(1, 90, kind=kind))
    assert torch.equal(first[0, 0], torch.full((3,), ground))
    assert torch.equal(second[0, 0], torch.full((3,), ground))
    assert SeenFrames([sprite(1, 60, kind=kind)])[0][0, 0, 0] == ground


def test_a_mixture_has_the_colour_of_what_is_seen_more():
    """Half of red and half of nothing is red, at half the alpha, not a darker red."""
    red, nothing = torch.tensor([1.0, 0, 0, 1]).expand(16, 16, 4), torch.tensor([0.0, 1, 0, 0]).expand(16, 16, 4)
    torch.testing.assert_close(mixed(red, nothing, 0.5), torch.tensor([1.0, 0, 0, 0.5]).expand(16, 16, 4))


def test_a_mask_joins_and_parts():
    frames = torch.rand(3, 16, 20, 3)
    mask = torch.rand(3, 16, 20)
    together = joined(frames, mask)
    torch.testing.assert_close(together[..., 3], 1 - mask)
    apart, again = parted(together, 3)
    assert torch.equal(apart, frames)
    torch.testing.assert_close(again, mask, rtol=0, atol=1e-6)
    assert parted(together, 4)[0].shape == (3, 16, 20, 4)
    assert torch.equal(FramesWithAlpha(frames, mask)[-1], together[2])
    assert [each.shape for each in FramesWithAlpha(frames, mask)[1:]] == [(16, 20, 4)] * 2


def test_without_a_mask_frames_are_opaque():
    frames = torch.rand(3, 16, 20, 3)
    assert joined(frames, None) is frames
    same, mask = parted(frames, 3)
    assert same is frames
    assert torch.equal(mask, torch.zeros(3, 64, 64))  # as Load Image gives it
    assert torch.equal(joined(frames, mask), joined(frames, torch.zeros(1, 16, 20)))


def test_one_mask_serves_all_frames():
    mask = torch.rand(1, 16, 20)
    assert torch.equal(joined(torch.rand(3, 16, 20, 3), mask)[2, ..., 3], 1 - mask[0])
    assert torch.equal(FramesWithAlpha(torch.rand(3, 16, 20, 3), mask)[2][..., 3], 1 - mask[0])


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.rand(2, 16, 20), "2 masks but there are 3 frames; connect one for each, or one for all"),
        (torch.rand(3, 20, 16), "transparency is 16x20 but the size of frames is 20x16; connect the mask of the same"),
        (torch.rand(3, 16, 20, 1), r"the shape \(3, 16, 20, 1\); connect a MASK"),
        (torch.rand(0, 16, 20), "connect a MASK"),
        (torch.zeros(3, 16, 20, dtype=torch.uint8), "connect a MASK"),
        (torch.full((3, 16, 20), torch.nan), "NaN or infinite"),
    ],
)
def test_masks_that_do_not_fit(mask, message):
    with pytest.raises(InbetweenError, match=message) as error:
        fitting_transparency(mask, torch.rand(16, 20, 3), 3)
    assert "\n" not in str(error.value)
