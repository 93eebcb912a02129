"""Where frames stand in Wan's latents, and what a model is told of keyframes."""

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet
from comfyui_inbetween.core.timing.latent_grid import LatentGrid
from comfyui_inbetween.core.wan.layout import WAN, frames_made, guidance_clip, known_frames, known_levels, pinned_frames
from golden.semfi.cases import COUNTS, pictures, stored_outputs
from hypothesis import given
from hypothesis import strategies as st

# Measured by running VideoX-Fun's pipeline with masks of single frames (commit 804a425).
MEASURED_PLACES = {
    1: (1, 0),
    2: (1, 1),
    3: (1, 2),
    4: (1, 3),
    5: (2, 0),
    8: (2, 3),
    16: (4, 3),
    32: (8, 3),
    40: (10, 3),
}


def key(frame, strength=1.0, value=0.25):
    return Keyframe(frame, torch.full((2, 3, 3), value), strength)


def keys(frame_count, *frames, **options):
    return KeyframeSet(frame_count, tuple(key(frame, **options) for frame in frames))


@pytest.mark.parametrize("frame", MEASURED_PLACES)
def test_places_are_those_measured(frame):
    assert WAN.place_of(frame) == MEASURED_PLACES[frame]


def test_the_first_frame_has_all_slots_of_its_latent_frame():
    assert known_levels([key(0, 0.5)], 9).tolist() == [[0.5, 0, 0]] * 4


# ------------------------------------------------------------------------------------- lengths


def test_snapping_up_is_that_of_the_published_code():
    for frame_count in range(5, 401):
        published = frame_count if frame_count % 4 == 1 else (frame_count + 2) // 4 * 4 + 1
        assert frames_made(frame_count, "snap up") == published


def test_other_lengths_are_refused_with_the_nearest():
    assert frames_made(33) == 33
    with pytest.raises(InbetweenError, match="frame_count 34 breaks the rule 4n\\+1; use 33 or 37"):
        frames_made(34)


@pytest.mark.parametrize("frame_count", [-1, 0, 1, 4])
@pytest.mark.parametrize("other_lengths", ["refuse", "snap up"])
def test_too_few_frames_are_refused(frame_count, other_lengths):
    with pytest.raises(InbetweenError, match="Wan needs 5 frames or more"):
        frames_made(frame_count, other_lengths)


def test_a_model_with_another_grid():
    """Lengths, levels and pinned frames follow the grid that is given."""
    grid = LatentGrid(1, 8)
    assert frames_made(10, "snap up", grid) == 17
    with pytest.raises(InbetweenError, match=r"Wan needs 9 frames or more \(9, 17, 25, ...\)"):
        frames_made(8, grid=grid)
    levels_8T = known_levels([key(9)], 17, grid)
    assert levels_8T.shape == (8, 3)
    assert levels_8T.nonzero().tolist() == [[0, 2]]
    assert list(pinned_frames(keys(17, 0, 8, 9), grid)) == [0, 1, 2]
    with pytest.raises(InbetweenError, match="frames 3 and 8, but this model takes frames 1 to 8 as one"):
        pinned_frames(keys(17, 0, 3, 8), grid)


# ------------------------------------------------------------------------------------- what the model is told


@pytest.mark.parametrize("count", COUNTS)
def test_first_and_last_are_as_published(count):
    """Mask exactly; the clip within the rounding of the published conversion to [-1, 1]."""
    first, last = (torch.from_numpy(picture).float() / 255 for picture in pictures())
    ends = KeyframeSet(count, (Keyframe(0, first), Keyframe(count - 1, last)))
    known = known_frames(ends, count)
    assert torch.equal(known_levels(known, count), stored_outputs()[f"mask {count}"])
    clip_THWC = guidance_clip(known, count, *first.shape[:2])
    torch.testing.assert_close(clip_THWC[:, 0, 0].T * 2 - 1, stored_outputs()[f"clip {count}"], rtol=0, atol=2e-7)


