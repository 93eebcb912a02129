"""
A pretend GPU: its tensors claim to be on their own device, compute on the CPU, and refuse to mix with CPU tensors.

It has the name of Ascend's NPU, which is also a device from outside torch. The host and safetensors know that name, so
the real host runs on it unchanged (`pretend_host.py`). It refuses what CUDA refuses, with CUDA's messages where that
matters, and allows what CUDA allows: 0-dimensional CPU tensors in elementwise operations, CPU indices into a tensor on
the device, and copies. Random numbers come from a separate stream, as on a GPU, so a result that depends on where they
are drawn differs from the CPU's.

Memory is counted from the results of operations; memory that they use internally is not seen. Operations that change
metadata in place (`resize_`, `t_`, `set_`) are refused, because they would be wrong. `torch.Generator(device="npu")`
does not work, because torch cannot register a generator from Python.

Importing this module registers the device for the whole process, because torch cannot unregister it. For CPU tensors,
nothing changes except what `torch.accelerator` reports; `test_pretend_device.py` checks that.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from pretend_memory import MEMORY, Allocation
from torch import Tensor
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "npu"
CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parents[2]
aten = torch.ops.aten

# Tensors of both kinds may meet in these; in indexing as long as the tensor that is indexed is the device's.
COPIES = (aten.copy_.default, aten._copy_from.default)
INDEXING = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default)
TAKES_A_NUMBER = (*INDEXING, aten.fill.Tensor, aten.fill_.Tensor)

# torch composes these of others too; done at once they give the same to the bit, in less time.
WHOLE = frozenset(
    (
        aten.linear.default,
        aten.conv2d.default,
        aten.layer_norm.default,
        aten.group_norm.default,
        aten.softmax.int,
        aten.reshape.default,
        aten.contiguous.default,
        aten.chunk.default,
        aten.flatten.using_ints,
        aten.unflatten.int,
        aten.to.dtype,
    )
)
PLAIN = frozenset({int, float, bool, str, type(None), torch.dtype, torch.device, torch.layout, torch.memory_format})


# --------------------------------------------------------------------------------------------------- registering


class _DeviceModule:
    """`torch.npu`: what torch and the host ask a device for."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return True

    def device_count(self) -> int:
        return 1

    def current_device(self) -> int:
        return 0

    def get_device_name(self, device: object = None) -> str:
        return "pretend"

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.float16, torch.bfloat16]

    def mem_get_info(self, device: object = None) -> tuple[int, int]:
        """Free and all bytes."""
        return MEMORY.total - MEMORY.live, MEMORY.total

    def memory_stats(self, device: object = None) -> dict[str, int]:
        """Nothing is kept for later: what is reserved is in use."""
        return {"reserved_bytes.all.current": MEMORY.live, "active_bytes.all.current": MEMORY.live}

    def empty_cache(self) -> None:
        pass

    def synchronize(self, device: object = None) -> None:
        pass

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        _RANDOM.manual_seed(seed + 1)  # not the CPU's numbers: no GPU has those


_RANDOM = torch.Generator().manual_seed(1)
_setup_privateuseone_for_python_backend(NAME, backend_module=_DeviceModule())
DEVICE = torch.device(NAME, 0)


# --------------------------------------------------------------------------------------------------- tensors


class PretendTensor(torch.Tensor):
    """A tensor on the device; `held` is the tensor of the CPU that has its numbers."""

    held: Tensor
    allocation: Allocation

    @staticmethod
    def __new__(cls, held: Tensor) -> "PretendTensor":
        allocation = MEMORY.allocation_of(held)
        layout = {"strides": held.stride(), "storage_offset": held.storage_offset()}
        made = torch.Tensor._make_wrapper_subclass(cls, held.shape, dtype=held.dtype, device=DEVICE, **layout)
        made.held, made.allocation = held, allocation
        return made

    def __init__(self, held: Tensor) -> None:
        super().__init__()

    def __repr__(self, *, tensor_contents: object = None) -> str:
        return f"PretendTensor({self.held!r})"

    @property  # type: ignore[override]
    def data(self) -> Tensor:
        """As every tensor's; what is put there brings its own memory."""
        return torch.Tensor.data.__get__(self)  # type: ignore[attr-defined]

    @data.setter
    def data(self, other: Tensor) -> None:
        torch.Tensor.data.__set__(self, other)  # type: ignore[attr-defined]
        self.held, self.allocation = other.held, other.allocation  # type: ignore[attr-defined]

    def numpy(self, *, force: bool = False) -> Any:
        """Refused, in CUDA's words."""
        raise TypeError(f"can't convert {DEVICE} device type tensor to numpy. Use Tensor.cpu() to copy it first.")

    def tolist(self) -> Any:
        """Like a GPU's, by way of the CPU."""
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is aten._has_compatible_shallow_copy_type.default:
            return False  # a module that moves gets new parameters, not others' numbers in its own
        compose = _composed(func)
        if compose is not None:
            return compose(args, kwargs or {})
        return run_on_device(func, args, kwargs or {})


