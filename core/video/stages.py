"""Reading ahead and writing behind in threads of their own, so that decoding, rendering and encoding overlap."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import Empty, Full, Queue
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
_WAKE = 0.1  # seconds after which a waiting stage looks whether the other has stopped
_END = object()


@contextmanager
def read_ahead(items: Iterable[Item], depth: int) -> Iterator[Iterator[Item]]:
    """Read items in another thread, at most `depth` ahead; errors come out where the item would.

    The thread ends with the context, whether or not all items were taken.
    """
    queue: Queue[Any] = Queue(depth)
    stopped = threading.Event()
    errors: list[BaseException] = []

    def read() -> None:
        source = iter(items)
        try:
            while not stopped.is_set() and (item := next(source, _END)) is not _END:
                _put(queue, item, stopped)
        except BaseException as error:
            errors.append(error)
        finally:
            if hasattr(source, "close"):
                source.close()
            _put(queue, _END, stopped)

    def taken() -> Iterator[Item]:
        while (item := queue.get()) is not _END:
            yield item
        if errors:
            raise errors[0]

    thread = threading.Thread(target=read, name="read ahead", daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        stopped.set()
        thread.join()


class WriteBehind(Generic[Item]):
    """Writes items in another thread, at most `depth` behind. An error comes out at the next `put` or `finish`."""

    def __init__(self, write: Callable[[Item], None], depth: int) -> None:
        self._write = write
        self._queue: Queue[Any] = Queue(depth)
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="write behind", daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Hand over an item; waits while too many are unwritten."""
        _put(self._queue, item, self._stopped)
        if self._error is not None:
            raise self._error

    def finish(self) -> None:
        """Wait until everything is written."""
        _put(self._queue, _END, self._stopped)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Leave out what is not written yet. Never raises; does nothing after `finish`."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                try:
                    item = self._queue.get(timeout=_WAKE)
                except Empty:
                    continue
                if item is _END:
                    return
                self._write(item)
        except BaseException as error:
            self._error = error
        finally:
            self._stopped.set()


def _put(queue: "Queue[Any]", item: Any, stopped: threading.Event) -> None:
    while not stopped.is_set():
        try:
            queue.put(item, timeout=_WAKE)
            return
        except Full:
            continue
