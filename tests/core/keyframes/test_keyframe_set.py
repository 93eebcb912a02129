"""The KEYFRAMES value: what it holds and what it refuses."""

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet, keyframes_of
from torch.overrides import TorchFunctionMode


def image(value=0.5, height=4, width=6):
    return torch.full((height, width, 3), float(value))


def test_keyframes_are_sorted_and_keep_their_images():
    first, second = image(0.1), image(0.9)
    placed = keyframes_of([first, second], "8, 2:0.5", 9)
    assert placed.frames == (2, 8)
    assert placed.keyframes[0].image_HWC is second
    assert placed.keyframes[0].strength == 0.5
    assert placed.keyframes[1].image_HWC is first
    assert (placed.width, placed.height) == (6, 4)


def test_it_cannot_be_changed():
    placed = keyframes_of([image(), image()], "", 2)
    with pytest.raises(AttributeError):
        placed.frame_count = 3
    with pytest.raises(AttributeError):
        placed.keyframes[0].frame = 3


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([Keyframe(0, image())], "2 or more images, got 1"),
        ([], "2 or more images, got 0"),
        ([Keyframe(3, image()), Keyframe(3, image())], "two keyframes are at frame 3"),
        ([Keyframe(0, image()), Keyframe(9, image())], "is at frame 9, but frame_count is 9; use frames 0 to 8"),
        ([Keyframe(-1, image()), Keyframe(3, image())], "is at frame -1"),
        ([Keyframe(0, image()), Keyframe(3, image(width=7))], "is 7x4 but the first is 6x4"),
        ([Keyframe(0, image()), Keyframe(3, image(), 1.5)], "strength 1.5; give 0 to 1"),
        ([Keyframe(0, image()), Keyframe(3, image(), float("nan"))], "strength nan"),
        ([Keyframe(0, image()), Keyframe(3, image(float("nan")))], "keyframe at frame 3 has NaN"),
        ([Keyframe(0, image()), Keyframe(3, torch.rand(4, 6, 4))], "4 channels .*Split Image with Alpha"),
        ([Keyframe(0, image()), Keyframe(3, torch.rand(0, 6, 3))], "is empty"),
    ],
)
def test_what_it_refuses(keys, message):
    with pytest.raises(InbetweenError, match=message) as error:
        KeyframeSet(9, tuple(keys))
    assert "\n" not in str(error.value)


# ------------------------------------------------------------------------------------- keyframes_of


def test_images_are_brought_to_one_size():
    placed = keyframes_of([image(), image(height=9)], "", 5, fit="stretch", width=8, multiple_of=4)
    assert [tuple(each.image_HWC.shape) for each in placed.keyframes] == [(4, 8, 3), (4, 8, 3)]
    assert placed.frames == (0, 4)


def test_in_a_loop_the_image_at_frame_0_ends_the_time_line_too():
    first, second = image(0.1), image(0.9)
    placed = keyframes_of([second, first], "4, 0:0.5", 9, loop=True)
    assert placed.frames == (0, 4, 8)
    assert placed.keyframes[2].image_HWC is first
    assert placed.keyframes[2].strength == 0.5
    assert placed.frame_count == 9


def test_one_image_makes_a_loop():
    assert keyframes_of([image()], "", 5, loop=True).frames == (0, 4)


@pytest.mark.parametrize(
    ("images", "frame_count", "options", "message"),
    [
        ([image()], 5, {}, "keyframes need 2 or more images, got 1; connect another image"),
        ([], 5, {"loop": True}, "keyframes need 1 or more images for a loop, got 0; connect an image"),
        ([image(), image(float("inf"))], 5, {"fit": "crop", "width": 3}, "^image 2 has NaN or infinite values"),
        ([image(), torch.rand(4, 6, 2)], 5, {}, "^image 2 has 2 channels"),
        ([image(), image(), image()], 2, {}, "3 images do not fit into 2 frames; set frame_count to 3 or more"),
        ([image(), image()], 10, {"rule": "4n+1"}, r"frame_count 10 breaks the rule 4n\+1; use 9 or 13"),
        ([image(), image()], 10, {"rule": "8n+1"}, r"frame_count 10 breaks the rule 8n\+1; use 9 or 17"),
        ([image(), image(height=9)], 5, {}, "image 2 is 6x9 but 6x4 is needed; set fit to"),
    ],
)
def test_what_cannot_be_placed(images, frame_count, options, message):
    with pytest.raises(InbetweenError, match=message) as error:
        keyframes_of(images, "", frame_count, **options)
    assert "\n" not in str(error.value)


class PixelsChecked(TorchFunctionMode):
    """Counts the values that `torch.isfinite` reads."""

    count = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.isfinite:
            self.count += args[0].numel()
        return function(*args, **(kwargs or {}))


def test_no_pixel_is_checked_twice():
    """Fifty keyframes of 4K are five gigabytes, and each check reads them all."""
    images = [image(), image(0.1), image(0.9)]
    with PixelsChecked() as checked:
        keyframes_of(images, "", 9, fit="crop", width=12)
    assert checked.count == sum(each.numel() for each in images)
