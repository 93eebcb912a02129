"""The guider among what else there is: the user's model, interruptions, other nodes, and what is refused."""

from functools import cache

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.networks.svd.names import PREFIX, TEMPORAL_LAYERS
from golden.gi.cases import FRAMES, inputs, stored_outputs

MEMORY = ("both directions at once", "one direction at a time")


def is_untouched(svd, model):
    """Every temporal self-attention runs its own forward."""
    return all(
        getattr(layer.forward, "__func__", None) is type(layer).forward for layer in svd.layers_of(model).values()
    )


def test_the_model_stays_as_it_is(svd, model, attention_module):
    before = svd.predicted(svd.plain(model), svd.small_noisy(1.0), 1.0)
    weights = {name: tensor.clone() for name, tensor in model.model.state_dict().items()}
    guided = svd.small_guider(model)
    assert is_untouched(svd, model)
    svd.sampled(guided)
    assert not model.object_patches
    assert not model.additional_models
    assert attention_module.KEY not in model.model_options["transformer_options"]
    assert torch.equal(svd.predicted(svd.plain(model), svd.small_noisy(1.0), 1.0), before)
    assert is_untouched(svd, model)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.model.state_dict().items())


def test_outside_of_the_guider_the_layers_are_their_own(svd, model):
    """The host leaves a loaded model as it is until it is wanted again; other clones may run in between."""
    svd.predicted(svd.small_guider(model), svd.small_noisy(1.0), 1.0)
    assert not is_untouched(svd, model)
    x = torch.randn(3, FRAMES, 32)
    layer = svd.layers_of(model)["input_blocks.1.1.time_stack.0.attn1"]
    with torch.inference_mode():
        assert torch.equal(layer(x), type(layer).forward(layer, x))
        assert torch.equal(layer(x, context=2 * x, value=3 * x), type(layer).forward(layer, x, 2 * x, 3 * x))


@pytest.fixture(scope="module")
def undisturbed(svd):
    """What one evaluation makes of a model that nothing has happened to."""
    return cache(lambda memory: svd.predicted(svd.small_guider(svd.load(), memory=memory), svd.small_noisy(1.0), 1.0))


@pytest.mark.parametrize(
    ("memory", "call"), [(MEMORY[0], 0), (MEMORY[0], 1), *((MEMORY[1], call) for call in range(4))]
)
def test_after_an_error_in_the_midst_the_next_run_is_right(svd, model, undisturbed, memory, call):
    """In any call of the network, when some layers are done: as when a run is interrupted or memory runs out."""
    x, calls = svd.small_noisy(1.0), []
    expected = undisturbed(memory)

    def fails(module, given):
        calls.append(1)
        if len(calls) == call + 1:
            raise KeyboardInterrupt

    guided = svd.small_guider(model, memory=memory)
    hook = svd.layers_of(model)["output_blocks.6.1.time_stack.0.attn1"].to_v.register_forward_pre_hook(fails)
    with pytest.raises(KeyboardInterrupt):
        svd.predicted(guided, x, 1.0)
    hook.remove()
    assert torch.equal(svd.predicted(guided, x, 1.0), expected)
    assert torch.equal(svd.predicted(svd.small_guider(model, memory=memory), x, 1.0), expected)


def test_an_interrupt_stops_between_two_calls(svd, model):
    import comfy.model_management

    guided, stops = svd.small_guider(model), []
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


@pytest.fixture(scope="module")
def computing_in(svd):
    """A model that computes in a type."""

    def converted(dtype):
        model = svd.load()
        model.model.diffusion_model.to(dtype).dtype = dtype
        return model

    return cache(converted)


@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize(("dtype", "most"), [(torch.float16, 1.5e-2), (torch.bfloat16, 1e-1)])
def test_half_precision(svd, computing_in, memory, dtype, most):
    """As GPUs compute: each evaluation from the published one's latents on, by its relative error."""
    model = computing_in(dtype)
    expected = stored_outputs()["uniform 0"]
    guided = svd.guider(model, memory=memory)
    made = svd.predicted(guided, inputs()["noise"] * (700.0**2 + 1) ** 0.5, 700.0)
    assert model.model.get_dtype_inference() == dtype
    assert (made - expected).square().mean().sqrt() / expected.square().mean().sqrt() < most


@pytest.fixture(scope="module")
def in_8_bits(svd):
    """A model with weights in 8 bits, and one with the same numbers in 32."""
    import comfy.sd
    from golden.gi.weights import seeded_svd, svd_shapes

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
    return quantised, rounded


