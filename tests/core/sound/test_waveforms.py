"""Pieces of sound: what is cut, what is silence, what an encoder is given."""

import math
from fractions import Fraction

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.sound.timing import span_of_clip
from comfyui_inbetween.core.sound.waveforms import Sound, clip_warnings, cut, for_encoder, is_silent, silence, sound_of

RATES = [8000, 11025, 16000, 22050, 24000, 44100, 44101, 48000, 96000]


def tone(seconds=1.0, rate=16000, hertz=440.0, channels=1, level=0.5):
    time = torch.arange(round(seconds * rate), dtype=torch.float64) / rate
    return Sound((level * torch.sin(2 * math.pi * hertz * time)).float().repeat(channels, 1), rate)


def test_stretches_that_meet_in_time_meet_in_samples():
    """Frames of 1/24 s at 44100 Hz are no whole number of samples: none is lost, none comes twice."""
    sound = tone(2.0, 44100)
    parts = [cut(sound, Fraction(frame, 24), Fraction(1, 24)).waveform_CT for frame in range(48)]
    assert torch.equal(torch.cat(parts, dim=1), sound.waveform_CT)


def test_where_there_is_no_sound_is_silence():
    sound = tone(1.0, 8000)
    found = cut(sound, Fraction(-1, 4), Fraction(3, 2)).waveform_CT[0]
    assert len(found) == 12000
    assert not found[:2000].any()
    assert torch.equal(found[2000:10000], sound.waveform_CT[0])
    assert not found[10000:].any()
    assert not cut(sound, Fraction(5), Fraction(1)).waveform_CT.any()


def test_what_is_cut_is_not_written_to():
    sound = tone()
    before = sound.waveform_CT.clone()
    cut(sound, Fraction(0), Fraction(1, 2)).waveform_CT.zero_()
    for_encoder(sound, Fraction(0), 8000, "zero mean, unit variance")
    assert torch.equal(sound.waveform_CT, before)


@pytest.mark.parametrize("rate", RATES)
def test_every_rate_keeps_time(rate):
    """A tone stays the tone, from its first sample on, whatever its rate: its zero crossings stay where they are."""
    found = for_encoder(tone(1.0, rate), Fraction(1, 4), 8000, "as it is")
    assert len(found) == 8000
    expected = tone(1.0, 16000).waveform_CT[0, 4000:12000]
    assert (found - expected).abs().max() < 0.02


def test_channels_are_averaged():
    left, right = tone(hertz=440).waveform_CT, tone(hertz=600).waveform_CT
    both = Sound(torch.cat([left, right]), 16000)
    found = for_encoder(both, Fraction(0), 16000, "as it is")
    assert (found - (left + right)[0] / 2).abs().max() < 1e-6


@pytest.mark.parametrize("milliseconds", [-249, -1, 0, 1, 40, 249])
def test_an_offset_moves_samples_exactly(milliseconds):
    """At the encoder's rate a millisecond is 16 samples."""
    click = torch.zeros(1, 16000)
    click[0, 8000] = 1
    start = Fraction(1, 4) - Fraction(milliseconds, 1000)
    found = for_encoder(Sound(click, 16000), start, 8000, "as it is")
    assert found.argmax().item() == 4000 + 16 * milliseconds


def test_the_level_is_that_of_wav2vec2():
    """Zero mean and unit variance, of the sound that there is, and silence beyond it as zeros."""
    sound = Sound(tone(1.0).waveform_CT + 0.2, 16000)
    found = for_encoder(sound, Fraction(1, 2), 16000, "zero mean, unit variance")
    assert abs(found[:8000].mean()) < 1e-5
    assert found[:8000].var(correction=0).item() == pytest.approx(1, abs=1e-4)
    assert not found[8000:].any()
    quiet = Sound(sound.waveform_CT / 100, 16000)
    assert (for_encoder(quiet, Fraction(1, 2), 16000, "zero mean, unit variance") - found).abs().max() < 0.01


@pytest.mark.parametrize("level", [0.01, 0.5])
def test_loudness(level):
    """A sine of 997 Hz has its level less 3.01 dB in LUFS (ITU-R BS.1770); brought to -23, that is its level."""
    found = for_encoder(tone(2.0, 48000, 997, level=level), Fraction(1, 2), 16000, "-23 LUFS")
    assert 20 * math.log10(found.abs().max().item()) == pytest.approx(-23 + 3.01, abs=0.1)


def test_loudness_is_that_of_the_whole_sound():
    """As EchoMimicV3's flash has it: a quiet passage of a loud sound stays quiet."""
    loud = Sound(torch.cat([tone(2.0).waveform_CT, 0.01 * tone(2.0).waveform_CT], dim=1), 16000)
    found = [for_encoder(loud, Fraction(start), 16000, "-23 LUFS").abs().max() for start in (0, 3)]
    assert (found[0] / found[1]).item() == pytest.approx(100, rel=0.01)


def test_silence_has_no_loudness_to_be_changed():
    assert not for_encoder(silence(Fraction(1)), Fraction(0), 8000, "-23 LUFS").any()
    short = for_encoder(tone(0.1), Fraction(0), 1600, "-23 LUFS")  # shorter than loudness is measured on
    assert torch.isfinite(short).all()
    assert short.any()


def test_silence_is_told_from_quiet():
    sound = Sound(torch.cat([torch.zeros(1, 16000), 0.01 * tone().waveform_CT], dim=1), 16000)
    assert is_silent(sound, Fraction(0), Fraction(1))
    assert not is_silent(sound, Fraction(1, 2), Fraction(1))


@pytest.mark.parametrize(
    ("waveform", "rate", "told"),
    [
        (torch.zeros(1, 2, 0), 16000, "the audio is empty"),
        (torch.zeros(1, 2, 9), 0, "a sample rate of 0"),
        (torch.zeros(2, 1, 9), 16000, "has 2 clips of 1 channels; connect one clip"),
        (torch.zeros(1, 0, 9), 16000, "has 1 clips of 0 channels"),
        (torch.zeros(1, 9), 16000, r"has shape \(1, 9\), not \(clips, channels, samples\)"),
        (torch.full((1, 1, 9), float("nan")), 16000, "NaN or infinite values"),
    ],
)
def test_audio_that_cannot_be_heard(waveform, rate, told):
    with pytest.raises(InbetweenError, match=told):
        sound_of({"waveform": waveform, "sample_rate": rate})


def test_warnings_of_a_clip():
    """At the time of the clip alone, and only where a whole frame is missing."""
    half_silent = Sound(torch.cat([tone().waveform_CT, torch.zeros(1, 16000)], dim=1), 16000)
    assert clip_warnings(half_silent, span_of_clip(9, 25)) == ()
    assert clip_warnings(half_silent, span_of_clip(9, 25, 0, 39)) == ()
    assert clip_warnings(half_silent, span_of_clip(9, 25, 0, 40)) == (
        "the audio is 0.04 s shorter than the clip; the rest is silent.",
    )
    assert clip_warnings(half_silent, span_of_clip(25, 25, 1.5)) == (
        "the audio is silent here, so there is nothing for the lips to follow.",
        "the audio is 0.5 s shorter than the clip; the rest is silent.",
    )
    for start, offset, heard in ((2, 0, "2 to 2.36"), (0, 360, "-0.36 to 0")):
        with pytest.raises(InbetweenError, match=f"the clip covers {heard} s of the audio, which lasts 2 s; change"):
            clip_warnings(half_silent, span_of_clip(9, 25, start, offset))
