"""Ends a worker that takes no step any more, and remembers on which video workers died.

A video can hang or crash a decoder's native code, where no exception comes from. Before a worker
begins, it writes its run into a tombstone in the video's staging, and takes it away when it is
through. If it dies in between, faulthandler, which needs no GIL, has written there of what; the
task that Ray repeats reads it, and says so instead of dying, too.
"""

from __future__ import annotations

import faulthandler
import os
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import ray

from fsp_ray.core.beats import beat, last_beat_s
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.lake import TOMBSTONES
from fsp_ray.stages.staging import Staging

STALL_S: Final = 300.0
"""A worker that takes no step for so long hangs. Reads from storage time out before."""
TRIES: Final = 3
"""A piece of work on which so many workers were killed without a word is given up: by the kernel
or by Ray, for memory, or with their node."""
# A crash may be the doing of what the process did before: a fresh one tries again, once.
_MAX_CRASHES: Final = 2
_POLLS: Final = 10
_BEGAN: Final = "began "
_CRASH: Final = re.compile(r"^Fatal Python error: (.+)$", re.MULTILINE)
_HANG: Final = re.compile(r"^Timeout \((.+)\)!$", re.MULTILINE)
_CRASHED_THREAD: Final = "Current thread "
_STACK: Final = "(most recent call first):\n"
_FRAME: Final = re.compile(r'^  File ".*/(fsp_ray/[^"]+)\.py", line (\d+)', re.MULTILINE)
# Innermost where a thread waits for another one.
_WAITING: Final = re.compile(r'  File ".*/(threading|queue)\.py"')

_patient = threading.Event()


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What died on one piece of work; one file of a video's staging.

    Attributes:
        path: of the file; there while a worker is at it, and after it died.
        run_id: only what this run's workers did counts: another run may have been killed as a
            whole.
    """

    path: Path
    run_id: str

    @classmethod
    def of(cls, staging: Staging, work: str, run_id: str) -> Tombstone:
        """Return the tombstone of a piece of work."""
        return cls(staging.root / TOMBSTONES / work.replace("/", "-"), run_id)

    def check(self) -> None:
        """Refuse work that hung a worker, or crashed several.

        Raises:
            VideoError: WORKER, with where it happened.
        """
        ends = self._ends()
        hung = [end for end in ends if _HANG.search(end)]
        crashed = [end for end in ends if _CRASH.search(end)]
        if hung:
            took = _duration_s(hung[-1])
            raise _died(f"A worker took no step for {took:g} s{_place(hung[-1])}, and was ended.")
        if len(crashed) >= _MAX_CRASHES:
            what = _CRASH.findall(crashed[-1])[0].lower()
            raise _died(f"{len(crashed)} workers crashed{_place(crashed[-1])}: {what}.")
        if len(ends) >= TRIES:
            raise VideoError(
                FailureReason.WORKER,
                f"{len(ends)} workers were killed on this video.",
                advice="If the machine is short of memory, run again with fewer --workers.",
            )

    @contextmanager
    def opened(self) -> Generator[int]:
        """Open the file for one more try; it goes when the block ends, however it does."""
        self.path.parent.parent.mkdir(mode=0o700, exist_ok=True)  # not the run's own folder
        self.path.parent.mkdir(exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, f"{_BEGAN}{self.run_id}\n".encode())
            yield descriptor
        finally:
            os.close(descriptor)
            self.path.unlink(missing_ok=True)

    def _ends(self) -> list[str]:
        """Return what is known of the end of each of this run's tries."""
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        tries = [part.partition("\n") for part in text.split(_BEGAN)[1:]]
        return [end for run_id, _, end in tries if run_id == self.run_id]


@contextmanager
def watched(tombstone: Tombstone, stall_s: float) -> Generator[None]:
    """End this process if the block takes no step for `stall_s`; does nothing outside of a worker.

    Raises:
        VideoError: WORKER, the same work ended workers before.
    """
    if not in_worker():
        yield
        return
    tombstone.check()
    with tombstone.opened() as descriptor, _crashes_told(descriptor):
        done = threading.Event()
        thread = threading.Thread(
            target=_rearm, args=(descriptor, stall_s, done), name="watchdog", daemon=True
        )
        beat()
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            faulthandler.cancel_dump_traceback_later()


@contextmanager
def patiently() -> Generator[None]:
    """Let the block take its time: it waits for somebody who has time limits of his own."""
    _patient.set()
    try:
        yield
    finally:
        _patient.clear()
        beat()


def in_worker() -> bool:
    """Tell whether this process does a Ray task, and may be ended."""
    return ray.is_initialized() and ray.get_runtime_context().get_task_id() is not None


def _rearm(descriptor: int, stall_s: float, done: threading.Event) -> None:
    """Put off the end as long as steps are taken. If this thread hangs, too, nobody puts it off."""
    seen = None
    while True:
        last = last_beat_s()
        if last != seen or _patient.is_set():
            seen = last
            faulthandler.dump_traceback_later(stall_s, exit=True, file=descriptor)
        if done.wait(stall_s / _POLLS):
            return


@contextmanager
def _crashes_told(descriptor: int) -> Generator[None]:
    # Off first: what is on already is not put before handlers that came after it, like Ray's own.
    was_enabled = faulthandler.is_enabled()
    faulthandler.disable()
    faulthandler.enable(file=descriptor, all_threads=True)
    try:
        yield
    finally:
        if was_enabled:
            faulthandler.enable(file=2, all_threads=False)  # as Ray has it: into the worker's log
        else:
            faulthandler.disable()


def _died(what: str) -> VideoError:
    return VideoError(
        FailureReason.WORKER,
        what,
        advice="Check that the video plays to its end; leave it out, or convert it, if not.",
    )


def _place(end: str) -> str:
    """Return the innermost line of ours in the thread that crashed, or in one that hangs."""
    for stack in end.rpartition(_CRASHED_THREAD)[2].split(_STACK)[1:]:
        found = _FRAME.search(stack)
        if found is not None and not _WAITING.match(stack):
            return f" at {found[1].replace('/', '.')}:{found[2]}"
    return ""


def _duration_s(end: str) -> float:
    hours, minutes, seconds = _HANG.findall(end)[0].split(":")
    return float(hours) * 3600 + float(minutes) * 60 + float(seconds)
