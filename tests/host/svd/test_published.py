"""The guider of both directions: against the published code, its two ways against each other, and its baselines."""

from itertools import pairwise

import pytest
import torch
from comfyui_inbetween.networks.svd.names import TEMPORAL_LAYERS
from golden.gi.cases import FRAMES, RUNS, inputs, stored_outputs

MEMORY = ("both directions at once", "one direction at a time")


# ------------------------------------------------------------------------------------------- the published code


# One direction at a time, every evaluation is held to the published one below, from the stored latents on.
@pytest.mark.parametrize(("run", "memory"), [*((run, MEMORY[0]) for run in RUNS), ("plain", MEMORY[1])])
def test_every_evaluation_and_the_end_are_those_of_the_published_code(svd, model, run, memory):
    latent, seen = svd.stored_run(model, run, memory=memory)
    stored = stored_outputs()
    assert len(seen) == sum(name.startswith(f"{run} ") for name in stored) - 1
    for number, denoised in enumerate(seen):
        torch.testing.assert_close(denoised, stored[f"{run} {number}"], atol=2e-4, rtol=0)
    torch.testing.assert_close(latent, stored[f"{run} final"], atol=1e-3, rtol=0)


def test_without_maps_as_on_gpus_it_is_the_same(svd, model, monkeypatch):
    """Of the two ways to compute paired attention the one that this machine would not take."""
    from comfyui_inbetween.samplers.svd import dual_direction

    monkeypatch.setattr(dual_direction, "MAPS_ARE_FASTER", ())
    _, seen = svd.stored_run(model, "plain", memory=MEMORY[0])
    for number, denoised in enumerate(seen):
        torch.testing.assert_close(denoised, stored_outputs()[f"plain {number}"], atol=2e-4, rtol=0)


@pytest.mark.parametrize("run", RUNS)
def test_from_the_stored_latents_on_every_evaluation_is_the_published_one(svd, model, run):
    """Teacher-forced: no evaluation gets what another one made of rounding."""
    stored, sigmas = stored_outputs(), svd.sigmas()
    guided = svd.guider(model, memory=MEMORY[1], **(svd.WEIGHTED if run == "weighted" else {}))
    x, number = inputs()["noise"] * (sigmas[0] ** 2 + 1).sqrt(), 0
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        for repeat in range((RUNS[run] if step == 0 else 0) + 1):
            if repeat:
                x = x + svd.injected_noise(step, repeat - 1) * (sigma**2 - following**2).sqrt()
            expected = stored[f"{run} {number}"]
            torch.testing.assert_close(svd.predicted(guided, x, float(sigma)), expected, atol=2e-4, rtol=0)
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
    made = svd.predicted(svd.guider(model, **settings), inputs()["noise"] * (700.0**2 + 1) ** 0.5, 700.0)
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
    monkeypatch.setattr(svd, "ends", lambda size: right[::-1])
    assert_is_seen(svd, model)


def test_weights_by_frame_in_the_place_of_the_average_are_seen(svd, model):
    assert_is_seen(svd, model, **svd.WEIGHTED)


# ------------------------------------------------------------------------------------------- its own measures


@pytest.mark.parametrize("method", ["generative inbetweening", "rotation only", "time reversal fusion"])
@pytest.mark.parametrize("sigma", [700.0, 1.0])
def test_one_direction_at_a_time_is_the_same(svd, model, method, sigma):
    x = svd.small_noisy(sigma)
    both, single = (svd.predicted(svd.small_guider(model, method=method, memory=memory), x, sigma) for memory in MEMORY)
    torch.testing.assert_close(single, both, atol=1e-5, rtol=0)


def test_maps_may_wait_in_main_memory(svd, model, guider_module, monkeypatch):
    """Where there is room for nothing; on this machine it is the same memory."""
    expected = svd.predicted(svd.small_guider(model, memory=MEMORY[1]), svd.small_noisy(1.0), 1.0)
    monkeypatch.setattr(type(model), "get_free_memory", lambda *_: 0)
    guided = svd.small_guider(model, memory=MEMORY[1])
    assert torch.equal(svd.predicted(guided, svd.small_noisy(1.0), 1.0), expected)
    assert guided._maps_device == torch.device("cpu")


@pytest.mark.parametrize("enough", [True, False])
def test_auto_chooses_by_free_memory(svd, model, monkeypatch, enough):
    """The host's own rule for a batch of twice the frames: half as much again as it estimates."""
    needed = model.model.memory_required([2 * FRAMES, 4, svd.SMALL, svd.SMALL]) * 1.5
    monkeypatch.setattr(type(model), "get_free_memory", lambda *_: needed + (1 if enough else -1))
    guided = svd.small_guider(model)
    svd.sampled(guided, repeats=0, steps=1)
    assert guided._evaluate == (guided._both_at_once if enough else guided._one_at_a_time)


