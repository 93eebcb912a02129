"""Audio adapters on the host's Wan, against what the published code makes of the same weights and inputs."""

from dataclasses import replace

import pytest
import torch
from golden.audio.cases import EVERY, FEATURE_COUNTS, attention_inputs, features, stored_outputs
from golden.audio.weights import LAYOUTS

pytestmark = pytest.mark.models

PUBLISHED = LAYOUTS[:4]
WHOLE = 5e-5  # of a whole model: the host embeds the timestep in float32
PART = 2e-5  # of projectors and one attention
SEEN = 0.05  # every mistake below is larger than this


def off(found, expected):
    return (found - expected).abs().max().item()


@pytest.mark.parametrize("layout", PUBLISHED)
@pytest.mark.parametrize("sound", [True, False], ids=["sound", "silence"])
def test_a_whole_model_is_as_published(audio, model, hearing, layout, sound):
    expected = stored_outputs()[f"{layout} {'sound' if sound else 'silence'}"]
    assert off(audio.output_of(hearing(layout), (sound,))[0], expected) < WHOLE
    untouched = audio.output_of(model, (None,))
    assert off(untouched[0], expected) > SEEN or layout == "fantasy_talking"  # whose silence is no branch


@pytest.mark.parametrize("layout", PUBLISHED)
def test_tokens_are_as_published(audio, hearing, adapters, layout):
    patch = adapters(layout)
    heard = audio.heard_features(layout, patch)
    with torch.inference_mode():
        tokens = patch.model.tokens(heard).tokens_FLD
    if patch.model.projector.uses_model_state:
        tokens = refined_tokens(audio, hearing(layout))
    assert off(tokens[..., ::EVERY], stored_outputs()[f"{layout} tokens"]) < PART


def refined_tokens(audio, patched):
    """Of StableAvatar, as they are in the first block."""
    seen = []
    layer = patched.get_nested_additional_models()[0].model.blocks[0]
    handle = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    audio.output_of(patched)
    handle.remove()
    return seen[0][:3]


@pytest.mark.parametrize("layout", PUBLISHED)
def test_one_attention_is_as_published(audio, hearing, layout):
    """The cross-attention of block 0 alone, on places and context of its own."""
    places, context = attention_inputs()
    found = []

    def after(network):
        attention = network.blocks[0].cross_attn

        def put_in(_, __, kwargs):
            handle.remove()
            options = {audio.NAME: kwargs["transformer_options"][audio.NAME]}
            found.append(attention(places, context, context_img_len=257, transformer_options=options))

        handle = attention.register_forward_pre_hook(put_in, with_kwargs=True)
        yield handle

    audio.output_of(hearing(layout), prepare=after)
    assert off(found[0], stored_outputs()[f"{layout} attended"]) < PART


def test_three_rows_of_stable_avatar_are_as_published(audio, hearing):
    """One call: negative text silent, negative text with sound, text with sound. The projector runs once for two."""
    text, other = audio.texts()
    patched, runs = hearing("stable_avatar"), []
    projector = patched.get_nested_additional_models()[0].model.projector
    handle = projector.final_head.register_forward_hook(lambda *_: runs.append(1))
    found = audio.output_of(patched, (False, True, True), [other, other, text])
    handle.remove()
    assert off(found, stored_outputs()["stable_avatar three"]) < WHOLE
    assert len(runs) == 1


def test_region_and_scale_are_as_published(audio, hearing):
    """The mask of EchoMimicV3's preview is one for all latent frames, on the grid of places."""
    region = torch.tensor([[0.0, 1.0], [0.25, 0.5]])[None, None]
    found = audio.output_of(hearing("echomimic_preview", region_F1HW=region, scale=0.7))
    assert off(found[0], stored_outputs()["echomimic_preview region"]) < WHOLE


