"""What stands around a gap; and a segment that is made anew leaves all else as it was, to the bit."""

import random
from fractions import Fraction

import pytest
import torch
from comfyui_inbetween.core.clip_context import (
    Around,
    ContextSettings,
    Gap,
    GapSound,
    clip_context,
    frame_at_seconds,
    frames_around,
    gap_between,
    gap_in,
    whole_sound,
)
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.finish import finish_frames
from comfyui_inbetween.core.join import join_clips
from comfyui_inbetween.core.waveforms import Sound


def numbered(count, height=4, width=6):
    """Frames that say which they are."""
    return (
        (torch.arange(count, dtype=torch.float32) / 1000)[:, None, None, None].expand(count, height, width, 3).clone()
    )


def sound(seconds, rate=1000):
    return Sound(torch.arange(round(seconds * rate), dtype=torch.float32)[None] / 1e6, rate)


def test_a_segment_made_anew_leaves_all_else_as_it_was():
    """For 100 random in and out points frames outside of them are equal to the bit, and so is their number."""
    choose = random.Random(8)
    noise = torch.Generator().manual_seed(8)
    for _ in range(100):
        rule, context_frames = choose.choice((("4n+1", 1), ("4n+1", 5), ("any", 1), ("any", 3)))
        count = choose.randint(20, 60)
        clip = torch.rand(count, 4, 6, 3, generator=noise)
        first = choose.randint(context_frames, count - context_frames - 4)
        end = choose.randint(first + 1, count - context_frames - 3)
        fps = choose.choice((Fraction(25), Fraction(24000, 1001), Fraction(16)))
        whole = sound(count / fps, 8000)
        gap = gap_in(clip, first, end)
        settings = ContextSettings(context_frames, rule, audio_context=choose.choice((0.0, 0.5)))
        known = clip_context(gap, fps, whole_sound(whole, gap, fps), settings)
        length = known.keyframes.frame_count
        assert rule == "any" or length % 4 == 1
        made = torch.rand(length, 4, 6, 3, generator=noise)
        finished = finish_frames(made, known.keyframes, "replace", match_colour=True).frames_THWC
        joined = join_clips([known.before_THWC, finished, known.after_THWC], 1, "cut", "off").frames_THWC
        assert len(joined) == count
        assert torch.equal(joined[:first], clip[:first])
        assert torch.equal(joined[end:], clip[end:])
        assert not any(torch.equal(*pair) for pair in zip(joined[first:end], clip[first:end], strict=True))
        begins = (len(known.before_THWC) - 1) / fps
        step = 1.1e-6  # of one sample
        assert sample_at(known.sound, known.audio_start) == pytest.approx(sample_at(whole, begins), abs=step)


def sample_at(piece, seconds):
    return piece.waveform_CT[0, int(seconds * piece.rate + Fraction(1, 2))].item()


@pytest.mark.parametrize(
    ("gap", "context_frames", "rule", "expected"),
    [
        (3, 1, "4n+1", Around(1, 1)),
        (7, 1, "4n+1", Around(1, 1)),
        (8, 1, "4n+1", Around(1, 4)),
        (9, 1, "4n+1", Around(1, 3)),
        (1, 1, "4n+1", Around(1, 3)),
        (8, 5, "4n+1", Around(5, 4)),
        (7, 5, "4n+1", Around(5, 5)),
        (7, 9, "4n+1", Around(9, 9)),
        (8, 1, "any", Around(1, 1)),
        (8, 6, "any", Around(6, 6)),
    ],
)
def test_frames_around_a_gap(gap, context_frames, rule, expected):
    """Context frames before fill latent frames of their own; real frames after bring the length to 4n+1."""
    found = frames_around(Gap(numbered(20), numbered(20), gap), context_frames, rule)
    assert found == expected
    assert rule == "any" or (found.before + gap + found.after) % 4 == 1


def test_where_the_clip_after_is_too_short_the_clip_before_gives_more():
    assert frames_around(Gap(numbered(20), numbered(1), 8), 1, "4n+1") == Around(4, 1)


def test_known_frames_are_those_of_the_clips():
    clip = numbered(40)
    known = clip_context(gap_in(clip, 10, 18), Fraction(25), None, ContextSettings(5))
    assert known.keyframes.frame_count == 17
    assert known.keyframes.frames == (0, 1, 2, 3, 4, 13, 14, 15, 16)
    numbers = [round(each.image_HWC[0, 0, 0].item() * 1000) for each in known.keyframes.keyframes]
    assert numbers == [5, 6, 7, 8, 9, 18, 19, 20, 21]
    assert torch.equal(known.before_THWC, clip[:6])
    assert torch.equal(known.after_THWC, clip[21:])


@pytest.mark.parametrize(("count", "before"), [(4, 2), (5, 3), (8, 4)])
def test_frames_to_describe(count, before):
    """From the first to the last of each side, in order, small, and asked about as what they are."""
    gap = gap_between(numbered(30, 40, 80), numbered(50, 40, 80) + 0.5, 12)
    known = clip_context(gap, Fraction(24), None, ContextSettings(caption_frames=count, caption_size=20))
    assert known.caption_THWC.shape == (count, 10, 20, 3)
    shown = (known.caption_THWC[:, 0, 0, 0] * 1000).round().int().tolist()
    assert shown == sorted(shown)
    assert [shown[0], shown[before - 1], shown[before], shown[-1]] == [0, 29, 500, 549]
    assert f"You see {count} frames" in known.caption_prompt
    assert (
        f"Frames 1 to {before} come before a gap of 0.5 seconds, frames {before + 1} to {count}" in known.caption_prompt
    )