@pytest.mark.parametrize("memory", MEMORY)
def test_base_weights_in_8_bits(svd, in_8_bits, memory):
    """Only layers are called, so what they make is what the host makes of such weights."""
    quantised, rounded = in_8_bits
    assert svd.layers_of(quantised)["middle_block.1.time_stack.0.attn1"].to_v.weight.dtype == torch.float8_e4m3fn
    made, expected = (
        svd.predicted(svd.small_guider(each, memory=memory), svd.small_noisy(1.0), 1.0) for each in (quantised, rounded)
    )
    torch.testing.assert_close(made, expected, atol=1e-4, rtol=0)


def test_a_change_in_half_precision_is_used_as_it_is(svd, model):
    from comfyui_inbetween.core.svd.reverse_motion import LayerChange, ReverseMotion

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
    made, expected = (
        svd.predicted(svd.small_guider(model, motion=each), svd.small_noisy(1.0), 1.0) for each in (half, rounded)
    )
    assert torch.equal(made, expected)


def test_a_lora_on_the_model_is_used(svd, model):
    """The host's patches of weights, in the layers that are replaced too."""
    key = f"{PREFIX}output_blocks.9.1.time_stack.0.attn1.to_q.weight"
    changed = model.clone()
    changed.add_patches({key: (torch.ones(32, 32),)})
    one, other = (svd.predicted(svd.small_guider(each), svd.small_noisy(1.0), 1.0) for each in (model, changed))
    assert (one - other).abs().max() > 1e-3


def test_guidance_of_other_nodes_is_asked_for_each_direction_in_its_own_time(svd, model):
    """As VideoLinearCFGGuidance does it: the published ramp, one direction after the other."""
    from comfy_extras.nodes_video_model import VideoLinearCFGGuidance

    guided_model = VideoLinearCFGGuidance().patch(model, 1.0)[0]
    ours = svd.predicted(svd.small_guider(model, first_cfg=1.0, last_cfg=3.0), svd.small_noisy(2.0), 2.0)
    theirs = svd.predicted(svd.small_guider(guided_model, first_cfg=3.0, last_cfg=3.0), svd.small_noisy(2.0), 2.0)
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
    svd.predicted(svd.small_guider(model), svd.small_noisy(1.0), 1.0)
    assert asked == [(2, (FRAMES, 4, svd.SMALL, svd.SMALL)), "after"] * 2


# ------------------------------------------------------------------------------------------- what is refused


def test_a_wan_is_refused(svd, wan):
    with pytest.raises(InbetweenError, match="the model is WAN21, not Stable Video Diffusion; connect SVD-XT"):
        svd.guider(wan.load("wan_i2v"))


def test_without_reverse_motion_the_method_needs_another_name(svd, model):
    with pytest.raises(InbetweenError, match=r'reverse_motion is not connected; .*"rotation only"'):
        svd.guider(model, motion=None)


def test_a_change_for_another_width_is_refused(svd, model):
    from comfyui_inbetween.core.svd.reverse_motion import LayerChange, ReverseMotion

    other = ReverseMotion("full size", {layer: LayerChange(*[torch.zeros(320, 320)] * 2) for layer in TEMPORAL_LAYERS})
    with pytest.raises(
        InbetweenError, match=r"full size is for another model: its .* has 320 channels, but .* has 32;"
    ):
        svd.guider(model, motion=other)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (lambda start: start * 2, "start contains 2 conditions"),
        (lambda start: [[start[0][0], {**start[0][1], "mask": torch.ones(1, 16, 16)}]], "start has a mask"),
        (lambda start: [[start[0][0], {**start[0][1], "area": (4, 4, 0, 0)}]], "start has an area"),
        (lambda start: [[start[0][0], {**start[0][1], "start_percent": 0.2}]], "start has a range of timesteps"),
        (lambda start: [[start[0][0], {}]], "start is not conditioning for SVD: it has no image"),
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

    with pytest.raises(
        InbetweenError, match="another node already sets the guidance of the model, such as VideoLinearCFGGuidance"
    ):
        svd.guider(VideoLinearCFGGuidance().patch(model, 1.0)[0], **svd.WEIGHTED)


def test_context_windows_are_refused(svd, model):
    model.model_options["context_handler"] = object()
    with pytest.raises(InbetweenError, match="the model has Context Windows"):
        svd.guider(model)


def test_copies_for_several_gpus_are_refused(svd, model):
    model.set_additional_models("multigpu", [model.clone()])
    with pytest.raises(InbetweenError, match="the model has copies for several GPUs"):
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
    with pytest.raises(InbetweenError, match="another node has replaced self-attention in the model"):
        svd.guider(model)


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ((FRAMES, 4, 16, 24), "the latent is for 192x128 pixels but start is for 128x128"),
        (
            (1, 16, 2, 16, 16),
            r"the latent has shape \(1, 16, 2, 16, 16\), but SVD takes \(frames, 4, height, width\)",
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
    with pytest.raises(
        InbetweenError, match=r"the sampled latent has NaN or infinite values in frame 1 and 2 more of 5"
    ):
        svd.sampled(svd.small_guider(model), repeats=0, steps=1)
