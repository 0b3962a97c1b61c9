"""Let a producer run ahead of its consumer by a bounded number of items."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from contextlib import closing
from typing import Final, TypeVar

_T = TypeVar("_T")
# How long a full queue is waited on before looking whether the consumer has left.
_POLL_S: Final = 0.1


class _End:
    """The last item: why the producer stopped."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def prefetch(iterable: Iterable[_T], *, depth: int = 2) -> Generator[_T]:
    """Yield the items of `iterable`, which runs in a thread, at most `depth` items ahead.

    An exception of the iterable is raised here, after the items before it. Closing the generator,
    or leaving it to be collected, closes the iterable and ends the thread.
    """
    if depth < 1:
        raise ValueError(f"depth must be positive, not {depth}")
    return _consume(iterable, depth)


def _consume(iterable: Iterable[_T], depth: int) -> Generator[_T]:
    items: queue.Queue[_T | _End] = queue.Queue(depth)
    left = threading.Event()
    thread = threading.Thread(
        target=_produce, args=(iterable, items, left), name="prefetch", daemon=True
    )
    thread.start()
    try:
        while True:
            item = items.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        left.set()
        thread.join()


def _produce(iterable: Iterable[_T], items: queue.Queue[_T | _End], left: threading.Event) -> None:
    error: BaseException | None = None
    try:
        with closing(_Closing(iterable)):
            for item in iterable:
                if not _put(items, item, left):
                    return
    except BaseException as raised:  # noqa: BLE001 - carried to the consumer, which raises it
        error = raised
    _put(items, _End(error), left)


class _Closing:
    """Closes an iterable that can be closed, so that its files do not wait for the collector."""

    def __init__(self, iterable: Iterable[object]) -> None:
        self._iterable = iterable

    def close(self) -> None:
        close = getattr(self._iterable, "close", None)
        if close is not None:
            close()


def _put(items: queue.Queue[_T | _End], item: _T | _End, left: threading.Event) -> bool:
    while not left.is_set():
        try:
            items.put(item, timeout=_POLL_S)
        except queue.Full:
            continue
        return True
    return False
