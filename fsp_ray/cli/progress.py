"""The progress of a run on stderr: a live bar on a terminal, else a plain line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from fsp_ray.cli.console import duration, err
from fsp_ray.core.progress import Phase, Progress, ProgressListener

PLAIN_EVERY_S = 10.0

_PHASE_WORDS: dict[Phase, str] = {
    "start": "starting",
    "analyse": "analysing",
    "rehearse": "rehearsing",
    "render": "rendering",
    "finish": "finishing",
    "done": "done",
}


def describe(progress: Progress) -> str:
    """Return a progress report as one line of text."""
    parts = [_PHASE_WORDS[progress.phase]]
    if progress.videos_total:
        parts.append(f"{progress.videos_done:,}/{progress.videos_total:,} videos")
    if progress.shards_total:
        parts.append(f"{progress.shards_done:,}/{progress.shards_total:,} shards")
    if progress.frames_done > 0:
        parts.append(f"{progress.frames_per_s:.1f} frames/s")
    left_s = progress.left_s
    if left_s is not None and progress.phase != "done":
        parts.append(f"{duration(left_s)} left")
    if progress.message:
        parts.append(progress.message)
    return "  ".join(parts)


class PlainListener:
    """Prints a line every PLAIN_EVERY_S seconds, at the start, at the end, and for a message."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._next_s = float("-inf")
        self._last = ""

    def __call__(self, progress: Progress) -> None:
        """Take a report."""
        now_s = self._clock()
        line = describe(progress)
        due = now_s >= self._next_s or progress.phase == "done" or bool(progress.message)
        if due and line != self._last:
            told = Text(f"[{duration(progress.elapsed_s)}] {line}")
            self._console.print(told, soft_wrap=True)
            self._next_s = now_s + PLAIN_EVERY_S
            self._last = line


class LiveListener:
    """Redraws one line in place."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("starting", total=None)

    def __call__(self, progress: Progress) -> None:
        """Take a report."""
        total = progress.frames_total or None
        done = total if progress.phase == "done" else min(progress.frames_done, total or 0)
        self._bar.update(self._task, description=describe(progress), total=total, completed=done)


@contextmanager
def listener() -> Generator[ProgressListener]:
    """Give what suits stderr; a live line is gone afterwards, plain lines stay."""
    console = err()
    if not console.is_terminal:
        yield PlainListener(console)
        return
    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=24),
        TextColumn("{task.description}", markup=False),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        yield LiveListener(bar)
