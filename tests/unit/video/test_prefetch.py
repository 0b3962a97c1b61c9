from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from fsp_ray.video import prefetch


def threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "prefetch"]


class Counting:
    """Counts what was taken, and whether it was closed."""

    def __init__(self, stop: int) -> None:
        self.taken = 0
        self.closed = False
        self._stop = stop

    def run(self) -> Iterator[int]:
        try:
            for number in range(self._stop):
                self.taken += 1
                yield number
        finally:
            self.closed = True


def test_all_items_in_order() -> None:
    assert list(prefetch(range(1000), depth=3)) == list(range(1000))
    assert list(prefetch([], depth=1)) == []
    assert not threads()


def test_runs_ahead_by_no_more_than_its_depth() -> None:
    source = Counting(100)
    items = prefetch(source.run(), depth=3)
    assert next(items) == 0
    deadline = time.monotonic() + 5
    while source.taken < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    # One with the consumer, three waiting, one in the producer's hand.
    assert source.taken == 5
    items.close()


def test_an_error_comes_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise KeyError("broken")

    items = prefetch(failing())
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(KeyError, match="broken"):
        next(items)
    assert not threads()


def test_leaving_early_closes_the_source_and_ends_the_thread() -> None:
    source = Counting(10_000)
    items = prefetch(source.run(), depth=2)
    next(items)
    items.close()
    assert source.closed
    assert source.taken < 10
    assert not threads()


def test_an_unused_one_starts_nothing() -> None:
    source = Counting(5)
    prefetch(source.run()).close()
    assert source.taken == 0
    assert not threads()


def test_depth_is_checked() -> None:
    with pytest.raises(ValueError, match="depth"):
        prefetch([], depth=0)
