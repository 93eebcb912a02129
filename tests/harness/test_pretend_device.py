"""The pretend GPU itself: it refuses what CUDA refuses, allows what CUDA allows, and computes as the CPU does."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from pretend_device import DEVICE, MEMORY, NAME, PretendTensor, promotions
from safetensors.torch import load_file, save_file

OTHER_DEVICE = "Expected all tensors to be on the same device"


@pytest.fixture
def there() -> torch.Tensor:
    return numbers().to(DEVICE)


def numbers() -> torch.Tensor:
    return torch.arange(12.0).view(3, 4)


def same(found: torch.Tensor, expected: torch.Tensor) -> bool:
    """On the device, and equal to the bit."""
    return found.device == DEVICE and found.shape == expected.shape and torch.equal(found.cpu(), expected)


# ------------------------------------------------------------------------------------------- where tensors are


def test_a_tensor_says_where_it_is_and_comes_back(there):
    assert there.device == DEVICE
    assert not there.is_cpu
    assert there.to(DEVICE) is there
    back = there.cpu()
    assert type(back) is torch.Tensor
    assert torch.equal(back, numbers())
    back.zero_()
    assert same(there, numbers())


NEW = {
    "zeros": lambda **where: torch.zeros(2, 3, **where),
    "full": lambda **where: torch.full((2,), 0.5, **where),
    "arange": lambda **where: torch.arange(1, 7, 2, **where),
    "linspace": lambda **where: torch.linspace(0, 1, 5, **where),
    "eye": lambda **where: torch.eye(3, **where),
    "tril_indices": lambda **where: torch.tril_indices(3, 3, **where),
    "hann_window": lambda **where: torch.hann_window(8, **where),
    "tensor": lambda **where: torch.tensor([1.0, 2.0], **where),
    "as_tensor": lambda **where: torch.as_tensor(np.ones(3), **where),
    "from_numpy": lambda **where: torch.from_numpy(np.ones(3)).to(**where),
}


@pytest.mark.parametrize("make", NEW.values(), ids=NEW)
def test_new_tensors(make):
    assert same(make(device=DEVICE), make(device="cpu"))
    assert make().device.type == "cpu"


def test_a_tensor_like_another_one_is_where_that_is_unless_told(there):
    assert torch.zeros_like(there).device == there.new_ones(2).device == DEVICE
    assert type(torch.zeros_like(there, device="cpu")) is torch.Tensor
    assert torch.zeros_like(numbers(), device=DEVICE).device == DEVICE


def test_numpy_is_refused_and_single_values_are_not(there):
    for read in (lambda: there.numpy(), lambda: np.asarray(there)):
        with pytest.raises(TypeError, match=r"Use Tensor\.cpu"):
            read()
    assert there.tolist() == numbers().tolist()
    assert (there.sum().item(), float(there[0, 1]), int(there[0, 2]), bool(there[0, 0])) == (66.0, 1.0, 2, False)


# ------------------------------------------------------------------------------------------- what may meet

MIXED = {
    "sum": lambda a, b: a + b,
    "maximum": torch.maximum,
    "product": lambda a, b: a @ b.T,
    "concatenation": lambda a, b: torch.cat([a, b]),
    "stack of numbers": lambda a, b: torch.stack([a.sum(), b.sum()]),
    "comparison": torch.equal,
    "a choice by a mask": lambda a, b: torch.where(a > 3, a, b),
    "out=": lambda a, b: torch.add(a, 1, out=b),
    "interpolation": torch.lerp,
}


@pytest.mark.parametrize("mix", [*MIXED.values()], ids=MIXED)
def test_tensors_of_two_devices_are_refused(there, mix):
    extra = (0.5,) if mix is torch.lerp else ()
    mix(there, numbers().to(DEVICE), *extra)
    for a, b in ((there, numbers()), (numbers(), there)):
        with pytest.raises(RuntimeError, match=OTHER_DEVICE):
            mix(a, b, *extra)


def test_numbers_of_the_cpu_may_meet_the_device_but_not_the_other_way_round(there):
    two = torch.tensor(2.0)
    assert same(there * two, numbers() * 2)
    assert same(torch.where(there > 3, there, two), torch.where(numbers() > 3, numbers(), two))
    assert same(there.clone().add_(two), numbers() + 2)
    for mix in (lambda: numbers() * two.to(DEVICE), lambda: torch.tensor(1.0).add_(two.to(DEVICE))):
        with pytest.raises(RuntimeError, match=OTHER_DEVICE):
            mix()


def test_indices(there):
    """Of either device into a tensor of the device; of the device into one of the CPU they are refused."""
    chosen, mask = torch.tensor([0, 2]), numbers() > 5
    assert same(there[chosen], numbers()[chosen])
    assert same(there[chosen.to(DEVICE)], numbers()[chosen])
    assert same(there[mask], numbers()[mask])
    assert same(there[there > 5], numbers()[mask])
    for refused in (
        lambda: numbers()[chosen.to(DEVICE)],
        lambda: there.index_select(0, chosen),
        lambda: there.gather(0, torch.zeros(1, 4, dtype=torch.long)),
    ):
        with pytest.raises(RuntimeError, match=OTHER_DEVICE):
            refused()


def test_writing_by_index_takes_numbers_of_the_cpu_and_no_more(there):
    chosen, expected = torch.tensor([0]), numbers()
    expected[chosen] = 3.0
    there[chosen] = torch.tensor(3.0)
    assert same(there, expected)
    with pytest.raises(RuntimeError, match=OTHER_DEVICE):
        there[chosen] = torch.ones(4)


def test_copies_cross(there):
    assert torch.equal(torch.empty(3, 4).copy_(there), numbers())
    assert same(torch.empty(3, 4, device=DEVICE).copy_(numbers()), numbers())
    there[0] = torch.ones(4)  # a copy into a view
    assert there[0].tolist() == [1.0] * 4


# ------------------------------------------------------------------------------------------- views and writing


def test_what_is_written_into_views_is_in_the_whole(there):
    expected = numbers()
    for each in (there, expected):
        each[1].mul_(0)
        each[:, 2] = 9
        each.view(-1)[0] = 5
        each.t()[3, 0] = 7
        each.unfold(0, 2, 1)[1, 1].add_(1)
    assert same(there, expected)
    assert there.t().stride() == expected.t().stride()
    assert same(there.t().contiguous(), expected.t())


def test_in_place_and_out_give_back_what_was_given(there):
    out = torch.empty(3, 4, device=DEVICE)
    assert torch.add(there, 1, out=out) is out
    assert same(out, numbers() + 1)
    assert out.mul_(2) is out
    assert same(out, 2 * (numbers() + 1))


def test_a_shape_that_changes_in_place_is_refused_and_not_wrong(there):
    with pytest.raises(NotImplementedError, match="shape in place"):
        there.t_()


def test_data_that_is_exchanged_brings_its_numbers(there):
    there.data = 2 * there
    assert same(there + 0, 2 * numbers())


# ------------------------------------------------------------------------------------------- what networks do

pair = torch.linspace(-1, 1, 2 * 8 * 8).view(1, 2, 8, 8)
OPERATIONS = {
    "interpolate": lambda x: F.interpolate(x, scale_factor=2.0, mode="bilinear"),
    "grid_sample": lambda x: F.grid_sample(x, x.movedim(1, 3), align_corners=True),
    "convolution": lambda x: F.conv2d(x, x[:, :, :3, :3]),
    "normalisation": lambda x: F.layer_norm(x, x.shape[-1:]),
    "unit length": lambda x: F.normalize(x, dim=1),
    "fft": lambda x: torch.fft.irfft(torch.fft.rfft(x).conj().conj() * 2),
    "imaginary part": lambda x: torch.fft.fft(x).conj().imag + 0,
    "inverse": lambda x: torch.linalg.inv(x[0, 0] @ x[0, 0].T + torch.eye(8, device=x.device)),
    "deformable convolution": lambda x: torchvision.ops.deform_conv2d(
        x, x.repeat(1, 9, 1, 1), x[:, :, :3, :3], padding=1
    ),
    "padding": lambda x: F.pad(x, (1, 2, 3, 4), mode="replicate"),
    "to another one": lambda x: torch.ones(3, dtype=torch.float64).to(x),
}


@pytest.mark.parametrize("operate", OPERATIONS.values(), ids=OPERATIONS)
def test_operations_are_those_of_the_cpu_to_the_bit(operate):
    assert same(operate(pair.to(DEVICE)), operate(pair))


# As networks run them; outside of inference mode torch takes them apart before the device sees them.
AT_ONCE = {
    "linear": lambda x, weight: F.linear(x, weight),
    "convolution": lambda x, weight: F.conv2d(x, weight.view(2, 2, 4, 4)),
    "layer norm": lambda x, weight: F.layer_norm(x, (8,), weight[0]),
    "group norm": lambda x, weight: F.group_norm(x, 2, weight[0, :2]),
}


@pytest.mark.parametrize("operate", AT_ONCE.values(), ids=AT_ONCE)
def test_operations_done_at_once_are_those_of_the_cpu_and_refuse_its_weights(operate):
    with torch.inference_mode():
        weight = pair[0, 0]
        assert same(operate(pair.to(DEVICE), weight.to(DEVICE)), operate(pair, weight))
        with pytest.raises(RuntimeError, match=OTHER_DEVICE):
            operate(pair.to(DEVICE), weight)


def test_fused_attention_is_the_written_out_one():
    """No device of Python can have a fused kernel: torch takes it apart, and rounds elsewhere."""
    query = torch.randn(1, 2, 5, 16, generator=torch.Generator().manual_seed(1))
    found = F.scaled_dot_product_attention(*[query.to(DEVICE)] * 3)
    assert found.device == DEVICE
    torch.testing.assert_close(found.cpu(), F.scaled_dot_product_attention(query, query, query))


def test_modules_move_and_are_filled():
    module = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.BatchNorm2d(3)).eval()
    expected, weights = module(pair).detach(), copy.deepcopy(module.state_dict())
    with pytest.raises(RuntimeError, match=OTHER_DEVICE):
        module(pair.to(DEVICE))
    module.to(DEVICE)
    assert all(isinstance(each, torch.nn.Parameter) and each.device == DEVICE for each in module.parameters())
    assert module[1].running_mean.device == DEVICE
    with pytest.raises(RuntimeError, match=OTHER_DEVICE):
        module(pair)
    with torch.no_grad():
        module[0].weight.zero_()
        module.load_state_dict(weights)
        assert same(module(pair.to(DEVICE)), expected)
        assert same(copy.deepcopy(module)(pair.to(DEVICE)), expected)
        assert module.half()[0].weight.dtype == torch.float16
    module.float().to("cpu")
    assert all(type(each) is torch.nn.Parameter for each in module.parameters())


def test_gradients(there):
    weight = torch.ones(3, 4, device=DEVICE, requires_grad=True)
    (weight * there).sum().backward()
    assert same(weight.grad, numbers())


def test_safetensors_reads_onto_it(tmp_path):
    save_file({"a": numbers()}, tmp_path / "file.safetensors")
    assert same(load_file(tmp_path / "file.safetensors", device=f"{NAME}:0")["a"], numbers())


def test_inference_mode_within_another_one():
    with torch.inference_mode():
        with torch.inference_mode():
            made = numbers().to(DEVICE) * 2
        made[0].mul_(2)
    assert made[0].tolist() == [0.0, 4.0, 8.0, 12.0]


def test_ordinary_tensors_within_inference_mode(there):
    with torch.inference_mode():
        part, twice = there[0, 1:], there * 2
        part.mul_(3)
    assert not part.is_inference()
    assert twice.is_inference()
    assert there[0].tolist() == [0.0, 3.0, 6.0, 9.0]


# ------------------------------------------------------------------------------------------- random numbers


def test_random_numbers_are_not_the_cpus():
    torch.manual_seed(3)
    here = torch.randn(4)
    torch.manual_seed(3)
    there = torch.randn(4, device=DEVICE)
    assert not torch.equal(there.cpu(), here)
    torch.manual_seed(3)
    assert torch.equal(torch.randn(4, device=DEVICE).cpu(), there.cpu())
    assert torch.equal(torch.randn(4), here), "drawing on the device has moved the CPU's numbers"


def test_a_generator_of_the_cpu_is_refused(there):
    generator = torch.Generator().manual_seed(1)
    for draw in (
        lambda: torch.randn(2, generator=generator, device=DEVICE),
        lambda: there.normal_(generator=generator),
        lambda: torch.bernoulli(there / 12, generator=generator),
    ):
        with pytest.raises(RuntimeError, match="device type for generator"):
            draw()


# ------------------------------------------------------------------------------------------- memory

KILO = torch.zeros(256)


def test_memory_is_counted_once_for_all_views_and_given_back():
    before = MEMORY.live
    whole = KILO.to(DEVICE)
    part = whole[:4].view(2, 2)
    assert MEMORY.live == before + 1024
    del whole
    assert MEMORY.live == before + 1024, "a view keeps the whole"
    del part
    assert MEMORY.live == before


def test_peak():
    def run():
        one = KILO.to(DEVICE)
        one + 1
        one.add_(1)
        one + 2

    assert MEMORY.peak_of(run) == 2048


def test_it_runs_out_when_there_is_no_room():
    with MEMORY.limited_to(2048):
        held = [KILO.to(DEVICE) for _ in range(2)]
        with pytest.raises(torch.OutOfMemoryError, match="out of memory"):
            held[0] + held[1]
        held.pop()
        assert same(held[0] + 1, KILO + 1)
    KILO.to(DEVICE), KILO.to(DEVICE), KILO.to(DEVICE)


def test_one_allocation_of_several_fails():
    first = KILO.to(DEVICE)
    with MEMORY.failing_at(2):
        second = first + 1
        with pytest.raises(torch.OutOfMemoryError):
            second + 1
        assert same(second + 1, KILO + 2)


def test_the_host_is_told_what_is_free():
    held = KILO.to(DEVICE)
    free, total = torch.npu.mem_get_info(DEVICE)
    assert total - free == torch.npu.memory_stats(DEVICE)["active_bytes.all.current"] >= held.nbytes


# ------------------------------------------------------------------------------------------- half precision


def test_leaving_half_precision_is_seen():
    half, single = torch.ones(3, dtype=torch.float16, device=DEVICE), torch.ones(3, device=DEVICE)
    with promotions() as found:
        half * 2.5, half * torch.tensor(2.5), half.float() * single, half.copy_(single)
        with torch.inference_mode():
            F.rms_norm(half, (3,), half)
        assert found == []
        half * single
    assert [(each.operation, set(each.types)) for each in found] == [
        ("aten.mul.Tensor", {torch.float16, torch.float32})
    ]
    half * single
    assert len(found) == 1


# ------------------------------------------------------------------------------------------- and the CPU


def test_the_cpu_is_as_before():
    """The device stays registered for the rest of the process; whoever never names it sees nothing of it."""
    assert torch.get_default_device() == torch.device("cpu")
    made = torch.nn.Linear(2, 2)
    made(torch.ones(1, 2)).sum().backward()
    tensors = [made.weight.grad, torch.arange(3), torch.eye(2), torch.hann_window(4), copy.deepcopy(made).weight.data]
    assert not any(isinstance(each, PretendTensor) or each.device.type != "cpu" for each in tensors)
    assert torch.autograd.gradcheck(lambda x: (x**2).sum(), torch.ones(3, dtype=torch.double, requires_grad=True))
    assert not torch.ones(2).is_pinned()
