"""The guider of both directions: against the published code, against its own baselines, and clean after everything."""

from itertools import pairwise

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.networks.svd_names import PREFIX, TEMPORAL_LAYERS
from gi_cases import FRAMES, RUNS, inputs, stored_outputs

MEMORY = ("both directions at once", "one direction at a time")


@pytest.fixture(scope="module")
def models(tiny_models):
    """The tiny SVD-XT as the loader gives it, and its clones, which the host's cache would keep as well."""
    import svd_runs

    return [svd_runs.load()]


@pytest.fixture
def model(models, svd):
    """A clone that a test may change."""
    models.append(models[0].clone())
    return models[-1]


@pytest.fixture
def attention_module(svd):
    """The module that teaches the layers."""
    from comfyui_inbetween.host import temporal_attention

    return temporal_attention


@pytest.fixture
def guider_module(svd):
    """The module under test."""
    from comfyui_inbetween.host import dual_direction

    return dual_direction


def layers_of(model):
    import comfy.utils

    return {layer: comfy.utils.get_attr(model.model, PREFIX + layer) for layer in TEMPORAL_LAYERS}


def is_untouched(model):
    """Every temporal self-attention runs its own forward."""
    return all(getattr(layer.forward, "__func__", None) is type(layer).forward for layer in layers_of(model).values())


def predicted(guided, x, sigma):
    """One evaluation of a guider, in the host's own way from `sample` on."""
    import comfy.samplers

    made = []

    class Once(comfy.samplers.Sampler):
        def sample(self, wrap, sigmas, extra_args, *args, **kwargs):
            made.append(wrap(x, torch.full([len(x)], sigma), **extra_args))
            return made[0]

    with torch.inference_mode():
        guided.sample(torch.zeros_like(x), torch.zeros_like(x), Once(), torch.tensor([sigma, 0.0]), seed=1)
    return made[0]


def noisy(sigma, seed=3):
    return torch.randn(FRAMES, 4, 16, 16, generator=torch.Generator().manual_seed(seed)) * (sigma**2 + 1) ** 0.5


# ------------------------------------------------------------------------------------------- the published code


@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize("run", RUNS)
def test_every_evaluation_and_the_end_are_those_of_the_published_code(svd, model, run, memory):
    latent, seen = svd.stored_run(model, run, memory=memory)
    stored = stored_outputs()
    assert len(seen) == sum(name.startswith(f"{run} ") for name in stored) - 1
    for number, denoised in enumerate(seen):
        torch.testing.assert_close(denoised, stored[f"{run} {number}"], atol=2e-4, rtol=0)
    torch.testing.assert_close(latent, stored[f"{run} final"], atol=1e-3, rtol=0)


@pytest.mark.parametrize("run", RUNS)
def test_from_the_stored_latents_on_every_evaluation_is_the_published_one(svd, model, run):
    """Teacher-forced: no evaluation gets what another one made of rounding."""
    stored, sigmas = stored_outputs(), svd.sigmas()
    guided = svd.guider(model, **(svd.WEIGHTED if run == "weighted" else {}))
    x, number = inputs()["noise"] * (sigmas[0] ** 2 + 1).sqrt(), 0
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        for repeat in range((RUNS[run] if step == 0 else 0) + 1):
            if repeat:
                x = x + svd.injected_noise(step, repeat - 1) * (sigma**2 - following**2).sqrt()
            expected = stored[f"{run} {number}"]
            torch.testing.assert_close(predicted(guided, x, float(sigma)), expected, atol=2e-4, rtol=0)
            x = x + (x - expected) / sigma * (following - sigma)
            number += 1
    torch.testing.assert_close(x, stored[f"{run} final"], atol=1e-4, rtol=0)


def flipped(*dims):
    return lambda map_RHNN: map_RHNN.flip(*dims)


def heads_averaged(map_RHNN):
    return map_RHNN.mean(dim=1, keepdim=True).expand_as(map_RHNN).flip(-2, -1)


# How a map is turned wrongly.
WRONG_MAPS = {
    "not rotated": lambda map_RHNN: map_RHNN,
    "keys only": flipped(-1),
    "queries only": flipped(-2),
    "transposed": lambda map_RHNN: map_RHNN.transpose(-1, -2),
    "heads averaged": heads_averaged,
}