@cache
def _composed(func: Any) -> Callable[[Sequence[Any], Mapping[str, Any]], Any] | None:
    """How torch composes an operation of others, which then come one by one; `to(other)` is one."""
    key = torch._C.DispatchKey.CompositeImplicitAutograd
    if func in WHOLE or not torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key.name):
        return None
    call = func.decompose if key in func.py_kernels else partial(func._op_dk, key)

    def compose(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        # What types it goes through on the way is its own affair, as in RMS norm; so it is for those done at once.
        global _promotions
        before, _promotions = _promotions, None
        try:
            return call(*args, **kwargs)
        finally:
            _promotions = before

    return compose


def run_on_device(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """One operation in which the device has a part: checked, computed on the CPU, and given back as the device's.

    Raises:
        RuntimeError: it mixes tensors of the device and of the CPU, as CUDA would not, or takes the CPU's generator.
        torch.OutOfMemoryError: the result does not fit.
    """
    ours: list[PretendTensor] = []
    others: list[Tensor] = []
    inner_args = _held(args, ours, others)
    inner = _held(kwargs, ours, others) if kwargs else {}
    if ours:
        if others:
            _refuse_mixture(func, args, kwargs, others)
        if _promotions is not None and func not in WHOLE:
            _note_promotion(func, ours)
    wanted = kwargs.get("device")
    on_device = bool(ours) if wanted is None else torch.device(wanted).type == NAME
    if wanted is not None and on_device:
        inner["device"] = CPU
    if inner.get("pin_memory"):
        inner["pin_memory"] = False
    if on_device and _draws(func):
        if any(isinstance(each, torch.Generator) for each in _leaves((args, kwargs))):
            raise RuntimeError(f"Expected a '{NAME}' device type for generator but found 'cpu'")
        inner["generator"] = _RANDOM
    return _given_back(func, func(*inner_args, **inner), ours, on_device)


def _leaves(value: Any) -> Iterator[Any]:
    """What an operation is given, out of its lists and dictionaries; torch's own way takes most of a run's time."""
    if isinstance(value, tuple | list):
        for each in value:
            yield from _leaves(each)
    elif isinstance(value, dict):
        yield from _leaves(tuple(value.values()))
    else:
        yield value


def _held(value: Any, ours: list[PretendTensor], others: list[Tensor]) -> Any:
    """What an operation is given with the CPU's tensors in place of the device's; adds the tensors to both lists."""
    if isinstance(value, PretendTensor):
        ours.append(value)
        return value.held
    kind = type(value)
    if kind in PLAIN:
        return value
    if isinstance(value, tuple | list):
        return kind([_held(each, ours, others) for each in value])
    if isinstance(value, dict):
        return {name: _held(each, ours, others) for name, each in value.items()}
    if isinstance(value, Tensor):
        others.append(value)
    return value


@cache
def _draws(func: Any) -> bool:
    return any(argument.name == "generator" for argument in func._schema.arguments)


def _given_back(func: Any, made: Any, ours: Sequence[PretendTensor], on_device: bool) -> Any:
    """What an operation made, as the device's; in place, or with out=, the tensor that it was given."""
    if isinstance(made, tuple | list):
        return type(made)([_given_back(func, each, ours, on_device) for each in made])
    if not isinstance(made, Tensor):
        return made
    giver = next((each for each in reversed(ours) if each.held is made), None)
    if giver is None and not on_device:
        return made
    if giver is None:
        if made.is_inference() == torch.is_inference_mode_enabled():
            return PretendTensor(_resolved(made))
        # A view of an ordinary tensor is one, even within inference mode, where what is new is not.
        with torch.inference_mode(made.is_inference()):
            return PretendTensor(_resolved(made))
    if (giver.shape, giver.stride()) != (made.shape, made.stride()):
        raise NotImplementedError(f"the pretend device cannot change a tensor's shape in place ({func})")
    return giver


def _resolved(made: Tensor) -> Tensor:
    return made.resolve_conj().resolve_neg() if made.is_conj() or made.is_neg() else made


def _refuse_mixture(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], others: Sequence[Tensor]) -> None:
    """Raise RuntimeError for tensors of the CPU where CUDA would not have them."""
    if func in COPIES:
        return
    named = [*zip(func._schema.arguments, args, strict=False)]
    named += [(each, kwargs[each.name]) for each in func._schema.arguments if each.name in kwargs]
    written = [value for argument, value in named if argument.alias_info and argument.alias_info.is_write]
    unwritable = any(each is other for each in _leaves(written) for other in others)
    if func in INDEXING and isinstance(args[0], PretendTensor):
        others = [each for each in _leaves((args[2:], kwargs.get("values"))) if any(each is o for o in others)]
    takes_numbers = torch.Tag.pointwise in func.tags or func in TAKES_A_NUMBER
    refused = [each for each in others if each.ndim > 0 or not takes_numbers]
    if unwritable or refused:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, {DEVICE} and cpu! ({func})"
        )


