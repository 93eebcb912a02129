"""Sound through the host's wav2vec2: the right number of features, of the right time, of the right level."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.sound.timing import feature_count, span_of_clip
from comfyui_inbetween.core.sound.waveforms import Sound
from comfyui_inbetween.networks.sound import config as configs

pytestmark = pytest.mark.models

LEVEL = "zero mean, unit variance"
CONFIGS = {
    name: getattr(configs, name)
    for name in ("FANTASY_TALKING", "STABLE_AVATAR", "ECHOMIMIC_PREVIEW", "ECHOMIMIC_FLASH", "BBF")
}


@pytest.fixture(scope="module")
def encoder(host):
    from tiny_encoders import tiny_wav2vec2

    return tiny_wav2vec2()


@pytest.fixture(scope="module")
def hear(encoder):
    """What is heard of a sound, as windows."""
    from comfyui_inbetween.host.sound.features import windows_of_sound

    def heard(sound, span, config, context=0, level=LEVEL):
        return windows_of_sound(sound, encoder, span, config, level, Fraction(context))

    return heard


def speech(seconds=2.0, rate=16000):
    """Noise whose loudness changes."""
    generator = torch.Generator().manual_seed(3)
    count = int(seconds * rate)
    loud = torch.sin(torch.arange(count) / rate * 7).abs() + 0.1
    return Sound((0.2 * loud * torch.randn(count, generator=generator))[None], rate)


@pytest.mark.parametrize("name", ["FANTASY_TALKING", "STABLE_AVATAR", "BBF"])
@pytest.mark.parametrize(("frames", "fps"), [(9, 25), (9, 23), (17, 16), (5, 30), (13, 24)])
def test_features_are_those_of_the_clips_time(hear, encoder, name, frames, fps):
    """As the published code has it: cut to n / fps seconds, levelled, encoded, in windows."""
    sound, span = speech(), span_of_clip(frames, fps, 0.25)
    samples = int(frames * 16000 / fps)
    clip = sound.waveform_CT[0, 4000 : 4000 + samples]
    level = (clip - clip.mean()) / torch.sqrt(clip.var(correction=0) + 1e-7)
    with torch.inference_mode():
        last, _ = encoder.model(level[None, None])
    assert last.shape[1] == feature_count(samples)
    expected, found = CONFIGS[name].windows.cut(last[0].float(), span), hear(sound, span, CONFIGS[name])
    assert torch.equal(found.heard_FW, expected.heard_FW)
    assert (found.features_FWD - expected.features_FWD).abs().max() < 1e-4


def test_preview_has_two_features_for_each_frame(hear, encoder):
    """The last of them hears 5 ms beyond the clip, which the encoder is given as well."""
    sound, span = speech(), span_of_clip(9, 25)
    clip = sound.waveform_CT[0, : 9 * 640 + 80]
    level = (clip - clip.mean()) / torch.sqrt(clip.var(correction=0) + 1e-7)
    with torch.inference_mode():
        last, _ = encoder.model(level[None, None])
    assert last.shape[1] == 18
    found = hear(sound, span, CONFIGS["ECHOMIMIC_PREVIEW"])
    assert (found.features_FWD[1, : found.heard_FW[1].sum()] - last[0, : found.heard_FW[1].sum()]).abs().max() < 1e-4


def test_flash_goes_frame_by_frame_inside_of_the_encoder(hear, encoder):
    """Twelve layers; its first features are brought to the frames before the transformer, not after it."""
    sound, span = speech(), span_of_clip(9, 25)
    found = hear(sound, span, CONFIGS["ECHOMIMIC_FLASH"], level="as it is")
    assert found.features_FWD.shape == (3, 8, 12, 64)
    clip = sound.waveform_CT[:, : 9 * 640]
    with torch.inference_mode():
        first = encoder.model.feature_extractor(clip)
        at_frames = torch.nn.functional.interpolate(first.mT, size=9, mode="linear", align_corners=True).mT
        _, layers = encoder.model.encoder(encoder.model.feature_projection(at_frames))
        _, after = encoder.model(clip[:, None])
    middle = torch.stack([layer[0, 3] for layer in layers[1:]])  # frame 3 is slot 4 of latent frame 1
    assert (found.features_FWD[1, 4] - middle).abs().max() < 1e-4
    late = torch.nn.functional.interpolate(after[-1].mT, size=9, mode="linear", align_corners=True).mT[0, 3]
    assert (found.features_FWD[1, 4, -1] - late).abs().max() > 0.01


@pytest.mark.parametrize("name", ["STABLE_AVATAR", "ECHOMIMIC_PREVIEW", "ECHOMIMIC_FLASH"])
def test_an_offset_moves_what_is_heard(hear, name):
    """Sound that comes 80 ms, two frames, later, is the same sound in a clip that begins 80 ms earlier in it."""
    sound, config = speech(), CONFIGS[name]
    later, earlier = span_of_clip(9, 25, 0.5, 80), span_of_clip(9, 25, 0.42)
    assert torch.equal(hear(sound, later, config).features_FWD, hear(sound, earlier, config).features_FWD)
    assert not torch.equal(
        hear(sound, later, config).features_FWD, hear(sound, span_of_clip(9, 25, 0.5), config).features_FWD
    )


@pytest.mark.parametrize("name", ["STABLE_AVATAR", "ECHOMIMIC_PREVIEW", "ECHOMIMIC_FLASH"])
def test_what_the_encoder_hears_around_the_clip(hear, name):
    """With context the clip's features are still those of its time, in another surrounding; without there is none."""
    config, span = CONFIGS[name], span_of_clip(9, 25, 0.5)
    other = speech()
    other.waveform_CT[:, :7000] = 0.01
    alone = [hear(sound, span, config).features_FWD for sound in (speech(), other)]
    around = [hear(sound, span, config, context=0.4).features_FWD for sound in (speech(), other)]
    assert torch.equal(*alone)
    assert not torch.equal(*around)
    assert around[0].shape == alone[0].shape