def assert_is_seen(svd, model, **settings):
    """The first evaluation with a mistake is far from what the published code made; right ones are at 1e-5."""
    expected = stored_outputs()["uniform 0"]
    made = predicted(svd.guider(model, **settings), inputs()["noise"] * (700.0**2 + 1) ** 0.5, 700.0)
    assert (made - expected).abs().max() / expected.std() > 0.5


def test_without_a_mistake_nothing_is_seen(svd, model):
    with pytest.raises(AssertionError):
        assert_is_seen(svd, model)


@pytest.mark.parametrize("wrong", WRONG_MAPS)
def test_maps_turned_wrongly_are_seen(svd, model, attention_module, monkeypatch, wrong):
    monkeypatch.setattr(attention_module, "rotated", WRONG_MAPS[wrong])
    assert_is_seen(svd, model, memory="one direction at a time")


def test_forward_weights_for_the_backward_clip_are_seen(svd, model, attention_module, monkeypatch):
    monkeypatch.setattr(attention_module._TwoWayAttention, "_add_change", lambda *_: None)
    assert_is_seen(svd, model)


def test_values_changed_and_outputs_not_are_seen(svd, model, attention_module, monkeypatch):
    add = attention_module._TwoWayAttention._add_change
    monkeypatch.setattr(
        attention_module._TwoWayAttention,
        "_add_change",
        lambda layer, which, *rest: add(layer, which, *rest) if which == "to_v" else None,
    )
    assert_is_seen(svd, model)


def test_maps_of_the_other_half_are_seen(svd, model, attention_module, monkeypatch):
    """Those of the conditional half for both halves."""
    kept, attention_map = {}, attention_module.attention_map

    def first_of(query, key, heads):
        at = (tuple(query.shape), len(kept.setdefault("order", [])) % len(TEMPORAL_LAYERS))
        kept["order"].append(at)
        return kept.setdefault(at[1], attention_map(query, key, heads))

    monkeypatch.setattr(attention_module, "attention_map", first_of)
    assert_is_seen(svd, model, memory="one direction at a time")


def test_a_backward_clip_that_is_not_turned_back_is_seen(svd, model, guider_module, monkeypatch):
    monkeypatch.setattr(guider_module, "fused", lambda forward, backward, _: (forward + backward) / 2)
    assert_is_seen(svd, model)


def test_ends_exchanged_are_seen(svd, model, monkeypatch):
    right = svd.ends()
    monkeypatch.setattr(svd, "ends", lambda: right[::-1])
    assert_is_seen(svd, model)


def test_weights_by_frame_in_the_place_of_the_average_are_seen(svd, model):
    assert_is_seen(svd, model, **svd.WEIGHTED)


# ------------------------------------------------------------------------------------------- its own measures


@pytest.mark.parametrize("method", ["generative inbetweening", "rotation only", "time reversal fusion"])
@pytest.mark.parametrize("sigma", [700.0, 1.0])
def test_one_direction_at_a_time_is_the_same(svd, model, method, sigma):
    x = noisy(sigma)
    both, single = (predicted(svd.guider(model, method=method, memory=memory), x, sigma) for memory in MEMORY)
    torch.testing.assert_close(single, both, atol=1e-5, rtol=0)


def test_maps_may_wait_in_main_memory(svd, model, guider_module, monkeypatch):
    """Where there is room for nothing; on this machine it is the same memory."""
    expected = predicted(svd.guider(model, memory=MEMORY[1]), noisy(1.0), 1.0)
    monkeypatch.setattr(type(model), "get_free_memory", lambda *_: 0)
    guided = svd.guider(model, memory=MEMORY[1])
    assert torch.equal(predicted(guided, noisy(1.0), 1.0), expected)
    assert guided._maps_device == torch.device("cpu")


@pytest.mark.parametrize("enough", [True, False])
def test_auto_chooses_by_free_memory(svd, model, monkeypatch, enough):
    """The host's own rule for a batch of twice the frames: half as much again as it estimates."""
    needed = model.model.memory_required([2 * FRAMES, 4, 16, 16]) * 1.5
    monkeypatch.setattr(type(model), "get_free_memory", lambda *_: needed + (1 if enough else -1))
    guided = svd.guider(model)
    svd.sampled(guided, repeats=0, steps=1)
    assert guided._evaluate == (guided._both_at_once if enough else guided._one_at_a_time)


