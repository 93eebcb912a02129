"""PerVFI against the published modules (golden/pervfi/cases.py), and what must hold beyond the stored cases."""

import copy
import dataclasses

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.flow.splatting import splat
from comfyui_inbetween.networks.interpolation.pervfi import (
    alignment,
    blending,
    build,
    convolutional_decoder,
    draw_noise,
    encoder,
    front_end,
)
from comfyui_inbetween.networks.interpolation.pervfi.encoder import FeatureEncoder, ImportanceMetric
from comfyui_inbetween.networks.interpolation.pervfi.front_end import FrontEnd
from comfyui_inbetween.networks.interpolation.pervfi.normalizing_flow import Coupling, Mixing
from comfyui_inbetween.networks.interpolation.pervfi.tiles import tiles_of
from golden.pervfi.cases import CASES, inputs_of, splat_inputs, stored_outputs
from golden.pervfi.weights import VARIANTS, published_shapes, seeded_weights

pytestmark = pytest.mark.models

TOLERANCE = 5e-5
ENCODED = "v00 three quarters, batch of 2"


@pytest.fixture(scope="module")
def networks():
    """Both variants with the weights of the stored outputs."""
    return {variant: build(seeded_weights(variant)) for variant in VARIANTS}


@pytest.fixture(scope="module")
def stored():
    return stored_outputs()


def rendered(networks, name, **changes):
    case, given = CASES[name], dataclasses.replace(inputs_of(name), **changes)
    with torch.no_grad():
        return networks[case.variant].render(
            given.first, given.second, given.forward, given.backward, case.time, noise=given.noise
        )


def encoded(networks):
    given = inputs_of(ENCODED)
    with torch.no_grad():
        return networks["v00"].encode(
            given.target, given.first, given.second, given.forward, given.backward, CASES[ENCODED].time
        )


def off(made, expected):
    return (made - expected).abs().max().item()


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_names_and_shapes_are_the_published_ones(networks, variant):
    shapes = {name: tuple(tensor.shape) for name, tensor in networks[variant].state_dict().items()}
    assert shapes == published_shapes(variant)


@pytest.mark.parametrize("name", CASES)
def test_frames_equal_the_published_modules(networks, stored, name):
    assert off(rendered(networks, name), stored[name]) < TOLERANCE


def test_encoding_equals_the_published_modules(networks, stored):
    encoding = encoded(networks)
    assert off(encoding.nll_B, stored["nll"]) < TOLERANCE
    for number, latents in enumerate(encoding.latents):
        assert off(latents, stored[f"latent {number}"]) < TOLERANCE


@pytest.mark.parametrize(
    ("published", "mode", "epsilon"),
    [
        ("sum", "sum", "addeps"),
        ("avg", "average", "addeps"),
        ("linear", "linear", "addeps"),
        ("linear-zeroeps", "linear", "zeroeps"),
        ("linear-clipeps", "linear", "clipeps"),
        ("soft", "softmax", "addeps"),
        ("soft-addeps", "softmax", "addeps"),
        ("soft-zeroeps", "softmax", "zeroeps"),
        ("soft-clipeps", "softmax", "clipeps"),
    ],
)
def test_the_splat_alone_equals_the_published_one(stored, published, mode, epsilon):
    values, flow, importance = splat_inputs()
    warped = splat(values, flow, mode, importance if mode in ("linear", "softmax") else None, epsilon)
    expected = stored[f"splat {published}"]
    assert ((warped - expected).abs() / expected.abs().clamp(min=1)).max() < TOLERANCE
    if mode == "softmax":
        others = [other for other in ("addeps", "zeroeps", "clipeps") if other != epsilon]
        assert all(off(splat(values, flow, mode, importance, other), expected) > 1e-2 for other in others)


def test_what_is_encoded_is_decoded_again(networks):
    given = inputs_of(ENCODED)
    assert off(rendered(networks, ENCODED, noise=encoded(networks).noise), given.target) < 1e-4
    # The raw latents are not what the decoder takes, though they have the shapes.
    assert off(rendered(networks, ENCODED, noise=encoded(networks).latents), given.target) > 1e-2


