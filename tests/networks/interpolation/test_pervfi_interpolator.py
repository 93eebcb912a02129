"""PerVFI over a sequence: padding, noise, primary frame, memory."""

import gc

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.flow.optical_flow import DisFlow
from comfyui_inbetween.core.timing.moments import locate, moments_by_multiplier
from comfyui_inbetween.networks.interpolation.pervfi import build
from comfyui_inbetween.networks.interpolation.pervfi import interpolator as module
from comfyui_inbetween.networks.interpolation.pervfi.interpolator import PerVFIInterpolator, photometric_distance
from comfyui_inbetween.networks.interpolation.pervfi.settings import PerVFISettings
from comfyui_inbetween.samplers.interpolation.frame_interpolation import interpolate_frames
from example_values import moving_clip
from golden.pervfi.weights import seeded_weights

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def networks():
    return {variant: build(seeded_weights(variant)) for variant in ("v00", "vb")}


class Flow:
    """A flow that is told."""

    name = "flow as told"

    def __init__(self, forward_2HW, backward_2HW):
        self.flows = forward_2HW, backward_2HW

    def both_ways(self, first_HWC, second_HWC):
        return self.flows


def engine(networks, variant="vb", flow=None, **settings):
    return PerVFIInterpolator(networks[variant], flow or DisFlow(), PerVFISettings(**settings))


def frame(interpolator, clip, *times):
    return interpolator.prepare(clip[0], clip[1]).render(list(times)).frames_THWC


def test_it_is_the_network_on_the_flow(networks):
    """Of a size that is no multiple of 8, with noise from the seed."""
    clip = moving_clip(2, 43, 61)
    flow = Flow(torch.full((2, 43, 61), 2.5), torch.full((2, 43, 61), -1.5))
    made = frame(engine(networks, "v00", flow, temperature=0.5, seed=7), clip, 0.25)
    assert made.shape == (1, 43, 61, 3)
    first, second = (each.movedim(2, 0)[None] for each in clip)
    with torch.no_grad():
        expected = networks["v00"].render(
            first,
            second,
            *(each[None] for each in flow.flows),
            0.25,
            temperature=0.5,
            generator=torch.Generator().manual_seed(7),
        )
    torch.testing.assert_close(made[0], expected[0].movedim(0, 2).clamp(0, 1), rtol=0, atol=2e-5)


def test_the_seed_is_the_noise(networks):
    clip = moving_clip(2)
    made = frame(engine(networks, "v00", seed=3), clip, 0.25, 0.5)
    assert torch.equal(made, frame(engine(networks, "v00", seed=3), clip, 0.25, 0.5))
    assert (made - frame(engine(networks, "v00", seed=4), clip, 0.25, 0.5)).abs().max() > 0.01
    assert frame(engine(networks, "v00", seed=2**64 - 1), clip, 0.5).isfinite().all()  # the largest the node takes
    # A frame does not depend on which others are made with it.
    torch.testing.assert_close(made[1:], frame(engine(networks, "v00", seed=3), clip, 0.5), rtol=0, atol=2e-5)
    assert torch.equal(
        frame(engine(networks, "v00", seed=3, temperature=0.0), clip, 0.5),
        frame(engine(networks, "v00", seed=4, temperature=0.0), clip, 0.5),
    )


def test_the_nearer_frame_may_be_primary(networks):
    clip = moving_clip(2)
    there = frame(engine(networks), clip, 0.25, 0.75)
    nearer = frame(engine(networks, primary_frame="nearer"), clip, 0.25, 0.75)
    backward = frame(engine(networks), clip.flip(0), 0.25)
    torch.testing.assert_close(nearer[0], there[0], rtol=0, atol=2e-5)
    torch.testing.assert_close(nearer[1], backward[0], rtol=0, atol=2e-5)
    assert (nearer[1] - there[1]).abs().max() > 0.01


def test_of_both_the_better_is_kept(networks, monkeypatch):
    clip = moving_clip(2)
    forth, back = frame(engine(networks), clip, 0.25), frame(engine(networks), clip.flip(0), 0.75)
    pair = engine(networks).prepare(clip[0], clip[1]).pair
    scores = [photometric_distance(each[0].movedim(2, 0), pair, 0.25) for each in (forth, back)]
    kept = frame(engine(networks, primary_frame="both"), clip, 0.25)
    torch.testing.assert_close(kept, forth if scores[0] <= scores[1] else back, rtol=0, atol=2e-5)
    monkeypatch.setattr(module, "photometric_distance", lambda frame, *_: float(-frame.sum()))
    other = frame(engine(networks, primary_frame="both"), clip, 0.25)
    torch.testing.assert_close(other, forth if forth.sum() > back.sum() else back, rtol=0, atol=2e-5)