def test_by_choice_room_is_made_for_twice_the_frames(svd, model, monkeypatch):
    import comfy.sampler_helpers

    asked, estimate = [], comfy.sampler_helpers.estimate_memory

    def watched(patcher, shape, conds):
        asked.append(shape[0])
        return estimate(patcher, shape, conds)

    monkeypatch.setattr(comfy.sampler_helpers, "estimate_memory", watched)
    for memory in ("auto", *MEMORY):
        svd.sampled(svd.guider(model, memory=memory), repeats=0, steps=1)
    assert asked == [FRAMES, 2 * FRAMES, FRAMES]


def test_two_runs_with_one_seed_are_equal_to_the_bit(svd, model):
    first, _ = svd.sampled(svd.guider(model))
    torch.rand(3)  # whatever else draws numbers
    again, _ = svd.sampled(svd.guider(model))
    assert torch.equal(first, again)


def test_both_directions_cost_two_calls_of_the_network(svd, model):
    """One with both clips for each half of the guidance; without guidance one in all."""
    calls = []

    def counted(executor, x, *args, **kwargs):
        calls.append(len(x))
        return executor(x, *args, **kwargs)

    model.add_wrapper("diffusion_model", counted)
    for scale, expected in ((2.0, [10, 10]), (1.0, [10])):
        calls.clear()
        predicted(svd.guider(model, first_cfg=scale, last_cfg=scale), noisy(1.0), 1.0)
        assert calls == expected


def test_no_guidance_is_guidance_of_one(svd, model):
    """Guidance by frame, which is one everywhere but for the last digit, evaluates both halves."""
    one = predicted(svd.guider(model, first_cfg=1.0, last_cfg=1.0), noisy(1.0), 1.0)
    almost = predicted(svd.guider(model, first_cfg=1.0, last_cfg=1.0 + 1e-6), noisy(1.0), 1.0)
    torch.testing.assert_close(one, almost, atol=1e-5, rtol=0)


# ------------------------------------------------------------------------------------------- baselines


def plain(svd, model, cfg=2.0):
    """The stock guider with the start, by Euler's method."""
    import comfy.samplers
    from comfyui_inbetween.host.dual_direction import _unconditional

    start, _ = svd.ends()
    guided = comfy.samplers.CFGGuider(model)
    guided.set_conds(start, _unconditional(start))
    guided.set_cfg(cfg)
    return guided


def test_forward_only_is_the_plain_model_to_the_bit(svd, model):
    from comfy_extras.nodes_custom_sampler import SamplerCustomAdvanced

    empty = {"samples": torch.zeros(FRAMES, 4, 16, 16)}
    with torch.inference_mode():
        stock = SamplerCustomAdvanced.execute(svd.FixedNoise(), plain(svd, model), svd.euler(), svd.sigmas(), empty)[0]
    latent, _ = svd.sampled(svd.guider(model, motion=None, method="forward only"), repeats=0)
    assert torch.equal(latent, stock["samples"] * svd.SCALE)


def test_time_reversal_fusion_is_two_plain_runs_averaged(svd, model):
    """The network of the host itself on the same batch, to the bit: nothing is rotated, nothing added."""
    x, sigma = noisy(5.0), 5.0
    fused = predicted(svd.guider(model, motion=None, method="time reversal fusion", memory=MEMORY[0]), x, sigma)
    given, halves = inputs(), []
    for scale in (0.0, 1.0):
        ends = [
            (scale * given[f"{end} embedding"], scale * given[f"{end} latent"].expand(FRAMES, -1, -1, -1))
            for end in ("start", "end")
        ]
        label = model.model.encode_adm(fps=7, motion_bucket_id=127, augmentation_level=0.02)
        with torch.inference_mode():
            halves.append(
                model.model.apply_model(
                    torch.cat([x, x.flip(0)]),
                    torch.full([2 * FRAMES], sigma),
                    c_concat=torch.cat([latent for _, latent in ends]),
                    c_crossattn=torch.cat([embedding.expand(FRAMES, -1, -1) for embedding, _ in ends]),
                    y=label.expand(2 * FRAMES, -1),
                    num_video_frames=FRAMES,
                )
            )
    without, given_ends = halves
    forward, backward = (without + (given_ends - without) * 2.0).chunk(2)
    assert torch.equal(fused, 0.5 * forward + 0.5 * backward.flip(0))