def test_few_frames_are_described_once_each():
    known = clip_context(gap_between(numbered(1), numbered(2), 11), Fraction(24), None, ContextSettings())
    assert len(known.caption_THWC) == 3
    assert "Frames 1 to 1 come before" in known.caption_prompt


def test_the_sound_of_the_whole():
    """The new clip begins at frame 9 of 24 a second; half a second more on each side comes along."""
    gap = gap_in(numbered(48), 10, 21)
    known = clip_context(gap, Fraction(24), whole_sound(sound(2), gap, Fraction(24)), ContextSettings())
    assert known.keyframes.frame_count == 13
    assert known.audio_start == Fraction(9, 24)  # there is no more before
    assert sample_at(known.sound, known.audio_start) == pytest.approx(375 / 1e6, abs=1e-9)
    assert known.sound.seconds == pytest.approx(9 / 24 + 13 / 24 + 0.5, abs=1e-3)


def test_the_sound_of_the_gap_alone():
    """It begins with the gap: the frame before the gap is silent."""
    gap = gap_between(numbered(8), numbered(8), 11)
    known = clip_context(gap, Fraction(10), GapSound(sound(1.1), Fraction(0)), ContextSettings())
    assert known.audio_start == 0
    assert not known.sound.waveform_CT[:, :100].any()
    assert known.sound.waveform_CT[0, 100:110].tolist() == pytest.approx([n / 1e6 for n in range(10)])


@pytest.mark.parametrize(
    ("seconds", "alone", "told"),
    [
        (0.8, True, "Attention: the audio is 0.3 s shorter than the gap; silence fills up"),
        (1.5, True, "Attention: the audio is 0.4 s longer than the gap; what is left over belongs to the clip after"),
        (1.5, False, ""),
        (1.1, True, ""),
    ],
)
def test_sound_of_another_length_than_the_gap_is_told(seconds, alone, told):
    gap, given = gap_between(numbered(8), numbered(8), 11), GapSound(sound(seconds), Fraction(0), ends_with_gap=alone)
    report = clip_context(gap, Fraction(10), given, ContextSettings()).report
    assert told in report
    assert bool(told) == ("Attention" in report)


def test_without_sound_there_is_silence_of_the_right_length():
    known = clip_context(gap_between(numbered(8), numbered(8), 11), Fraction(10), None, ContextSettings())
    assert known.sound.seconds == Fraction(13, 10)
    assert not known.sound.waveform_CT.any()


def test_clips_are_not_written_to():
    clip = numbered(40)
    known = clip_context(gap_in(clip, 10, 18), Fraction(25), None, ContextSettings(caption_size=4))
    known.caption_THWC.fill_(1)
    assert torch.equal(clip, numbered(40))


@pytest.mark.parametrize(
    ("seconds", "fps", "frame"), [(1.0, 24.0, 24), (0.1, 30.0, 3), (0.02, 25.0, 1), (1.0, 23.976, 24)]
)
def test_frames_of_seconds(seconds, fps, frame):
    assert frame_at_seconds(seconds, fps) == frame


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: gap_in(numbered(10), 0, 4), "frames 0 to 4 .* of a clip of 10; it must begin at 1 or later, end at 9"),
        (lambda: gap_in(numbered(10), 4, 10), "it must begin at 1 or later, end at 9 or earlier"),
        (lambda: gap_in(numbered(10), 4, 4), "frames 4 to 4"),
        (lambda: gap_between(numbered(10), numbered(10), 0), "the gap is 0 frames; it needs 1 or more"),
        (lambda: gap_between(numbered(10), numbered(10, 8), 3), "clip_after is 6x8 but clip_before is 6x4"),
        (lambda: around(3, 4, "4n+1"), "context_frames 4 breaks the rule 4n.1; use 1 or 5"),
        (lambda: around(3, 0, "any"), "context_frames is 0; give 1 or more"),
        (lambda: around(3, 13, "4n+1"), "clip before the gap has 10 frames, but context_frames 13 needs 13 of it"),
        (lambda: frames_around(Gap(numbered(1), numbered(1), 8), 1, "4n+1"), "use a gap of 11 frames, or longer clips"),
        (lambda: context(caption_frames=3), "caption_frames is 3; give 4 to 8"),
        (lambda: context(caption_frames=9), "caption_frames is 9; give 4 to 8"),
        (
            lambda: heard(whole=4.0),
            r"lasts 4 s, but 23 frames at 10 fps last 2.3 s; set fps to .* \(5.75 by the "
            r"audio\)",
        ),
        (lambda: heard(whole=1.9), "the audio lasts 1.9 s"),
        (lambda: heard(part=(1.0, 2.0)), "goes on for 1 s, but 3 frames at 10 fps last 0.3 s; change from_seconds"),
        (lambda: heard(part=(9.0, 9.3)), "begins at 9 s of the audio, which lasts 2 s"),
    ],
)
def test_what_cannot_be(make, told):
    with pytest.raises(InbetweenError, match=told) as error:
        make()
    assert "\n" not in str(error.value)


def around(gap, context_frames, rule):
    return frames_around(Gap(numbered(10), numbered(10), gap), context_frames, rule)


def context(**settings):
    return clip_context(gap_between(numbered(10), numbered(10), 3), Fraction(10), None, ContextSettings(**settings))


def heard(whole=None, part=None):
    gap = gap_between(numbered(10), numbered(10), 3)
    if whole:
        given = whole_sound(sound(whole), gap, Fraction(10))
    else:
        begin, end = (Fraction(repr(time)) for time in part)
        given = GapSound(sound(2), begin, gap_seconds=end - begin)
    return clip_context(gap, Fraction(10), given, ContextSettings())
