"""Run a command and watch what it and all of its children take (Linux)."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from fsp_ray.core.errors import FspError

_PROC: Final = Path("/proc")
_PSS_KIB: Final = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
SAMPLE_S: Final = 0.1
# Adding up memory takes milliseconds, adding up processor time does not.
_SAMPLES_A_MEMORY: Final = 5


class MeasureError(FspError):
    """A measured command failed, or took too long."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a command took.

    Attributes:
        wall_s: from start to end.
        cpu_s: of the process and its descendants, whoever survives whom, sampled ten times a
            second: of each that ends, the last tenth of a second may be missing.
        peak_bytes: highest sum of the proportional set sizes (PSS: shared pages counted once) of
            the process and its descendants, sampled twice a second.
        stdout: what it printed.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int
    stdout: str


def measure(
    command: Sequence[str], *, timeout_s: float, env: Mapping[str, str] | None = None
) -> Usage:
    """Run a command to its end.

    Raises:
        MeasureError: it failed (its last words are quoted), or ran longer than `timeout_s`.
    """
    started = time.monotonic()
    meter = _Meter()
    with subprocess.Popen(  # noqa: S603 - the caller's own command
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    ) as process:
        try:
            while True:
                try:
                    stdout, stderr = process.communicate(timeout=SAMPLE_S)
                    break
                except subprocess.TimeoutExpired:
                    meter.sample(process.pid)
                    if time.monotonic() - started > timeout_s:
                        raise MeasureError(
                            f"{command[0]} ran longer than {timeout_s:.0f} s."
                        ) from None
        finally:
            process.kill()
    if process.returncode not in (0, 3):
        raise MeasureError(f"{command[0]} failed ({process.returncode}): {stderr.strip()[-400:]}")
    return Usage(time.monotonic() - started, meter.cpu_s, meter.peak_bytes, stdout)


class _Stat(NamedTuple):
    """Of /proc/PID/stat. A process is known by its id and its start: ids are given out again."""

    pid: int
    parent: int
    started: int
    cpu_s: float


@dataclass(slots=True)
class _Meter:
    """Adds up what a process and its descendants take, sample by sample."""

    peak_bytes: int = 0
    _samples: int = 0
    _cpu_s: dict[tuple[int, int], float] = field(default_factory=dict[tuple[int, int], float])

    @property
    def cpu_s(self) -> float:
        return sum(self._cpu_s.values())

    def sample(self, pid: int) -> None:
        """Look at a process, its descendants, and those that were and have lost their parent."""
        members = list(_tree(pid, self._cpu_s))
        for stat in members:
            self._cpu_s[stat.pid, stat.started] = stat.cpu_s
        if self._samples % _SAMPLES_A_MEMORY == 0:
            self.peak_bytes = max(self.peak_bytes, sum(_pss_bytes(stat.pid) for stat in members))
        self._samples += 1


def _tree(pid: int, known: Container[tuple[int, int]]) -> Iterator[_Stat]:
    """Yield a process, the known ones that are still there, and the descendants of all these."""
    stats = {stat.pid: stat for stat in _stats()}
    children: dict[int, list[int]] = {}
    for stat in stats.values():
        children.setdefault(stat.parent, []).append(stat.pid)
    waiting = [pid, *(s.pid for s in stats.values() if (s.pid, s.started) in known)]
    seen = set[int]()
    while waiting:
        member = waiting.pop()
        if member not in seen and member in stats:
            seen.add(member)
            yield stats[member]
            waiting.extend(children.get(member, ()))


def _stats() -> Iterator[_Stat]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_bytes()
            except OSError:  # it has ended
                continue
            # After the name, which may hold spaces; proc(5) numbers the fields from there on.
            rest = text.rpartition(b")")[2].split()
            cpu_s = (int(rest[11]) + int(rest[12])) / _TICKS_PER_S
            yield _Stat(int(entry.name), int(rest[1]), int(rest[19]), cpu_s)


def _pss_bytes(pid: int) -> int:
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_bytes()
    except OSError:  # it has ended, or is not ours
        return 0
    found = _PSS_KIB.search(text)
    return int(found.group(1)) * 1024 if found else 0
