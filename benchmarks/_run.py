"""What the benchmarks share: time, peak memory, tables."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import torch

FOLDER = Path(__file__).resolve().parent.parent / ".dev" / "benchmarks"


def checkout(repository: str, commit: str) -> Path:
    """The code of others at a commit; fetched with git when it is not there yet."""
    folder = FOLDER / repository.rsplit("/", 1)[-1]
    if not folder.is_dir():
        subprocess.run(["git", "clone", "--quiet", repository, str(folder)], check=True)
        subprocess.run(["git", "-C", str(folder), "checkout", "--quiet", commit], check=True)
    return folder


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What some work gives, and its seconds."""
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """A list of one number, which is the most memory this process had in the meantime."""
    process, done = psutil.Process(), threading.Event()
    peak = [process.memory_info().rss]

    def watch() -> None:
        while not done.wait(0.005):
            peak[0] = max(peak[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def peak_of_tensors(work: Callable[[], Any]) -> int:
    """The most bytes that torch had allocated on the CPU for some work at one time, beyond what was there before.

    Unlike the memory of the process it does not depend on what the system's allocator keeps.
    """
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        work()
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    now = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    return peak


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table in Markdown."""
    for row in (head, ["---"] * len(head), *rows):
        print("| " + " | ".join(row) + " |")
    print(flush=True)
