"""What the audio branch leaves alone, where it acts, and what it goes together with."""

from dataclasses import replace
from itertools import combinations

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.networks.sound.bbf import start_untrained
from golden.audio.cases import LATENT_FRAMES, features, stored_outputs
from golden.audio.weights import LAYOUTS

pytestmark = pytest.mark.models

WHOLE = 5e-5
SEEN = 0.05


def off(found, expected):
    return (found - expected).abs().max().item()


# --------------------------------------------------------------------------------------------- what is left alone


@pytest.mark.parametrize("layout", LAYOUTS)
def test_without_frame_ids_nothing_is_added(audio, model, hearing, layout):
    assert torch.equal(audio.output_of(hearing(layout), (None,)), audio.output_of(model, (None,)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_scale_of_zero_changes_nothing(audio, model, hearing, layout):
    found = audio.output_of(hearing(layout, scale=0.0), (True, False))
    assert torch.equal(found, audio.output_of(model, (None, None)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_untrained_adapter_changes_nothing(audio, model, tmp_path, layout):
    """Values of zero, as every one of these adapters begins."""
    patch = audio.load_adapter(tmp_path, layout)
    for block in patch.model.blocks:
        for parameter in block.v.parameters():
            parameter.zero_()
    patched = audio.listening_model(model, patch, audio.heard_features(layout, patch))
    assert torch.equal(audio.output_of(patched, (True, False)), audio.output_of(model, (None, None)))


def test_silence_of_fantasy_talking_is_the_model_alone(audio, model, hearing):
    assert torch.equal(audio.output_of(hearing("fantasy_talking"), (False,)), audio.output_of(model, (None,)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_weights_of_another_type_are_cast_as_they_are_used(audio, model, hearing, tmp_path, layout):
    """As the host does for weights that it keeps elsewhere or in another type than the model computes in."""
    patch = audio.load_adapter(tmp_path, layout)
    patch.model.half()
    found = audio.output_of(audio.listening_model(model, patch, audio.heard_features(layout, patch)))
    assert 0 < off(found, audio.output_of(hearing(layout))) < 0.02


def test_the_given_model_is_as_before(audio, model, hearing):
    before = audio.output_of(model, (None,))
    audio.output_of(hearing("stable_avatar"))
    assert torch.equal(audio.output_of(model, (None,)), before)
    network = model.model.diffusion_model
    hooks = [block.cross_attn._forward_pre_hooks for block in network.blocks]
    assert not any(hooks)


# ------------------------------------------------------------------------------------------------- where it acts


@pytest.mark.parametrize("layout", ["fantasy_talking", "stable_avatar", "echomimic_preview", "echomimic_flash"])
def test_a_latent_frame_hears_its_own_window_alone(audio, hearing, adapters, layout):
    """Sound that changes at one time changes what is added at the latent frames whose windows it is in, no others."""
    adapter = adapters(layout)
    changed = features(layout).clone()
    changed[-1] += 1.0
    windows = audio.heard_features(layout, adapter)
    moved = audio.heard_features(layout, adapter, changed)
    hears = (windows.features_FWD != moved.features_FWD).flatten(1).any(dim=1)
    assert hears.any()
    assert not hears.all()
    added = [audio.added_in_block(hearing(layout, given=given)) for given in (features(layout), changed)]
    differs = (added[0] != added[1]).unflatten(1, (LATENT_FRAMES, -1)).flatten(2).any(dim=2)[0]
    assert torch.equal(differs, hears)


def test_a_region_keeps_sound_out_of_the_rest(audio, hearing):
    """The left half of each frame, in the middle latent frame only."""
    region = torch.zeros(LATENT_FRAMES, 1, 4, 4)
    region[1, :, :, :2] = 1
    added = audio.added_in_block(hearing("echomimic_flash", region_F1HW=region))[0].view(LATENT_FRAMES, 2, 2, -1)
    inside = torch.zeros(LATENT_FRAMES, 2, 2, dtype=torch.bool)
    inside[1, :, 0] = True
    assert torch.equal((added != 0).any(dim=-1), inside)


def test_the_scale_is_linear(audio, hearing):
    once, half = (audio.added_in_block(hearing("stable_avatar", scale=scale)) for scale in (1.0, 0.5))
    assert off(half, once / 2) < 1e-5


def test_places_of_references_are_left_out(audio, hearing):
    """A reference frame in front, and frames that other nodes put behind, are no part of the clip."""
    patched = hearing("stable_avatar")
    network = patched.model.diffusion_model
    network.ref_conv = torch.nn.Conv2d(16, network.dim, kernel_size=2, stride=2)
    references = {"reference_latent": torch.ones(1, 16, 4, 4), "context_latents": [torch.ones(1, 36, 1, 4, 4)]}
    try:
        added = audio.added_in_block(patched, **references)
    finally:
        network.ref_conv = None
    assert (added != 0).any(dim=-1)[0].tolist() == [False] * 4 + [True] * 12 + [False] * 4


# ------------------------------------------------------------------------------------------ how the host calls it


def test_rows_of_a_batch_are_as_rows_alone(audio, hearing):
    text, other = audio.texts()
    for layout in LAYOUTS:
        patched = hearing(layout)
        rows = ((text, True), (other, False), (other, True), (text, False))
        together = audio.output_of(patched, [sound for _, sound in rows], [given for given, _ in rows])
        for row, (given, sound) in enumerate(rows):
            assert off(together[row], audio.output_of(patched, (sound,), [given])[0]) < WHOLE


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_host_may_split_what_it_samples(audio, hearing, layout):
    """Positive and negative in one call of the network, or one after the other, as where one has a condition more."""
    import comfy.conds

    text, other = audio.texts()
    patched, rows = hearing(layout), []

    def note(executor, x, *args, **kwargs):
        rows.append(len(x))
        return executor(x, *args, **kwargs)

    patched.add_wrapper("diffusion_model", note)
    positive, negative = audio.conditioning(text, True), audio.conditioning(other, False)
    together = audio.sampled(patched, positive, negative)
    negative[0][1]["model_conds"]["of_another_node"] = comfy.conds.CONDRegular(torch.zeros(1, 1))
    apart = audio.sampled(patched, positive, negative)
    assert rows == [2, 2, 1, 1, 1, 1]
    assert off(apart, together) < WHOLE


def test_keys_and_values_are_made_once_in_a_run(audio, hearing):
    """Where they do not depend on the step; where they do, in every evaluation."""
    text, other = audio.texts()
    for layout, expected in (("echomimic_preview", 1), ("stable_avatar", 4)):
        patched, made = hearing(layout), []
        layer = patched.get_nested_additional_models()[0].model.blocks[1]
        handle = layer.register_forward_hook(lambda *_, made=made: made.append(1))
        audio.sampled(patched, audio.conditioning(text, True), audio.conditioning(other, False), steps=4)
        handle.remove()
        assert len(made) == expected


def test_two_runs_are_equal(audio, hearing):
    text, other = audio.texts()
    patched = hearing("bbf", end_difference_CHW=torch.ones(16, 4, 4))
    runs = [audio.sampled(patched, audio.conditioning(text, True), audio.conditioning(other, False)) for _ in "ab"]
    assert torch.equal(*runs)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_context_windows_hear_their_own_time(audio, model, adapters, layout):
    """In windows of the host each latent frame hears what it hears in the whole clip: silence outside stays outside."""
    from comfy_extras.nodes_context_windows import WanContextWindowsManualNode

    text, other = audio.texts()
    patch, count = adapters(layout), 7
    patched = audio.listening_model(model, patch, longer(audio.heard_features(layout, patch), count))
    given = [audio.conditioning(each, sound, latent_frames=count) for each, sound in ((text, True), (other, False))]
    calls = []

    def note(executor, x, *args, **kwargs):
        calls.append(kwargs[audio.NAME][0, 0, :, 0, 0].tolist())
        assert kwargs[audio.NAME].shape[2] == x.shape[2]
        return executor(x, *args, **kwargs)

    patched.add_wrapper_with_key("diffusion_model", "a_first", note)
    patched.wrappers["diffusion_model"] = dict(sorted(patched.wrappers["diffusion_model"].items()))
    windowed = WanContextWindowsManualNode.execute(patched, 13, 4, "standard_static", 1, False, "flat", False, 1)[0]
    found = audio.sampled(windowed, *given, latent_frames=count)
    assert torch.isfinite(found).all()
    assert calls[0] == [0, 1, 2, 3]
    assert [0, 3, 4, 5, 6] in calls  # the host lets later windows see the first latent frame


def longer(heard, count):
    """Windows for more latent frames."""
    numbers = torch.arange(count) % len(heard.heard_FW)
    return type(heard)(
        heard.features_FWD[numbers], heard.heard_FW[numbers], heard.delays_FW[numbers], torch.linspace(0, 1, count)
    )


def test_another_length_is_told(audio, hearing):
    text, _ = audio.texts()
    condition = audio.conditioning(text, True, latent_frames=5)
    with pytest.raises(InbetweenError, match="has a latent of 3 latent frames, but 5 are sampled"):
        audio.sampled(hearing("fantasy_talking"), condition, condition, latent_frames=5)


# ------------------------------------------------------------------------------------------- what it goes with


def test_a_previous_attention_override_stays(audio, model, hearing):
    """It sees every attention of the model as before, and what it changes reaches what is made."""

    def overridden(patched, calls):
        def halved(attention, *args, **kwargs):
            calls.append(1)
            return 0.5 * attention(*args, **kwargs)

        patched = patched.clone()
        patched.model_options["transformer_options"]["optimized_attention_override"] = halved
        return patched

    alone, with_sound = [], []
    plain = audio.output_of(overridden(model, alone), (None,))
    found = audio.output_of(overridden(hearing("stable_avatar"), with_sound))
    assert len(alone) == len(with_sound) > 0
    assert off(found, plain) > SEEN
    assert off(found, audio.output_of(hearing("stable_avatar"))) > SEEN


def test_another_forward_of_the_attention_stays(audio, hearing):
    """A node that puts its own cross-attention into the place of the host's, with the same layers."""
    patched = hearing("stable_avatar")
    attention, calls = patched.model.diffusion_model.blocks[1].cross_attn, []

    def own(*args, **kwargs):
        calls.append(1)
        return type(attention).forward(attention, *args, **kwargs)

    patched.add_object_patch("diffusion_model.blocks.1.cross_attn.forward", own)
    assert torch.equal(audio.output_of(patched), audio.output_of(hearing("stable_avatar")))
    assert calls


@pytest.mark.parametrize("method", ["merge", "bypass"])
def test_loras_on_query_and_output_count(audio, hearing, method):
    """The branch looks with the query of the mixture, and goes through its output layer."""
    from comfyui_inbetween.core.wan.lora_mixture import LowRank
    from comfyui_inbetween.host.wan.lora_bypass import add_bypass

    change = LowRank(0.1 * torch.randn(4, 256), torch.randn(256, 4))
    layers = [f"diffusion_model.blocks.0.cross_attn.{part}" for part in "qo"]
    patched = hearing("stable_avatar")
    if method == "bypass":
        add_bypass(patched, dict.fromkeys(layers, change), "lora")
    else:
        dense = (change.up_OR @ change.down_RI,)
        patched.add_patches({f"{layer}.weight": ("diff", dense) for layer in layers})
    found = audio.output_of(patched)
    assert off(found, changed_by_hand(audio, hearing, change)) < WHOLE
    assert off(found, audio.output_of(hearing("stable_avatar"))) > SEEN


def changed_by_hand(audio, hearing, change):
    """The same with weights that were changed before."""
    other = audio.load_wan()
    attention = other.model.diffusion_model.blocks[0].cross_attn
    with torch.no_grad():
        for part in (attention.q, attention.o):
            part.weight += change.up_OR @ change.down_RI
    branch = branch_of(audio, hearing("stable_avatar"))
    return audio.output_of(audio.listening_model(other, branch.patch, branch.settings.windows))


def branch_of(audio, patched):
    """The branch on a model."""
    return patched.wrappers["diffusion_model"][audio.NAME][0].__self__


def test_two_adapters_add_up(audio, model, adapters):
    """Two speakers, each in a region: both act, and each is its own."""
    first, second = (adapters(layout) for layout in ("fantasy_talking", "stable_avatar"))
    heard = [audio.heard_features(*pair) for pair in (("fantasy_talking", first), ("stable_avatar", second))]
    one = audio.listening_model(model, first, heard[0], name="inbetween_audio_1")
    both = audio.listening_model(one, second, heard[1], name="inbetween_audio_2")
    names = ("inbetween_audio_1", "inbetween_audio_2")
    found = audio.output_of(both, names=names)
    assert off(audio.output_of(both, names=names[:1])[0], stored_outputs()["fantasy_talking sound"]) < WHOLE
    assert off(audio.output_of(both, names=names[1:])[0], stored_outputs()["stable_avatar sound"]) < WHOLE
    assert off(found[0], stored_outputs()["fantasy_talking sound"]) > SEEN
    assert off(found[0], stored_outputs()["stable_avatar sound"]) > SEEN


# ------------------------------------------------------------------------------------------------- BBF's order


def test_text_first_equals_the_parallel_sum(audio, hearing):
    """With one query and one output projection, text first and then image and sound is Wan's sum."""
    seen, looks, patched = {}, [], hearing("stable_avatar")
    attention = patched.model.diffusion_model.blocks[0].cross_attn

    def override(look, *args, **kwargs):
        looks.append(look(*args, **kwargs))
        return looks[-1]

    def look(_):
        yield attention.register_forward_hook(lambda *given: seen.update(whole=given[-1].clone()))

    patched.model_options["transformer_options"]["optimized_attention_override"] = override
    sound = audio.added_in_block(patched)
    looks.clear()
    audio.output_of(patched, prepare=look)
    _, images, text = looks[:3]  # of block 0, after its look at itself
    with torch.inference_mode():
        after_text = attention.o(text)
        then = torch.nn.functional.linear(images + sound, attention.o.weight)
    assert sound.abs().max() > SEEN
    assert off(after_text + then, seen["whole"]) < WHOLE


def test_in_sequence_the_second_look_comes_after_text(audio, model, tmp_path):
    """Only where an adapter declares it: image and sound look with a query of what the block holds after text."""
    patch = audio.load_adapter(tmp_path, "stable_avatar")
    heard = audio.heard_features("stable_avatar", patch)
    parallel = audio.output_of(audio.listening_model(model, patch, heard))
    patch.model.config = replace(patch.model.config, sequential=True)
    patched = audio.listening_model(model, patch, heard, name="in_sequence")
    block, holds, made, looks, options = patched.model.diffusion_model.blocks[0], [], [], [], []

    def look(_):
        yield block.register_forward_pre_hook(lambda *given: options.append(given[-1]), with_kwargs=True)
        yield block.norm3.register_forward_pre_hook(lambda _, inputs: holds.append(inputs[0].clone()))
        yield block.cross_attn.o.register_forward_hook(lambda *given: made.append(given[-1].clone()))
        yield block.cross_attn.q.register_forward_pre_hook(lambda _, inputs: looks.append(inputs[0].clone()))

    found = audio.output_of(patched, prepare=look, names=["in_sequence"])
    assert off(found, parallel) > SEEN
    with torch.inference_mode():
        assert torch.equal(looks[1], block.norm3(holds[0] + made[0]))
    assert not any("residual" in str(key) for key in options[0]["transformer_options"])  # nothing outlives its block
    again = audio.listening_model(model, patch, heard, name="in_sequence")  # on layers that the host leaves as they are
    assert torch.equal(audio.output_of(again, names=["in_sequence"]), found)
    assert torch.equal(audio.output_of(patched, (None,)), audio.output_of(model, (None,)))


def test_bbf_with_nothing_learnt_of_offset_and_ends_is_stable_avatar(audio, model, tmp_path):
    """Its weights run in it unchanged, difference or not."""
    stable, bbf = (audio.load_adapter(tmp_path, layout) for layout in ("stable_avatar", "bbf"))
    start_untrained(bbf.model.projector)
    missing = bbf.model.projector.load_state_dict(stable.model.projector.state_dict(), strict=False).missing_keys
    assert {name.split(".")[0] for name in missing} == {"offset", "diff"}
    bbf.model.blocks = stable.model.blocks
    bbf.model.config = replace(bbf.model.config, masks_padding=False)
    heard = audio.heard_features("stable_avatar", stable)
    found = audio.output_of(audio.listening_model(model, bbf, heard, end_difference_CHW=torch.randn(16, 4, 4)))
    assert off(found[0], stored_outputs()["stable_avatar sound"]) < WHOLE


def test_bbf_knows_offset_and_ends(audio, model, hearing):
    """Another difference of the ends, another time of a token, another place in the clip: each changes what is made."""
    differences = (torch.zeros(16, 4, 4), torch.ones(16, 4, 4), torch.ones(16, 4, 4).triu())
    made = [audio.output_of(hearing("bbf", end_difference_CHW=difference)) for difference in differences]
    branch = branch_of(audio, hearing("bbf"))
    heard = branch.settings.windows
    for change in ({"delays_FW": heard.delays_FW + 0.5}, {"positions_F": heard.positions_F / 2}, {}):
        made.append(audio.output_of(audio.listening_model(model, branch.patch, replace(heard, **change))))
    assert min(off(one, other) for one, other in combinations(made, 2)) > SEEN / 10
