"""Shared by the benchmarks: time, peak memory, tables."""

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
    """A checkout of a repository at a commit, cloned with git if it is missing."""
    folder = FOLDER / repository.rsplit("/", 1)[-1]
    if not folder.is_dir():
        subprocess.run(["git", "clone", "--quiet", repository, str(folder)], check=True)
        subprocess.run(["git", "-C", str(folder), "checkout", "--quiet", commit], check=True)
    return folder


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Run some work; returns its result and the seconds it took."""
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """Watch the memory of this process; yields a list with one number, the peak so far."""
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
    """Run some work; returns the peak in bytes of what torch allocated on the CPU during it.

    Unlike the memory of the process, this does not depend on what the system's allocator keeps.
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
    """Print a table in Markdown."""
    for row in (head, ["---"] * len(head), *rows):
        print("| " + " | ".join(row) + " |")
    print(flush=True)