# --------------------------------------------------------------------------------------------------- what was mixed


@dataclass(frozen=True)
class Promotion:
    """An operation that took tensors of several floating types, and so left half precision.

    place: file and function in the pack, of the call nearest to the operation, unless that is the host's.
    """

    operation: str
    types: tuple[torch.dtype, ...]
    place: str


_promotions: list[Promotion] | None = None


@contextmanager
def promotions() -> Iterator[list[Promotion]]:
    """Lists the operations that mix floating types while it is open; numbers do not count, as they change no type."""
    global _promotions
    before, _promotions = _promotions, []
    try:
        yield _promotions
    finally:
        _promotions = before


def _note_promotion(func: Any, tensors: Sequence[Tensor]) -> None:
    if _promotions is None or func in COPIES:
        return
    types = tuple(dict.fromkeys(each.dtype for each in tensors if each.ndim > 0 and each.is_floating_point()))
    if len(types) > 1:
        _promotions.append(Promotion(str(func), types, _place_in_the_pack()))


def _place_in_the_pack() -> str:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        module, path = frame.f_globals.get("__name__", ""), Path(frame.f_code.co_filename)
        if module.startswith("comfy.") and module != "comfy.ops":
            break  # the host's own network, which a wrapper of ours runs
        if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in ("core", "samplers", "networks", "host"):
            return f"{path.relative_to(ROOT).as_posix()} {frame.f_code.co_name}"
        frame = frame.f_back
    return "outside the pack"


# --------------------------------------------------------------------------------------------------- new tensors
# Operations on tensors of the device come to `__torch_dispatch__`; those that make the first tensor come here.

_library = torch.library.Library("aten", "IMPL")
_others = torch.library.Library("_", "IMPL")


def _empty_strided(
    size: Sequence[int],
    stride: Sequence[int],
    dtype: torch.dtype | None = None,
    layout: object = None,
    device: object = None,
    pin_memory: object = None,
) -> Tensor:
    return PretendTensor(torch.empty_strided(size, stride, dtype=dtype, device=CPU))


def _empty(
    size: Sequence[int],
    dtype: torch.dtype | None = None,
    layout: object = None,
    device: object = None,
    pin_memory: object = None,
    memory_format: torch.memory_format | None = None,
) -> Tensor:
    return PretendTensor(
        torch.empty(size, dtype=dtype, device=CPU, memory_format=memory_format or torch.contiguous_format)
    )


def _copy_from(source: Tensor, target: Tensor, non_blocking: bool = False) -> Tensor:
    given, into = (each.held if isinstance(each, PretendTensor) else each for each in (source, target))
    into.copy_(given)
    return target


def _first_of_its_kind(func: Any, *args: Any, **kwargs: Any) -> Any:
    return run_on_device(func, args, {**kwargs, "device": kwargs.get("device") or DEVICE})


_library.impl("empty_strided", _empty_strided, "PrivateUse1")
_library.impl("empty.memory_format", _empty, "PrivateUse1")
_library.impl("_copy_from", _copy_from, "PrivateUse1")
_others.fallback(_first_of_its_kind, "PrivateUse1")
# Those that torch makes out of an empty tensor, which it then resizes in place.
for _name in ("arange", "arange.start", "arange.start_step", "eye", "eye.m", "hann_window", "hamming_window"):
    _packet, _, _overload = _name.partition(".")
    _func = getattr(getattr(aten, _packet), _overload or "default")
    _library.impl(_name, partial(_first_of_its_kind, _func), "PrivateUse1")
_others.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")  # autocast changes nothing
