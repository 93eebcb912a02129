"""What stands around a gap; and a segment that is made anew leaves all else as it was, to the bit."""

import random
from fractions import Fraction

import pytest
import torch
from comfyui_inbetween.core.clips.clip_context import ContextSettings, clip_context, context_of
from comfyui_inbetween.core.clips.finish import finish_frames
from comfyui_inbetween.core.clips.gap_sound import GapSound, whole_sound
from comfyui_inbetween.core.clips.gaps import gap_between, gap_in
from comfyui_inbetween.core.clips.join import join_clips
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.sound.waveforms import Sound


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
        (0.8, True, "Warning: the audio is 0.3 s shorter than the gap; the rest is silent"),
        (
            1.5,
            True,
            "Warning: the audio is 0.4 s longer than the gap; the rest is treated as sound of the clip after",
        ),
        (1.5, False, ""),
        (1.1, True, ""),
    ],
)
def test_sound_of_another_length_than_the_gap_is_told(seconds, alone, told):
    gap, given = gap_between(numbered(8), numbered(8), 11), GapSound(sound(seconds), Fraction(0), ends_with_gap=alone)
    report = clip_context(gap, Fraction(10), given, ContextSettings()).report
    assert told in report
    assert bool(told) == ("Warning" in report)


def test_without_sound_there_is_silence_of_the_right_length():
    known = clip_context(gap_between(numbered(8), numbered(8), 11), Fraction(10), None, ContextSettings())
    assert known.sound.seconds == Fraction(13, 10)
    assert not known.sound.waveform_CT.any()


def test_what_is_chosen_makes_the_same_context():
    """As sockets and widgets say it: a part of one clip in seconds, with the sound of the whole."""
    clip, whole = numbered(40), sound(4, 8000)
    settings = ContextSettings(5)
    given = {"gap": "seconds of one clip", "clip": clip, "from_seconds": 1.0, "to_seconds": 1.8}
    audio = {"waveform": whole.waveform_CT[None], "sample_rate": whole.rate}
    chosen = context_of(given, 10.0, {"sound": "of the whole", "audio": audio}, settings)
    gap = gap_in(clip, 10, 18)
    known = clip_context(gap, Fraction(10), whole_sound(whole, gap, Fraction(10)), settings)
    assert chosen.keyframes.frames == known.keyframes.frames
    assert chosen.report == known.report
    assert chosen.audio_start == known.audio_start
    assert torch.equal(chosen.sound.waveform_CT, known.sound.waveform_CT)


def test_clips_are_not_written_to():
    clip = numbered(40)
    known = clip_context(gap_in(clip, 10, 18), Fraction(25), None, ContextSettings(caption_size=4))
    known.caption_THWC.fill_(1)
    assert torch.equal(clip, numbered(40))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: context(caption_frames=3), "caption_frames is 3; give 4 to 8"),
        (lambda: context(caption_frames=9), "caption_frames is 9; give 4 to 8"),
        (
            lambda: heard(whole=4.0),
            r"lasts 4 s, but 23 frames at 10 fps last 2.3 s; set fps to .* \(5.75 by the "
            r"audio\)",
        ),
        (lambda: heard(whole=1.9), "the audio lasts 1.9 s"),
        (
            lambda: heard(part=(1.0, 2.0)),
            "the audio of the gap lasts 1 s, but 3 frames at 10 fps last 0.3 s; change from_seconds",
        ),
        (lambda: heard(part=(9.0, 9.3)), "starts at 9 s of the audio, but the audio lasts 2 s"),
    ],
)
def test_what_cannot_be(make, told):
    with pytest.raises(InbetweenError, match=told) as error:
        make()
    assert "\n" not in str(error.value)


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
