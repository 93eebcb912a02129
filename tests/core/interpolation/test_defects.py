"""Scores of bad frames: each kind of damage is found by its own score, and a clean clip scores low."""

import cv2
import numpy as np
import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.interpolation.defects import SCORES, score_frames, worst_frames
from moving_pictures import pan, with_copies


def textured_clip(count=8):
    """A textured picture with a textured patch that moves 4 pixels a frame."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(1, 3, 48, 64, generator=generator)
    back = torch.nn.functional.interpolate(noise, (144, 192), mode="bicubic")[0].clamp(0, 1).movedim(0, 2) * 0.5
    patch = 0.5 + 0.5 * torch.rand(40, 40, 3, generator=generator)
    patch = torch.from_numpy(cv2.GaussianBlur(patch.numpy(), (0, 0), 1.5))
    frames = []
    for number in range(count):
        frame = back.clone()
        frame[50:90, 20 + 4 * number : 60 + 4 * number] = patch
        frames.append(frame)
    return torch.stack(frames)


def spoiled(clip, frame, kind):
    clip = clip.clone()
    if kind == "missing":
        clip[frame] = clip[frame - 1]
    elif kind == "flicker":
        clip[frame] = (clip[frame] * 1.3 + 0.08).clamp(0, 1)
    elif kind == "blur":
        clip[frame] = torch.from_numpy(cv2.GaussianBlur(clip[frame].numpy(), (0, 0), 2.0))
    else:
        clip[frame] = (clip[frame - 1] + clip[frame + 1]) / 2
    return clip


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("frame", [1, 4, 6])
def test_the_spoiled_frame_is_the_worst(score, frame):
    frame += score == "missing" and frame == 1  # at the start a stop may be a rest, after which motion begins
    clip = textured_clip()
    clean, bad = score_frames(clip, score), score_frames(spoiled(clip, frame, score), score)
    assert worst_frames(bad, 1) == [frame]
    assert bad[frame] > max(3 * max(clean), 0.03)
    assert bad[0] == bad[-1] == clean[0] == clean[-1] == 0
    assert len(bad) == len(clip)


def test_what_the_numbers_mean():
    clip = textured_clip()
    assert score_frames(spoiled(clip, 4, "ghost"), "ghost")[4] == pytest.approx(1.0, abs=0.05)
    assert 0.3 < score_frames(spoiled(clip, 4, "blur"), "blur")[4] < 1
    still = clip[:1].expand(5, -1, -1, -1)
    assert all(max(score_frames(still, score)) < 1e-6 for score in SCORES)


def test_missing_frames_are_worse_where_more_moves_and_never_at_the_ends():
    clip = pan(np.cumsum([0] + [1] * 9 + [8] * 10))
    scores = score_frames(with_copies(clip, [5, 15]), "missing")
    assert [frame for frame in range(20) if scores[frame]] == [5, 15]
    assert worst_frames(scores, 1) == [15]
    assert score_frames(with_copies(pan(5.0 * np.arange(12)), range(1, 12, 2)), "missing")[-1] == 0


def test_flat_pictures_have_no_blur_and_no_ghost():
    flat = torch.linspace(0, 1, 5).view(-1, 1, 1, 1).expand(-1, 48, 64, 3)
    assert score_frames(flat, "blur") == [0.0] * 5
    assert all(0 <= value <= 1 for value in score_frames(flat, "ghost"))


@pytest.mark.parametrize("score", SCORES)
def test_progress_adds_up(score):
    done = []
    score_frames(textured_clip(5), score, done.append)
    assert sum(done) <= 5
    assert sum(done) >= 4


def test_the_worst_are_counted_and_those_without_fault_left_out():
    assert worst_frames([0.0, 0.3, 0.0, 0.1, 0.2, 0.0], 2) == [1, 4]
    assert worst_frames([0.0, 0.3, 0.0, 0.1, 0.2, 0.0], 9) == [1, 3, 4]
    assert worst_frames([0.0, 0.3, 0.0, 0.1, 0.2, 0.0], 2, excluded=[0, 1]) == [3, 4]


@pytest.mark.parametrize(
    ("frames", "score", "message"),
    [
        (torch.zeros(2, 8, 8, 3), "blur", "images has 2 frames; to find defects, connect 3 or more"),
        (torch.zeros(3, 8, 8, 3), "noise", 'score is "noise"; choose flicker, blur, ghost, missing'),
        (torch.full((3, 8, 8, 3), torch.nan), "blur", "images has NaN"),
    ],
)
def test_what_cannot_be_scored(frames, score, message):
    with pytest.raises(InbetweenError, match=message):
        score_frames(frames, score)


@pytest.mark.parametrize("gain", [0.1, 0.02])
def test_a_ghost_in_the_dark_counts_as_in_the_light(gain):
    clip = spoiled(textured_clip(), 4, "ghost")
    dark = score_frames(gain * clip, "ghost")
    assert dark[4] == pytest.approx(score_frames(clip, "ghost")[4], abs=0.1)
    assert worst_frames(dark, 1) == [4]
