"""A sign of life: what works on a video says that it takes steps, for whoever watches it.

One clock a process: a worker does one piece of work at a time, in several threads that wait for
one another, so that one that hangs stops the others.
"""

from __future__ import annotations

import time

_last_s = time.monotonic()


def beat() -> None:
    """Say that a step was taken: a packet read, a frame encoded, a net run."""
    global _last_s  # noqa: PLW0603 - the process's own clock; written whole, so no lock
    _last_s = time.monotonic()


def last_beat_s() -> float:
    """Return when the last step was taken, by `time.monotonic`."""
    return _last_s