# ------------------------------------------------------------------------------ each likely mistake is seen


def _pair_changed(change):
    original = FrontEnd.pair
    return lambda self, *given: change(original(self, *given))


def _flow_not_rescaled(patch):
    patch.setattr(front_end, "_flows", front_end._pyramid)


def _mask_as_in_the_paper(patch):
    def forward(self, hole, excitation):
        return (self.conv2(self.conv1(hole) * excitation) + 2 * hole).abs().tanh()

    patch.setattr(blending.AdaptiveDilation, "forward", forward)


def _hole_where_half_covered(patch):
    patch.setattr(front_end, "HOLE", 0.5 / (0.5 + 1e-7))


def _no_offsets(patch):
    original = alignment.DeformableConv.forward
    patch.setattr(
        alignment.DeformableConv,
        "forward",
        lambda self, x, offsets, masks, tile: original(self, x, torch.zeros_like(offsets), masks, tile),
    )


def _metric_with_the_other_sign(patch):
    original = front_end._weight
    patch.setattr(front_end, "_weight", lambda unimportance, time: original(-unimportance, time))


def _metric_not_scaled_by_time(patch):
    original = front_end._weight
    patch.setattr(front_end, "_weight", lambda unimportance, time: original(unimportance, torch.full_like(time, 0.5)))


def _edge_repeated_in_the_metric(patch):
    original = encoder.backward_warp
    patch.setattr(encoder, "backward_warp", lambda values, flow, outside: original(values, flow))


def _backward_flow_averaged(patch):
    def averaged(pair):
        return dataclasses.replace(pair, unimportance_back_B1HW=torch.zeros_like(pair.unimportance_back_B1HW))

    patch.setattr(FrontEnd, "pair", _pair_changed(averaged))


def _decoder_not_corner_to_corner(patch):
    patch.setattr(convolutional_decoder, "_doubled", alignment._doubled)


def _upsampled_offsets_not_doubled(patch):
    original = alignment._doubled
    patch.setattr(alignment, "_doubled", lambda x: original(x) / (2 if x.shape[1] in (64, 96) else 1))


def _shift_and_scale_exchanged(patch):
    def exchanged(self, fixed, condition):
        log_scale, shift = self.affine["tail"](torch.cat([fixed, condition], dim=1)).chunk(2, dim=1)
        return shift, self.scale * log_scale.tanh() + self.scale_shift

    patch.setattr(Coupling, "_affine", exchanged)


@pytest.mark.parametrize(
    ("mistake", "name"),
    [
        (_flow_not_rescaled, "v00 half"),
        (_mask_as_in_the_paper, "v00 half"),
        (_hole_where_half_covered, "v00 half"),
        (_no_offsets, "v00 half"),
        (_metric_with_the_other_sign, "v00 half"),
        (_metric_not_scaled_by_time, "v00 quarter with noise"),
        (_edge_repeated_in_the_metric, "v00 half"),
        (_backward_flow_averaged, "v00 large motion"),
        (_decoder_not_corner_to_corner, "vb half"),
        (_upsampled_offsets_not_doubled, "v00 half"),
        (_shift_and_scale_exchanged, "v00 half"),
    ],
)
def test_mistakes_are_seen(networks, stored, monkeypatch, mistake, name):
    mistake(monkeypatch)
    assert off(rendered(networks, name), stored[name]) > 2 * TOLERANCE


# ------------------------------------------------------------------------------ beyond the stored cases


