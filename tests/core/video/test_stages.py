"""Stages that overlap, and end together."""

import threading

import pytest
from comfyui_inbetween.core.video.stages import WriteBehind, read_ahead


def counted(produced, most=100, failing=None):
    for number in range(most):
        if number == failing:
            raise OSError("broken")
        produced.append(number)
        yield number


def test_items_come_in_order():
    with read_ahead(counted([]), 3) as items:
        assert list(items) == [*range(100)]


def test_never_more_than_the_depth_is_read_ahead():
    produced, depth = [], 3
    with read_ahead(counted(produced), depth) as items:
        for number in items:
            assert len(produced) <= number + depth + 2


def test_an_error_comes_after_the_items_before_it():
    taken = []
    with pytest.raises(OSError, match="broken"), read_ahead(counted([], failing=5), 2) as items:
        taken.extend(iter(items.__next__, None))
    assert taken == [0, 1, 2, 3, 4]


def test_leaving_early_ends_the_thread_and_closes_the_source():
    closed = []

    def endless():
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    before = threading.active_count()
    with read_ahead(endless(), 2) as items:
        next(items)
    assert closed == [True]
    assert threading.active_count() == before


def test_everything_is_written_in_order_by_another_thread():
    written, threads = [], set()
    behind = WriteBehind(lambda item: (written.append(item), threads.add(threading.get_ident())), 2)
    for number in range(50):
        behind.put(number)
    behind.finish()
    assert written == [*range(50)]
    assert threads.isdisjoint({threading.get_ident()})


def test_reading_and_writing_wait_for_each_other():
    """The writer is held back: then no more than the depth is handed over."""
    let_go, handed = threading.Event(), []
    behind = WriteBehind(lambda _: let_go.wait(60), 2)

    def hand_over():
        for number in range(10):
            behind.put(number)
            handed.append(number)

    thread = threading.Thread(target=hand_over)
    thread.start()
    thread.join(0.3)
    assert len(handed) <= 3
    let_go.set()
    thread.join()
    behind.finish()
    assert len(handed) == 10


def test_an_error_of_the_writer_stops_the_work():
    def fail(_):
        raise OSError("disk is full")

    def hand_over(behind):
        for number in range(10):
            behind.put(number)

    behind = WriteBehind(fail, 1)
    with pytest.raises(OSError, match="disk is full"):
        hand_over(behind)
    behind.stop()
    with pytest.raises(OSError, match="disk is full"):
        behind.finish()


def test_stopping_leaves_out_the_rest():
    let_go, written = threading.Event(), []

    def write(item):
        let_go.wait(60)
        written.append(item)

    behind = WriteBehind(write, 5)
    for number in range(5):
        behind.put(number)
    behind._stopped.set()
    let_go.set()
    behind.stop()
    assert written in ([], [0])
