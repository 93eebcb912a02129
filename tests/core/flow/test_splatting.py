"""Forward warping: against the equations written out pixel by pixel, and what must hold for any flow."""

import math

import hypothesis.strategies as st
import pytest
import torch
from comfyui_inbetween.core.flow.splatting import EPSILONS, MODES, SplatGeometry, splat
from hypothesis import given, settings

sizes = st.tuples(st.integers(1, 6), st.integers(1, 7))
seeds = st.integers(0, 10_000)


def noise(seed, *shape, scale=1.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def spelled_out(values_CHW, flow_2HW, mode, importance_HW=None, epsilon="addeps"):
    """Equations 3 to 12 of the paper, pixel by pixel, in double precision."""
    channels, height, width = values_CHW.shape
    sums = torch.zeros(channels, height, width, dtype=torch.float64)
    weights = torch.zeros(height, width, dtype=torch.float64)
    for y in range(height):
        for x in range(width):
            to_x, to_y = x + flow_2HW[0, y, x].item(), y + flow_2HW[1, y, x].item()
            if not (math.isfinite(to_x) and math.isfinite(to_y)):
                continue
            factor = {"linear": lambda z: z, "softmax": math.exp}.get(mode, lambda _: 1.0)(
                0.0 if importance_HW is None else importance_HW[y, x].item()
            )
            for row in (math.floor(to_y), math.floor(to_y) + 1):
                for column in (math.floor(to_x), math.floor(to_x) + 1):
                    if 0 <= row < height and 0 <= column < width:
                        share = (1 - abs(to_x - column)) * (1 - abs(to_y - row)) * factor
                        sums[:, row, column] += share * values_CHW[:, y, x].double()
                        weights[row, column] += share
    if mode == "sum":
        return sums
    divisor = {
        "addeps": weights + 1e-7,
        "zeroeps": torch.where(weights == 0, 1.0, weights),
        "clipeps": weights.clamp(min=1e-7),
    }[epsilon]
    return sums / divisor


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("epsilon", EPSILONS)
def test_it_is_the_equations(mode, epsilon):
    values, flow = noise(1, 2, 3, 6, 7), noise(2, 2, 2, 6, 7, scale=3.0)
    importance = noise(3, 2, 1, 6, 7).abs() if mode in ("linear", "softmax") else None
    warped = splat(values, flow, mode, importance, epsilon)
    for sample in range(2):
        expected = spelled_out(
            values[sample], flow[sample], mode, None if importance is None else importance[sample, 0], epsilon
        )
        torch.testing.assert_close(warped[sample].double(), expected, rtol=1e-4, atol=1e-5)


@given(sizes, seeds)
@settings(max_examples=40)
def test_what_stays_inside_is_all_there(size, seed):
    """Mass conservation: with targets inside the frame, sums before and after are equal."""
    height, width = size
    values = noise(seed, 1, 2, height, width)
    generator = torch.Generator().manual_seed(seed)
    target_x = torch.rand(1, height, width, generator=generator) * (width - 1)
    target_y = torch.rand(1, height, width, generator=generator) * (height - 1)
    flow = torch.stack([target_x - torch.arange(width), target_y - torch.arange(height)[:, None]], dim=1)
    before, after = values.sum(dim=(2, 3)), splat(values, flow, "sum").sum(dim=(2, 3))
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)


@given(sizes, seeds, st.floats(-20, 20), st.floats(-20, 20))
@settings(max_examples=40)
def test_nothing_is_added(size, seed, move_x, move_y):
    """What partly or wholly leaves the frame only gets less."""
    values = noise(seed, 1, 1, *size).abs()
    flow = noise(seed + 1, 1, 2, *size) + torch.tensor([move_x, move_y]).view(1, 2, 1, 1)
    assert splat(values, flow, "sum").sum() <= values.sum() * (1 + 1e-5) + 1e-6