@pytest.mark.parametrize(("height", "width"), [(64, 360), (360, 64)])
def test_a_frame_in_parts_is_the_frame(networks, height, width):
    """Parts see what lies around them, and what is averaged over the frame is averaged over all of it."""
    generator = torch.Generator().manual_seed(0)

    def smooth(channels, cell):
        coarse = torch.rand(1, channels, height // cell + 2, width // cell + 2, generator=generator)
        return torch.nn.functional.interpolate(coarse, scale_factor=cell, mode="bilinear")[:, :, :height, :width]

    network = networks["vb"]
    forward, backward = (60 * (smooth(2, 40) - 0.5) for _ in range(2))
    with torch.no_grad():
        first, second = (network.features(smooth(3, 8) * 2 - 1) for _ in range(2))
        pair = network.pair(first, second, forward, backward)
        time = torch.full((1, 1, 1, 1), 0.5)
        whole, in_parts = network.conditions(pair, time), network.conditions(pair, time, 2)
    assert len(tiles_of(height, width, 2)) == 2
    assert max(off(a, b) for a, b in zip(whole, in_parts, strict=True)) < 2e-5


def test_every_pixel_is_in_one_part():
    for height, width, tiles in ((8, 8, 1), (8, 8, 9), (64, 200, 7), (1080, 1920, 16), (8, 4096, 3)):
        covered = torch.zeros(height, width)
        for tile in tiles_of(height, width, tiles):
            tile.of(covered).add_(1)
        assert (covered == 1).all()


def test_several_times_at_once_are_each_alone(networks):
    given = inputs_of("v00 half")
    network, times = networks["v00"], (0.25, 0.5, 0.75)
    with torch.no_grad():
        first, second = (network.features(frame * 2 - 1) for frame in (given.first, given.second))
        pair = network.pair(first, second, given.forward, given.backward)
        together = network.conditions(pair, torch.tensor(times)[:, None, None, None])
        for number, time in enumerate(times):
            alone = network.conditions(pair, torch.full((1, 1, 1, 1), time))
            assert max(off(a[number], b[0]) for a, b in zip(together, alone, strict=True)) < 2e-5


def test_a_level_without_holes_is_the_first_frame(networks, stored, monkeypatch):
    """Nothing is aligned where nothing is missing, and that is exact: the stored output did align."""

    def refuse(*_):
        raise AssertionError("aligned")

    monkeypatch.setattr(alignment.DeformableAlign, "forward", refuse)
    assert off(rendered(networks, "v00 without holes"), stored["v00 without holes"]) < TOLERANCE


def test_noise_is_drawn_from_the_seed(networks):
    given = inputs_of("v00 odd size")

    def frame(seed, temperature=0.5):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            return networks["v00"].render(
                given.first, given.second, given.forward, given.backward, temperature=temperature, generator=generator
            )

    assert torch.equal(frame(1), frame(1))
    assert off(frame(1), frame(2)) > 1e-2
    assert torch.equal(frame(1, 0.0), frame(2, 0.0))
    assert torch.stack([n.std() for n in draw_noise(1, 64, 64, 0.5)]).sub(0.5).abs().max() < 0.05


def test_inputs_are_left_alone(networks):
    given = inputs_of("v00 odd size")
    copies = [each.clone() for each in (given.first, given.second, given.forward, given.backward, *given.noise)]
    with torch.no_grad():
        networks["v00"].render(given.first, given.second, given.forward, given.backward, noise=given.noise)
    for now, before in zip(
        (given.first, given.second, given.forward, given.backward, *given.noise), copies, strict=True
    ):
        assert torch.equal(now, before)


def test_half_precision_stays_close(networks):
    """The normalising flow, the metric and the splat remain float32; only then is the error this small."""
    half = build(seeded_weights("v00"), dtype=torch.float16)
    assert {tensor.dtype for name, tensor in half.state_dict().items() if "condFLownet" in name} == {
        torch.float32,
        torch.uint8,
    }
    assert half.featurePyramid.netSoftmetric.netInput.weight.dtype == torch.float32
    assert half.multiscaleFuse.stems[0][0].weight.dtype == torch.float16
    assert off(rendered({"v00": half}, "v00 half"), rendered(networks, "v00 half")) < 5e-3


def test_what_was_read_is_inverted_once(networks, stored, monkeypatch):
    """Not for every frame; nothing of it is left once training may change the weights."""

    def refuse(*_):
        raise AssertionError("inverted")

    monkeypatch.setattr(Mixing, "inverse", refuse)
    assert off(rendered(networks, "v00 half"), stored["v00 half"]) < TOLERANCE
    with pytest.raises(AssertionError, match="inverted"):
        rendered({"v00": copy.deepcopy(networks["v00"]).train()}, "v00 half")


def test_each_pair_is_rated_once_for_all_times(networks, monkeypatch):
    given, network = inputs_of("v00 half"), networks["v00"]
    with torch.no_grad():
        first, second = (network.features(frame * 2 - 1) for frame in (given.first, given.second))
        pair = network.pair(first, second, given.forward, given.backward)
        for rated in (FeatureEncoder, ImportanceMetric):
            monkeypatch.setattr(rated, "forward", None)
        splatted = []
        original = front_end.SplatGeometry.of
        monkeypatch.setattr(
            front_end.SplatGeometry, "of", lambda flow: splatted.append(flow.shape[2:]) or original(flow)
        )
        for time in (0.25, 0.5):
            network.conditions(pair, torch.full((1, 1, 1, 1), time))
    # Features and holes of a level share one geometry; the other is that of the backward flow.
    assert splatted == 2 * [(48, 64), (24, 32), (12, 16), (48, 64)]


def test_training_reaches_every_weight():
    """Encoding and decoding are differentiable, and decoding inverts the weights of now, not those of the file."""
    network = build(seeded_weights("v00")).train().requires_grad_(True)
    with torch.no_grad():
        for mixing in network.condFLownet.blocks:
            mixing.actnorm.logs.add_(0.1)
            mixing.flows[3].invconv.weight.mul_(1.1)
    given = inputs_of(ENCODED)
    arguments = (given.first, given.second, given.forward, given.backward, 0.75)
    encoding = network.encode(given.target, *arguments)
    decoded = network.render(*arguments, noise=encoding.noise)
    assert off(decoded, given.target) < 1e-4
    (encoding.nll_B.sum() + network.render(*arguments, noise=given.noise).square().sum()).backward()
    for name, parameter in network.named_parameters():
        if name != "condFLownet.blocks.2.prior.conv.weight":  # which sees zeros only
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().max() > 0, name


# ------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"forward": torch.zeros(1, 2, 24, 32)},
            r"the forward flow has shape \(1, 2, 24, 32\) but the frames need \(1, 2, 48",
        ),
        ({"backward": torch.zeros(1, 3, 48, 64)}, "the backward flow has shape"),
        ({"second": torch.zeros(1, 3, 48, 56)}, "give both the same shape"),
        ({"first": torch.full((1, 3, 48, 64), torch.nan)}, "the first frame has NaN"),
        ({"backward": torch.full((1, 2, 48, 64), torch.inf)}, "the backward flow has NaN or infinite"),
        (
            {"noise": draw_noise(1, 48, 56, 0.3)},
            r"the noise has shapes .* but frames padded to 64x48 need \[\(1, 6, 24, 32\)",
        ),
        ({"noise": draw_noise(2, 48, 64, 0.3)}, "the noise has shapes"),
    ],
)
def test_what_does_not_fit_is_told(networks, changes, message):
    with pytest.raises(InbetweenError, match=message):
        rendered(networks, "v00 half", **changes)


def test_a_target_that_does_not_fit_is_told(networks):
    given = inputs_of("v00 half")
    for target in (torch.zeros(1, 3, 48, 56), torch.full((1, 3, 48, 64), torch.nan)):
        with pytest.raises(
            InbetweenError, match=r"the target has shape \(1, 3, 48, ..\); give finite values with the shape"
        ):
            networks["v00"].encode(target, given.first, given.second, given.forward, given.backward)


def test_vb_has_no_likelihood(networks):
    given = inputs_of("vb half")
    with pytest.raises(InbetweenError, match="load a v00 file"):
        networks["vb"].encode(given.target, given.first, given.second, given.forward, given.backward)


@pytest.mark.parametrize("temperature", [-0.1, float("nan"), float("inf")])
def test_a_temperature_below_0_is_refused(temperature):
    with pytest.raises(InbetweenError, match="give 0 or more"):
        draw_noise(1, 8, 8, temperature)
