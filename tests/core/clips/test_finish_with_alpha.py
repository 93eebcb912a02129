"""Finishing frames with alpha: keyframes put back, colours compared where something is seen."""

import pytest
import torch
from comfyui_inbetween.core.clips.finish import finish_frames
from comfyui_inbetween.core.clips.put_back import Correction
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.keyframes.keyframe_set import keyframes_of
from comfyui_inbetween.core.pictures.colour import colour_statistics, mean_colour
from drawn_sprites import decibels, sprite


def clip(places, seed=1, **drawn):
    return torch.stack([sprite(seed, x, hidden=number, **drawn) for number, x in enumerate(places)])


def test_keyframes_are_put_back_with_their_alpha():
    frames = clip((40, 50, 60, 70, 80), kind="soft")
    keys = keyframes_of([sprite(2, 40), sprite(2, 80)], "", 5)
    finished = finish_frames(frames, keys).frames_THWC
    assert torch.equal(finished[[0, 4]], torch.stack([sprite(2, 40), sprite(2, 80)]))
    assert torch.equal(finished[1:4], frames[1:4])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_sprite_that_stands_elsewhere_is_moved_with_its_alpha(seed):
    """The engine has it 6 pixels too far right; half-way to the keyframe it is to be 3 pixels off."""
    truth = clip((40, 50, 60, 70, 80), seed)
    late = clip((46, 56, 66, 76, 86), seed)
    keys = keyframes_of([truth[2], late[4]], "2, 4", 5)
    finished = finish_frames(late, keys, "replace and blend", 1).frames_THWC
    assert decibels(finished[1], sprite(seed, 53)) > 31
    assert decibels(finished[3], sprite(seed, 73)) > 31
    assert torch.equal(finished[2], truth[2])
    assert torch.equal(finished[0], late[0])


def test_a_difference_of_alpha_alone_is_spread():
    frame = sprite(3, 60, kind="soft")
    key = frame * torch.tensor([1, 1, 1, 0.5])
    corrected = Correction.of(frame, key).applied(frame, 0.5)
    torch.testing.assert_close(corrected[..., 3], 0.75 * frame[..., 3], rtol=0, atol=0.01)
    seen = frame[..., 3] > 0.1
    torch.testing.assert_close(corrected[seen][:, :3], frame[seen][:, :3], rtol=0, atol=0.01)


def test_colours_are_those_of_what_is_seen():
    """Noise around a sprite, and its size, do not count; RGB and opaque pictures are alike."""
    large, small = sprite(4, 60, hidden=1), sprite(4, 60, hidden=2)
    assert (mean_colour(large) == mean_colour(small)).all()
    opaque = torch.rand(20, 30, 3)
    with_alpha = torch.cat([opaque, torch.ones(20, 30, 1)], dim=-1)
    plain, same = colour_statistics([opaque]), colour_statistics([with_alpha])
    assert abs(plain.mean_3 - same.mean_3).max() < 1e-5
    assert abs(plain.covariance_33 - same.covariance_33).max() < 1e-5


def test_a_drift_of_colour_is_undone_where_something_is_seen():
    truth = clip((40, 50, 60, 70, 80), 5, kind="soft")
    drifted = truth.clone()
    drifted[..., 0] = 0.1 + 0.7 * drifted[..., 0]
    keys = keyframes_of([truth[0], truth[4]], "", 5)
    finished = finish_frames(drifted, keys, "off", match_colour=True).frames_THWC
    assert torch.equal(finished[..., 3], truth[..., 3])
    assert decibels(finished[2], truth[2]) > decibels(drifted[2], truth[2]) + 5


def test_nothing_seen_has_no_colour_to_match():
    frames = clip((40, 50, 60), 6)
    frames[0, ..., 3] = 0
    keys = keyframes_of([frames[0], frames[2]], "", 3)
    finished = finish_frames(frames, keys, "off", match_colour=True).frames_THWC
    torch.testing.assert_close(finished, frames, rtol=0, atol=1e-3)


def test_a_loop_of_frames_that_differ_only_where_nothing_is_seen():
    keys = keyframes_of([sprite(7, 60, hidden=1), sprite(7, 90), sprite(7, 60, hidden=2)], "", 5)
    assert len(finish_frames(clip((60, 75, 90, 75, 60), 7), keys, loop=True).frames_THWC) == 4


def test_frames_and_keyframes_of_which_only_one_has_alpha():
    frames, keys = clip((40, 50, 60)), keyframes_of([sprite(1, 40), sprite(1, 60)], "", 3)
    with pytest.raises(
        InbetweenError, match="the keyframes have alpha but the frames do not; connect frames with alpha"
    ):
        finish_frames(frames[..., :3], keys)
    opaque = keyframes_of([frames[0, ..., :3], frames[2, ..., :3]], "", 3)
    assert (finish_frames(frames, opaque).frames_THWC[[0, 2], ..., 3] == 1).all()
