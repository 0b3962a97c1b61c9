"""Values in batches of a bounded size; what itertools.batched is from Python 3.12 on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batched(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the values in order, `size` at once; the last batch may hold fewer."""
    left = iter(values)
    while some := list(islice(left, size)):
        yield some
