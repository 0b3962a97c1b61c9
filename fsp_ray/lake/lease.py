"""One run at a time works on a lake: whoever holds the lease.

```
_lease/00000007.json    the seventh lease that was ever taken; {holder, ttl_s, renewals, released}
```

A lease is a file that only one can create: the next number, if it is not there yet, which every
file system and every S3 server knows how to refuse. Whoever made the highest number holds the
lake, renews the file while it lives, and marks it as released in the end. The highest number is
never removed, so no number is given out twice.

Whether a lease has expired is told by the store's own clock: how long ago, by it, was the file
written? The clocks of those who ask play no part. Of a run whose staging this machine can see, its
lock tells at once that it is dead.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Final

from fsp_ray.core.errors import BusyError, LakeError
from fsp_ray.lake.exclusive import create, read_aged
from fsp_ray.lake.layout import LEASES
from fsp_ray.lake.staging import is_dead
from fsp_ray.lake.storage import Storage

TTL_S: Final = 120.0
"""A lease that was not renewed for so long is nobody's."""

_RENEWALS: Final = 6  # within the time that a lease lasts
_ASK_EVERY_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a lease's file says."""

    holder: str
    ttl_s: float
    renewals: int = 0
    released: bool = False

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_bytes(cls, text: bytes) -> _Terms:
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):  # by hand, or by another version: it lasts its time
            return cls("unknown", TTL_S)

    def __post_init__(self) -> None:
        if not self.holder or self.ttl_s <= 0:
            raise ValueError("a lease has a holder, and lasts some time")


@dataclass(slots=True)
class Lease:
    """A lease that is held, and renewed in the background until it is released."""

    storage: Storage
    number: int
    terms: _Terms
    _held_at: float
    _over: threading.Event = field(default_factory=threading.Event)
    _lost: str = ""

    def check(self) -> None:
        """Raise unless the lease is still held: before anything is written that others see.

        Raises:
            LakeError: it could not be renewed in time, or somebody took it over.
        """
        idle_s = time.monotonic() - self._held_at
        if idle_s > self.terms.ttl_s:  # this process slept, or the store was out of reach
            self._lost = self._lost or f"it could not be renewed for {idle_s:.0f} s"
        if self._lost:
            raise LakeError(
                f"The run {self.terms.holder} has lost its lease of {self.storage.root}:"
                f" {self._lost}.",
                advice="Another run may be at work. Run again: finished videos are not done twice.",
            )

    def renew(self) -> None:
        """Renew it once."""
        now = time.monotonic()
        self.terms = replace(self.terms, renewals=self.terms.renewals + 1)
        self.storage.write_bytes(_path(self.number), self.terms.to_bytes())
        if _numbers(self.storage)[-1:] != [self.number]:
            self._lost = "another run took it over"
        elif not self._lost:
            self._held_at = now

    def keep(self) -> None:
        """Renew it again and again until it is released or lost."""
        while not self._over.wait(self.terms.ttl_s / _RENEWALS) and not self._lost:
            try:
                self.renew()
            except LakeError:  # the store is out of reach for now; check() counts how long
                continue

    def stop(self) -> None:
        """Let `keep` end."""
        self._over.set()

    def release(self) -> None:
        """Let the next one in at once; nobody may be renewing it any more."""
        if not self._lost:
            self.terms = replace(self.terms, released=True)
            with suppress(LakeError):  # out of reach: it expires by itself
                self.storage.write_bytes(_path(self.number), self.terms.to_bytes())


@contextmanager
def leased(
    storage: Storage,
    holder: str,
    *,
    wait_s: float,
    ttl_s: float = TTL_S,
    waiting: Callable[[str], None] = lambda _: None,
) -> Generator[Lease]:
    """Hold the lease of a lake for the time of the block.

    Args:
        storage: of the lake.
        holder: the run that takes it.
        wait_s: how long to wait while another holds it.
        ttl_s: how long it lasts without being renewed.
        waiting: told once whom it waits for.

    Raises:
        BusyError: another run held it all the time.
        LakeError: the store can't be reached.
    """
    lease = _acquire(storage, _Terms(holder, ttl_s), wait_s, waiting)
    keeper = threading.Thread(target=lease.keep, name="lease", daemon=True)
    keeper.start()
    try:
        yield lease
    finally:
        lease.stop()
        keeper.join()
        lease.release()


def _acquire(
    storage: Storage, terms: _Terms, wait_s: float, waiting: Callable[[str], None]
) -> Lease:
    deadline = time.monotonic() + wait_s
    told = False
    while True:
        numbers = _numbers(storage)
        holder = _holder(storage, numbers)
        lease = None if holder else _take(storage, terms, numbers)
        if lease:
            return lease
        if time.monotonic() >= deadline:
            raise BusyError(
                f"Another run, {holder or 'just started'}, is at work on {storage.root}.",
                advice="Run again when it is over, or wait for it with --wait SECONDS.",
            )
        if holder and not told:
            waiting(holder)
            told = True
        left_s = max(0.0, deadline - time.monotonic())
        # Random, so that two that wait don't ask in step.
        time.sleep(min(left_s, _ASK_EVERY_S * (0.5 + secrets.randbelow(1000) / 1000)))


def _holder(storage: Storage, numbers: Sequence[int]) -> str:
    """Return which run holds the lake, if one does."""
    found = read_aged(storage, _path(numbers[-1])) if numbers else None
    if found is None:
        return ""  # or removed since, for a higher one, which taking the next one finds out
    terms = _Terms.from_bytes(found.data)
    held = not terms.released and found.age_s < terms.ttl_s
    return terms.holder if held and not is_dead(storage, terms.holder) else ""


def _take(storage: Storage, terms: _Terms, numbers: Sequence[int]) -> Lease | None:
    """Create the lease after the last of those that were seen to be free, if still nobody has."""
    now = time.monotonic()
    number = numbers[-1] + 1 if numbers else 1
    if not create(storage, _path(number), terms.to_bytes()):
        return None
    if _numbers(storage)[-1:] != [number]:  # it had been given out and removed before
        storage.remove(_path(number))
        return None
    for old in numbers:
        storage.remove(_path(old))
    return Lease(storage, number, terms, now)


def _numbers(storage: Storage) -> list[int]:
    """Return the numbers of the leases that are there, in order."""
    stems = (name.removesuffix(".json") for name in storage.names(LEASES))
    return sorted(int(stem) for stem in stems if stem.isdecimal())


def _path(number: int) -> str:
    return f"{LEASES}/{number:08d}.json"