def test_a_change_of_zero_adds_nothing(svd, model):
    """To the bit: rotation with it is rotation without a file."""
    from comfyui_inbetween.core.reverse_motion import LayerChange, ReverseMotion
    from comfyui_inbetween.host import dual_direction

    zero = ReverseMotion(
        "zero",
        {
            layer: LayerChange(torch.zeros_like(change.to_v), torch.zeros_like(change.to_out))
            for layer, change in svd.reverse_motion().changes.items()
        },
    )
    with_zero = predicted(svd.guider(model, motion=zero), noisy(2.0), 2.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dual_direction, "UP_LAYERS", tuple(TEMPORAL_LAYERS))
        without = predicted(svd.guider(model, motion=None, method="rotation only"), noisy(2.0), 2.0)
    assert torch.equal(with_zero, without)


def test_the_methods_differ(svd, model):
    made = [
        predicted(svd.guider(model, method=method), noisy(2.0), 2.0)
        for method in ("generative inbetweening", "rotation only", "time reversal fusion", "forward only")
    ]
    for number, one in enumerate(made):
        assert all((one - other).abs().max() > 0.1 for other in made[number + 1 :])


def test_rotation_only_is_in_the_up_blocks(svd, model):
    guided = svd.guider(model, motion=None, method="rotation only")
    assert len(guided.model_patcher.object_patches) == 9
    assert all(".output_blocks." in name for name in guided.model_patcher.object_patches)


# ------------------------------------------------------------------------------------------- the user's model


def test_the_model_stays_as_it_is(svd, model, attention_module):
    before = predicted(plain(svd, model), noisy(1.0), 1.0)
    weights = {name: tensor.clone() for name, tensor in model.model.state_dict().items()}
    guided = svd.guider(model)
    assert is_untouched(model)
    svd.sampled(guided)
    assert not model.object_patches
    assert not model.additional_models
    assert attention_module.KEY not in model.model_options["transformer_options"]
    assert torch.equal(predicted(plain(svd, model), noisy(1.0), 1.0), before)
    assert is_untouched(model)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.model.state_dict().items())


def test_outside_of_the_guider_the_layers_are_their_own(svd, model):
    """The host leaves a loaded model as it is until it is wanted again; other clones may run in between."""
    predicted(svd.guider(model), noisy(1.0), 1.0)
    assert not is_untouched(model)
    x = torch.randn(3, FRAMES, 32)
    layer = layers_of(model)["input_blocks.1.1.time_stack.0.attn1"]
    with torch.inference_mode():
        assert torch.equal(layer(x), type(layer).forward(layer, x))
        assert torch.equal(layer(x, context=2 * x, value=3 * x), type(layer).forward(layer, x, 2 * x, 3 * x))


@pytest.mark.parametrize(
    ("memory", "call"), [(MEMORY[0], 0), (MEMORY[0], 1), *((MEMORY[1], call) for call in range(4))]
)
def test_after_an_error_in_the_midst_the_next_run_is_right(svd, model, memory, call):
    """In any call of the network, when some layers are done: as when a run is interrupted or memory runs out."""
    x, calls = noisy(1.0), []
    expected = predicted(svd.guider(model, memory=memory), x, 1.0)

    def fails(module, given):
        calls.append(1)
        if len(calls) == call + 1:
            raise KeyboardInterrupt

    guided = svd.guider(model, memory=memory)
    hook = layers_of(model)["output_blocks.6.1.time_stack.0.attn1"].to_v.register_forward_pre_hook(fails)
    with pytest.raises(KeyboardInterrupt):
        predicted(guided, x, 1.0)
    hook.remove()
    assert torch.equal(predicted(guided, x, 1.0), expected)
    assert torch.equal(predicted(svd.guider(model, memory=memory), x, 1.0), expected)


def test_an_interrupt_stops_between_two_calls(svd, model):
    import comfy.model_management

    guided, stops = svd.guider(model), []
    predict = guided._both_at_once

    def then_interrupt(*args):
        made = predict(*args)
        if not stops:
            stops.append(1)
            comfy.model_management.interrupt_current_processing()
        return made

    guided._both_at_once = then_interrupt
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        svd.sampled(guided)


