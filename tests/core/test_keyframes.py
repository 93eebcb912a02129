"""The KEYFRAMES value: what it holds and what it refuses."""

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.keyframes import Keyframe, KeyframeSet, check_image_count, place_keyframes
from comfyui_inbetween.core.positions import KeyPosition


def image(value=0.5, height=4, width=6):
    return torch.full((height, width, 3), float(value))


def test_keyframes_are_sorted_and_keep_their_images():
    first, second = image(0.1), image(0.9)
    placed = place_keyframes([first, second], [KeyPosition(8), KeyPosition(2, 0.5)], 9)
    assert placed.frames == (2, 8)
    assert placed.keyframes[0].image_HWC is second
    assert placed.keyframes[0].strength == 0.5
    assert placed.keyframes[1].image_HWC is first
    assert (placed.width, placed.height) == (6, 4)


def test_it_cannot_be_changed():
    placed = place_keyframes([image(), image()], [KeyPosition(0), KeyPosition(1)], 2)
    with pytest.raises(AttributeError):
        placed.frame_count = 3
    with pytest.raises(AttributeError):
        placed.keyframes[0].frame = 3


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([Keyframe(0, image())], "2 or more images, got 1"),
        ([], "2 or more images, got 0"),
        ([Keyframe(3, image()), Keyframe(3, image())], "two keyframes stand at frame 3"),
        ([Keyframe(0, image()), Keyframe(9, image())], "stands at frame 9; with frame_count 9 the frames are 0 to 8"),
        ([Keyframe(-1, image()), Keyframe(3, image())], "stands at frame -1"),
        ([Keyframe(0, image()), Keyframe(3, image(width=7))], "is 7x4 but the first is 6x4"),
        ([Keyframe(0, image()), Keyframe(3, image(), 1.5)], "strength 1.5; give 0 to 1"),
        ([Keyframe(0, image()), Keyframe(3, image(), float("nan"))], "strength nan"),
        ([Keyframe(0, image()), Keyframe(3, image(float("nan")))], "keyframe at frame 3 holds NaN"),
        ([Keyframe(0, image()), Keyframe(3, torch.rand(4, 6, 4))], "4 channels .*Split Image with Alpha"),
        ([Keyframe(0, image()), Keyframe(3, torch.rand(0, 6, 3))], "is empty"),
    ],
)
def test_what_it_refuses(keys, message):
    with pytest.raises(InbetweenError, match=message) as error:
        KeyframeSet(9, tuple(keys))
    assert "\n" not in str(error.value)


def test_a_count_that_breaks_the_rule():
    with pytest.raises(InbetweenError, match="frame_count 10 breaks the rule"):
        place_keyframes([image(), image()], [KeyPosition(0), KeyPosition(1)], 10, "4n+1")


def test_in_a_loop_the_image_at_frame_0_ends_the_time_line_too():
    first, second = image(0.1), image(0.9)
    placed = place_keyframes([second, first], [KeyPosition(4), KeyPosition(0, 0.5)], 9, loop=True)
    assert placed.frames == (0, 4, 8)
    assert placed.keyframes[2].image_HWC is first
    assert placed.keyframes[2].strength == 0.5
    assert placed.frame_count == 9


def test_one_image_makes_a_loop_but_no_keyframes():
    assert place_keyframes([image()], [KeyPosition(0)], 5, loop=True).frames == (0, 4)
    check_image_count(1, loop=True)
    check_image_count(2)
    with pytest.raises(InbetweenError, match="keyframes need 2 or more images, got 1; connect another image"):
        check_image_count(1)
    with pytest.raises(InbetweenError, match="keyframes need 1 or more images for a loop, got 0; connect an image"):
        check_image_count(0, loop=True)