def test_by_choice_room_is_made_for_twice_the_frames(svd, model):
    from comfy.patcher_extension import WrappersMP

    asked = []

    def watched(executor, patcher, shape, *args, **kwargs):
        asked.append(shape[0])
        return executor(patcher, shape, *args, **kwargs)

    for memory in ("auto", *MEMORY):
        guided = svd.small_guider(model, memory=memory)
        guided.model_patcher.add_wrapper(WrappersMP.PREPARE_SAMPLING, watched)  # within the guider's own
        svd.predicted(guided, svd.small_noisy(1.0), 1.0)
    assert asked == [FRAMES, 2 * FRAMES, FRAMES]


@pytest.mark.parametrize(("memory", "kept"), list(zip(MEMORY, ([0, 0], [16, 0, 16, 0]), strict=True)))
def test_maps_are_kept_for_one_half_of_the_guidance_at_most(svd, model, attention_module, memory, kept):
    """Counted after each call of the network: none of both clips at once; else those of the forward one, until used."""
    counts = []

    def watched(executor, *args, **kwargs):
        made = executor(*args, **kwargs)
        options = next(each for each in args if isinstance(each, dict) and attention_module.KEY in each)
        counts.append(len(options[attention_module.KEY].maps))
        return made

    model.add_wrapper("diffusion_model", watched)
    svd.predicted(svd.small_guider(model, memory=memory), svd.small_noisy(1.0), 1.0)
    assert counts == kept


def test_two_runs_with_one_seed_are_equal_to_the_bit(svd, model):
    first, _ = svd.sampled(svd.small_guider(model), steps=2, repeats=1)
    torch.rand(3)  # whatever else draws numbers
    again, _ = svd.sampled(svd.small_guider(model), steps=2, repeats=1)
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
        svd.predicted(svd.small_guider(model, first_cfg=scale, last_cfg=scale), svd.small_noisy(1.0), 1.0)
        assert calls == expected


def test_no_guidance_is_guidance_of_one(svd, model):
    """Guidance by frame, which is one everywhere but for the last digit, evaluates both halves."""
    one = svd.predicted(svd.small_guider(model, first_cfg=1.0, last_cfg=1.0), svd.small_noisy(1.0), 1.0)
    almost = svd.predicted(svd.small_guider(model, first_cfg=1.0, last_cfg=1.0 + 1e-6), svd.small_noisy(1.0), 1.0)
    torch.testing.assert_close(one, almost, atol=1e-5, rtol=0)


# ------------------------------------------------------------------------------------------- baselines


def test_forward_only_is_the_plain_model_to_the_bit(svd, model):
    from comfy_extras.nodes_custom_sampler import SamplerCustomAdvanced

    empty = {"samples": torch.zeros(FRAMES, 4, svd.SMALL, svd.SMALL)}
    with torch.inference_mode():
        stock = SamplerCustomAdvanced.execute(svd.FixedNoise(), svd.plain(model), svd.euler(), svd.sigmas(), empty)[0]
    latent, _ = svd.sampled(svd.small_guider(model, motion=None, method="forward only"), repeats=0)
    assert torch.equal(latent, stock["samples"] * svd.SCALE)


def test_time_reversal_fusion_is_two_plain_runs_averaged(svd, model):
    """The network of the host itself on the same batch, to the bit: nothing is rotated, nothing added."""
    x, sigma = svd.small_noisy(5.0), 5.0
    fused = svd.predicted(
        svd.small_guider(model, motion=None, method="time reversal fusion", memory=MEMORY[0]), x, sigma
    )
    halves = []
    for scale in (0.0, 1.0):
        ends = [
            (scale * embedding, scale * values["concat_latent_image"].expand(FRAMES, -1, -1, -1))
            for ((embedding, values),) in svd.ends(svd.SMALL)
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
    from comfyui_inbetween.core.svd.reverse_motion import LayerChange, ReverseMotion
    from comfyui_inbetween.host.svd import dual_direction

    zero = ReverseMotion(
        "zero",
        {
            layer: LayerChange(torch.zeros_like(change.to_v), torch.zeros_like(change.to_out))
            for layer, change in svd.reverse_motion().changes.items()
        },
    )
    with_zero = svd.predicted(svd.small_guider(model, motion=zero), svd.small_noisy(2.0), 2.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dual_direction, "UP_LAYERS", tuple(TEMPORAL_LAYERS))
        without = svd.predicted(svd.small_guider(model, motion=None, method="rotation only"), svd.small_noisy(2.0), 2.0)
    assert torch.equal(with_zero, without)


def test_the_methods_differ(svd, model):
    made = [
        svd.predicted(svd.small_guider(model, method=method), svd.small_noisy(2.0), 2.0)
        for method in ("generative inbetweening", "rotation only", "time reversal fusion", "forward only")
    ]
    for number, one in enumerate(made):
        assert all((one - other).abs().max() > 0.1 for other in made[number + 1 :])


def test_rotation_only_is_in_the_up_blocks(svd, model):
    guided = svd.small_guider(model, motion=None, method="rotation only")
    assert len(guided.model_patcher.object_patches) == 9
    assert all(".output_blocks." in name for name in guided.model_patcher.object_patches)