@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize(("dtype", "most"), [(torch.float16, 1.5e-2), (torch.bfloat16, 1e-1)])
def test_half_precision(svd, memory, dtype, most):
    """As GPUs compute: each evaluation from the published one's latents on, by its relative error."""
    model = svd.load()
    model.model.diffusion_model.to(dtype).dtype = dtype
    expected = stored_outputs()["uniform 0"]
    guided = svd.guider(model, memory=memory)
    made = predicted(guided, inputs()["noise"] * (700.0**2 + 1) ** 0.5, 700.0)
    assert model.model.get_dtype_inference() == dtype
    assert (made - expected).square().mean().sqrt() / expected.square().mean().sqrt() < most


@pytest.mark.parametrize("memory", MEMORY)
def test_base_weights_in_8_bits(svd, model, memory):
    """Only layers are called, so what they make is what the host makes of such weights."""
    import comfy.sd
    from gi_weights import seeded_svd, svd_shapes

    weights = {f"model.diffusion_model.{name}": tensor for name, tensor in seeded_svd(svd_shapes()).items()}
    with torch.no_grad():
        quantised = comfy.sd.load_diffusion_model_state_dict(
            dict(weights), model_options={"dtype": torch.float8_e4m3fn}
        )
        rounded = comfy.sd.load_diffusion_model_state_dict(
            {
                name: tensor if name.endswith("mix_factor") else tensor.to(torch.float8_e4m3fn).float()
                for name, tensor in weights.items()
            }
        )
    assert layers_of(quantised)["middle_block.1.time_stack.0.attn1"].to_v.weight.dtype == torch.float8_e4m3fn
    made, expected = (predicted(svd.guider(each, memory=memory), noisy(1.0), 1.0) for each in (quantised, rounded))
    torch.testing.assert_close(made, expected, atol=1e-4, rtol=0)


def test_a_change_in_half_precision_is_used_as_it_is(svd, model):
    from comfyui_inbetween.core.reverse_motion import LayerChange, ReverseMotion

    motion = svd.reverse_motion()
    half, rounded = (
        ReverseMotion(
            "half",
            {
                layer: LayerChange(*(convert(tensor) for tensor in (change.to_v, change.to_out)))
                for layer, change in motion.changes.items()
            },
        )
        for convert in (torch.Tensor.half, lambda tensor: tensor.half().float())
    )
    made, expected = (predicted(svd.guider(model, motion=each), noisy(1.0), 1.0) for each in (half, rounded))
    assert torch.equal(made, expected)


def test_a_lora_on_the_model_is_used(svd, model):
    """The host's patches of weights, in the layers that are replaced too."""
    key = f"{PREFIX}output_blocks.9.1.time_stack.0.attn1.to_q.weight"
    changed = model.clone()
    changed.add_patches({key: (torch.ones(32, 32),)})
    one, other = (predicted(svd.guider(each), noisy(1.0), 1.0) for each in (model, changed))
    assert (one - other).abs().max() > 1e-3


def test_guidance_of_other_nodes_is_asked_for_each_direction_in_its_own_time(svd, model):
    """As VideoLinearCFGGuidance does it: the published ramp, one direction after the other."""
    from comfy_extras.nodes_video_model import VideoLinearCFGGuidance

    guided_model = VideoLinearCFGGuidance().patch(model, 1.0)[0]
    ours = predicted(svd.guider(model, first_cfg=1.0, last_cfg=3.0), noisy(2.0), 2.0)
    theirs = predicted(svd.guider(guided_model, first_cfg=3.0, last_cfg=3.0), noisy(2.0), 2.0)
    torch.testing.assert_close(theirs, ours, atol=1e-5, rtol=0)


def test_functions_before_and_after_guidance_are_asked(svd, model):
    asked = []

    def before(args):
        asked.append((len(args["conds_out"]), tuple(args["input"].shape)))
        return args["conds_out"]

    def after(args):
        asked.append("after")
        return args["denoised"]

    model.set_model_sampler_pre_cfg_function(before)
    model.set_model_sampler_post_cfg_function(after)
    predicted(svd.guider(model), noisy(1.0), 1.0)
    assert asked == [(2, (FRAMES, 4, 16, 16)), "after"] * 2