@pytest.mark.parametrize("guidance", ["audio, then text", "text, then audio", "audio only"])
def test_guidance_of_the_published_pipelines(audio, hearing, guidance):
    """The host's dual guider, on the conditions that Apply Audio Adapter gives, is the published formula."""
    import comfy.samplers
    from comfy_extras.nodes_custom_sampler import Guider_DualCFG

    text, other = audio.texts()
    layout = {"audio, then text": "stable_avatar", "audio only": "echomimic_flash"}.get(guidance, "fantasy_talking")
    patched = hearing(layout)
    rows = {
        "audio, then text": ((text, True), (other, True), (other, False)),
        "text, then audio": ((text, True), (text, False), (other, False)),
        "audio only": ((text, True), (text, False), (text, False)),
    }[guidance]
    first, second = (3.0, 5.0) if guidance != "audio only" else (3.0, 1.0)
    guider = Guider_DualCFG(patched)
    guider.set_conds(*(audio.conditioning(*row) for row in rows))
    guider.set_cfg(first, second)
    noise = torch.randn(1, 16, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    sigmas, seen = torch.tensor([0.9, 0.0]), []

    class Once:
        def sample(self, wrap, sigmas, extra, callback, noise, *_, **__):
            x = wrap.inner_model.model_sampling.noise_scaling(sigmas[0], noise, torch.zeros_like(noise))
            seen.append(wrap(x, sigmas[:1], **extra))
            return x

        def max_denoise(self, *_):
            return True

    with torch.inference_mode():
        guider.sample(noise, torch.zeros_like(noise), Once(), sigmas, seed=1)
        each = []
        for row in rows:
            alone = comfy.samplers.CFGGuider(patched)
            alone.set_conds(audio.conditioning(*row), audio.conditioning(*row))
            alone.set_cfg(1.0)
            alone.sample(noise, torch.zeros_like(noise), Once(), sigmas, seed=1)
            each.append(seen.pop())
    positive, middle, negative = each
    expected = negative + second * (middle - negative) + first * (positive - middle)
    assert off(seen[0], expected) < WHOLE
    assert off(seen[0], positive) > SEEN


def moved(windows_from):
    """Features one place later."""
    return torch.cat([windows_from[:1], windows_from[:-1]])


MISTAKES = {
    "padding masked": ("stable_avatar", lambda a: changed(a, masks_padding=True)),
    "padding not masked": ("fantasy_talking", lambda a: changed(a, masks_padding=False)),
    "no branch for silence": ("stable_avatar", lambda a: changed(a, silence="no branch")),
    "zero tokens for silence": ("echomimic_preview", lambda a: changed(a, silence="zero tokens")),
    "zero features for silence": ("stable_avatar", lambda a: changed(a, silence="zero features")),
    "zero tokens for flash's silence": ("echomimic_flash", lambda a: changed(a, silence="zero tokens")),
}


def changed(adapter, **changes):
    adapter.config = replace(adapter.config, **changes)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_configuration_is_seen(audio, model, tmp_path, mistake):
    layout, make = MISTAKES[mistake]
    patch = audio.load_adapter(tmp_path, layout)
    heard = audio.heard_features(layout, patch)
    make(patch.model)
    patched = audio.listening_model(model, patch, heard)
    silent = "silence" in mistake
    found = audio.output_of(patched, (not silent,))[0]
    assert off(found, stored_outputs()[f"{layout} {'silence' if silent else 'sound'}"]) > SEEN


@pytest.mark.parametrize("layout", PUBLISHED)
def test_features_one_place_off_are_seen(audio, hearing, layout):
    found = audio.output_of(hearing(layout, given=moved(features(layout))))[0]
    assert off(found, stored_outputs()[f"{layout} sound"]) > SEEN


@pytest.mark.parametrize("layout", ["fantasy_talking", "stable_avatar", "echomimic_preview"])
def test_another_number_of_features_is_seen(audio, hearing, layout):
    """The windows go by the features of exactly the clip's time."""
    more = torch.cat([features(layout), features(layout)[:4]])
    assert len(more) == FEATURE_COUNTS[layout] + 4
    found = audio.output_of(hearing(layout, given=more))[0]
    assert off(found, stored_outputs()[f"{layout} sound"]) > SEEN


def test_the_order_of_heads_is_seen(audio, model, tmp_path):
    """A projector with another number of heads: it cannot be told from the shapes."""
    patch = audio.load_adapter(tmp_path, "stable_avatar")
    for block in patch.model.projector.blocks:
        block.cross_attn._heads = 4
    patched = audio.listening_model(model, patch, audio.heard_features("stable_avatar", patch))
    assert off(audio.output_of(patched)[0], stored_outputs()["stable_avatar sound"]) > SEEN
