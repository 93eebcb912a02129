"""The pretend GPU runs out of memory: what gives way, what is told, and what is left behind."""

import pytest
import torch
from device_runs import AT_ONCE, ENGINES, ONE_BY_ONE, engine, interpolated
from pretend_device import MEMORY

SEVERAL_AT_ONCE = 1e-5


@pytest.fixture
def refusals():
    """How often memory was refused since the test began."""
    before = MEMORY.refusals
    return lambda: MEMORY.refusals - before


@pytest.mark.parametrize("name", ["weight-free", "PerVFI vb"])
def test_fewer_frames_at_once(tiny_models, on_device, refusals, name):
    """With room for one frame at a time and a half, a batch is halved until it fits, and the frames are the same."""
    with on_device():
        given = engine(name)
        expected = interpolated(name, given=given)
        whole, single = (MEMORY.peak_of(lambda many=many: interpolated(name, many, given=given)) for many in (5, 2))
        assert single < 0.8 * whole
        with MEMORY.limited_to((whole + single) // 2):
            found = interpolated(name, given=given)
        assert refusals() in (1, 2)
    torch.testing.assert_close(found, expected, rtol=0, atol=SEVERAL_AT_ONCE)


def test_a_frame_in_tiles(tiny_models, on_device, refusals, monkeypatch):
    """A frame of its own that does not fit is cut in two, whose frames are the same."""
    from comfyui_inbetween.networks.interpolation.pervfi import interpolator

    monkeypatch.setattr(interpolator, "SMALLEST_TILE_PIXELS", 8 * 8)
    parts = []
    with on_device():
        given = engine("PerVFI v00")
        expected = interpolated("PerVFI v00", 2, given=given)
        made = interpolator.PerVFIPair._made

        def watched(frames, pair, times, cut_in):
            parts.append(cut_in)
            if len(parts) == 1:
                with MEMORY.failing_at(100):
                    return made(frames, pair, times, cut_in)
            return made(frames, pair, times, cut_in)

        monkeypatch.setattr(interpolator.PerVFIPair, "_made", watched)
        found = interpolated("PerVFI v00", 2, given=given)
        assert refusals() == 1
    assert parts == [1, 2, 2]
    torch.testing.assert_close(found, expected, rtol=0, atol=SEVERAL_AT_ONCE)


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_that_ran_out_works_again(tiny_models, on_device, name):
    with on_device():
        given = engine(name)
        expected = interpolated(name, 2, 2, given)
        with MEMORY.limited_to(1000), pytest.raises(torch.OutOfMemoryError):
            interpolated(name, 2, 2, given)
        assert torch.equal(interpolated(name, 2, 2, given), expected)


@pytest.mark.parametrize("memory", [AT_ONCE, ONE_BY_ONE])
def test_both_directions_that_ran_out_work_again(svd, tiny_models, on_device, memory):
    """In the middle of an evaluation, with maps of half of the layers kept."""
    x = svd.noisy(1.0)
    with on_device():
        guided = svd.guider(svd.load(), memory=memory)
        started = MEMORY.allocations
        expected = svd.predicted(guided, x, 1.0).cpu()
        with MEMORY.failing_at((MEMORY.allocations - started) // 2), pytest.raises(torch.OutOfMemoryError):
            svd.predicted(guided, x, 1.0)
        assert torch.equal(svd.predicted(guided, x, 1.0).cpu(), expected)


@pytest.fixture
def batches(svd, monkeypatch):
    """How many frames each call of the host's evaluation gets."""
    import comfy.samplers

    seen, evaluate = [], comfy.samplers.calc_cond_batch

    def watched(model, conds, x, *rest):
        seen.append(len(x))
        return evaluate(model, conds, x, *rest)

    monkeypatch.setattr(comfy.samplers, "calc_cond_batch", watched)
    return seen


@pytest.mark.parametrize(("room", "times"), [(40 * 1024**3, 2), (10_000_000, 1)], ids=["much", "little"])
def test_by_itself_the_guider_takes_what_there_is_room_for(svd, on_the_cpu, on_device, batches, room, times):
    """Where twice the frames do not fit, one direction after the other, which gives the same."""
    from golden.gi.cases import FRAMES

    x = svd.noisy(1.0)
    expected = on_the_cpu("SVD, one direction at a time")
    batches.clear()
    with on_device(room=room):
        guided = svd.guider(svd.load(), memory="auto", **svd.WEIGHTED)
        guided.model_patcher.model.memory_usage_factor *= 4  # twice the frames take more than the host keeps free
        found = svd.predicted(guided, x, 1.0).cpu()
    assert set(batches) == {times * FRAMES}
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-4)


def test_decoding_says_what_to_do(tiny_models, on_device):
    from comfyui_inbetween.core.errors import InbetweenError
    from comfyui_inbetween.host.svd.video_decode import decode_in_chunks
    from node_examples import EXAMPLES

    with on_device(), torch.inference_mode():
        (example,) = EXAMPLES["InbetweenVideoDecode"]()
        decode_in_chunks(example["vae"], example["samples"], 2)
        with MEMORY.limited_to(20_000), pytest.raises(InbetweenError, match=r"decode 2 frames at a time; set .* to 1"):
            decode_in_chunks(example["vae"], example["samples"], 2)
