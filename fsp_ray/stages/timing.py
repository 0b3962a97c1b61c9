"""A stopwatch that knows which part of a stage the time went to."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from fsp_ray.core.beats import beat

_T = TypeVar("_T")


class Stopwatch:
    """Adds up wall seconds by part."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def part(self, name: str) -> Generator[None]:
        """Time a block."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] += time.perf_counter() - start
            beat()

    def waiting(self, name: str, items: Iterable[_T]) -> Iterator[_T]:
        """Pass items on, timing how long each took to come."""
        iterator = iter(items)
        while True:
            with self.part(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each part so far."""
        return dict(self._seconds)


def add_seconds(total: dict[str, float], more: Mapping[str, float]) -> None:
    """Add the seconds of each part to a total, in place."""
    for name, seconds in more.items():
        total[name] = total.get(name, 0.0) + seconds