def test_context_stops_at_the_ends_of_the_sound(hear):
    config = CONFIGS["STABLE_AVATAR"]
    for start in (0, 0.1, 1.6):
        heard = hear(speech(), span_of_clip(9, 25, start), config, context=3)
        assert heard.features_FWD.shape == (3, 15, 64)
        assert torch.isfinite(heard.features_FWD).all()


def test_features_of_the_hosts_node_are_cut_by_time(encoder):
    """AudioEncoderEncode encodes the whole; the clip's part of it begins at its time, to a fiftieth of a second."""
    from comfyui_inbetween.host.sound.features import windows_of_encoded

    config, span = CONFIGS["STABLE_AVATAR"], span_of_clip(9, 25, 0.5)
    output = encoder.encode_audio(speech().waveform_CT[None], 16000)
    found = windows_of_encoded(output, span, config, 64)
    expected = config.windows.cut(output["encoded_audio"][0, 25:42].float(), span)
    assert torch.equal(found.features_FWD, expected.features_FWD)
    mean = windows_of_encoded(output, span, replace(config, features="mean of layers"), 64)
    layers = torch.stack(output["encoded_audio_all_layers"]).mean(dim=0)[0, 25:42].float()
    assert (mean.features_FWD - config.windows.cut(layers, span).features_FWD).abs().max() < 1e-5


def test_the_mean_of_layers(hear, encoder):
    config, span = replace(CONFIGS["BBF"], features="mean of layers"), span_of_clip(9, 25)
    found = hear(speech(), span, config)
    assert not torch.equal(found.features_FWD, hear(speech(), span, CONFIGS["BBF"]).features_FWD)


@pytest.mark.parametrize(("fps", "count"), [(25, 18), (16, 18), (30, 18)])
def test_preview_at_other_rates_has_two_features_for_each_frame_as_well(hear, fps, count):
    """Features between features, by time: the rate of the adapter is two a frame, whatever the frames last."""
    heard = hear(speech(), span_of_clip(9, fps), CONFIGS["ECHOMIMIC_PREVIEW"])
    assert heard.heard_FW.shape == (3, 17)
    assert int(heard.heard_FW[0].sum()) == 6
    assert heard.features_FWD.isfinite().all()


def test_encoded_audio_without_layers_has_the_last_one(encoder):
    """Other nodes may give the last layer alone."""
    from comfyui_inbetween.host.sound.features import windows_of_encoded

    output, span = encoder.encode_audio(speech().waveform_CT[None], 16000), span_of_clip(9, 25, 0.5)
    alone = {"encoded_audio": output["encoded_audio"]}
    found, whole = (windows_of_encoded(each, span, CONFIGS["BBF"], 64) for each in (alone, output))
    assert torch.equal(found.features_FWD, whole.features_FWD)


@pytest.mark.parametrize("name", ["STABLE_AVATAR", "ECHOMIMIC_FLASH"])
def test_nothing_that_is_heard_needs_gradients(hear, encoder, name):
    """The host runs nodes in inference mode; a Python caller may have an encoder with weights that need gradients."""
    assert not torch.is_inference_mode_enabled()
    encoder.model.requires_grad_(True)
    try:
        found = hear(speech(), span_of_clip(9, 25), CONFIGS[name])
    finally:
        encoder.model.requires_grad_(False)
    assert not found.features_FWD.requires_grad
    assert not found.features_FWD.is_inference()


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (1.9, "lasts 1.98 s, but the clip needs 1.9 to 2.24 s of it; encode longer audio"),
        (-0.2, "needs -0.2 to 0.14 s of it"),
    ],
)
def test_encoded_audio_that_is_too_short_is_told(encoder, start, told):
    from comfyui_inbetween.host.sound.features import windows_of_encoded

    output = encoder.encode_audio(speech().waveform_CT[None], 16000)
    span = replace(span_of_clip(9, 25), start=Fraction(repr(start)))
    with pytest.raises(InbetweenError, match=told):
        windows_of_encoded(output, span, CONFIGS["STABLE_AVATAR"], 64)


def test_encoders_that_do_not_fit_are_told(encoder):
    from comfy.audio_encoders.audio_encoders import AudioEncoderModel
    from comfyui_inbetween.host.sound.features import check_encoder, windows_of_encoded

    check_encoder(encoder, CONFIGS["BBF"], 64)
    with pytest.raises(InbetweenError, match=r"features of 64 channels, but BBF needs 768; load wav2vec2-base"):
        check_encoder(encoder, CONFIGS["BBF"], 768)
    output = encoder.encode_audio(speech().waveform_CT[None], 16000)
    with pytest.raises(InbetweenError, match="features of 64 channels, but BBF needs 768"):
        windows_of_encoded(output, span_of_clip(9, 25), CONFIGS["BBF"], 768)
    with pytest.raises(InbetweenError, match="EchoMimicV3 flash needs one feature per frame"):
        windows_of_encoded(output, span_of_clip(9, 25), CONFIGS["ECHOMIMIC_FLASH"], 64)

    other = object.__new__(AudioEncoderModel)
    other.model = torch.nn.Linear(1, 1)
    with pytest.raises(InbetweenError, match="the audio encoder is Linear, but BBF needs wav2vec2-base"):
        check_encoder(other, CONFIGS["BBF"], 64)