# ------------------------------------------------------------------------------------------- what is refused


def test_a_wan_is_refused(svd, wan):
    with pytest.raises(InbetweenError, match="the model is WAN21, no Stable Video Diffusion; connect SVD-XT"):
        svd.guider(wan.load("wan_i2v"))


def test_without_reverse_motion_the_method_needs_another_name(svd, model):
    with pytest.raises(InbetweenError, match=r'reverse_motion is not connected; .*"rotation only"'):
        svd.guider(model, motion=None)


def test_a_change_for_another_width_is_refused(svd, model):
    from comfyui_inbetween.core.reverse_motion import LayerChange, ReverseMotion

    other = ReverseMotion("full size", {layer: LayerChange(*[torch.zeros(320, 320)] * 2) for layer in TEMPORAL_LAYERS})
    with pytest.raises(InbetweenError, match=r"full size is for another model: .* 320 channels there and 32 in"):
        svd.guider(model, motion=other)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (lambda start: start * 2, "start holds 2 parts"),
        (lambda start: [[start[0][0], {**start[0][1], "mask": torch.ones(1, 16, 16)}]], "start carries a mask"),
        (lambda start: [[start[0][0], {**start[0][1], "area": (4, 4, 0, 0)}]], "start carries an area"),
        (lambda start: [[start[0][0], {**start[0][1], "start_percent": 0.2}]], "start carries a range of timesteps"),
        (lambda start: [[start[0][0], {}]], "start is no conditioning for SVD: it has no picture"),
    ],
)
def test_conditioning_that_cannot_be_paired_is_refused(svd, model, guider_module, changed, told):
    start, end = svd.ends()
    with pytest.raises(InbetweenError, match=told):
        guider_module.dual_direction_guider(
            model, changed(start), end, svd.reverse_motion(), guider_module.DirectionSettings()
        )


def test_two_guidances_by_frame_are_refused(svd, model):
    from comfy_extras.nodes_video_model import VideoLinearCFGGuidance

    with pytest.raises(InbetweenError, match="another node guides the model already, such as VideoLinearCFGGuidance"):
        svd.guider(VideoLinearCFGGuidance().patch(model, 1.0)[0], **svd.WEIGHTED)


def test_context_windows_are_refused(svd, model):
    model.model_options["context_handler"] = object()
    with pytest.raises(InbetweenError, match="the model carries Context Windows"):
        svd.guider(model)


def test_copies_for_several_gpus_are_refused(svd, model):
    model.set_additional_models("multigpu", [model.clone()])
    with pytest.raises(InbetweenError, match="the model carries copies for several GPUs"):
        svd.guider(model)


@pytest.mark.parametrize(
    "patch",
    [
        lambda model: model.set_model_attn1_replace(lambda *_: None, "input", 4),
        lambda model: model.set_model_attn1_replace(lambda *_: None, "middle", 0, 0),
        lambda model: model.add_object_patch(f"{PREFIX}output_blocks.9.1.time_stack.0.attn1.forward", print),
    ],
)
def test_other_self_attention_is_refused(svd, model, patch):
    patch(model)
    with pytest.raises(InbetweenError, match="another node has put its own self-attention into the model"):
        svd.guider(model)


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ((FRAMES, 4, 16, 24), "the latent is for 192x128 pixels but start for 128x128"),
        (
            (1, 16, 2, 16, 16),
            r"the latent is of shape \(1, 16, 2, 16, 16\), but SVD takes \(frames, 4, height, width\)",
        ),
        ((FRAMES, 16, 16, 16), "but SVD takes"),
    ],
)
def test_latents_of_another_kind_are_refused(svd, model, shape, told):
    with pytest.raises(InbetweenError, match=told):
        svd.guider(model).sample(torch.zeros(shape), torch.zeros(shape), None, torch.tensor([1.0, 0.0]))


def test_a_latent_that_is_not_finite_is_told_before_it_is_decoded(svd, model):
    def broken(args):
        args["denoised"][2:4] = torch.nan
        return args["denoised"]

    model.set_model_sampler_post_cfg_function(broken)
    with pytest.raises(InbetweenError, match=r"the sampled latent is not finite .* in frame 1 and 2 more of 5"):
        svd.sampled(svd.guider(model), repeats=0, steps=1)