@given(sizes, seeds)
@settings(max_examples=20)
def test_no_motion_changes_nothing(size, seed):
    values, still = noise(seed, 2, 3, *size), torch.zeros(2, 2, *size)
    importance = noise(seed + 1, 2, 1, *size)
    torch.testing.assert_close(splat(values, still, "sum"), values)
    torch.testing.assert_close(splat(values, still, "average"), values)
    torch.testing.assert_close(splat(values, still, "linear", importance.abs() + 0.1), values, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(splat(values, still, "softmax", importance), values, rtol=1e-4, atol=1e-5)


@given(st.integers(-9, 9), st.integers(-9, 9), seeds)
@settings(max_examples=30)
def test_whole_pixels_are_a_shift(right, down, seed):
    values = noise(seed, 1, 2, 6, 7)
    flow = torch.tensor([float(right), float(down)]).view(1, 2, 1, 1).expand(1, 2, 6, 7)
    shifted = torch.zeros_like(values)
    for y in range(6):
        for x in range(7):
            if 0 <= y + down < 6 and 0 <= x + right < 7:
                shifted[:, :, y + down, x + right] = values[:, :, y, x]
    torch.testing.assert_close(splat(values, flow, "sum"), shifted)


def test_channel_0_is_x():
    values = torch.zeros(1, 1, 4, 5)
    values[0, 0, 1, 1] = 1
    flow = torch.zeros(1, 2, 4, 5)
    flow[:, 0] = 2
    assert splat(values, flow, "sum")[0, 0, 1, 3] == 1


def test_half_a_pixel_is_shared():
    values = torch.zeros(1, 1, 3, 4)
    values[0, 0, 1, 1] = 8
    warped = splat(values, torch.full((1, 2, 3, 4), 0.5), "sum")[0, 0]
    assert warped[1:3, 1:3].tolist() == [[2, 2], [2, 2]]


def test_at_the_edge_the_inner_share_stays():
    values = torch.ones(1, 1, 1, 3)
    flow = torch.zeros(1, 2, 1, 3)
    flow[:, 0] = -0.25
    assert splat(values, flow, "sum")[0, 0, 0].tolist() == [1.0, 1.0, 0.75]


@pytest.mark.parametrize("wild", [math.nan, math.inf, -math.inf, 1e12, -1e12, 3e38])
def test_wild_targets_are_dropped_and_spoil_nothing(wild):
    values, flow = noise(5, 1, 2, 5, 5), noise(6, 1, 2, 5, 5)
    flow[0, :, 2, 3] = wild
    expected = spelled_out(values[0], flow[0], "average")
    torch.testing.assert_close(splat(values, flow, "average")[0].double(), expected, rtol=1e-4, atol=1e-5)


def test_a_nan_that_lands_outside_stays_outside():
    values, flow = torch.ones(1, 1, 4, 4), torch.zeros(1, 2, 4, 4)
    values[0, 0, 0, 0] = math.nan
    flow[0, :, 0, 0] = -3
    assert splat(values, flow, "sum").isfinite().all()


def test_the_important_pixel_wins():
    """Two pixels land on one: the average is between, softmax takes the one with the larger importance."""
    values = torch.tensor([[[[10.0, 20.0]]]])
    flow = torch.zeros(1, 2, 1, 2)
    flow[0, 0, 0, 0] = 1
    importance = torch.tensor([[[[0.0, 9.0]]]])
    assert splat(values, flow, "average")[0, 0, 0, 1] == pytest.approx(15, abs=1e-4)
    assert splat(values, flow, "softmax", importance)[0, 0, 0, 1] == pytest.approx(20, abs=0.01)
    assert splat(values, flow, "softmax", -importance)[0, 0, 0, 1] == pytest.approx(10, abs=0.01)


def test_the_size_of_the_weights_counts():
    """No maximum is subtracted from the importance: with "addeps" a very unimportant pixel fades towards 0."""
    values, still = torch.ones(1, 1, 2, 2), torch.zeros(1, 2, 2, 2)
    faint = math.log(1e-7)
    assert splat(values, still, "softmax", torch.full((1, 1, 2, 2), faint))[0, 0, 0, 0] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("mode", MODES)
def test_gradients(mode):
    """Against numerical ones, in values, flow and importance; the flow stays clear of whole pixels."""
    values = noise(1, 1, 2, 4, 4).double().requires_grad_()
    flow = (noise(2, 1, 2, 4, 4).double().round() + 0.3).requires_grad_()
    inputs = (values, flow)
    if mode in ("linear", "softmax"):
        inputs += ((noise(3, 1, 1, 4, 4).double().abs() + 0.5).requires_grad_(),)
        assert torch.autograd.gradcheck(lambda v, f, z: splat(v, f, mode, z), inputs)
    else:
        assert torch.autograd.gradcheck(lambda v, f: splat(v, f, mode), inputs)


def test_half_precision_is_computed_in_single():
    values, flow = noise(1, 1, 1, 3, 600).half(), noise(2, 1, 2, 3, 600)
    warped = splat(values, flow, "average")
    assert warped.dtype == torch.float16
    torch.testing.assert_close(warped, splat(values.float(), flow, "average").half())


def test_one_geometry_serves_many_values():
    values, flow = noise(1, 2, 3, 5, 6), noise(2, 2, 2, 5, 6)
    geometry = SplatGeometry.of(flow)
    torch.testing.assert_close(geometry.splat(values), splat(values, flow, "sum"))
    torch.testing.assert_close(geometry.splat(2 * values), 2 * splat(values, flow, "sum"))
    with pytest.raises(ValueError, match="do not fit"):
        geometry.splat(noise(3, 2, 3, 6, 5))


def test_inputs_are_left_alone():
    values, flow, importance = noise(1, 1, 2, 4, 4), noise(2, 1, 2, 4, 4), noise(3, 1, 1, 4, 4)
    copies = values.clone(), flow.clone(), importance.clone()
    splat(values, flow, "softmax", importance)
    assert all(torch.equal(now, before) for now, before in zip((values, flow, importance), copies, strict=True))


@pytest.mark.parametrize(
    ("mode", "importance", "epsilon", "message"),
    [
        ("nearest", None, "addeps", "use one of sum, average, linear, softmax"),
        ("softmax", None, "addeps", "takes an importance"),
        ("average", torch.zeros(1, 1, 2, 2), "addeps", "takes no importance"),
        ("average", None, "none", "use one of addeps, zeroeps, clipeps"),
    ],
)
def test_wrong_calls_are_named(mode, importance, epsilon, message):
    with pytest.raises(ValueError, match=message):
        splat(torch.zeros(1, 1, 2, 2), torch.zeros(1, 2, 2, 2), mode, importance, epsilon)
