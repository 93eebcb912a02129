"""The memory of the pretend GPU: the amount in use, the peak, and running out of memory when a test asks for it."""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class Allocation:
    """Memory of the device, held by every tensor that looks into it; counted until the last of them is gone."""

    def __init__(self, memory: "DeviceMemory", size: int) -> None:
        self._memory, self._size = memory, size
        memory.live += size
        memory.peak = max(memory.peak, memory.live)

    def __del__(self) -> None:
        self._memory.live -= self._size


class DeviceMemory:
    """What the device has in bytes, what of it is taken, and when it runs out.

    total: what the device says it has. live, peak: bytes now, and most at once since `peak_of` began.
    allocations, refusals: how often memory was asked for, and how often there was none.
    """

    def __init__(self, total: int) -> None:
        self.total, self.live, self.peak, self.allocations, self.refusals = total, 0, 0, 0, 0
        self._limit: int | None = None
        self._fails: Callable[[int], bool] = lambda _: False
        self._held: weakref.WeakValueDictionary[int, Allocation] = weakref.WeakValueDictionary()

    def allocation_of(self, tensor: Tensor) -> Allocation:
        """The memory that a tensor looks into, counted once however many look into it.

        Raises:
            torch.OutOfMemoryError: it is new, and there is no room, or it is one that a test has fail.
        """
        storage = tensor.untyped_storage()
        known = self._held.get(storage._cdata)
        if known is not None:
            return known
        size = storage.nbytes()
        self.allocations += 1
        limit = self.total if self._limit is None else self._limit
        if self.live + size > limit or self._fails(self.allocations):
            self.refusals += 1
            raise torch.OutOfMemoryError(f"NPU out of memory. Tried to allocate {size} bytes; {self.live} are taken.")
        made = self._held[storage._cdata] = Allocation(self, size)
        return made

    def peak_of(self, run: Callable[[], object]) -> int:
        """Bytes that a run takes at most beside what is taken already."""
        before = self.peak = self.live
        run()
        return self.peak - before

    @contextmanager
    def limited_to(self, size: int) -> Iterator[None]:
        """Room for so many bytes beside what is taken already, whatever the device says it has."""
        self._limit = self.live + size
        try:
            yield
        finally:
            self._limit = None

    @contextmanager
    def failing_at(self, number: int) -> Iterator[None]:
        """One allocation fails: the `number`-th from here, from 1."""
        wanted = self.allocations + number
        self._fails = lambda count: count == wanted
        try:
            yield
        finally:
            self._fails = lambda _: False


MEMORY = DeviceMemory(80 * 1024**3)
