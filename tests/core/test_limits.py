"""Numbers that there cannot be are told in one line by the functions that Python calls, too."""

import pytest
import torch
from comfyui_inbetween.core.clips.clip_context import ContextSettings, clip_context
from comfyui_inbetween.core.clips.finish import finish_frames
from comfyui_inbetween.core.clips.gaps import gap_between
from comfyui_inbetween.core.clips.segments import with_context
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.flow.clip_motion import measure_motion
from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet
from comfyui_inbetween.core.pictures.fit import target_size
from comfyui_inbetween.core.pictures.latents import check_latent
from comfyui_inbetween.core.sound.timing import span_of_clip
from comfyui_inbetween.core.sound.waveforms import Sound, sound_of
from comfyui_inbetween.core.timing.frame_counts import audio_seconds, exact
from comfyui_inbetween.core.views.audio_view import audio_view
from comfyui_inbetween.core.views.contact_sheet import contact_sheet
from comfyui_inbetween.core.views.flow_view import view_flow
from comfyui_inbetween.core.views.motion_plot import motion_plot
from comfyui_inbetween.samplers.interpolation.refinement import refine_frames

CLIP_THWC = torch.rand(4, 32, 32, 3, generator=torch.Generator().manual_seed(1))
KEYFRAMES = KeyframeSet(4, (Keyframe(0, CLIP_THWC[0]), Keyframe(3, CLIP_THWC[3])))
SECOND = Sound(torch.zeros(1, 16000), 16000)
FILLED = ContextSettings(rule="any")
WAVE = torch.zeros(1, 1, 99)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: target_size(CLIP_THWC[0], multiple_of=0), "multiple_of is 0; give 1 or more."),
        (lambda: target_size(CLIP_THWC[0], multiple_of=-1), "multiple_of is -1; give 1 or more."),
        (lambda: target_size(CLIP_THWC[0], width=10**9), "width is 1000000000; give 0 to 16384."),
        (lambda: target_size(CLIP_THWC[0, :, :1], width=16384), "the keyframes would be 16384x524288, more than 16384"),
        (lambda: contact_sheet(CLIP_THWC, thumbnail_width=0), "thumbnail_width is 0; give 1 to 16384."),
        (lambda: contact_sheet(CLIP_THWC, columns=-(10**9)), "columns is -1000000000; give 0 or more."),
        (lambda: contact_sheet(CLIP_THWC, most_frames=0), "most_frames is 0; give 2 or more."),
        (lambda: audio_view(SECOND, span_of_clip(5, 25), (), width=10**9), "width is 1000000000; give 16384 or less."),
        (lambda: motion_plot(measure_motion(CLIP_THWC), height=10**9), "height is 1000000000; give 16384 or less."),
        (lambda: view_flow(CLIP_THWC, longest=5e-324), "longest is 4.94066e-324; give 0 (automatic) or a number"),
        (
            lambda: finish_frames((255 * CLIP_THWC).to(torch.uint8), KEYFRAMES),
            "images has uint8 values; connect an IMAGE, which has fractions from 0 to 1.",
        ),
        (
            lambda: refine_frames(CLIP_THWC, [[1]], None, float("inf"), (), torch.empty_like(CLIP_THWC)),
            "strength is inf; give 0 to 1.",
        ),
        (
            lambda: clip_context(gap_between(CLIP_THWC, CLIP_THWC, 3), exact(1e-30, "fps"), None, FILLED),
            "5 frames at 1e-30 fps last longer than two hours; set fps to the frame rate of the clips.",
        ),
        (
            lambda: span_of_clip(9, 1000),
            "9 frames at 1000 fps are too short for an audio adapter; set fps to 360 or less.",
        ),
        (
            lambda: span_of_clip(1001, 0.1),
            "1001 frames at 0.1 fps last longer than two hours; set fps to the frame rate of the clip.",
        ),
        (
            lambda: audio_seconds(9, 10**9),
            "the audio has a sample rate of 1000000000; load it again with a valid rate.",
        ),
        (lambda: with_context(KEYFRAMES, CLIP_THWC, 0), "context_frames is 0; give 1 or more."),
        (lambda: with_context(KEYFRAMES, CLIP_THWC[..., :1], 2), "the clip before has 1 channels but 3 (RGB) are need"),
        (lambda: audio_seconds(9, 16000.5), "the sample rate of the audio is 16000.5, but must be a whole number;"),
        (
            lambda: sound_of({"waveform": WAVE, "sample_rate": None}),
            "the sample rate of the audio is nothing, which is",
        ),
        (
            lambda: sound_of({"waveform": WAVE, "sample_rate": 9}),
            "the audio has a sample rate of 9; load it again with",
        ),
        (
            lambda: sound_of({"waveform": WAVE.short(), "sample_rate": 8000}),
            "the audio has int16 values, not fractions",
        ),
        (
            lambda: check_latent(torch.zeros(0, 4, 2, 2), "the latent"),
            "the latent is empty (shape (0, 4, 2, 2)); conn",
        ),
        (lambda: exact(-(10**400), "fps"), "fps is about -10^400; give a number above 0."),
        (lambda: exact("24", "fps"), 'fps is "24", which is not a number; give a number above 0.'),
    ],
)
def test_numbers_that_there_cannot_be(call, message):
    with pytest.raises(InbetweenError) as raised:
        call()
    assert str(raised.value).startswith(message)
    assert str(raised.value).endswith(".")


def test_the_largest_that_there_can_be():
    assert span_of_clip(9, 360).encoder_samples == 400
    assert target_size(CLIP_THWC[0], width=16384) == (16384, 16384)
    assert audio_seconds(16000, 16000.0) == 1


def test_an_error_stays_one_line_whatever_it_repeats():
    text = str(InbetweenError(f'cannot read "{"a" * 5000}" in\n"b"; write 0, 24, -1.'))
    assert len(text) <= 400
    assert text.startswith('cannot read "aaa')
    assert text.endswith('aaa" in "b"; write 0, 24, -1.')
