"""Advice: what was measured on pictures whose motion is known, and what is made of it."""

import re
from itertools import product

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet
from comfyui_inbetween.core.views.advice import Graph, KeyframeGap, advise, measure_gaps
from drawn_pairs import draw_pair
from drawn_scenes import octaves
from project_paths import WORKFLOWS
from torch.nn import functional

HEIGHT, WIDTH = 96, 160


def texture(seed: int, height: int = HEIGHT, width: int = WIDTH + 64) -> torch.Tensor:
    """Smooth random colours of shape (height, width, 3)."""
    generator = torch.Generator().manual_seed(seed)
    coarse_13hw = torch.rand(1, 3, height // 8, width // 8, generator=generator)
    return functional.interpolate(coarse_13hw, (height, width), mode="bicubic").clamp(0, 1)[0].movedim(0, 2)


def keyframes(*pictures: torch.Tensor, frames: tuple[int, ...] = (0, 10, 20)) -> KeyframeSet:
    keys = tuple(Keyframe(frame, picture, 1.0) for frame, picture in zip(frames, pictures, strict=False))
    return KeyframeSet(keys[-1].frame + 1, keys)


def moved(pixels: int) -> torch.Tensor:
    return texture(1)[:, pixels : pixels + WIDTH]


def test_known_motion_is_measured():
    first, second = measure_gaps(keyframes(moved(0), moved(6), moved(6)))
    assert (first.first, first.last, second.first, second.last) == (0, 10, 10, 20)
    assert first.motion == pytest.approx(6, abs=0.3)
    assert first.step == pytest.approx(0.6 / (HEIGHT**2 + WIDTH**2) ** 0.5, rel=0.05)
    assert first.can_be_followed
    assert first.natural_frames == pytest.approx(1 + 6 / (HEIGHT**2 + WIDTH**2) ** 0.5 / 0.005, abs=1)
    assert second.motion < 0.1
    assert second.line().endswith("nothing moves.")


def test_motion_is_told_in_pixels_of_the_pictures_whatever_their_size():
    def large(pixels):
        picture_13HW = moved(pixels).movedim(2, 0)[None]
        return functional.interpolate(picture_13HW, scale_factor=8, mode="bicubic")[0].movedim(0, 2)

    (gap,) = measure_gaps(keyframes(large(0), large(6)))
    assert gap.motion == pytest.approx(48, rel=0.06)


def test_pictures_that_have_nothing_in_common_must_be_invented():
    (gap,) = measure_gaps(keyframes(moved(0), texture(2)[:, :WIDTH]))
    assert gap.must_be_invented
    assert "must be invented" in gap.line()


def test_what_comes_in_stays_as_it_is_and_progress_is_told():
    pictures = [moved(0), moved(4), moved(9)]
    before = [picture.clone() for picture in pictures]
    told = []
    measure_gaps(keyframes(*pictures), told.append)
    assert told == [1, 1]
    assert all(torch.equal(*pair) for pair in zip(before, pictures, strict=True))


def test_pictures_too_small_for_motion_are_told():
    with pytest.raises(InbetweenError, match="16x16"):
        measure_gaps(keyframes(torch.rand(8, 8, 3), torch.rand(8, 8, 3)))


def gap(residual: float, unmatched: float = 0.1, is_cut: bool = False, first: int = 0) -> KeyframeGap:
    return KeyframeGap(first, first + 12, 30.0, 0.003, residual, unmatched, is_cut)


@pytest.mark.parametrize(
    ("gaps", "has_sound", "gib", "advice"),
    [
        ([gap(0.005)], False, 0, r"quickstart\), or PerVFI"),
        ([gap(0.005), gap(0.017, first=12)], False, 0, "Use PerVFI .* add a keyframe near frame 18 and"),
        ([gap(0.05)], False, 24, "Use SemFi .*Generative Inbetweening"),
        ([gap(0.05)], False, 12, "Use Wan2.1-Fun 1.3B .*semfi_low_vram.*Generative Inbetweening"),
        ([gap(0.05)], False, 10, r"Use Wan2.1-Fun 1.3B .*anywhere\); without a prompt"),
        ([gap(0.05)], False, 8, r"Use Wan2.1-Fun 1.3B with a prompt \(graph wan_keyframes_anywhere\)\.$"),
        ([gap(0.05)], False, 4, "with few frames"),
        ([gap(0.05, unmatched=0.9)], False, 24, r"Use SemFi with a prompt \(graph semfi_first_last\)\.$"),
        ([gap(0.001, is_cut=True)], False, 24, r"Use SemFi with a prompt \(graph semfi_first_last\)\.$"),
        ([gap(0.005)], True, 24, "audio_guided_inbetween, or context_clips"),
        ([gap(0.005)], True, 8, "EchoMimicV3"),
    ],
)
def test_the_engine_follows_from_the_hardest_gap(gaps, has_sound, gib, advice):
    first, *lines = advise(gaps, 25, has_sound, gib).splitlines()
    assert re.search(advice, first), first
    assert len([line for line in lines if line.startswith("Frames ")]) == len(gaps)


@pytest.mark.parametrize(
    ("gaps", "frame_count", "gib", "attention"),
    [
        ([gap(0.05)], 25, 24, []),
        ([gap(0.05)], 24, 24, ["Wan needs 4n+1 frames: use 21 or 25 instead of 24."]),
        (
            [gap(0.05)],
            83,
            24,
            ["83 frames are more than the 81 that Wan was trained for: use Segments (graph wan_long)."],
        ),
        ([gap(0.05)], 25, 0, ["there is no GPU here, and without one this takes hours."]),
        (
            [gap(0.05), gap(0.001, first=12)],
            25,
            24,
            ["between frames 12 and 24 no model is needed; use Interpolate Frames there."],
        ),
        ([gap(0.001)], 24, 0, []),
    ],
)
def test_what_deserves_attention(gaps, frame_count, gib, attention):
    lines = advise(gaps, frame_count, False, gib).splitlines()
    assert [line.removeprefix("Warning: ") for line in lines if line.startswith("Warning: ")] == attention


@pytest.mark.parametrize("graph", Graph)
def test_every_graph_it_may_name_is_shipped(graph):
    assert (WORKFLOWS / f"{graph}.json").is_file()


def test_it_names_those_graphs_and_no_others():
    hardest = (gap(0.005), gap(0.017), gap(0.05), gap(0.05, unmatched=0.9), gap(0.001, is_cut=True))
    texts = [
        advise([each], frame_count, has_sound, gib)
        for each, frame_count, has_sound, gib in product(hardest, (25, 24, 83), (False, True), (0, 4, 8, 10, 12, 24))
    ]
    named = {
        name
        for text in texts
        for name in re.findall(r"graph (\w+)|\b(\w+_\w+)\b|\((\w+)\)", text)
        for name in name
        if name
    }
    assert named == {graph.value for graph in Graph}


@pytest.mark.parametrize("dress", ["letterbox", "HUD", "night"])
def test_a_cut_is_seen_whatever_lies_on_both_pictures(dress):
    for change, is_cut in (("hard", True), ("pan", False)):
        pair = draw_pair([octaves], change, dress, 1)
        first, second = (torch.from_numpy(frame) for frame in (pair.first_HWC, pair.second_HWC))
        (found,) = measure_gaps(KeyframeSet(9, (Keyframe(0, first), Keyframe(8, second))))
        assert found.is_cut == is_cut
        assert ("the two show different scenes" in found.line()) == is_cut