def test_a_frame_strays_from_both_it_was_made_of(networks):
    """The frame half-way between two is nearer than one in which everything is elsewhere, or grey."""
    clip = moving_clip(3)
    pair = engine(networks).prepare(clip[0], clip[2]).pair
    true, wrong = (photometric_distance(clip[number].movedim(2, 0), pair, 0.5) for number in (1, 0))
    assert true < wrong
    assert true < photometric_distance(torch.full((3, 48, 64), 0.5), pair, 0.5)


def test_each_frame_is_encoded_once(networks, monkeypatch):
    encoded = []
    original = networks["vb"].features
    monkeypatch.setattr(networks["vb"], "features", lambda given: encoded.append(1) or original(given))
    clip = moving_clip(4, 32, 40)
    result = torch.empty(7, 32, 40, 3)
    interpolate_frames(clip, locate(moments_by_multiplier(4, 2), range(4)), engine(networks), result)
    assert len(encoded) == 4


def test_memory_is_that_of_two_pairs_however_long(networks):
    """What is alive while the last of many pairs is made is no more than while the second is."""
    alive, made = [], []

    class Watched(PerVFIInterpolator):
        def prepare(self, first_HWC, second_HWC):
            pair = super().prepare(first_HWC, second_HWC)
            made.append(1)
            if len(made) not in (2, 4):
                return pair
            gc.collect()
            storages = {
                each.untyped_storage().data_ptr(): each.nbytes
                for each in gc.get_objects()
                if issubclass(type(each), torch.Tensor)
            }
            alive.append(sum(storages.values()))
            return pair

    clip = moving_clip(5, 32, 40)
    interpolator = Watched(networks["vb"], DisFlow(), PerVFISettings())
    interpolate_frames(clip, locate(moments_by_multiplier(5, 2), range(5)), interpolator, torch.empty(9, 32, 40, 3))
    second, last = alive
    assert last <= 1.01 * second


def test_parts_follow_from_free_memory(networks):
    def tiles(free_gib, height, width):
        interpolator = PerVFIInterpolator(networks["vb"], DisFlow(), PerVFISettings(), free_bytes=free_gib * 2**30)
        return interpolator.count_tiles(height, width)

    assert tiles(80, 1080, 1920) == 1
    assert 1 < tiles(8, 1080, 1920) < tiles(5, 1080, 1920) < 16
    assert 1 < tiles(24, 2160, 3840) < tiles(16, 2160, 3840) < 64
    assert tiles(0, 1080, 1920) == 1080 * 1920 // 256**2
    assert tiles(0, 64, 96) == 1


def test_out_of_memory_halves_the_parts_until_it_fits(networks, monkeypatch):
    monkeypatch.setattr(module, "SMALLEST_TILE_PIXELS", 32 * 32)
    tried = []
    original = module.PerVFIPair._render

    def scarce(self, pair, times, tiles):
        tried.append((len(times), tiles))
        if len(times) > 1 or tiles < 4:
            raise torch.OutOfMemoryError
        return original(self, pair, times, tiles)

    clip = moving_clip(2, 64, 80)
    whole = frame(engine(networks), clip, 0.25, 0.5, 0.75)
    monkeypatch.setattr(module.PerVFIPair, "_render", scarce)
    result = torch.empty(5, 64, 80, 3)
    interpolate_frames(clip, locate(moments_by_multiplier(2, 4), range(2)), engine(networks), result, batch=3)
    assert tried == [(3, 1), (1, 1), (1, 2), (1, 4), (1, 4), (1, 4)]
    torch.testing.assert_close(result[1:4], whole, rtol=0, atol=1e-3)


def test_when_nothing_helps_the_error_stays(networks, monkeypatch):
    def never(*_):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(module.PerVFIPair, "_render", never)
    with pytest.raises(torch.OutOfMemoryError):
        frame(engine(networks), moving_clip(2, 32, 40), 0.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": -1.0}, "temperature is -1; give 0 or more"),
        ({"primary_frame": "last"}, 'primary_frame is "last"; choose one of first, nearer, both'),
    ],
)
def test_settings_out_of_range_are_told_before_anything_is_done(networks, settings, message):
    with pytest.raises(InbetweenError, match=message):
        engine(networks, **settings)


def test_frames_without_motion_to_find_are_refused(networks):
    """Whatever the source of the flow."""
    flow = Flow(torch.zeros(2, 1, 9), torch.zeros(2, 1, 9))
    with pytest.raises(InbetweenError, match="the images are 9x1 but optical flow needs 16x16 or more"):
        engine(networks, flow=flow).prepare(*torch.zeros(2, 1, 9, 3))


def test_reports_name_variant_and_flow(networks):
    assert engine(networks, "v00").name == "PerVFI v00 with weight-free flow"