@pytest.mark.parametrize("frame", [1, 2, 3, 4, 16, 31])
def test_a_keyframe_between_is_one_slot_and_one_frame(frame):
    known = known_frames(keys(33, 0, frame, 32), 33)
    levels_4T = known_levels(known, 33)
    latent_frame, slot = WAN.place_of(frame)
    only = known_levels(known_frames(keys(33, 0, 32), 33), 33)
    only[slot, latent_frame] = 1
    assert torch.equal(levels_4T, only)
    clip_THWC = guidance_clip(known, 33, 2, 3)
    shown = [number for number, image in enumerate(clip_THWC) if not (image == 0.5).all()]
    assert shown == sorted({0, frame, 32})


@given(st.integers(2, 20).map(lambda n: 4 * n + 1), st.data())
def test_any_set_of_keyframes(frame_count, data):
    """Each known frame has its strength in its slot, all others nothing, and the clip shows the images there."""
    frames = data.draw(st.lists(st.integers(0, frame_count - 1), min_size=2, max_size=8, unique=True))
    strengths = data.draw(st.lists(st.floats(0, 1, width=32), min_size=len(frames), max_size=len(frames)))
    images = [torch.full((1, 1, 3), (number + 1) / 10) for number in range(len(frames))]
    placed = KeyframeSet(frame_count, tuple(map(Keyframe, frames, images, strengths)))
    known = known_frames(placed, frame_count)
    levels_4T, clip_THWC = known_levels(known, frame_count), guidance_clip(known, frame_count, 1, 1)
    by_frame = {each.frame: each for each in placed.keyframes}
    for latent_frame in range(WAN.latent_frames(frame_count)):
        held = WAN.frames_of(latent_frame) if latent_frame else 4 * [0]
        strengths = [by_frame[frame].strength if frame in by_frame else 0 for frame in held]
        assert levels_4T[:, latent_frame].tolist() == strengths
    for frame in range(frame_count):
        found = by_frame.get(frame)
        expected = 0.5 + found.strength * (found.image_HWC - 0.5) if found else torch.full((1, 1, 3), 0.5)
        torch.testing.assert_close(clip_THWC[frame], expected)


def test_full_strength_is_the_image_to_the_last_bit():
    image = torch.rand(2, 3, 3)
    clip_THWC = guidance_clip([Keyframe(3, image)], 5, 2, 3)
    assert torch.equal(clip_THWC[3], image)


def test_no_strength_is_as_if_there_were_none():
    with_it, without = keys(9, 0, 4, 8), keys(9, 0, 8)
    weak = KeyframeSet(9, tuple(key(each.frame, 0.0 if each.frame == 4 else 1.0) for each in with_it.keyframes))
    for placed in (weak, without):
        known = known_frames(placed, 9)
        assert [each.frame for each in known] == [0, 8]


def test_low_noise_strength_is_for_inner_keyframes_alone():
    """Frames in a row from the first or up to the last belong to the beginning and the end."""
    placed = KeyframeSet(33, tuple(key(frame, 0.8 if frame == 16 else 1.0) for frame in (0, 1, 2, 16, 31, 32)))
    strengths = {each.frame: each.strength for each in known_frames(placed, 33, 0.25)}
    assert strengths == {0: 1, 1: 1, 2: 1, 16: 0.2, 31: 1, 32: 1}
    assert 16 not in {each.frame for each in known_frames(placed, 33, 0.0)}


def test_surplus_frames_repeat_the_last_keyframe():
    known = known_frames(keys(7, 0, 6), frames_made(7, "snap up"))
    assert [each.frame for each in known] == [0, 6, 7, 8]
    assert known_levels(known, 9).sum(dim=0).tolist() == [4, 0, 3]
    open_end = known_frames(keys(7, 0, 5), 9)
    assert [each.frame for each in open_end] == [0, 5]


# ------------------------------------------------------------------------------------- pinning


def test_pinned_frames_are_the_latent_frames_of_keyframes():
    pinned = pinned_frames(keys(33, 0, 14, 32))
    assert {latent_frame: each.frame for latent_frame, each in pinned.items()} == {0: 0, 4: 14, 8: 32}


def test_two_keyframes_in_one_latent_frame_cannot_be_pinned():
    with pytest.raises(InbetweenError, match="frames 14 and 16, but this model takes frames 13 to 16 as one"):
        pinned_frames(keys(33, 0, 14, 16))
